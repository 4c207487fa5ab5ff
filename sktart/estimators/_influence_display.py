"""InfluenceDisplay: the labelled rows that speak most for an answer, and most against it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sktart._runtime import import_optional
from sktart.estimators._labels import entries_of, places_of

# Colours that colour-blind people tell apart, readable on light and dark ground.
SUPPORTS, OPPOSES = "#0072B2", "#D55E00"
MAX_LETTERS = 60


class InfluenceDisplay:
    """Bars of what labelled rows add to the log-odds of a label, with their texts or pictures.

    Make one by :meth:`from_estimator`.

    Parameters
    ----------
    influence : ndarray of shape (N,)
        In nats; positive where a row supports the label.
    labels : ndarray of shape (N,)
        Labels of these rows.
    examples : sequence of length N
        Texts, pictures or anything with a short ``str``.
    title : str

    Attributes
    ----------
    ax_ : matplotlib Axes
        After :meth:`plot`.
    figure_ : matplotlib Figure

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sktart import InfluenceDisplay, TartReasoner
    >>> X, y = load_iris(return_X_y=True)
    >>> model = TartReasoner().fit(X[::5], y[::5])
    >>> display = InfluenceDisplay.from_estimator(model, X[[77]], n_rows=2)
    >>> len(display.ax_.get_yticklabels())
    4
    """

    def __init__(
        self, influence: NDArray[np.float64], labels: NDArray[Any], examples: Any, *, title: str
    ) -> None:
        self.influence = influence
        self.labels = labels
        self.examples = examples
        self.title = title

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        query: Any,
        examples: Any = None,
        *,
        label: Any = None,
        n_rows: int = 5,
        method: str = "auto",
        ax: Any = None,
    ) -> InfluenceDisplay:
        """Compute the influence on one query and plot it.

        Parameters
        ----------
        estimator : TartReasoner or TartClassifier
            Fitted.
        query : rows as in ``predict``, of length 1
        examples : sequence, optional
            What to show for each row that was given to `fit`: texts, pictures (arrays of shape (H, W) or (H, W, 3), or
            of PIL) or anything else; numbers of rows by default.
        label : object, optional
            One of `classes_`; the predicted label by default.
        n_rows : int, default=5
            Rows shown on each side.
        method : str, default="auto"
            As in :meth:`TartReasoner.influence`.
        ax : matplotlib Axes, optional

        Returns
        -------
        InfluenceDisplay

        Raises
        ------
        ValueError
            If there is not one query, or the label is none of `classes_`.
        """
        proba = estimator.predict_proba(query)
        if len(proba) != 1:
            raise ValueError(f"query must be one row, such as X[:1]; got {len(proba)} rows")
        classes = entries_of(estimator.classes_)
        code = int(proba[0].argmax() if label is None else places_of(estimator.classes_, [label])[0])
        if code < 0:
            raise ValueError(f"label must be one of classes_, {classes}; got {label!r}")
        rows = estimator.labelled_rows_
        by_place = getattr(examples, "iloc", examples)  # a column of pandas may have numbers of its own
        shown = [f"row {row}" if examples is None else by_place[int(row)] for row in rows]
        display = cls(
            estimator.influence(query, method)[0, :, code],
            estimator._parts()[0]._labels_of_rows(),
            shown,
            title=f"What speaks for {classes[code]!r} (probability {proba[0, code]:.2f})",
        )
        return display.plot(n_rows=n_rows, ax=ax)

    def plot(self, *, n_rows: int = 5, ax: Any = None) -> InfluenceDisplay:
        """Draw the rows with the most positive and the most negative influence, the most positive on top.

        Parameters
        ----------
        n_rows : int, default=5
            On each side.
        ax : matplotlib Axes, optional
        """
        order = np.argsort(-self.influence, kind="stable")
        first = [row for row in order[:n_rows] if self.influence[row] > 0]
        last = [row for row in order[::-1][:n_rows] if self.influence[row] < 0]
        shown = [*first, *last[::-1]]
        pyplot = import_optional("matplotlib.pyplot", "auto")
        if ax is None:
            _, ax = pyplot.subplots(figsize=(7, 0.4 * len(shown) + 1.2), layout="constrained")
        values = self.influence[shown]
        places = np.arange(len(shown))
        ax.barh(places, values, color=np.where(values > 0, SUPPORTS, OPPOSES))
        ax.axvline(0, color="grey", linewidth=0.8)
        # Texts with two dollar signs are no formulas.
        ax.set_yticks(places, [self._caption(row) for row in shown], parse_math=False)
        ax.invert_yaxis()
        ax.set_xlabel("log-odds that the answer owes to the row")
        ax.set_title(self.title, loc="left", parse_math=False)
        for place, row in enumerate(shown):
            if np.ndim(self.examples[row]) >= 2:
                _draw_thumbnail(ax, place, np.asarray(self.examples[row]))
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _caption(self, row: int) -> str:
        example = self.examples[row]
        if np.ndim(example) >= 2:
            return f"({self.labels[row]})         "  # room for the picture
        text = " ".join(str(example).split())
        short = text if len(text) <= MAX_LETTERS else text[: MAX_LETTERS - 1] + "…"
        return f"{short} ({self.labels[row]})"


def _draw_thumbnail(ax: Any, place: int, picture: NDArray[Any]) -> None:
    """Put a picture left of the axis."""
    offsetbox = import_optional("matplotlib.offsetbox", "auto")
    image = offsetbox.OffsetImage(picture, zoom=22 / max(picture.shape[:2]), cmap="gray_r")
    ax.add_artist(
        offsetbox.AnnotationBbox(
            image,
            (0, place),
            xycoords=("axes fraction", "data"),
            xybox=(-18, 0),
            boxcoords="offset points",
            frameon=False,
        )
    )
