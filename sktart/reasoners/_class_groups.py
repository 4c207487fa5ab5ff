"""Groups of similar classes: where there are many, a reasoner first asks for the group and then within it.

Shapes: C classes, D features.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def group_classes(means: NDArray[np.floating], size: int) -> list[NDArray[np.intp]]:
    """Divide classes into groups of at most `size`, by halves along the first principal axis of their means.

    Nothing is random, and rotation, translation and scale of all means change nothing.

    Parameters
    ----------
    means : ndarray of shape (C, D)
        Mean of the rows of each class.
    size : int

    Returns
    -------
    list of ndarray
        Numbers of classes, in increasing order.

    References
    ----------
    Boley. Principal direction divisive partitioning. Data Mining and Knowledge Discovery 2, 1998.

    Examples
    --------
    >>> group_classes(np.array([[0.0], [5.0], [1.0], [6.0], [9.0]]), 3)
    [array([0, 2]), array([1, 3, 4])]
    """
    return [np.sort(group) for group in _halve(means, np.arange(len(means)), size)]


def _halve(means: NDArray[np.floating], classes: NDArray[np.intp], size: int) -> list[NDArray[np.intp]]:
    if len(classes) <= size:
        return [classes]
    centred = means[classes] - means[classes].mean(axis=0)
    place = centred @ np.linalg.svd(centred, full_matrices=False)[2][0]
    # The axis has no direction of its own; the longer tail is put on the right.
    place = place * (1 if (place**3).sum() >= 0 else -1)
    in_order = classes[np.argsort(place, kind="stable")]
    middle = len(classes) // 2
    return _halve(means, in_order[:middle], size) + _halve(means, in_order[middle:], size)
