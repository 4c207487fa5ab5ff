"""What is tried, as data and in order: encoders, what prepares their vectors, and a classifier."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal["text", "image", "audio", "numbers", "sparse", "frame"]
REASONER = "TartReasoner"
LINEAR = "LogisticRegressionCV"
TREES = "HistGradientBoostingClassifier"
UNIT_ROWS, COMPONENTS, WORD_COUNTS = "unit rows", "components", "tf-idf"
# Comes before the name of an encoder that learns from labelled rows: in each fold, from those of that fold.
ADAPTED = "adapted "
# How long fits take at most, as multiples of each other and roughly, until one was seen.
COSTS = {REASONER: 1.0, LINEAR: 10.0, TREES: 20.0, WORD_COUNTS: 80.0, ADAPTED: 2000.0}


@dataclass(frozen=True)
class Candidate:
    """One way to classify rows.

    Parameters
    ----------
    encoders : tuple of str
        Frozen encoders whose vectors stand side by side; none passes rows on.
    preparation : str
        What is learned of vectors, or of rows: a key of `PREPARATIONS`, or `ADAPTED` and the name of an encoder.
    classifier : str
        A key of `CLASSIFIERS`.
    """

    encoders: tuple[str, ...]
    preparation: str
    classifier: str

    @property
    def kind_of_cost(self) -> str:
        """What other candidates cost about as much: a key of `COSTS`, or a checkpoint's classifier."""
        own = (kind for kind in (WORD_COUNTS, ADAPTED) if self.preparation.startswith(kind))
        return next(own, self.classifier)

    @property
    def name(self) -> str:
        """What the leaderboard calls it."""
        return ", ".join(
            part for part in ("+".join(self.encoders), self.preparation, self.classifier) if part
        )


# Of rows without encoder, for each kind of them: preparation and classifier, the cheapest first.
_PLAIN: dict[Kind, list[tuple[str, str]]] = {
    "text": [(WORD_COUNTS, LINEAR)],
    "image": [],
    "audio": [],
    "numbers": [
        ("scaled", REASONER),
        ("", REASONER),
        ("scaled", LINEAR),
        ("", TREES),
    ],
    "sparse": [(COMPONENTS, REASONER), ("", LINEAR), (COMPONENTS, TREES)],
    "frame": [("table", REASONER), ("table", LINEAR), ("table of numbers", TREES)],
}
# Presets say how many encoders are tried alone, and how many candidates there are at most.
PRESETS = {"fast": (1, 4), "balanced": (3, 10), "thorough": (100, 100)}
# What seldom pays comes last, in the preset that has time for it.
DEAREST = "thorough"


def list_candidates(
    kind: Kind,
    encoders: Sequence[str],
    preset: str,
    checkpoints: Sequence[str] = (),
    all_encoders: bool = False,
    *,
    layers: Sequence[str] = (),
    trainable: Sequence[str] = (),
) -> list[Candidate]:
    """Return what is tried for rows of a kind, in a fixed order.

    Parameters
    ----------
    kind : {"text", "image", "audio", "numbers", "sparse", "frame"}
    encoders : sequence of str
        Those that may be used, the strongest first; the others follow by their cost.
    preset : {"fast", "balanced", "thorough"}
    checkpoints : sequence of str
        Names in the zoo, beside the default.
    all_encoders : bool
        Take all encoders and all that goes with them, whatever the preset.
    layers : sequence of str
        Inner layers of the strongest encoder, which are encoders of their own.
    trainable : sequence of str
        Encoders that may learn from labelled texts.

    Examples
    --------
    >>> [each.name for each in list_candidates("text", ["multilingual-e5-small"], "fast")][:2]
    ['multilingual-e5-small, TartReasoner', 'multilingual-e5-small, LogisticRegressionCV']
    """
    n_encoders, most = PRESETS[DEAREST if all_encoders else preset]
    # Beyond the strongest, which is the default, they follow by cost: the stronger, the dearer.
    taken = (*encoders[:1], *reversed(encoders[1:n_encoders]))
    heads = [("mixed", REASONER), ("mixed", LINEAR)] if kind == "frame" else [("", REASONER), ("", LINEAR)]
    found = [Candidate(taken[:1], *head) for head in heads] if taken else []
    found += [Candidate((name,), *heads[0]) for name in taken[1:]]
    if len(taken) > 1:
        found += [Candidate(taken, *head) for head in heads]
    if taken and kind == "frame":
        found.append(Candidate(taken[:1], "mixed numbers", TREES))
    found += [Candidate((), *head) for head in _PLAIN[kind]]
    found += [Candidate((name,), *heads[1]) for name in taken[1:]]
    preparation = {"numbers": "scaled", "frame": "mixed" if taken else "table"}.get(kind, "")
    found += [Candidate(taken[:1], preparation, f"{REASONER} {name}") for name in checkpoints]
    if preset == DEAREST and taken and kind != "frame":
        found += [Candidate((name,), UNIT_ROWS, head) for name in taken for head in (REASONER, LINEAR)]
        found += [Candidate(taken, COMPONENTS, REASONER)]
        found += [Candidate((name,), "", REASONER) for name in layers]
        found += [Candidate((), f"{ADAPTED}{name}", REASONER) for name in trainable if kind == "text"]
    return found[:most]
