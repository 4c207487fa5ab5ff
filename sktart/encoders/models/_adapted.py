"""AdaptedEncoder: a sentence-transformers model that is trained on labelled texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import orthogonal_procrustes

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

# How much less a direction may hold than others on average before it is left alone.
_SHARE_OF_IDENTITY = 0.1
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
        n_trainings = fold.max() + 2
        with progress_bar(self.options, f"adapt {self.name}", adaptation.steps * n_trainings) as bar:
            for held in range(-1, n_trainings - 1):
                seen = np.flatnonzero((y >= 0) & ((fold != held) | (held < 0)))
                if len(np.unique(y[seen])) > 1:
                    trainee.train([texts[row] for row in seen], y[seen], adaptation, rng, bar)
                else:  # which says nothing of how classes differ
                    trainee.reset()
                vectors = self._encode_by(trainee.model, texts)
                if held < 0:
                    self._weights, final, encodings = trainee.weights(), vectors, vectors.copy()
                else:
                    asked = fold == held
                    encodings[asked] = vectors[asked] @ rotation(vectors[seen], final[seen])
        self.warn_of_cuts(rows)
        return encodings

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
    array([ 0,  1,  0, -1,  1,  0])
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


def rotation(moving: NDArray[Any], still: NDArray[Any]) -> NDArray[np.float32]:
    """Return what turns vectors (N, D) so that they come near to others, (D, D).

    Two trainings put what they learn into different directions. It is orthogonal, so it changes no distance. In
    directions in which few vectors say anything, it is the identity, as trainings begin at the same weights.

    Examples
    --------
    >>> rotation(np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])).round(2)
    array([[ 0.1,  1. ],
           [-1. ,  0.1]], dtype=float32)
    """
    width = moving.shape[1]
    anchor = np.sqrt(_SHARE_OF_IDENTITY * np.square(moving, dtype=np.float64).sum() / width) * np.eye(width)
    turn, _ = orthogonal_procrustes(np.vstack([moving, anchor]), np.vstack([still, anchor]))
    return turn.astype(np.float32)
