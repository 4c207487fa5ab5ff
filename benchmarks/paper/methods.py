"""What the paper's table compares: features of an encoder, and classifiers on all of them or on 16 of them."""

from __future__ import annotations

import hashlib
from argparse import Namespace
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from math import ceil
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.linear_model import LogisticRegression

from benchmarks.fewshot.methods import preparation, tuned_logistic_regression
from benchmarks.fewshot.readers import embed_log_mel, flatten
from sktart import Prompt, TartReasoner, TartTransformer, load_checkpoint

WORDS = {0: "negative", 1: "positive"}
DEFAULT = "auto"


def pixels(images: np.ndarray) -> np.ndarray:
    """Turn images of one size into rows of pixels."""
    return flatten(np.stack(list(images)))


HANDCRAFTED: dict[str, Callable[[Any], np.ndarray]] = {"pixels": pixels, "log-mel": embed_log_mel}


def encode(
    encoder: str,
    protocol: str,
    modality: str,
    context: tuple[np.ndarray, np.ndarray],
    queries: np.ndarray,
    args: Namespace,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the features of labelled rows and of queries; no label of a query has a part in them."""
    rows, y = context
    if encoder in HANDCRAFTED:
        steps = preparation(encoder, len(rows))
        return (
            steps.fit_transform(HANDCRAFTED[encoder](rows)),
            steps.transform(HANDCRAFTED[encoder](queries)),
        )
    options: dict[str, Any] = {"memory": args.cache, "protocol": protocol}
    if modality == "text":
        options["prompt"] = Prompt(max_chars=args.max_chars or None, verbalizer=WORDS)
    transformer = TartTransformer(encoder, **options)
    return transformer.fit_transform(list(rows), y), transformer.transform(list(queries))


def whiten(context_x: np.ndarray, query_x: np.ndarray, n_components: int) -> tuple[np.ndarray, np.ndarray]:
    """Project on the first principal components of the labelled rows, each to unit variance there."""
    projection = TartTransformer(n_components=n_components, whiten=True)
    return projection.fit_transform(context_x), projection.transform(query_x)


def decoder(y: np.ndarray, args: Namespace, seed: int) -> ClassifierMixin:
    """Make the paper's reasoner; of more rows than it can read, it is shown draws, averaged."""
    limit = load_checkpoint(args.decoder).reasoner.max_context
    draws = args.permutations
    if limit is not None and len(y) > limit:
        draws = max(draws, ceil(len(y) / limit))
    return TartReasoner(args.decoder, max_context=limit, n_permutations=draws, random_state=seed)


@dataclass(frozen=True)
class Method:
    """A classifier, whether it sees 16 whitened features or all as they are, and the option with its weights."""

    whitened: bool
    make: Callable[[np.ndarray, Namespace, int], ClassifierMixin]
    checkpoint: Callable[[Namespace], str] | None = None

    def identity(self, args: Namespace) -> str:
        """Tell apart results of other weights or settings."""
        if self.checkpoint is None:
            return ""
        name = self.checkpoint(args)
        permutations = f" x{args.permutations}" if name == args.decoder else ""
        return fingerprint(name) + permutations


METHODS = {
    "decoder, 16": Method(True, decoder, lambda args: args.decoder),
    "gram, 16": Method(True, lambda y, args, seed: TartReasoner(), lambda args: DEFAULT),
    "gram": Method(False, lambda y, args, seed: TartReasoner(), lambda args: DEFAULT),
    "LogisticRegression, 16": Method(True, lambda y, args, seed: LogisticRegression(max_iter=2000)),
    "LogisticRegressionCV": Method(False, lambda y, args, seed: tuned_logistic_regression(y)),
}
OURS = ("decoder, 16", "gram, 16", "gram")
REFERENCE = "LogisticRegressionCV"


@cache
def fingerprint(checkpoint: str) -> str:
    """Return the beginning of a hash of the weights, so that results of former ones are not taken for theirs."""
    state = load_checkpoint(checkpoint).reasoner.state_dict()
    return hashlib.sha256(b"".join(weight.numpy().tobytes() for weight in state.values())).hexdigest()[:12]
