"""TartClassifier: raw rows in, probabilities out."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from os import PathLike
from typing import Any, ClassVar

import numpy as np
from sklearn import config_context
from sklearn.base import BaseEstimator, clone
from sklearn.callback import CallbackSupportMixin
from sklearn.utils import Tags, _safe_indexing, check_random_state

from sktart.estimators._callbacks import watched
from sktart.estimators._labels import check_described, entries_of, split_labels
from sktart.estimators._reasoner import TartReasoner
from sktart.estimators._refit import at_one_moment, fits_aside
from sktart.estimators._score import AnyLabelMixin
from sktart.estimators._transformer import TartTransformer
from sktart.estimators._trust import TrustMixin
from sktart.estimators._validation import (
    check_fitted,
    check_lengths,
    check_sample_weight,
    validate_queries,
    warn_of_draw,
)

# For estimators inside of ours: vectors between them are arrays, and their options are not routed.
plain_settings = config_context(transform_output="default", enable_metadata_routing=False)


class TartClassifier(TrustMixin, CallbackSupportMixin, AnyLabelMixin, BaseEstimator):
    """Classifier of texts, images, clips or numbers: a frozen encoder, and a reasoner that reads what you know.

    It is ``make_pipeline(TartTransformer(encoder), TartReasoner(checkpoint))`` that reads a sentence or more on each
    class as well. The encoder reads these as it reads rows, so it must be one that reads texts; for images and sound
    take a model that puts texts into the same space, such as ``"clip-vit-base-patch32"``.

    Parameters
    ----------
    encoder : str, TartTransformer, or what TartTransformer takes, default="auto"
        See :class:`TartTransformer`; pass one of these for options that are not here. A clone is fitted on all rows.
    adapt : None, "contrastive" or dict, default=None
        Of :class:`TartTransformer`: train a copy of the encoder on the labelled texts. Rows of weight 0 are left
        out; other weights make no difference to training. Rows that ``partial_fit`` adds are not trained on, and what
        ``forget`` leaves out has been.
    checkpoint : str or path, default="auto"
        Of :class:`TartReasoner`.
    class_descriptions : dict or None, default=None
        From labels to what the class is about: a text, or a list of texts, whose vectors are averaged. At least two
        classes. A class may be without a labelled row; with no label at all, descriptions and rows alone decide.
    unlabelled : object, default=None
        One more marker of rows without a label, beside None, NaN and ``pd.NA``, such as -1.
    n_components : int or None, default=None
        Of :class:`TartTransformer`.
    text_prefix : str or None, default=None
        Of :class:`TartTransformer`.
    sampling_rate : int or None, default=None
        Of :class:`TartTransformer`.
    memory : None, str, path or joblib.Memory, default=None
        Of :class:`TartTransformer`: folder that caches encodings.
    class_weight : dict, "balanced" or None, default=None
        Of :class:`TartReasoner`.
    temperature : float, default=1.0
        Of :class:`TartReasoner`.
    max_context : int or None, default=None
        Of :class:`TartReasoner`: most labelled rows that are read.
    context_selection : {"random", "recent"}, default="random"
        Of :class:`TartReasoner`: which rows these are.
    max_unlabelled : int or None, default=1000
        Of :class:`TartReasoner`: most rows without a label that are read. Frozen encoders encode no others.
    device : str, default="auto"
        Of both; of the reasoner alone where `encoder` is a TartTransformer.
    random_state : int, RandomState or None, default=None
        Of both, as `device`.

    Attributes
    ----------
    classes_ : ndarray of shape (C,)
        Labels of rows and of descriptions, sorted.
    transformer_ : TartTransformer
        Fitted.
    reasoner_ : TartReasoner
        Fitted.

    Examples
    --------
    >>> from sktart import TartClassifier
    >>> from sklearn.feature_extraction.text import HashingVectorizer
    >>> texts = ["good film", "bad film", "good plot", "bad plot"]
    >>> model = TartClassifier(HashingVectorizer(n_features=8), class_descriptions={"+": "good", "-": "bad"})
    >>> model.fit(texts, ["+", "-", None, None]).classes_
    array(['+', '-'], dtype='<U1')
    """

    _of_transformer: ClassVar[tuple[str, ...]] = (
        "adapt",
        "n_components",
        "text_prefix",
        "sampling_rate",
        "memory",
        "device",
        "random_state",
    )
    _of_reasoner: ClassVar[tuple[str, ...]] = (
        "checkpoint",
        "unlabelled",
        "class_weight",
        "temperature",
        "max_context",
        "context_selection",
        "max_unlabelled",
        "device",
        "random_state",
    )

    def __init__(
        self,
        encoder: Any = "auto",
        *,
        adapt: Any = None,
        checkpoint: str | PathLike[str] = "auto",
        class_descriptions: Any = None,
        unlabelled: Any = None,
        n_components: int | None = None,
        text_prefix: str | None = None,
        sampling_rate: int | None = None,
        memory: Any = None,
        class_weight: Any = None,
        temperature: float = 1.0,
        max_context: int | None = None,
        context_selection: str = "random",
        max_unlabelled: int | None = 1000,
        device: str = "auto",
        random_state: Any = None,
    ) -> None:
        self.encoder = encoder
        self.adapt = adapt
        self.checkpoint = checkpoint
        self.class_descriptions = class_descriptions
        self.unlabelled = unlabelled
        self.n_components = n_components
        self.text_prefix = text_prefix
        self.sampling_rate = sampling_rate
        self.memory = memory
        self.class_weight = class_weight
        self.temperature = temperature
        self.max_context = max_context
        self.context_selection = context_selection
        self.max_unlabelled = max_unlabelled
        self.device = device
        self.random_state = random_state

    @watched
    @fits_aside("transformer_", "reasoner_", "classes_")
    @plain_settings
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> TartClassifier:
        """Encode rows and descriptions, and read them.

        Parameters
        ----------
        X : sequence of str, images or clips, or array-like of shape (N, D)
            What the encoder reads.
        y : array-like of shape (N,)
            Labels; missing ones, or the marker `unlabelled`, mark rows without a label.
        sample_weight : array-like of shape (N,), optional
            Counts of rows, see :meth:`TartReasoner.fit`.

        Returns
        -------
        TartClassifier

        Raises
        ------
        ValueError
            If a parameter, X, y or the weights break their rule, descriptions are no texts, or the encoder does not
            read texts.
        """
        return self._fit(X, y, sample_weight, None)

    def _fit(self, X: Any, y: Any, sample_weight: Any, classes: Any) -> TartClassifier:
        # All that can be checked before rows are encoded, which may take long.
        descriptions = checked_descriptions(self.class_descriptions, self.unlabelled)
        reasoner = TartReasoner(**{name: getattr(self, name) for name in self._of_reasoner})
        reasoner._check_params()
        transformer = self._make_transformer()
        check_lengths(X, y)
        has_label, labels = split_labels(y, self.unlabelled)
        # An encoder of the user's own need not know of missing labels.
        target = y if has_label.all() else None
        if transformer.adapt is not None:
            target = np.full(len(has_label), None)
            target[has_label] = entries_of(labels)
            if sample_weight is not None:
                target[check_sample_weight(sample_weight, len(target)) == 0] = None
        left_out = self._draw_out(np.flatnonzero(~has_label), transformer)
        if len(left_out):
            sample_weight = (
                np.ones(len(has_label)) if sample_weight is None else np.array(sample_weight, float)
            )
            sample_weight[left_out] = 0
            kept = np.setdiff1d(np.arange(len(has_label)), left_out)
            read = transformer.fit_transform(
                _safe_indexing(X, kept), None if target is None else target[kept]
            )
            encoded = np.zeros((len(has_label), read.shape[1]), read.dtype)
            encoded[kept] = read
        else:
            encoded = transformer.fit_transform(X, target)
        vectors = None if descriptions is None else vectors_of_texts(transformer, descriptions)
        reasoner.partial_fit(encoded, y, classes, sample_weight, class_vectors=vectors)
        self.transformer_, self.reasoner_, self.classes_ = transformer, reasoner, reasoner.classes_
        return self

    def _draw_out(self, pool: np.ndarray, transformer: TartTransformer) -> np.ndarray:
        """Return the rows without a label that need no encoding, as only some of them will be read."""
        is_frozen = isinstance(transformer.encoder, str) and transformer.n_components is None
        size = self.max_unlabelled
        if size is None or len(pool) <= size or not is_frozen:
            return pool[:0]
        if self.context_selection == "recent":
            return pool[: len(pool) - size]
        warn_of_draw(size, len(pool))
        return check_random_state(self.random_state).permutation(pool)[size:]

    @watched
    @fits_aside()
    @plain_settings
    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> TartClassifier:
        """Add rows to the context, see :meth:`TartReasoner.partial_fit`; the first call is a `fit`.

        Principal components, if any, stay those of the first call.
        """
        if not self.__sklearn_is_fitted__():
            return self._fit(X, y, sample_weight, classes)
        check_lengths(X, y)
        encoded = self.transformer_.transform(X)
        options = {name: getattr(self, name) for name in self._of_reasoner}
        reasoner = copy(self.reasoner_).set_params(**options)
        reasoner.partial_fit(encoded, y, classes, sample_weight)
        self.reasoner_, self.classes_ = reasoner, reasoner.classes_
        return self

    @fits_aside()
    def forget(self, rows: Any) -> TartClassifier:
        """Leave rows out from now on, see :meth:`TartReasoner.forget`."""
        check_fitted(self)
        self.reasoner_ = copy(self.reasoner_).forget(rows)
        self.classes_ = self.reasoner_.classes_
        return self

    @property
    def labelled_rows_(self) -> np.ndarray:
        """Indices of the labelled rows of positive weight."""
        return self.reasoner_.labelled_rows_

    @plain_settings
    def _parts(self, *X: Any) -> tuple[Any, ...]:
        moment = copy(self)
        reasoner = moment.reasoner_
        return reasoner, *(validate_queries(reasoner, moment.transformer_.transform(rows)) for rows in X)

    @at_one_moment
    @plain_settings
    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probability of each class, (M, C), for rows of the kind that ``fit`` saw."""
        check_fitted(self)
        return self.reasoner_.predict_proba(self.transformer_.transform(X))

    @at_one_moment
    @plain_settings
    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Return the logarithm of the probabilities, (M, C)."""
        check_fitted(self)
        return self.reasoner_.predict_log_proba(self.transformer_.transform(X))

    @at_one_moment
    @plain_settings
    def predict(self, X: Any) -> np.ndarray:
        """Return the most probable label of each row, (M,)."""
        check_fitted(self)
        return self.reasoner_.predict(self.transformer_.transform(X))

    @at_one_moment
    @plain_settings
    def decision_function(self, X: Any) -> np.ndarray:
        """Return log-probabilities (M, C), or with two classes the log-odds (M,) of the second."""
        check_fitted(self)
        return self.reasoner_.decision_function(self.transformer_.transform(X))

    def __getattr__(self, name: str) -> Any:
        # Only where rows were numbers, so no property: scikit-learn asks whether these are there.
        if name in ("n_features_in_", "feature_names_in_") and hasattr(vars(self).get("transformer_"), name):
            return getattr(self.transformer_, name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def _make_transformer(self) -> TartTransformer:
        options = {name: getattr(self, name) for name in self._of_transformer}
        if not isinstance(self.encoder, TartTransformer):
            return TartTransformer(self.encoder, **options)
        defaults = TartClassifier().get_params(deep=False)
        given = [
            name for name in options if options[name] is not defaults[name] and name not in self._of_reasoner
        ]
        if given:
            raise ValueError(
                f"{given[0]} (={options[given[0]]!r}) must stay at its default where encoder is a TartTransformer: "
                "set it there"
            )
        return clone(self.encoder)

    def __sklearn_is_fitted__(self) -> bool:
        return "reasoner_" in vars(self)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        inner = self.encoder.encoder if isinstance(self.encoder, TartTransformer) else self.encoder
        tags.input_tags = TartTransformer(inner).__sklearn_tags__().input_tags
        return tags


def checked_descriptions(descriptions: Any, unlabelled: Any) -> dict[Any, list[str]] | None:
    """Return the texts of each label."""
    if descriptions is None:
        return None
    if not isinstance(descriptions, Mapping):
        raise ValueError(
            f"class_descriptions must be a dict from labels to texts; got {type(descriptions).__name__}: "
            "pass {label: 'a sentence', ...}"
        )
    listed = {label: [value] if isinstance(value, str) else value for label, value in descriptions.items()}
    for label, texts in listed.items():
        is_list = isinstance(texts, list | tuple) and len(texts) > 0
        if not is_list or not all(isinstance(text, str) and text.strip() for text in texts):
            raise ValueError(
                f"class_descriptions must hold a text, or a list of texts, for each label; {label!r} has "
                f"{descriptions[label]!r}: write what its rows are about, or leave it out"
            )
    check_described(list(listed), unlabelled, "class_descriptions")
    return {label: list(texts) for label, texts in listed.items()}


def vectors_of_texts(
    transformer: TartTransformer, descriptions: Mapping[Any, list[str]]
) -> dict[Any, np.ndarray]:
    """Encode the texts of all classes in one call."""
    if not transformer._reads_text:
        raise ValueError(
            f"class_descriptions are texts, which encoder {transformer._name} does not read: take an encoder "
            "that puts both into one space, such as 'clip-vit-base-patch32', or leave class_descriptions out"
        )
    texts = [text for each in descriptions.values() for text in each]
    stops = np.cumsum([len(each) for each in descriptions.values()])[:-1]
    parts = np.split(transformer.transform(texts), stops)
    # Of a text without a known word, TF-IDF makes zeros.
    vectors = {label: part[part.any(axis=1)] for label, part in zip(descriptions, parts, strict=True)}
    for label, part in vectors.items():
        if not len(part):
            raise ValueError(
                f"encoder {transformer._name} makes nothing of the class_descriptions of {label!r}, "
                f"{descriptions[label]!r}: use words that occur in X"
            )
    return vectors
