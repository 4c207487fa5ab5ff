"""AdaptedEncoder: a sentence-transformers model that is trained on labelled texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from sktart.encoders._base import Encodings, Rows
from sktart.encoders.cache._hashing import digest
from sktart.encoders.models._contrastive import (
    Adaptation,
    Trainee,
    copy_without_tables,
    set_weights,
    trained_weights,
)
from sktart.encoders.models._progress import progress_bar
from sktart.encoders.models._sentence import SentenceEncoder
from sktart.exceptions import EncoderError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

# Not attributes, as a pickle holds the trained weights alone.
_MODELS: WeakKeyDictionary[AdaptedEncoder, SentenceTransformer] = WeakKeyDictionary()


class AdaptedEncoder(SentenceEncoder):
    """A sentence-transformers model whose copy is trained on the texts given to ``fit``, by the codes of their classes.

    The weights that were trained are kept; the others, with the tokenizer, are found by name and hash.
    """

    def __init__(self, encoder: SentenceEncoder, adaptation: Adaptation, seed: int):
        super().__init__(encoder.source, encoder.name, encoder.options)
        self.adaptation = adaptation
        self.seed = seed

    def fit_encode(self, rows: Rows, y: Any = None) -> Encodings:
        """Train on rows whose code in `y`, (n,), is not negative; encode each by weights that did not see its code."""
        self.fit(rows, y)
        texts: list[str] = list(rows)
        base = super()._load()[0]
        if not trained_weights(base):
            raise EncoderError(
                f"adapt needs weights that torch can train, beside tables of tokens; {self.name} has none: pass "
                "adapt=None, or take a sentence-transformers model with layers"
            )
        adaptation, rng = self.adaptation, np.random.RandomState(self.seed)
        trainee, fold = Trainee(base, self._prefix(base)), assign_folds(texts, y, self.adaptation.folds, rng)
        places, parts = [], []
        n_trainings = fold.max() + 2
        with progress_bar(self.options, f"adapt {self.name}", adaptation.steps * n_trainings) as bar:
            for held in range(-1, n_trainings - 1):
                seen = np.flatnonzero((y >= 0) & ((fold != held) | (held < 0)))
                if len(np.unique(y[seen])) > 1:
                    trainee.train([texts[row] for row in seen], y[seen], adaptation, rng, bar)
                else:  # which says nothing of how classes differ
                    trainee.reset()
                if held < 0:
                    self._weights = trainee.weights()
                places.append(np.flatnonzero(fold == held))
                if len(places[-1]):
                    parts.append(self._encode_by(trainee.model, [texts[row] for row in places[-1]]))
        self.warn_of_cuts(rows)
        return np.concatenate(parts)[np.argsort(np.concatenate(places))]

    def identity(self) -> str:
        """Return a hash of the model and of the weights that were trained."""
        weights = (part for name, weight in self._weights.items() for part in (name, weight.tobytes()))
        return digest("adapted", super().identity(), *weights)

    def _load(self) -> tuple[SentenceTransformer, str]:
        base, sha256 = super()._load()
        model = _MODELS.get(self)
        if model is None:
            model = copy_without_tables(base)
            set_weights(model, self._weights)
            _MODELS[self] = model
        return model, sha256


def assign_folds(
    texts: list[str], codes: NDArray[np.intp], n_folds: int, rng: np.random.RandomState
) -> NDArray[np.intp]:
    """Return the fold of each row with a code that is not negative, -1 for others and if there is one fold.

    Each fold has as many rows of a class as any other, but for one; equal texts are in one fold.

    Examples
    --------
    >>> codes = np.array([0, 0, 0, -1, 1, 1])
    >>> assign_folds(list("abacde"), codes, 2, np.random.RandomState(0))
    array([ 1,  0,  1, -1,  0,  1])
    """
    fold = np.full(len(codes), -1)
    if n_folds == 1:
        return fold
    labelled = np.flatnonzero(codes >= 0)
    numbers: dict[str, int] = {}
    which = np.array([numbers.setdefault(texts[row], len(numbers)) for row in labelled])
    first = labelled[np.unique(which, return_index=True)[1]]
    order = rng.permutation(len(first))
    order = order[np.argsort(codes[first][order], kind="stable")]
    of_text = np.empty(len(order), dtype=np.intp)
    of_text[order] = np.arange(len(order)) % n_folds
    fold[labelled] = of_text[which]
    return fold
