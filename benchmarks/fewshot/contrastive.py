"""Contrastive fine-tuning of MiniLM on the labelled texts, after SetFit: slow, so only for few labels."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression

from sktart._runtime import import_optional
from sktart.encoders._locate import locate
from sktart.encoders._names import SHORT_NAMES
from sktart.encoders.models._loading import silent_transformers

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

NAME = "contrastive fine-tuning"


def draw_pairs(
    y: np.ndarray, iterations: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw pairs of rows: in each iteration, one of the same and one of another class for every row.

    Returns
    -------
    left, right, same : arrays, (2 * iterations * rows,)
        Two rows, and 1.0 where they are of one class. The only row of a class is paired with itself.

    Raises
    ------
    ValueError
        If there is only one class.
    """
    if len(np.unique(y)) < 2:
        raise ValueError(f"pairs need rows of at least two classes; got {len(y)} of one, so label others")
    rows = np.arange(len(y))
    left = np.tile(np.repeat(rows, 2), iterations)
    right = np.empty_like(left)
    for i, row in enumerate(left):
        is_same = y == y[row]
        others = rows[is_same & (rows != row)] if i % 2 == 0 else rows[~is_same]
        right[i] = rng.choice(others) if len(others) else row
    return left, right, (y[left] == y[right]).astype(float)


@contextmanager
def generators_restored() -> Iterator[None]:
    """Give back the global generators, which the trainer seeds, as they were."""
    import torch

    before = random.getstate(), np.random.get_state()  # noqa: NPY002
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])  # noqa: NPY002


class ContrastiveFineTuning(ClassifierMixin, BaseEstimator):
    """Pull texts of a class together, push others apart, then fit logistic regression on the new embeddings.

    As in SetFit, pairs of labelled texts are drawn, 20 of either kind for each text, the encoder learns by
    `CosineSimilarityLoss` to give 1 to pairs of a class and 0 to others, once through in batches of 16 pairs with a
    tenth of warm-up, and LogisticRegression(C=1) is the head. Unlike SetFit, to be feasible on a core: at most 40
    batches, which cuts from 32 labels on; texts are cut at 128 tokens; and the learning rate is 1e-4, as with SetFit's
    2e-5 so few batches hardly move MiniLM (sst2, 32 labels, one draw: log-loss 0.65 before, 0.64 with 2e-5, 0.54 with
    1e-4, there after 30 of the 40 batches).

    Parameters
    ----------
    iterations : int
        Pairs of either kind drawn for each text.
    max_steps : int
        Batches at most.
    learning_rate : float
        Of AdamW, at its peak.
    max_tokens : int
        Where a text is cut.
    encoder : str or None
        Folder of a sentence-transformers model; None for all-MiniLM-L6-v2.
    random_state : int
        Seed of pairs, their order, and dropout.
    """

    def __init__(
        self,
        iterations: int = 20,
        max_steps: int = 40,
        learning_rate: float = 1e-4,
        max_tokens: int = 128,
        encoder: str | None = None,
        random_state: int = 0,
    ):
        self.iterations = iterations
        self.max_steps = max_steps
        self.learning_rate = learning_rate
        self.max_tokens = max_tokens
        self.encoder = encoder
        self.random_state = random_state

    def fit(self, X: Sequence[str], y: Sequence[object]) -> ContrastiveFineTuning:
        """Tune the encoder, and fit the head.

        Raises
        ------
        ValueError
            If there is only one class.
        MissingExtraError
            If the packages that the trainer needs are not installed.
        """
        for package in ("accelerate", "datasets"):
            import_optional(package, "benchmarks")
        from sentence_transformers import SentenceTransformer

        texts = list(X)
        self.classes_, codes = np.unique(y, return_inverse=True)
        pairs = draw_pairs(codes, self.iterations, np.random.default_rng(self.random_state))
        folder = self.encoder or locate(SHORT_NAMES["all-MiniLM-L6-v2"], local_files_only=True)
        with generators_restored(), silent_transformers():
            self.encoder_ = SentenceTransformer(str(folder), device="cpu", local_files_only=True)
            self.encoder_.max_seq_length = min(self.max_tokens, self.encoder_.max_seq_length)
            self._tune(self.encoder_, texts, pairs)
        self.head_ = LogisticRegression(max_iter=2000).fit(self._embed(texts), codes)
        return self

    def _tune(self, encoder: SentenceTransformer, texts: list[str], pairs: tuple[np.ndarray, ...]) -> None:
        """Train on the pairs, once each and for at most `max_steps` batches."""
        from datasets import Dataset
        from sentence_transformers import SentenceTransformerTrainer, SentenceTransformerTrainingArguments
        from sentence_transformers.sentence_transformer.losses import CosineSimilarityLoss
        from transformers import PrinterCallback

        left, right, same = pairs
        table = {"left": [texts[i] for i in left], "right": [texts[i] for i in right], "score": same.tolist()}
        batch_size = 16
        # A card that has an example is not given others, which would print a progress bar.
        encoder.model_card_data.widget = [{"text": texts[0]}]
        with TemporaryDirectory() as folder:
            arguments = SentenceTransformerTrainingArguments(
                folder,
                max_steps=min(self.max_steps, -(-len(same) // batch_size)),
                per_device_train_batch_size=batch_size,
                learning_rate=self.learning_rate,
                warmup_steps=0.1,
                seed=self.random_state,
                use_cpu=True,
                report_to="none",
                save_strategy="no",
                logging_strategy="no",
                disable_tqdm=True,
            )
            trainer = SentenceTransformerTrainer(
                encoder, arguments, Dataset.from_dict(table), loss=CosineSimilarityLoss(encoder)
            )
            trainer.remove_callback(PrinterCallback)
            trainer.train()

    def _embed(self, texts: list[str]) -> np.ndarray:
        return self.encoder_.encode(texts, normalize_embeddings=True, show_progress_bar=False)

    def predict_proba(self, X: Sequence[str]) -> np.ndarray:
        """Return the probability of each class, (texts, classes)."""
        return self.head_.predict_proba(self._embed(list(X)))

    def predict(self, X: Sequence[str]) -> np.ndarray:
        """Return the most probable class of each text."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]
