"""Unpickle nothing but estimators, arrays and plain values, so that a file from elsewhere runs no code of its own."""

from __future__ import annotations

import pickle
import re
import struct
from collections.abc import Callable, Collection
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import IO, Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator

from sktart.encoders._locate import HubModel
from sktart.encoders._names import SHORT_NAMES
from sktart.exceptions import SavedModelError

REMOTE_CODE = "trust_remote_code"
# What scikit-learn's and our fitted attributes are made of. None of them calls, opens or imports anything.
PLAIN = {
    *(
        f"builtins.{name}"
        for name in ("set", "frozenset", "slice", "range", "complex", "bytearray", "object")
    ),
    *("collections.OrderedDict", "collections.defaultdict"),
    *(f"pathlib.{name}" for name in ("PosixPath", "WindowsPath", "PurePosixPath", "PureWindowsPath")),
    *(f"pathlib._local.{name}" for name in ("PosixPath", "WindowsPath", "PurePosixPath", "PureWindowsPath")),
    *("numpy.ndarray", "numpy.dtype"),
    *(f"numpy._core.multiarray.{name}" for name in ("_reconstruct", "scalar")),
    *("numpy._core.numeric._frombuffer", "numpy.ma.core._mareconstruct"),
    *("numpy.ma.MaskedArray", "numpy.ma.core.MaskedArray"),
    *(f"numpy.random._pickle.{name}" for name in ("__randomstate_ctor", "__bit_generator_ctor")),
    "numpy.random._mt19937.MT19937",
    *(f"scipy.sparse._{kind}.{kind}_{shape}" for kind in ("csr", "csc") for shape in ("array", "matrix")),
    # Parts of estimators that are no estimators themselves; they compute, and no more.
    *(
        f"sklearn.model_selection._split.{name}"
        for name in (
            *(
                "KFold",
                "StratifiedKFold",
                "GroupKFold",
                "StratifiedGroupKFold",
                "RepeatedKFold",
                "LeaveOneOut",
            ),
            *("RepeatedStratifiedKFold", "ShuffleSplit", "StratifiedShuffleSplit", "PredefinedSplit"),
        )
    ),
    *(f"sklearn.calibration.{name}" for name in ("_CalibratedClassifier", "_SigmoidCalibration")),
    "sklearn.utils._bunch.Bunch",
    *(f"sklearn.metrics._scorer.{name}" for name in ("_PassthroughScorer", "_Scorer")),
    *(f"sklearn.metrics._classification.{name}" for name in ("accuracy_score", "balanced_accuracy_score")),
    *(f"sklearn.metrics._classification.{name}" for name in ("f1_score", "log_loss", "brier_score_loss")),
    "sklearn.metrics._ranking.roc_auc_score",
    *(f"sklearn.feature_selection._univariate_selection.{name}" for name in ("f_classif", "chi2")),
    "sklearn.feature_selection._mutual_info.mutual_info_classif",
    "sktart.estimators._reasoner.TartReasoner",
    "sktart.estimators._transformer.TartTransformer",
    "sktart.estimators._projection.Projection",
    "sktart.encoders._base.PassThrough",
    "sktart.encoders.cache._cached.CachedEncoder",
    "sktart.encoders._locate.HubModel",
    "sktart.encoders._options.ModelOptions",
    "sktart.encoders.in_context._prompt.Prompt",
    "sktart.encoders.in_context._encoder.InContextEncoder",
    "sktart.encoders.models._sentence.SentenceEncoder",
    "sktart.encoders.models._sklearn.CallableEncoder",
    "sktart.encoders.models._sklearn.SklearnEncoder",
    "sktart.encoders.cache._store.VectorStore",
    "sktart.encoders.models._transformers.TransformersEncoder",
}
# Modules are imported to look at what they hold, so only those that define estimators are, and none that tests them.
_ESTIMATORS = re.compile(
    r"sklearn\.(base|calibration|cluster|compose|covariance|cross_decomposition|decomposition|discriminant_analysis|"
    r"dummy|ensemble|feature_extraction|feature_selection|frozen|gaussian_process|impute|isotonic|"
    r"kernel_approximation|kernel_ridge|linear_model|manifold|mixture|model_selection|multiclass|multioutput|"
    r"naive_bayes|neighbors|neural_network|pipeline|preprocessing|random_projection|semi_supervised|svm|tree)"
    r"(\.(?!__|tests?\b|conftest\b)\w+)*"
)
_SCALARS = {kind.__name__ for kind in np.sctypeDict.values()}
_SHARED = (type, ModuleType, FunctionType, BuiltinFunctionType)


class TrustedUnpickler(pickle._Unpickler):
    """An unpickler that makes nothing but what is known to be harmless or named by the user.

    Parameters
    ----------
    file : binary file
    persistent : callable
        From a persistent id to its object.
    trusted : collection of str
        Further names, each of a class or function, or of a module or package with all in it.
    """

    def __init__(self, file: IO[bytes], persistent: Callable[[Any], Any], trusted: Collection[str]) -> None:
        super().__init__(file)
        self.persistent = persistent
        self.trusted = trusted

    def persistent_load(self, pid: Any) -> Any:
        """Return what stands outside of the pickle."""
        return self.persistent(pid)

    def find_class(self, module: str, name: str) -> Any:
        """Return a class or function by its name.

        Raises
        ------
        SavedModelError
            If it is not trusted.
        """
        full = f"{module}.{name}"
        if full in PLAIN or any(full == known or full.startswith(f"{known}.") for known in self.trusted):
            return super().find_class(module, name)
        if module == "numpy" and name in _SCALARS:
            return super().find_class(module, name)
        # A dotted name could reach through an estimator's module into another one.
        if _ESTIMATORS.fullmatch(module) and name.isidentifier():
            try:
                found = super().find_class(module, name)
            except (ImportError, AttributeError) as error:
                raise SavedModelError(
                    f"the saved model needs {full}, which this version of scikit-learn does not have"
                ) from error
            if isinstance(found, type) and issubclass(found, BaseEstimator):
                return found
        raise SavedModelError(
            f"the saved model needs {full}, which is not known to be harmless; if you trust who made the file, "
            f"pass trusted=[{full!r}], or the name of its package for all that is in it"
        )

    def load_build(self) -> None:
        """Set the state of an object, as the opcode BUILD asks for.

        Raises
        ------
        SavedModelError
            If it is no object of the file but a class, function or module that the whole process shares.
        """
        shared = self.stack[-2]  # type: ignore[attr-defined]
        if isinstance(shared, _SHARED):
            raise SavedModelError(
                f"the saved model would change {shared.__name__} itself, which no file of sktart.save does; "
                "do not use it"
            )
        super().load_build()  # type: ignore[misc]

    def load_bytearray8(self) -> None:
        """Read a bytearray, as the opcode BYTEARRAY8 asks for; the original makes room for it before it reads."""
        (size,) = struct.unpack("<Q", self.read(8))  # type: ignore[attr-defined]
        self.append(bytearray(self.read(size)))  # type: ignore[attr-defined]

    dispatch: ClassVar[dict[int, Any]] = {
        **pickle._Unpickler.dispatch,
        pickle.BUILD[0]: load_build,
        pickle.BYTEARRAY8[0]: load_bytearray8,
    }


def refuse_remote_code(model: Any, trusted: Collection[str]) -> None:
    """Look at every part of a model for one that would run code of the Hub, or import a module, when it is used.

    Raises
    ------
    SavedModelError
        If there is one, and ``"trust_remote_code"`` is not trusted.
    """
    if REMOTE_CODE in trusted:
        return
    packages = {None, *(known.package for known in SHORT_NAMES.values())}
    seen: set[int] = set()
    parts = [model]
    while parts:
        part = parts.pop()
        if id(part) in seen or isinstance(part, str | bytes | type):
            continue
        seen.add(id(part))
        if getattr(part, REMOTE_CODE, False) or (isinstance(part, HubModel) and part.package not in packages):
            raise SavedModelError(
                f"the saved model has a {type(part).__name__} that runs code which is not in the file; if you trust "
                f"who made it, pass trusted=[{REMOTE_CODE!r}]"
            )
        parts += _inside(part)


def _inside(part: Any) -> list[Any]:
    if isinstance(part, np.ndarray):
        return part.ravel().tolist() if part.dtype.hasobject else []
    inside = list(part.values()) if isinstance(part, dict) else []
    if isinstance(part, list | tuple | set | frozenset):
        inside = list(part)
    return inside + list(getattr(part, "__dict__", {}).values())
