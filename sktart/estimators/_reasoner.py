"""TartReasoner: the estimator."""

from __future__ import annotations

from copy import copy
from os import PathLike
from typing import Any, ClassVar

import numpy as np

from sktart.contexts._fitted import FittedContext
from sktart.estimators._base import BaseInContext
from sktart.estimators._callbacks import watched
from sktart.estimators._given import Given
from sktart.estimators._refit import at_one_moment, fits_aside
from sktart.estimators._score import AnyLabelMixin
from sktart.estimators._trust import TrustMixin
from sktart.estimators._validation import (
    CLASS_WEIGHT,
    MARKER,
    Constraint,
    check_enough,
    check_fitted,
    number,
    validate_given,
    validate_queries,
    validate_rows,
)


class TartReasoner(TrustMixin, AnyLabelMixin, BaseInContext):
    """Classifier that reads labelled rows as context and answers by one forward pass of a pretrained network.

    `fit` trains nothing: it runs the labelled rows through the reasoner once and keeps what the answers need.
    Predictions do not depend on the other rows of a call.

    The default reasoner is of the gram family: the order of rows changes nothing, nor does rotation, translation or
    scale of all features together. A row of weight 2 counts exactly as the row twice. Both hold unless `max_context`
    draws rows. Reasoners of the decoder family, the paper's, read rows in their order and without weights. They take
    a fixed number of features of about unit variance.

    Parameters
    ----------
    checkpoint : str or path, default="auto"
        ``"auto"``, a name of :func:`sktart.list_checkpoints`, the path of a checkpoint folder, or one of the Hub,
        ``"org/repo/path@revision"``; see :func:`sktart.load_checkpoint`.
    class_weight : dict, "balanced" or None, default=None
        Factors for the class probabilities, as for a shift of the prior; the result sums to 1 again.
    temperature : float, default=1.0
        Divides the logits, from 0.001 to 1000; above 1, answers are less sure. Read at `fit`, like all parameters.
    n_permutations : int, default=1
        Number of contexts whose probabilities are averaged. They differ in the order of rows where a reasoner
        reads in order (the first has the order given), and in the draw where `max_context` leaves rows out.
    max_context : int or None, default=None
        Most rows in one context. If there are more, each context is a random draw of that many, stratified by class,
        whatever the weights (`context_rows_` tells which). None reads all rows; if a reasoner cannot, `fit` says so.
    context_selection : {"random", "recent"}, default="random"
        Which rows are read where there are more than `max_context`, or more without a label than `max_unlabelled`:
        a random draw, or those given last, with one of each class at least. Older rows are then forgotten.
    unlabelled : object, default=None
        One more marker of rows without a label, beside missing labels, such as -1; None for no other. Estimators that
        encode y before they fit this one, such as ``VotingClassifier``, hide it.
    max_unlabelled : int or None, default=1000
        Most rows without a label that are read. If there are more, a random draw of that many is read, and `fit` warns.
        None reads all; beyond 512 rows of both kinds, time and memory grow with their number.
    batch_size : int or None, default=None
        Query rows in one forward pass, rounded up to a multiple of 16; memory grows with it. None means 256, or fewer
        for long contexts. It changes no bit of an answer.
    device : str, default="auto"
        ``"auto"`` or a torch device such as ``"cpu"`` or ``"cuda:1"``.
    dtype : {"float32", "float64"}, default="float32"
        Precision of the network.
    random_state : int, RandomState instance or None, default=None
        Seed for shuffling and drawing rows. It changes nothing where nothing is drawn.

    Attributes
    ----------
    classes_ : ndarray of shape (C,)
        Labels seen in `fit` with a positive weight or a description, sorted.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (D,)
        Only when X had string column names.
    checkpoint_ : str
        Name of the checkpoint in use.
    context_rows_ : list of ndarray of shape (n,)
        Indices of the labelled rows given to `fit` that each context holds, in the order of reading.
    labelled_rows_ : ndarray of shape (n,)
        Indices of the labelled rows of positive weight: what :meth:`held_out_proba` answers for.
    unlabelled_rows_ : ndarray of shape (n,)
        Indices of the rows without a label that were read.

    References
    ----------
    Bhatia, Narayan, De Sa, Ré. TART: A plug-and-play Transformer module for task-agnostic reasoning.
    arXiv 2306.07536, 2023.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sktart import TartReasoner
    >>> X, y = load_wine(return_X_y=True)
    >>> model = make_pipeline(StandardScaler(), TartReasoner()).fit(X[::3], y[::3])
    >>> model.predict_proba(X[1::3]).shape
    (59, 3)
    """

    _constraints: ClassVar[dict[str, Constraint]] = {
        **BaseInContext._constraints,
        "class_weight": CLASS_WEIGHT,
        "temperature": number(1e-3, 1e3),
        "unlabelled": MARKER,
    }

    def __init__(
        self,
        checkpoint: str | PathLike[str] = "auto",
        *,
        class_weight: Any = None,
        temperature: float = 1.0,
        n_permutations: int = 1,
        max_context: int | None = None,
        context_selection: str = "random",
        unlabelled: Any = None,
        max_unlabelled: int | None = 1000,
        batch_size: int | None = None,
        device: str = "auto",
        dtype: str = "float32",
        random_state: Any = None,
    ) -> None:
        super().__init__(
            checkpoint,
            n_permutations=n_permutations,
            max_context=max_context,
            context_selection=context_selection,
            max_unlabelled=max_unlabelled,
            batch_size=batch_size,
            device=device,
            dtype=dtype,
            random_state=random_state,
        )
        self.class_weight = class_weight
        self.temperature = temperature
        self.unlabelled = unlabelled

    @watched
    @fits_aside(
        *(
            "_fitted",
            "_given",
            "classes_",
            "checkpoint_",
            "context_rows_",
            "labelled_rows_",
            "unlabelled_rows_",
        ),
        *("n_features_in_", "feature_names_in_"),
    )
    def fit(self, X: Any, y: Any, sample_weight: Any = None, *, class_vectors: Any = None) -> TartReasoner:
        """Keep labelled rows as context, and what else is known.

        Parameters
        ----------
        X : array-like of shape (N, D)
            Finite numbers.
        y : array-like of shape (N,)
            Labels of one kind, which must be hashable. Those that do not sort, such as members of an Enum, are in
            the order of their ``repr``. A missing label (None, NaN or ``pd.NA``), or the marker `unlabelled`, marks
            a row without a label: the reasoner reads where such rows lie. All labels may be missing where
            `class_vectors` describes the classes.
        sample_weight : array-like of shape (N,), optional
            Counts of rows, with a sum between 1e-6 and 1e12. A row of weight 0 is left out, one of weight 2 counts
            twice. So weights that sum to 1 stand for one row, and give unsure answers: `fit` warns.
        class_vectors : dict, optional
            What is said of each class, encoded as the rows are: from a label to an array of shape (D,), or (k, D) for
            several descriptions, which are averaged. At least two classes; they may be without a labelled row. The
            reasoner weighs descriptions by how well they fit the labelled rows.

        Returns
        -------
        TartReasoner

        Raises
        ------
        ValueError
            If a parameter, X, y, the weights or `class_vectors` break their rule; the message names it.
        TypeError
            If X is sparse.
        CheckpointError
            If the checkpoint is unknown or damaged.

        Warns
        -----
        UserWarning
            If a reasoner of the decoder family gets features that are far from unit variance, there are more than
            `max_unlabelled` rows without a label, weights sum to 1, or a key of `class_vectors` may be misspelt.
        """
        self._check_params()
        return self._read(validate_given(self, X, y, sample_weight, class_vectors, self.unlabelled))

    @watched
    @fits_aside()
    def partial_fit(
        self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None, *, class_vectors: Any = None
    ) -> TartReasoner:
        """Add rows to the context; the answers are those of `fit` on all rows so far.

        The context is read anew, which takes as long as `fit` on all rows; ``context_selection="recent"`` with
        `max_context` bounds it. A call that fails changes nothing.

        Parameters
        ----------
        X : array-like of shape (N, D)
            Features as in the first call.
        y : array-like of shape (N,)
            Labels, missing ones included, as in `fit`.
        classes : array-like of shape (C,), optional
            All labels that may come. They are `classes_` at once, and a label beside them is an error. Without it,
            classes are those with a row or a description so far.
        sample_weight : array-like of shape (N,), optional
            Counts of these rows.
        class_vectors : dict, optional
            As in `fit`; a new description of a class takes the place of a former one.

        Returns
        -------
        TartReasoner

        Raises
        ------
        ValueError
            As in `fit`, and for a label that `classes` did not list.
        """
        self._check_params()
        former = self._kept() if self.__sklearn_is_fitted__() else None
        given = validate_given(
            self, X, y, sample_weight, class_vectors, self.unlabelled, former=former, listed=classes
        )
        return self._read(given)

    @fits_aside()
    def forget(self, rows: Any) -> TartReasoner:
        """Leave rows out from now on; the answers are those of `fit` without them.

        Parameters
        ----------
        rows : int or array-like of int
            Numbers of the rows, counted from 0 since `fit`, over all calls of `partial_fit`. Others keep theirs.

        Returns
        -------
        TartReasoner

        Raises
        ------
        ValueError
            If a row is not there (any more), or no labelled row would be left.
        """
        given = self._kept()
        known = given.known
        return self._read(given.without(validate_rows(rows, known.labelled.numbers, known.pool.numbers)))

    def _kept(self) -> Given:
        """Return the rows that are read."""
        check_fitted(self)
        if self._given is None:
            raise ValueError(
                "this model was saved with context=False and holds no rows, which this method needs: fit it again, or "
                "save it with context=True"
            )
        return self._given

    def _labels_of_rows(self) -> np.ndarray:
        """Return the labels of `labelled_rows_`."""
        given = self._kept()
        return given.classes[given.known.labelled.codes]

    def _parts(self, *X: Any) -> tuple[Any, ...]:
        moment = copy(self)
        return moment, *(validate_queries(moment, rows) for rows in X)

    def _read(self, given: Given) -> TartReasoner:
        """Read a context, and keep what answers need."""
        check_enough(given)
        self._check_room(given.known)  # before old rows are left out
        if self.context_selection == "recent":
            given = given.latest(self.max_context, self.max_unlabelled)
        known = given.known
        prior_shift = given.log_prior_shift(self.class_weight)
        checkpoint = self._load(known.labelled.x.shape[1])
        drawn, contexts = self._read_contexts(checkpoint, known)
        fitted = FittedContext(
            checkpoint,
            contexts,
            device=self.device,
            dtype=self.dtype,
            batch_size=self._queries_per_chunk(checkpoint, len(drawn[0].labelled) + len(drawn[0].pool)),
            temperature=self.temperature,
            log_prior_shift=prior_shift,
        )
        # Copies, so that nobody changes what is kept.
        self.classes_, self.checkpoint_ = given.classes.copy(), checkpoint.name
        self.context_rows_ = [part.labelled.numbers.copy() for part in drawn]
        self.labelled_rows_ = known.labelled.numbers.copy()
        self.unlabelled_rows_ = drawn[0].pool.numbers.copy()
        self._given: Given | None = given
        self._fitted = fitted
        return self

    @at_one_moment
    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probability of each class.

        Parameters
        ----------
        X : array-like of shape (M, D)

        Returns
        -------
        ndarray of shape (M, C)
            Columns in the order of `classes_`.
        """
        return np.exp(self.predict_log_proba(X))

    @at_one_moment
    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Return the logarithm of the probabilities, shape (M, C).

        Raises
        ------
        ValueError
            If X breaks a rule, or features are so large that the network overflows.
        """
        check_fitted(self)
        return self._log_proba(validate_queries(self, X))

    def _log_proba(self, X: np.ndarray) -> np.ndarray:
        """Answer checked rows."""
        log_proba = self._fitted.log_proba(X)
        if np.isnan(log_proba).any():
            raise ValueError(
                f"features must be small enough for checkpoint {self.checkpoint_!r} to compute with; those of fit, or "
                f"these with up to {np.abs(X).max():.3g}, overflow: scale them, for instance with MaxAbsScaler(), and "
                "leave out queries that are that far from the rows of fit"
            )
        return log_proba

    @at_one_moment
    def predict(self, X: Any) -> np.ndarray:
        """Return the most probable label of each row, shape (M,)."""
        log_proba = self.predict_log_proba(X)
        return self.classes_[log_proba.argmax(axis=1)]

    @at_one_moment
    def decision_function(self, X: Any) -> np.ndarray:
        """Return log-probabilities (M, C), or with two classes the log-odds (M,) of the second."""
        log_proba = self.predict_log_proba(X)
        return log_proba[:, 1] - log_proba[:, 0] if len(self.classes_) == 2 else log_proba
