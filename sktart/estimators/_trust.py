"""TrustMixin: held-out answers, influence, prediction sets, doubt."""

from __future__ import annotations

from abc import abstractmethod
from inspect import signature
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import get_scorer
from sklearn.utils import Bunch

from sktart.estimators._held_out import Answers, held_out_log_proba, prediction_sets
from sktart.estimators._influence import by_gradient, by_leaving_out
from sktart.estimators._labels import are_plain
from sktart.estimators._neighbours import suggest_rows, typicality
from sktart.estimators._validation import check_fitted, integer, number, one_of, require

if TYPE_CHECKING:
    from sktart.estimators._reasoner import TartReasoner

# With more labelled rows, influence is a gradient unless asked for otherwise.
MAX_LEFT_OUT = 128


class TrustMixin:
    """Methods of classifiers that hold their labelled rows, and can read some of them in milliseconds.

    A subclass says by `_parts` which reasoner answers, and what it reads of rows.
    """

    @abstractmethod
    def _parts(self, *X: Any) -> tuple[Any, ...]:
        """Return the fitted reasoner as it is now, whatever another thread fits, and the features (M, D) of each X."""

    def _held_out(self, cv: Any, groups: Any) -> tuple[TartReasoner, NDArray[np.float64]]:
        check_fitted(self)
        (reasoner,) = self._parts()
        return reasoner, held_out_log_proba(reasoner, cv, groups)

    def held_out_proba(self, cv: Any = None, groups: Any = None) -> NDArray[np.float64]:
        """Return the probabilities of each labelled row, from a context without it.

        They are those of refits on the other rows, which are read many at once. Rows without a label, and
        descriptions, are in each context.

        Parameters
        ----------
        cv : None, int or splitter, default=None
            How labelled rows are held out, numbered among themselves; each must be held out once. None leaves up to
            128 rows out one by one, and more in ten stratified folds.
        groups : array-like of shape (N,), optional
            Groups of the labelled rows. Rows of one group are held out together, in ten folds unless `cv` says how.

        Returns
        -------
        ndarray of shape (N, C)
            For `labelled_rows_`, columns in the order of `classes_`. A class without another row has probability 0.

        Raises
        ------
        ValueError
            If fewer than two rows have a label, or `cv` does not hold each out once.
        """
        return np.exp(self._held_out(cv, groups)[1])

    def held_out_score(self, scoring: Any = "accuracy", cv: Any = None, groups: Any = None) -> float:
        """Score the answers of :meth:`held_out_proba`.

        Parameters
        ----------
        scoring : str or callable, default="accuracy"
            A scorer of scikit-learn, such as ``"neg_log_loss"``.
        cv, groups
            As in :meth:`held_out_proba`.

        Returns
        -------
        float
            Rows count by their weights, where the scorer takes weights. Labels that scikit-learn's metrics do not
            know, such as dates, are scored as their places in `classes_`.
        """
        reasoner, log_proba = self._held_out(cv, groups)
        rows, scorer = reasoner._kept().known.labelled, get_scorer(scoring)
        takes_weights = "sample_weight" in signature(getattr(scorer, "_score_func", scorer)).parameters
        weights = {"sample_weight": rows.weight} if takes_weights and (rows.weight != 1).any() else {}
        classes = reasoner.classes_ if are_plain(reasoner.classes_) else np.arange(len(reasoner.classes_))
        answers = Answers(classes, np.exp(log_proba))
        return float(scorer(answers, np.arange(len(rows)), classes[rows.codes], **weights))

    def label_issues(self, cv: Any = None, groups: Any = None) -> Bunch:
        """Rank labelled rows by how unlikely their label is, given all other rows.

        Parameters
        ----------
        cv, groups
            As in :meth:`held_out_proba`. A repeated row vouches for its copy, unless `groups` holds
            both out.

        Returns
        -------
        Bunch
            Arrays of shape (n,), the most doubtful row first: ``rows`` (numbers as in `labelled_rows_`), ``labels``,
            ``probabilities`` of these, ``suggestions`` (the most probable labels). ``pandas.DataFrame`` makes a table
            of it. The only row of a class is not listed, as nothing can speak for it.
        """
        reasoner, log_proba = self._held_out(cv, groups)
        codes = np.asarray(reasoner._kept().known.labelled.codes)
        # Logarithms, as a small temperature lets a probability be too small for a float.
        own = log_proba[np.arange(len(codes)), codes]
        order = np.argsort(own, kind="stable")
        order = order[own[order] > -np.inf]
        return Bunch(
            rows=reasoner.labelled_rows_[order],
            labels=reasoner._labels_of_rows()[order],
            probabilities=np.exp(own[order]),
            suggestions=reasoner.classes_[log_proba[order].argmax(axis=1)],
        )

    def predict_set(
        self, X: Any, alpha: float = 0.1, cv: Any = None, groups: Any = None
    ) -> NDArray[np.bool_]:
        """Return the labels that cannot be ruled out at error rate `alpha`.

        The set of a query holds the true label with a probability of at least ``1 - 2 * alpha - sqrt(2 / N)``, and in
        practice of about ``1 - alpha``, where queries and the N labelled rows are drawn alike. Each call reads the
        context once for each fold, so pass many rows at once.

        Parameters
        ----------
        X : rows as in ``predict``
        alpha : float, default=0.1
            Between 0 and 1. With fewer than ``1 / alpha - 1`` labelled rows, no label is ever ruled out.
        cv : None, int or splitter, default=None
            Folds of the labelled rows; None for ten stratified ones, or fewer where classes are small.
        groups : array-like of shape (N,), optional
            As in :meth:`held_out_proba`.

        Returns
        -------
        ndarray of bool of shape (M, C)
            A row may be all False: no label is as probable as labels use to be.

        References
        ----------
        Barber, Candès, Ramdas, Tibshirani. Predictive inference with the jackknife+. Annals of Statistics 49, 2021.
        Romano, Sesia, Candès. Classification with valid and adaptive coverage. NeurIPS 2020.
        """
        check_fitted(self)
        require("alpha", alpha, number(0, 1))
        reasoner, features = self._parts(X)
        return prediction_sets(reasoner, features, alpha, cv, groups)

    def typicality(self, X: Any) -> NDArray[np.float64]:
        """Tell how usual rows are among those that were given, with or without a label.

        Parameters
        ----------
        X : rows as in ``predict``

        Returns
        -------
        ndarray of shape (M,)
            Share of the rows given that lie at least as far from their ten nearest others. Of rows that are drawn like
            these, 5 % have at most 0.05; lower values mark rows of another kind, whose answers say little.
        """
        check_fitted(self)
        reasoner, features = self._parts(X)
        return typicality(reasoner._kept().known, features)

    def suggest(self, X: Any, n: int = 1) -> NDArray[np.intp]:
        """Choose the rows that are most worth labelling next.

        Rows count that are in doubt, and stand for others in doubt that lie far from labelled rows. `docs` has a
        comparison with random choice.

        Parameters
        ----------
        X : rows as in ``predict``
            The pool without labels, up to a few thousand rows.
        n : int, default=1
            Rows wanted.

        Returns
        -------
        ndarray of shape (n,)
            Places in X, the best first.
        """
        check_fitted(self)
        require("n", n, integer(1))
        reasoner, features = self._parts(X)
        if n > len(features):
            raise ValueError(f"n must be at most the number of rows in X, {len(features)}; got {n}")
        doubt = 1 - np.exp(reasoner._log_proba(features)).max(axis=1)
        return suggest_rows(reasoner._kept().known.labelled.x, features, doubt, n)

    def influence(self, X: Any, method: str = "auto") -> NDArray[np.float64]:
        """Tell how much each labelled row speaks for each class of each query.

        Parameters
        ----------
        X : rows as in ``predict``
        method : {"auto", "leave_one_out", "gradient"}, default="auto"
            ``"leave_one_out"`` is exact: what the log-odds lose if the row is left out, with the factors of
            `class_weight` that all rows gave. It reads N contexts.
            ``"gradient"`` is the gradient with respect to the weight of the row, times that weight: about as long as
            two fits for each query and class. ``"auto"`` leaves out up to 128 rows.

        Returns
        -------
        ndarray of shape (M, N, C)
            For `labelled_rows_` and `classes_`: of the log-odds of each class against all others, in nats; positive
            where the row supports the class.

        Raises
        ------
        ValueError
            If nothing is left without a row, the context is a draw of the rows or averages several, or
            ``"gradient"`` is asked of a decoder.
        """
        check_fitted(self)
        require("method", method, one_of("auto", "leave_one_out", "gradient"))
        reasoner, features = self._parts(X)
        n_rows, is_described = len(reasoner.labelled_rows_), reasoner._kept().known.class_vectors is not None
        if n_rows < (1 if is_described else 2):
            raise ValueError(
                "influence needs two labelled rows, or one beside descriptions of classes, so that something is left "
                f"without a row; this model has {n_rows}: label more rows"
            )
        if len(reasoner.context_rows_) > 1 or len(reasoner.context_rows_[0]) < n_rows:
            raise ValueError(
                f"influence takes a context that holds all labelled rows once; this model has {n_rows} of them, and "
                f"{len(reasoner.context_rows_)} contexts of {len(reasoner.context_rows_[0])}: fit with "
                "max_context=None and n_permutations=1"
            )
        exact = method == "leave_one_out" or (method == "auto" and n_rows <= MAX_LEFT_OUT)
        return (by_leaving_out if exact else by_gradient)(reasoner, features)
