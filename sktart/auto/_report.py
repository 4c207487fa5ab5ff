"""One HTML file on a search: what was tried, how good it is, which labels look wrong, what to label next."""

from __future__ import annotations

import html
import io
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.calibration import calibration_curve
from sklearn.metrics import accuracy_score, confusion_matrix, log_loss
from sklearn.utils import _safe_indexing

from sktart import __version__
from sktart._files import write_atomically
from sktart.auto._blend import BlendedClassifier
from sktart.auto._candidates import Candidate
from sktart.auto._classifier import AutoTartClassifier
from sktart.auto._models import Labels, build_model, fit_model, predict_all, read_labels

# Rows in each list, letters of each row, classes in a matrix, letters of a cell whose words may be broken.
N_LISTED, MOST_LETTERS, MOST_CLASSES, LONG_CELL = 10, 160, 20, 40
# Draws of a learning curve, its fewest labels, and the share of rows that answers are scored on.
N_DRAWS, FEWEST_LABELS, SHARE_ASKED = 4, 8, 0.25


@dataclass(frozen=True)
class Judged:
    """Rows with what the model says of them, and with labels where there are any.

    Parameters
    ----------
    rows : rows of any kind
    labels : Labels
    proba : ndarray of shape (N, C)
        Of rows that were held out, or that the model has never seen; NaN for others.
    is_new : ndarray of shape (N,)
        Whether the model has never seen a row.
    """

    rows: Any
    labels: Labels
    proba: NDArray[np.float64]
    is_new: NDArray[np.bool_]

    @property
    def scored(self) -> NDArray[np.intp]:
        """Places of labelled rows with an answer."""
        return np.flatnonzero((self.labels.codes >= 0) & np.isfinite(self.proba[:, 0]))


def write_report(model: AutoTartClassifier, X: Any, y: Any, path: str | Path) -> None:
    """Write a report on a fitted search to an HTML file that needs no network.

    Parameters
    ----------
    model : AutoTartClassifier
    X, y : rows and labels
        Those of ``fit``, which are judged by answers of folds that had not seen them; or others.
    path : str or path

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn.datasets import load_iris
    >>> from sktart import AutoTartClassifier
    >>> from sktart.auto import write_report
    >>> X, y = load_iris(return_X_y=True)
    >>> model = AutoTartClassifier(max_candidates=1, random_state=0).fit(X[::2], y[::2])
    >>> with TemporaryDirectory() as folder:
    ...     write_report(model, X[::2], y[::2], f"{folder}/report.html")
    ...     "What was tried" in Path(f"{folder}/report.html").read_text()
    True
    """
    judged = _judge(model, X, y)
    parts = [_data(model, judged), _leaderboard(model)]
    if len(judged.scored):
        parts += [_quality(model, judged), _suspects(model, judged)]
    if not judged.is_new.any():
        parts.append(_learning_curve(model, judged))
    parts += [_to_label(model, judged), _reproduce(model)]
    page = Template(PAGE).substitute(body="\n".join(parts), version=__version__)
    write_atomically(Path(path), page.encode())


def _judge(model: AutoTartClassifier, X: Any, y: Any) -> Judged:
    labels = read_labels(y, None, model.unlabelled, None)
    places = np.searchsorted(model.classes_, labels.classes)
    unknown = np.setdiff1d(labels.classes, model.classes_)
    if len(unknown):
        raise ValueError(
            f"y must have labels that the model knows, {model.classes_.tolist()}; got {unknown.tolist()[0]!r}: "
            "fit again with these rows"
        )
    codes = np.where(labels.codes >= 0, np.append(places, -1)[labels.codes], -1)
    known = Labels(model.classes_, codes, None)
    rows = model._reader.read(model, X, model.sampling_rate, reset=False)
    prints = model._reader.fingerprints(rows)
    known_rows = dict(zip(model._prints.tolist(), model.oof_proba_, strict=True))
    is_new = np.array([each not in known_rows for each in prints])
    proba = np.full((len(prints), len(model.classes_)), np.nan)
    if is_new.any():
        proba[is_new] = model.best_estimator_.predict_proba(_safe_indexing(rows, np.flatnonzero(is_new)))
    for place in np.flatnonzero(~is_new):
        proba[place] = known_rows[prints[place]]
    return Judged(rows, known, proba, is_new)


def _data(model: AutoTartClassifier, judged: Judged) -> str:
    codes = judged.labels.codes
    counts = np.bincount(codes[codes >= 0], minlength=len(model.classes_))
    lines = [[str(label), str(count)] for label, count in zip(model.classes_, counts, strict=True)]
    kinds = {"text": "texts", "image": "images", "audio": "clips", "frame": "rows of a table"}
    what = kinds.get(model.kind_, "rows of numbers")
    said = f"{len(codes)} {what}, {(codes >= 0).sum()} of them labelled."
    if judged.is_new.any():
        said += f" The model has never seen {judged.is_new.sum()} of them."
    return _section("What the data are", _paragraph(said) + _table(["class", "labelled rows"], lines))


def _leaderboard(model: AutoTartClassifier) -> str:
    board = model.leaderboard_
    lines = [
        [
            row["candidate"],
            *(f"{row[name]:.3f}" for name in ("log_loss", "accuracy")),
            *(f"{row[name]:.2f}" for name in ("fit_seconds", "predict_seconds")),
            f"{row['weight']:.2f}" if row["weight"] else "",
        ]
        for row in board[board["error"] == ""].to_dict("records")
    ]
    titles = ["candidate", "log-loss", "accuracy", "fit, s", "1,000 predictions, s", "weight"]
    body = ""
    if lines:
        said = "Scores are of rows that each candidate had not seen. Weights make the mixture that was kept."
        body = _paragraph(said) + _table(titles, lines) + _picture(model.plot_leaderboard, 6.0)
    failed = board.loc[board["error"] != "", ["candidate", "error"]].to_numpy().tolist()
    if failed:
        body += _table(["candidate", "why it has no score"], failed)
    return _section("What was tried", body)


def _quality(model: AutoTartClassifier, judged: Judged) -> str:
    places = judged.scored
    codes, proba = judged.labels.codes[places], judged.proba[places]
    proba = proba / proba.sum(axis=1, keepdims=True)
    guess = proba.argmax(axis=1)
    loss = log_loss(codes, proba, labels=np.arange(len(model.classes_)))
    said = (
        f"Of {len(places)} labelled rows that were held out, {accuracy_score(codes, guess):.1%} are answered right; "
        f"log-loss is {loss:.3f}."
    )

    def reliability(ax: Any) -> None:
        sure = proba.max(axis=1)
        shares, means = calibration_curve(guess == codes, sure, n_bins=5, strategy="quantile")
        ax.plot([0, 1], [0, 1], color="0.7", lw=1)
        ax.plot(means, shares, "o-")
        ax.set(
            xlabel="how sure the model is", ylabel="share of right answers", xlim=(0, 1.02), ylim=(0, 1.02)
        )

    body = _paragraph(said) + _picture(reliability)
    if len(model.classes_) <= MOST_CLASSES:
        counts = confusion_matrix(codes, guess, labels=np.arange(len(model.classes_)))
        lines = [
            [f"is {label}", *map(str, line)]
            for label, line in zip(model.classes_, counts.tolist(), strict=True)
        ]
        body += _table(["", *(f"taken for {label}" for label in model.classes_)], lines)
    return _section("How good it is", body)


def _suspects(model: AutoTartClassifier, judged: Judged) -> str:
    places = judged.scored
    of_label = judged.proba[places, judged.labels.codes[places]]
    worst = places[np.argsort(of_label, kind="stable")[:N_LISTED]]
    lines = [
        [
            str(place),
            _show(judged.rows, place),
            str(model.classes_[judged.labels.codes[place]]),
            str(model.classes_[judged.proba[place].argmax()]),
            f"{judged.proba[place].max():.2f}",
        ]
        for place in worst
        if judged.proba[place].argmax() != judged.labels.codes[place]
    ]
    said = "Labels that the model doubts most. Look at these first: some are mistakes, some are hard."
    titles = ["row", "what it is", "label", "the model says", "how sure"]
    return _section("Labels to check", _paragraph(said) + _table(titles, lines))


def _learning_curve(model: AutoTartClassifier, judged: Judged) -> str:
    """Fit the heaviest member on ever more labels, and say what twice as many would bring."""
    encoder, build = _heaviest(model)
    places = np.flatnonzero(judged.labels.codes >= 0)
    vectors = _safe_indexing(judged.rows, places)
    vectors = vectors if encoder is None else encoder.transform(vectors)
    labels, columns = judged.labels.take(places), list(getattr(vectors, "columns", []))
    n_asked = int(SHARE_ASKED * len(places))
    sizes = _sizes(len(places) - n_asked, len(model.classes_))
    if len(sizes) < 2 or n_asked < 1:
        return _section(
            "What more labels would bring", _paragraph("There are too few labelled rows to tell.")
        )
    scores = np.zeros((N_DRAWS, len(sizes)))
    for draw in range(N_DRAWS):
        generator = np.random.default_rng(draw)
        order = generator.permutation(len(places))
        asked, rest = order[:n_asked], _classes_in_turn(labels.codes, order[n_asked:])
        for place, size in enumerate(sizes):
            known = labels.take(rest[:size])
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of few rows
                fitted = fit_model(build(known.codes, columns), _safe_indexing(vectors, rest[:size]), known)
            proba = predict_all(fitted, _safe_indexing(vectors, asked), model.classes_)
            scores[draw, place] = np.mean(proba.argmax(axis=1) == labels.codes[asked])
    means = scores.mean(axis=0)
    gain = means[-1] - means[-2]

    def curve(ax: Any) -> None:
        ax.errorbar(sizes, means, scores.std(axis=0), fmt="o-", capsize=2)
        ax.set(xscale="log", xlabel="labelled rows", ylabel="accuracy on others")
        ax.set_xticks(sizes, [str(size) for size in sizes])
        ax.minorticks_off()

    said = (
        f"The last doubling, from {sizes[-2]} to {sizes[-1]} labelled rows, brought {100 * gain:+.1f} points of "
        f"accuracy (mean of {N_DRAWS} draws)."
    )
    if gain > 0:
        said += " The next one rarely brings more."
    return _section("What more labels would bring", _paragraph(said) + _picture(curve))


def _sizes(most: int, n_classes: int) -> list[int]:
    """Return numbers of labels, each twice the one before, up to `most`."""
    sizes = [most]
    while sizes[0] // 2 >= max(FEWEST_LABELS, n_classes):
        sizes.insert(0, sizes[0] // 2)
    return sizes


def _classes_in_turn(codes: NDArray[np.intp], rows: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return rows so that the first of them are one of each class."""
    firsts = [rows[codes[rows] == code][:1] for code in np.unique(codes[rows])]
    first = np.concatenate(firsts)
    return np.concatenate([first, rows[~np.isin(rows, first)]])


def _to_label(model: AutoTartClassifier, judged: Judged) -> str:
    places = np.flatnonzero(judged.labels.codes < 0)
    title = "Rows to label next"
    if not len(places):
        return _section(
            title, _paragraph("All rows have a label. Add rows without one, and the least sure are here.")
        )
    proba = np.sort(model.best_estimator_.predict_proba(_safe_indexing(judged.rows, places)), axis=1)
    margin = proba[:, -1] - proba[:, -2]
    nearest = np.argsort(margin, kind="stable")[:N_LISTED]
    lines = [[str(places[each]), _show(judged.rows, places[each]), f"{margin[each]:.2f}"] for each in nearest]
    said = "Of rows without a label, those between whose two best classes the model is least sure."
    return _section(title, _paragraph(said) + _table(["row", "what it is", "margin"], lines))


def _reproduce(model: AutoTartClassifier) -> str:
    defaults = AutoTartClassifier().get_params()
    changed = {
        name: value
        for name, value in model.get_params().items()
        if not _same(value, defaults[name]) and name != "verbose"
    }
    options = ", ".join(f"{name}={value!r}" for name, value in changed.items())
    code = (
        "from sktart import AutoTartClassifier, save\n"
        f"model = AutoTartClassifier({options})\n"
        "model.fit(X, y)\n"
        "print(model.leaderboard_)\n"
        'save(model, "model.sktart")'
    )
    return _section("The same in Python", f"<pre>{html.escape(code)}</pre>")


def _heaviest(model: AutoTartClassifier) -> tuple[Any, Callable[..., Any]]:
    """Return the fitted encoder of the member with the largest weight, and what builds the model behind it."""
    encoders, preparation, classifier, seed = model._heaviest
    candidate = Candidate(tuple(encoders), preparation, classifier)
    kept = model.best_estimator_
    fitted = kept.encoders_ if isinstance(kept, BlendedClassifier) else dict(kept.steps)
    encoder = fitted.get("+".join(encoders) if isinstance(kept, BlendedClassifier) else "encode")
    return encoder, lambda codes, columns: build_model(candidate, codes, columns, seed)


def _same(value: Any, default: Any) -> bool:
    return value is default or (isinstance(value, int | float | str) and value == default)


def _show(rows: Any, place: int) -> str:
    """Return a row in words."""
    row = _safe_indexing(rows, [place])
    if hasattr(row, "columns"):
        said = "; ".join(f"{name}: {value}" for name, value in row.iloc[0].items())
    else:
        said = str(row[0]) if isinstance(row[0], str) else " ".join(str(row[0]).split())
    return said if len(said) <= MOST_LETTERS else said[: MOST_LETTERS - 3] + "..."


def _section(title: str, body: str) -> str:
    return f"<section><h2>{html.escape(title)}</h2>{body}</section>"


def _paragraph(text: str) -> str:
    return f"<p>{html.escape(text)}</p>"


def _table(titles: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{html.escape(title)}</th>" for title in titles)
    body = "".join("<tr>" + "".join(map(_cell, line)) + "</tr>" for line in lines)
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _cell(text: str) -> str:
    kind = ' class="text"' if len(text) > LONG_CELL else ""
    return f"<td{kind}>{html.escape(text)}</td>"


def _picture(draw: Callable[[Any], Any], height: float = 3.8) -> str:
    """Draw into axes, and return them as SVG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, height), layout="constrained")
    draw(figure.subplots())
    file = io.StringIO()
    figure.savefig(file, format="svg", metadata={"Date": None})
    picture = file.getvalue()
    return f"<figure>{picture[picture.index('<svg') :]}</figure>"


PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>sktart report</title><style>
:root { color-scheme: light dark; --ink: #1c1c1c; --paper: #fdfdfc; --line: #ddd; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8e6e3; --paper: #17191c; --line: #3a3d42; }
  figure { filter: invert(0.92) hue-rotate(180deg); } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 0 auto; padding: 1rem;
  max-width: 52rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2rem; }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-size: 0.9rem; }
th, td { border-bottom: 1px solid var(--line); padding: 0.25rem 0.9rem 0.25rem 0; text-align: left;
  vertical-align: top; }
td { min-width: 3rem; } td:nth-child(2) { min-width: 4rem; }
.text { min-width: 12rem; overflow-wrap: anywhere; }
figure { margin: 1rem 0; background: #fff; border-radius: 6px; overflow-x: auto; }
figure svg { width: 100%; min-width: 30rem; height: auto; }
pre { border: 1px solid var(--line); border-radius: 6px; padding: 0.8rem; overflow-x: auto; }
footer { margin: 2rem 0; font-size: 0.85rem; opacity: 0.7; }
</style></head><body><h1>What sktart found</h1>
$body
<footer>Made by sktart $version. This page needs no network.</footer></body></html>
"""
