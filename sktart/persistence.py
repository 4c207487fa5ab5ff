"""Save fitted models to one file by skops, and load them without running code from it."""

from __future__ import annotations

import gc
import io
import json
from collections.abc import Collection, Iterator
from copy import deepcopy
from importlib import import_module
from os import PathLike
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any
from zipfile import ZipFile

import numpy as np

import sktart
from sktart._files import write_atomically
from sktart.exceptions import SavedModelError

FORMAT = 2
REMOTE_CODE = "trust_remote_code"
# Parts of our estimators -> the module that defines them. Files name them `sktart.persistence.<part>`, so that modules
# may move.
_PARTS = {
    "AdaptedEncoder": "sktart.encoders.models._adapted",
    "Adaptation": "sktart.encoders.models._contrastive",
    "BlendedClassifier": "sktart.auto._blend",
    "CachedEncoder": "sktart.encoders.cache._cached",
    "ContextRows": "sktart.contexts._context_rows",
    "CallableEncoder": "sktart.encoders.models._sklearn",
    "FittedContext": "sktart.contexts._fitted",
    "Given": "sktart.estimators._given",
    "HubModel": "sktart.encoders._locate",
    "InContextEncoder": "sktart.encoders.in_context._encoder",
    "Known": "sktart.contexts._known",
    "ModelOptions": "sktart.encoders._options",
    "PackagedEncoder": "sktart.encoders.packaged._encoder",
    "PairedEncoder": "sktart.encoders.models._paired",
    "PassThrough": "sktart.encoders._base",
    "Projection": "sktart.estimators._projection",
    "RowReader": "sktart.auto._rows",
    "SentenceEncoder": "sktart.encoders.models._sentence",
    "SideBySide": "sktart.auto._encoders",
    "SklearnEncoder": "sktart.encoders.models._sklearn",
    "TableVectors": "sktart.auto._table",
    "TextColumns": "sktart.auto._texts",
    "TransformersEncoder": "sktart.encoders.models._transformers",
    "UnitRadius": "sktart.auto._preparations",
    "VectorStore": "sktart.encoders.cache._store",
}
# Beside what skops trusts: types and functions that compute, and neither call, open nor import what a file names. Each
# by its full name, as a module may hold others that do.
_TRUSTED = {
    *(f"sktart.{name}" for name in sktart.__all__ if name[0].isupper()),
    *(f"sktart.persistence.{part}" for part in _PARTS),
    *("pathlib.PosixPath", "pathlib.WindowsPath"),
    *(f"sklearn.calibration.{name}" for name in ("_CalibratedClassifier", "_SigmoidCalibration")),
    *(
        f"sklearn.model_selection._split.{kind}KFold"
        for kind in ("", "Stratified", "Group", "StratifiedGroup")
    ),
    *(f"sklearn.model_selection._split.Repeated{kind}KFold" for kind in ("", "Stratified")),
    *(f"sklearn.model_selection._split.{kind}ShuffleSplit" for kind in ("", "Stratified")),
    *(f"sklearn.model_selection._split.{name}" for name in ("LeaveOneOut", "PredefinedSplit")),
    *(f"sklearn.metrics._classification.{name}_score" for name in ("accuracy", "balanced_accuracy", "f1")),
    *(f"sklearn.metrics._classification.{name}_loss" for name in ("log", "brier_score")),
    *(f"sklearn.metrics._scorer.{name}" for name in ("_PassthroughScorer", "_Scorer")),
    *(f"sklearn.feature_selection._univariate_selection.{name}" for name in ("f_classif", "chi2")),
    *("sklearn.feature_selection._mutual_info.mutual_info_classif", "sklearn.metrics._ranking.roc_auc_score"),
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    *("sklearn.utils._bunch.Bunch", "sklearn.calibration._TemperatureScaling"),
    *("numpy.dtype", "scipy.sparse._csr.csr_matrix"),
    *("datetime.date", "datetime.datetime", "decimal.Decimal"),  # labels
}


def __getattr__(name: str) -> Any:
    if name not in _PARTS:
        raise AttributeError(f"module 'sktart.persistence' has no attribute {name!r}")
    return getattr(import_module(_PARTS[name]), name)


def save(model: Any, path: str | PathLike[str], *, weights: bool = False, context: bool = True) -> None:
    """Write a fitted model to one file, for :func:`sktart.load`.

    Parameters
    ----------
    model : estimator
        A fitted TartReasoner, or a pipeline or other estimator of scikit-learn that holds one.
    path : str or path
        File to write; a failure or a kill leaves it as it was before.
    weights : bool, default=False
        Put the weights of the reasoner into the file, so that it answers where its checkpoint is missing.
        Otherwise the file names the checkpoint and its sha256. Encoders are always held by name.
    context : bool, default=True
        False promises that no labelled row is in the file. It is an error where the rows are needed: by reasoners of
        the gram family, which compare queries with them, and by the protocols "vanilla" and "loo", which read the
        texts. This is no anonymisation: the file has a decoder's keys and values, and whoever has its weights can
        compute the rows from them. Other steps of a pipeline are not checked.

    Raises
    ------
    SavedModelError
        If the model holds no fitted TartReasoner, a part cannot be saved, or rows cannot be left out.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from sktart import TartReasoner, load, save
    >>> model = TartReasoner().fit([[0.0], [1.0]], ["low", "high"])
    >>> with TemporaryDirectory() as folder:
    ...     save(model, f"{folder}/model.sktart")
    ...     load(f"{folder}/model.sktart").predict([[0.1]])
    array(['low'], dtype='<U4')
    """
    import skops.io

    from sktart.contexts._fitted import FittedContext
    from sktart.encoders.in_context._encoder import InContextEncoder
    from sktart.estimators._given import Given

    if Path(path).is_dir() or not Path(path).parent.is_dir():
        raise SavedModelError(
            f"path must be a file in a folder that exists; got {str(path)!r}: make the folder first"
        )
    parts = list(_parts_of(model))
    fitted = [part for part in parts if isinstance(part, FittedContext)]
    if not any(_is_fitted(part) for part in parts):
        raise SavedModelError(
            f"model must be a fitted estimator of sktart, or hold one; got {type(model).__name__}: call fit first, or "
            "save other estimators with joblib"
        )
    bound = [
        part
        for part in parts
        if isinstance(part, InContextEncoder) or (isinstance(part, FittedContext) and part.keeps_rows)
    ]
    if bound and not context:
        raise SavedModelError(
            f"context=False cannot be: {bound[0]} needs the labelled rows themselves to answer; pass context=True, "
            "or take a checkpoint of the decoder family and protocol='stream'"
        )
    for keys in (part for part in parts if isinstance(part, dict)):
        if any(isinstance(key, bool | np.bool_) for key in keys) or len(set(map(str, keys))) < len(keys):
            raise SavedModelError(
                f"a dict in the model has keys that skops does not keep, {list(keys)[:5]}: keys must not be True or "
                "False, and differ as text; use others, or joblib"
            )
    try:
        # The copy has other contexts in the place of those that were fitted.
        memo: dict[int, Any] = {id(part): part.carrying(weights) for part in fitted}
        if not context:
            memo |= {id(part): None for part in parts if isinstance(part, Given)}
        carried = deepcopy(model, memo)
        content = _with_public_names(skops.io.dumps(carried))
        # What cannot come back is refused here, and not where it is needed.
        skops.io.loads(content, trusted=skops.io.get_untrusted_types(data=content))
    except Exception as error:  # skops and the classes of others have their own ways to refuse
        raise SavedModelError(
            f"a part of the model cannot be saved ({type(error).__name__}: {error}); use functions and classes that a "
            "module defines, or joblib"
        ) from error
    write_atomically(Path(path), content)


def load(path: str | PathLike[str], *, trusted: Collection[str] = (), device: str | None = None) -> Any:
    """Load a model that :func:`sktart.save` wrote; predictions are the same to the bit.

    No code from the file runs. It may hold estimators of scikit-learn and sktart, arrays, plain values, and what
    `trusted` names. The network is loaded at the first prediction.

    Parameters
    ----------
    path : str or path
    trusted : collection of str, default=()
        Classes and functions that the file may use as well, such as ``"mypackage.MyScaler"``. A package stands for
        all in it, ``"trust_remote_code"`` for encoders that were made with it. Name only what you would let run.
    device : str, optional
        Where the reasoner runs from now on; None keeps its parameter `device`.

    Raises
    ------
    SavedModelError
        If the file is damaged, of another version, or needs what is not trusted; the message names it.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from sktart import TartReasoner, load, save
    >>> with TemporaryDirectory() as folder:
    ...     save(TartReasoner().fit([[0.0], [1.0]], ["low", "high"]), f"{folder}/model.sktart")
    ...     model = load(f"{folder}/model.sktart", device="cpu")
    >>> model.predict([[0.9]])
    array(['high'], dtype='<U4')
    """
    if Path(path).is_dir():
        raise SavedModelError(
            f"{path} is a folder; load takes a file that sktart.save wrote, load_checkpoint the folder of a checkpoint"
        )
    content = Path(path).read_bytes()
    try:
        model = _read(content, trusted)
        _finish(model, trusted, device)
    except SavedModelError as error:
        raise SavedModelError(f"{path} cannot be loaded: {error}") from error.__cause__
    except Exception as error:  # what a damaged file raises is up to the classes that it names
        raise SavedModelError(
            f"{path} is no file that sktart.save wrote and that this version can read, or it is damaged "
            f"({type(error).__name__}: {error}); save it again"
        ) from error
    return model


def _is_fitted(part: Any) -> bool:
    """Tell whether a part is an estimator of sktart that has been fitted."""
    return type(part).__module__.startswith("sktart.") and getattr(part, "__sklearn_is_fitted__", bool)()


def _with_public_names(content: bytes) -> bytes:
    """Rewrite what skops wrote, so that no private module is named, and our format is."""

    def rename(node: dict[str, Any]) -> dict[str, Any]:
        package = str(node.get("__module__")).partition(".")[0]
        if package == "sktart":
            node["__module__"] = "sktart" if node["__class__"] in sktart.__all__ else __name__
        elif package == "pathlib":  # has private modules in Python 3.13
            node["__module__"] = package
        return node

    public = io.BytesIO()
    with ZipFile(io.BytesIO(content)) as source, ZipFile(public, "w") as target:
        for name in source.namelist():
            part = source.read(name)
            if name == "schema.json":
                schema = json.loads(part, object_hook=rename)
                part = json.dumps(
                    schema | {"sktart": {"format": FORMAT, "version": sktart.__version__}}
                ).encode()
            target.writestr(name, part)
    return public.getvalue()


def _read(content: bytes, trusted: Collection[str]) -> Any:
    import skops.io

    with ZipFile(io.BytesIO(content)) as archive:
        if "sktart.json" in archive.namelist():
            stamp = {"format": 1, "version": "0.1.0"}  # a pickle beside safetensors
        else:
            stamp = json.loads(archive.read("schema.json"))["sktart"]
    if stamp["format"] != FORMAT:
        raise SavedModelError(
            f"it was saved by sktart {stamp['version']} in format {stamp['format']}; sktart {sktart.__version__} reads "
            f"format {FORMAT}: load it with sktart {stamp['version']}, or fit again"
        )
    untrusted = skops.io.get_untrusted_types(data=content)
    packages = tuple(f"{name}." for name in trusted)
    unknown = [name for name in untrusted if name not in _TRUSTED and not f"{name}.".startswith(packages)]
    if unknown:
        raise SavedModelError(
            f"the saved model needs {', '.join(unknown)}, not known to be harmless; if you trust who made the file, "
            f"pass trusted={unknown!r}, or the name of a package for all that is in it"
        )
    return skops.io.loads(content, trusted=untrusted)


def _finish(model: Any, trusted: Collection[str], device: str | None) -> None:
    """Refuse an encoder that would run code when it is used, and move the reasoners."""
    from sktart.contexts._fitted import FittedContext
    from sktart.encoders._names import HUB_MODELS

    packages = {None, *(known.package for known in HUB_MODELS.values())}
    for part in _parts_of(model):
        # By attribute, as whatever has it would be taken for a HubModel.
        runs_code = getattr(part, REMOTE_CODE, False) or getattr(part, "package", None) not in packages
        if runs_code and REMOTE_CODE not in trusted:
            raise SavedModelError(
                f"the saved model has a {type(part).__name__} that runs code which is not in the file; if you trust "
                f"who made it, pass trusted=[{REMOTE_CODE!r}]"
            )
        if isinstance(part, FittedContext) and device is not None:
            part.device = device


def _parts_of(model: Any) -> Iterator[Any]:
    """Return a model and all that it is made of, each once, also what a bound method or a partial holds."""
    from sktart.contexts._fitted import FittedContext

    seen: set[int] = set()
    parts = [model]
    while parts:
        part = parts.pop()
        if id(part) in seen or isinstance(part, type | ModuleType | FunctionType):
            continue
        seen.add(id(part))
        yield part
        if isinstance(part, np.ndarray):  # the garbage collector does not look into these
            parts += part.ravel().tolist() if part.dtype.hasobject else []
        elif not isinstance(part, FittedContext):  # its network is no part of the model
            parts += gc.get_referents(part)
