"""AutoTartClassifier: rows of any kind in, the best of many pipelines out."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.callback import CallbackSupportMixin
from sklearn.pipeline import Pipeline
from sklearn.utils import Tags, check_random_state

from sktart._runtime import import_optional
from sktart.auto._blend import BlendedClassifier, blend
from sktart.auto._candidates import DEAREST, PRESETS, Candidate, list_candidates
from sktart.auto._clock import Clock
from sktart.auto._encoders import SideBySide, first_trainable, name_encoders
from sktart.auto._leaderboard import make_leaderboard, plot_leaderboard
from sktart.auto._rows import RowReader
from sktart.auto._scores import Scorer
from sktart.auto._search import ALL_ROWS, Search
from sktart.auto._task import Task, make_task
from sktart.auto._texts import TextColumns
from sktart.encoders import encoders_at_hand, inner_layers
from sktart.estimators._callbacks import watched
from sktart.estimators._classifier import checked_descriptions, plain_settings
from sktart.estimators._refit import at_one_moment, fits_aside
from sktart.estimators._transformer import TartTransformer
from sktart.estimators._validation import (
    FLAG,
    RANDOM_STATE,
    WHOLE,
    Constraint,
    check_fitted,
    check_lengths,
    check_params,
    integer,
    number,
    one_of,
    optional,
)
from sktart.zoo._registry import list_checkpoints

if TYPE_CHECKING:
    import pandas as pd

# The rest is for the last fit of what was chosen.
SHARE_FOR_SEARCH = 0.9
MODALITIES = {"text": "text", "frame": "text", "image": "image", "audio": "audio"}
_CONSTRAINTS = {
    "time_limit": optional(number(0.001, 1e9)),
    "max_candidates": optional(integer(1)),
    "presets": one_of(*PRESETS),
    "encoders": Constraint(
        "'auto' or a list of encoders, as TartTransformer takes them",
        lambda value: value == "auto" if isinstance(value, str) else isinstance(value, list | tuple),
    ),
    "text_columns": optional(
        Constraint("a list of names of columns", lambda value: isinstance(value, list | tuple))
    ),
    "sampling_rate": optional(integer(1)),
    "local_files_only": FLAG,
    "n_jobs": optional(
        Constraint("an integer other than 0", lambda value: WHOLE.holds(value) and int(value) != 0)
    ),
    "random_state": RANDOM_STATE,
}


class AutoTartClassifier(CallbackSupportMixin, ClassifierMixin, BaseEstimator):
    """Try encoders and classifiers on held-out rows, and keep the best ones.

    Rows are texts, images, clips, numbers, sparse rows, or frames of mixed columns. Each candidate answers for rows of
    folds that it has not seen. A greedy ensemble of those answers is kept.

    Parameters
    ----------
    time_limit : float or None, default=60.0
        Seconds for the search and the last fit, without those in which the first encoder reads the rows. Time only
        cuts the fixed list of candidates short. None tries all.
    max_candidates : int or None, default=None
        Most candidates; the same number gives the same model, if time allows.
    encoders : "auto" or list, default="auto"
        Encoders of texts, images or clips, the strongest first: names, or what else :class:`TartTransformer` takes.
        ``"auto"`` takes those on this machine and downloads nothing.
    presets : {"fast", "balanced", "thorough"}, default="balanced"
        How many candidates there are. They are ordered by cost, not by quality.
    scoring : str or callable, default="neg_log_loss"
        Scorer of scikit-learn that probabilities suffice for; larger is better.
    cv : None, int or splitter, default=None
        Folds. None takes five, and repeats them for few rows; equal texts are then in the same fold.
    class_descriptions : dict or None, default=None
        A sentence or more on each class, see :class:`TartClassifier`.
    unlabelled : object, default=None
        One more marker of rows without a label, beside None, NaN and ``pd.NA``.
    text_columns : list of str or None, default=None
        Columns of a frame that an encoder reads; None takes those with sentences.
    sampling_rate : int or None, default=None
        Of :class:`TartTransformer`.
    local_files_only : bool, default=True
        Whether encoders named in `encoders` must be on this machine.
    memory : None, str, path or joblib.Memory, default=None
        Folder that caches encodings, see :class:`TartTransformer`.
    device : str, default="auto"
        Of the encoders.
    n_jobs : int or None, default=None
        Folds that are tried at a time, on threads; -1 takes all cores. It changes no bit of the model.
    random_state : int, RandomState or None, default=None
        Seed for folds and models.
    verbose : int, default=0
        1 prints a line for each candidate.

    Attributes
    ----------
    best_estimator_ : estimator
        What was kept, fitted on all rows: a pipeline, or a :class:`BlendedClassifier`.
    classes_ : ndarray of shape (C,)
    leaderboard_ : DataFrame
        A row for each candidate, the best first; see :func:`sktart.auto._leaderboard.make_leaderboard`.
    oof_proba_ : ndarray of shape (n, C)
        What the kept mixture says of each row when it was held out; NaN for rows that were not.
    failures_ : dict
        From names of candidates to why they have no score.
    kind_ : str
        What the rows are.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sktart import AutoTartClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> model = AutoTartClassifier(max_candidates=2, random_state=0).fit(X[::2], y[::2])
    >>> model.score(X[1::2], y[1::2]) > 0.9
    True
    """

    def __init__(
        self,
        *,
        time_limit: float | None = 60.0,
        max_candidates: int | None = None,
        encoders: Any = "auto",
        presets: str = "balanced",
        scoring: Any = "neg_log_loss",
        cv: Any = None,
        class_descriptions: Any = None,
        unlabelled: Any = None,
        text_columns: Sequence[str] | None = None,
        sampling_rate: int | None = None,
        local_files_only: bool = True,
        memory: str | PathLike[str] | Any = None,
        device: str = "auto",
        n_jobs: int | None = None,
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.time_limit = time_limit
        self.max_candidates = max_candidates
        self.encoders = encoders
        self.presets = presets
        self.scoring = scoring
        self.cv = cv
        self.class_descriptions = class_descriptions
        self.unlabelled = unlabelled
        self.text_columns = text_columns
        self.sampling_rate = sampling_rate
        self.local_files_only = local_files_only
        self.memory = memory
        self.device = device
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    @watched
    @fits_aside(
        *(
            "best_estimator_",
            "classes_",
            "oof_proba_",
            "failures_",
            "kind_",
            "n_features_in_",
            "feature_names_in_",
        ),
        *("_reader", "_prints", "_named", "_board", "_heaviest"),
    )
    @plain_settings
    def fit(self, X: Any, y: Any, sample_weight: Any = None, groups: Any = None) -> Self:
        """Search, and fit what was chosen on all rows.

        Parameters
        ----------
        X : sequence of str, images or clips, frame, sparse matrix, or array-like of shape (n, D)
        y : array-like of shape (n,)
            Labels of at least two classes; missing ones mark rows without a label.
        sample_weight : array-like of shape (n,), optional
            Counts of rows; rows of weight 0 are left out.
        groups : array-like of shape (n,), optional
            Rows of a group are held out together.

        Returns
        -------
        AutoTartClassifier

        Raises
        ------
        ValueError
            If a parameter, X or y breaks its rule, or all candidates fail.
        MissingExtraError
            If the extra ``auto`` is not installed.
        """
        clock = Clock(None if self.time_limit is None else SHARE_FOR_SEARCH * self.time_limit)
        check_params(self, _CONSTRAINTS)
        import_optional("pandas", "auto")
        if y is None:
            raise ValueError("AutoTartClassifier requires y to be passed, but the target y is None")
        check_lengths(X, y)
        if groups is not None:
            check_lengths(X, groups)
        self._reader = RowReader.of(X, self.sampling_rate, self.text_columns)
        self.kind_ = self._reader.kind
        descriptions = self._read_descriptions()
        rows = self._reader.read(self, X, self.sampling_rate, reset=True)
        self._prints = self._reader.fingerprints(rows)
        seed = int(check_random_state(self.random_state).randint(2**31 - 10))
        task = make_task(
            self._reader,
            rows,
            y,
            sample_weight,
            groups,
            cv=self.cv,
            unlabelled=self.unlabelled,
            descriptions=descriptions,
            seed=seed,
        )
        scorer = self._make_scorer(task)
        candidates = self._candidates()[: self.max_candidates]
        search = Search(task, self._make_encoder, descriptions, clock, scorer, seed, self._tell, self.n_jobs)
        search.run(candidates if scorer is not None else [])
        search.check_descriptions_are_read(candidates)
        self.classes_ = task.labels.classes
        self.oof_proba_ = np.full((len(self._prints), len(self.classes_)), np.nan)
        if search.results and scorer is not None:
            self._keep_best(search, scorer)
        if "best_estimator_" not in vars(self):
            self._keep_first(search, candidates)
        self.failures_ = search.failures
        return self

    @at_one_moment
    @plain_settings
    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return the probability of each class, (M, C), for rows of the kind that ``fit`` saw."""
        check_fitted(self)
        rows = self._reader.read(self, X, self.sampling_rate, reset=False)
        return np.asarray(self.best_estimator_.predict_proba(rows), dtype=np.float64)

    @at_one_moment
    def predict(self, X: Any) -> NDArray[Any]:
        """Return the most probable label of each row, (M,)."""
        proba = self.predict_proba(X)
        return self.classes_[proba.argmax(axis=1)]

    @property
    def leaderboard_(self) -> pd.DataFrame:
        """What became of each candidate, the best score first."""
        import pandas as pd

        if "_board" not in vars(self):
            raise AttributeError("leaderboard_ is there after fit")
        return pd.DataFrame(self._board)

    def plot_leaderboard(self, ax: Any = None) -> Any:
        """Draw scores against the time of 1,000 predictions, and return the axes of matplotlib."""
        check_fitted(self)
        return plot_leaderboard(self.leaderboard_, ax)

    def _read_descriptions(self) -> dict[Any, list[str]] | None:
        descriptions = checked_descriptions(self.class_descriptions, self.unlabelled)
        if descriptions is not None and self.kind_ in ("numbers", "sparse", "frame"):
            raise ValueError(
                f"class_descriptions go with rows whose encoder reads texts; got rows of {self.kind_}: leave them out, "
                "or pass a column of texts alone"
            )
        return descriptions

    def _candidates(self) -> list[Candidate]:
        """Return what is tried; `_named` gets the encoders that go by another name than their own."""
        self._named: dict[str, Any] = {}
        modality = MODALITIES.get(self.kind_)
        of_zoo = list_checkpoints(None, modality or "tabular", "gram", True)
        checkpoints = [info.name for info in of_zoo if info.modality != "any"]
        if modality is None or (self.kind_ == "frame" and not self._reader.text_columns):
            return list_candidates(self.kind_, [], self.presets, checkpoints)
        is_auto = isinstance(self.encoders, str)
        self._named = {} if is_auto else name_encoders(self.encoders)
        names = encoders_at_hand(modality) if is_auto else list(self._named)  # type: ignore[arg-type]
        more: dict[str, Sequence[str]] = {}
        if self.presets == DEAREST:
            more = {"layers": self._inner_layers(names[:1]), "trainable": first_trainable(names, self._named)}
        # Those that the user names are all used.
        use_all = not is_auto and len(names) > 1
        return list_candidates(self.kind_, names, self.presets, checkpoints, use_all, **more)

    def _inner_layers(self, strongest: Sequence[str]) -> list[str]:
        """Return names of layers of the strongest encoder; `_named` gets what reads with them."""
        made = {}
        for name in strongest:
            encoder = self._named.get(name, name)
            for layer in inner_layers(encoder) if isinstance(encoder, str) else ():
                made[f"{name} layer {layer}"] = self._make_transformer(encoder).set_params(layer=layer)
        self._named.update(made)
        return list(made)

    def _make_encoder(self, names: tuple[str, ...]) -> Any:
        made = [(name, self._make_transformer(self._named.get(name, name))) for name in names]
        if not made:
            return None
        if self.kind_ == "frame":
            return TextColumns(made, self._reader.text_columns)
        return made[0][1] if len(made) == 1 else SideBySide(made)

    def _make_transformer(self, encoder: Any) -> TartTransformer:
        if isinstance(encoder, TartTransformer):
            return encoder
        return TartTransformer(
            encoder,
            sampling_rate=self.sampling_rate if self.kind_ == "audio" else None,
            local_files_only=self.local_files_only,
            memory=self.memory,
            device=self.device,
            progress=False,
        )

    def _make_scorer(self, task: Task) -> Scorer | None:
        """Return the scorer of rows that are held out, and try it; None where these are of less than two classes."""
        labels, places = task.labels, task.held_out
        y = labels.classes[labels.codes[places]]
        if len(np.unique(y)) < 2:
            return None
        weight = None if labels.weight is None else labels.weight[places]
        scorer = Scorer(self.scoring, labels.classes, y, weight)
        scorer(np.full((len(y), len(labels.classes)), 1 / len(labels.classes)))
        return scorer

    def _keep_best(self, search: Search, scorer: Scorer) -> None:
        """Choose a mixture by rows that were held out, and fit its members on all rows."""
        scored: NDArray[np.bool_] = np.isfinite(search.results[0].proba[:, 0])
        weights = blend(scorer, [result.proba[scored] for result in search.results], scorer.n_rows)
        # Heavy members first, as long as there is time for them.
        search.clock.reserve = 0.0
        if self.time_limit is not None:
            search.clock.grant((1 - SHARE_FOR_SEARCH) * self.time_limit)
        members: dict[int, Any] = {}
        for place in np.argsort(-weights, kind="stable")[: np.count_nonzero(weights)]:
            if members and search.clock.left < ALL_ROWS * search.results[place].fit_seconds:
                break
            try:
                members[int(place)] = search.fit_all(search.results[place].candidate)
            except Exception as error:
                search.failures[search.results[place].candidate.name] = f"{type(error).__name__}: {error}"
        if not members:
            return
        weights = np.where(np.isin(np.arange(len(weights)), list(members)), weights, 0.0)
        weights /= weights.sum()
        self._board = make_leaderboard(search.results, weights, search.failures, scorer, scored)
        self.oof_proba_[search.task.kept[search.task.labels.labelled]] = sum(
            weight * result.proba for weight, result in zip(weights, search.results, strict=True)
        )
        kept = [
            (search.results[place].candidate, *members[place], float(weights[place]))
            for place in sorted(members)
        ]
        self.best_estimator_ = self._put_together(search, kept)

    def _keep_first(self, search: Search, candidates: Sequence[Candidate]) -> None:
        """Fit the first candidate that works, where none could be scored."""
        for candidate in candidates:
            try:
                kept = [(candidate, *search.fit_all(candidate), 1.0)]
            except Exception as error:
                search.failures[candidate.name] = f"{type(error).__name__}: {error}"
                continue
            break
        else:
            raise ValueError(
                "no candidate could be fitted; name other encoders=, or mend these: "
                + "; ".join(f"{name}: {error}" for name, error in search.failures.items())
            )
        warnings.warn(
            f"no candidate could be scored in time_limit={self.time_limit} s, or with so few rows: kept is "
            f"{candidate.name}; allow more time, or label more rows",
            UserWarning,
            stacklevel=4,
        )
        reason = search.failures.pop(candidate.name, "not scored")
        self._board = make_leaderboard(
            [], np.empty(0), {candidate.name: reason, **search.failures}, None, None
        )
        self._board["weight"][0] = 1.0
        search.failures[candidate.name] = reason
        self.best_estimator_ = self._put_together(search, kept)

    def _put_together(self, search: Search, kept: Sequence[tuple[Candidate, Any, Any, float]]) -> Any:
        """Return a pipeline of one candidate, or the mixture of several; each with its template, model and weight."""
        heaviest = max(kept, key=lambda each: each[3])[0]
        # What the report fits on fewer rows, as plain values that a file holds.
        self._heaviest: list[Any] = [
            list(heaviest.encoders),
            heaviest.preparation,
            heaviest.classifier,
            search.seed,
        ]
        encoders = {each.encoders: search.encode(each.encoders).encoder for each, *_ in kept}
        if len(kept) == 1 and search.class_descriptions is None:
            encoder, model = encoders[kept[0][0].encoders], kept[0][2]
            steps = model.steps if isinstance(model, Pipeline) else [("classify", model)]
            return Pipeline(steps if encoder is None else [("encode", encoder), *steps])
        names = {key: "+".join(key) for key in encoders}
        blended = BlendedClassifier(
            [(names[key], encoder) for key, encoder in encoders.items()],
            [(each.name, names[each.encoders], template, weight) for each, template, _, weight in kept],
            class_descriptions=search.class_descriptions,
            unlabelled=self.unlabelled,
        )
        blended.encoders_ = {names[key]: encoder for key, encoder in encoders.items()}
        blended.members_ = [
            (each.name, names[each.encoders], model, weight) for each, _, model, weight in kept
        ]
        blended.classes_ = self.classes_
        return blended

    def _tell(self, line: str) -> None:
        if self.verbose:
            print(f"[AutoTartClassifier] {line}")  # noqa: T201 - asked for

    def __sklearn_is_fitted__(self) -> bool:
        return "best_estimator_" in vars(self)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
