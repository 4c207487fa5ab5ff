"""Real texts without a download: what installed packages say about their own functions and classes."""

from __future__ import annotations

import importlib
import inspect
import re
import warnings
from collections import Counter
from collections.abc import Iterator
from functools import cache

import numpy as np

# Public modules only: a walk over whole packages would import their tests, and half of them would warn.
MODULES = {
    "numpy": "fft lib.stride_tricks linalg ma polynomial.polynomial random testing",
    "scipy": """cluster.hierarchy cluster.vq fft integrate interpolate io linalg ndimage optimize signal sparse
        sparse.csgraph sparse.linalg spatial special stats""",
    "scikit-learn": """cluster compose covariance cross_decomposition datasets decomposition dummy ensemble
        feature_extraction.text feature_selection gaussian_process impute inspection isotonic linear_model manifold
        metrics metrics.pairwise mixture model_selection multiclass naive_bayes neighbors neural_network pipeline
        preprocessing svm tree utils""",
    "pandas": "api.extensions api.indexers api.types errors tseries.offsets",
    "torch": """autograd distributions fft linalg nn nn.functional nn.init nn.utils optim optim.lr_scheduler sparse
        special utils.data""",
}
# Packages that show functions and classes at their top level as well.
FLAT = ("numpy", "pandas", "torch")
IMPORT_NAMES = {"scikit-learn": "sklearn"}
PACKAGES = r"numpy|scipy|scikit[-_ ]?learn|sklearn|pandas|torch"
# Whole dotted words that hold a package's name, and the usual short names. The look-behind keeps it linear.
NAMES = re.compile(
    rf"(?<![\w.])(?:[\w.]*(?:{PACKAGES})(?:[\w.]*\w)?|(?:np|sp|pd)\b(?:\.\w+)*)", re.IGNORECASE
)
MARKUP = re.compile(r":[\w:]+:(?=`)|[`~*=_-]{2,}|`")
DIRECTIVE = re.compile(r"^\s*\.\. .*$", re.MULTILINE)  # among them the version something was added in


def clean(docstring: str, max_length: int) -> str:
    """Cut a docstring before its first prompt, take out package names and markup, and shorten it.

    >>> clean("Like `numpy.sum`, but *slower*. >>> import numpy as np", 400)
    'Like , but *slower*.'
    """
    text = DIRECTIVE.sub(" ", docstring.partition(">>>")[0])
    return " ".join(MARKUP.sub(" ", NAMES.sub(" ", text)).split())[:max_length].rstrip()


def members(module: object) -> Iterator[object]:
    """Yield the public functions and classes of a module, each class followed by its own public methods."""
    for name in sorted(getattr(module, "__all__", dir(module))):
        found = vars(module).get(name)  # not getattr, which would load or refuse what is experimental
        if name.startswith("_") or inspect.ismodule(found) or not callable(found):
            continue
        yield found
        if inspect.isclass(found):
            yield from (
                value for key, value in sorted(vars(found).items()) if key[0] != "_" and callable(value)
            )


@cache
def docstrings(library: str, min_length: int = 80, max_length: int = 400) -> tuple[str, ...]:
    """List the distinct docstrings of a library, cleaned of what would name it."""
    package = IMPORT_NAMES.get(library, library)
    texts: dict[str, None] = {}  # keeps the order, unlike a set
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecated names announce themselves when they are looked at
        names = [package] * (library in FLAT) + [f"{package}.{name}" for name in MODULES[library].split()]
        for name in names:
            for member in members(importlib.import_module(name)):
                if not _defined_in(member, package):
                    continue
                text = clean(inspect.getdoc(member) or "", max_length)
                if len(text) >= min_length:
                    texts[text] = None
    return tuple(texts)


def _defined_in(member: object, package: str) -> bool:
    """Tell whether a member is the library's own and not borrowed; ufuncs and builtins do not say."""
    module = getattr(member, "__module__", None)
    return not isinstance(module, str) or module.partition(".")[0] in (package, "builtins")


def collect(per_class: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Draw as many docstrings of each library; return the texts and their libraries, shuffled.

    Raises
    ------
    ValueError
        If a library has fewer docstrings.
    """
    found = {library: docstrings(library) for library in MODULES}
    libraries_with = Counter(text for texts in found.values() for text in texts)
    rng = np.random.default_rng(seed)
    texts, labels = [], []
    for library, own in found.items():
        own = [text for text in own if libraries_with[text] == 1]
        if len(own) < per_class:
            raise ValueError(f"per_class must be at most {len(own)}, what {library} has; got {per_class}")
        texts += list(rng.choice(own, per_class, replace=False))
        labels += [library] * per_class
    order = rng.permutation(len(texts))
    return np.array(texts, dtype=object)[order], np.array(labels)[order]
