"""Save fitted models to one file, and load them: the contexts as safetensors, the rest as a pickle that is checked."""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import zipfile
from collections.abc import Collection
from os import SEEK_END, PathLike
from pathlib import Path
from typing import IO, Any

import numpy as np

from sktart import __version__
from sktart.contexts._fitted import FittedContext
from sktart.contexts._trusted import TrustedUnpickler, refuse_remote_code
from sktart.encoders.in_context._encoder import InContextEncoder
from sktart.exceptions import SavedModelError

FILE_FORMAT = 1
HEADER, ESTIMATOR = "sktart.json", "estimator.pkl"


def save(model: Any, path: str | PathLike[str], *, weights: bool = False, context: bool = True) -> None:
    """Write a fitted model to one file, for :func:`sktart.load`.

    Parameters
    ----------
    model : estimator
        A fitted TartReasoner, or a pipeline or other estimator of scikit-learn that holds one.
    path : str or path
        File to write; it is there in full or as it was before.
    weights : bool, default=False
        Put the weights of the reasoner into the file, so that it answers where its checkpoint is not at hand.
        Otherwise the file names the checkpoint and its sha256. Encoders are named in any case.
    context : bool, default=True
        False is a promise that no labelled row is in the file, and an error where that cannot be: reasoners of the
        gram family compare queries with the rows themselves, and the protocols "vanilla" and "loo" read the texts.
        Keys and values that a decoder made of the rows are in the file; who has its weights can compute the rows
        back from them, so this is no anonymisation. Other steps of a pipeline are not looked into.

    Raises
    ------
    SavedModelError
        If nothing in it is a fitted TartReasoner, a part cannot be pickled, or rows cannot be left out.

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
    from sktart._files import write_atomically

    estimator, contexts = _take_apart(model, context=context)
    if not contexts:
        raise SavedModelError(
            f"model must be a fitted TartReasoner, or hold one; got {type(model).__name__}: call fit first, or save "
            "other estimators with joblib"
        )
    parts = {ESTIMATOR: estimator}
    for number, fitted in enumerate(contexts):
        state = fitted.__getstate__() | {"weights": fitted.pack_weights() if weights else None}
        for kind in ("contexts", "weights"):
            if state[kind] is not None:
                parts[f"{number}.{kind}.safetensors"] = state[kind]
        plain = state | {"contexts": None, "weights": None}
        parts[f"{number}.json"] = json.dumps(plain, default=np.ndarray.tolist).encode()
    digests = {name: hashlib.sha256(part).hexdigest() for name, part in parts.items()}
    header = {"format": FILE_FORMAT, "sktart": __version__, "sha256": digests}
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, part in {HEADER: json.dumps(header).encode(), **parts}.items():
            archive.writestr(name, part)
    write_atomically(Path(path), content.getvalue())


def load(path: str | PathLike[str], *, trusted: Collection[str] = (), device: str | None = None) -> Any:
    """Load a model that :func:`sktart.save` wrote; predictions are the same to the bit.

    No code from the file runs: it may hold estimators of scikit-learn and sktart, arrays and plain values, and
    whatever else `trusted` names. The network is loaded at the first prediction.

    Parameters
    ----------
    path : str or path
    trusted : collection of str, default=()
        Names of classes and functions, or of packages with all in them, that the file may use as well, such as
        ``"mypackage.MyScaler"``; and ``"trust_remote_code"`` for encoders that were made with it. Name only what you
        would let run.
    device : str, optional
        Where the reasoner shall run instead of where it was fitted.

    Raises
    ------
    SavedModelError
        If the file is damaged, of another version, or needs what is not trusted; the message names it.
    """
    if Path(path).is_dir():
        raise SavedModelError(
            f"{path} is a folder; load takes a file that sktart.save wrote, load_checkpoint the folder of a checkpoint"
        )
    with Path(path).open("rb") as file:
        try:
            return _put_together(_read_parts(file), trusted, device)
        except SavedModelError as error:
            raise SavedModelError(f"{path} cannot be loaded: {error}") from error.__cause__
        except Exception as error:  # what a damaged pickle raises is up to the classes that it names
            raise SavedModelError(
                f"{path} is no file that sktart.save wrote and that this version can read, or it is damaged "
                f"({type(error).__name__}: {error}); save it again"
            ) from error


def _read_parts(file: IO[bytes]) -> dict[str, bytes]:
    """Return the parts of a saved file by their names; together they are no longer than the file."""
    with zipfile.ZipFile(file) as archive:
        members = {member.filename: member for member in archive.infolist()}
        _check_sizes(members.values(), file.seek(0, SEEK_END))
        if HEADER not in members:
            raise zipfile.BadZipFile(f"it holds no {HEADER}")
        header = json.loads(archive.read(HEADER))
        if header["format"] != FILE_FORMAT:
            raise SavedModelError(
                f"it was saved by sktart {header.get('sktart')} in format {header['format']}; sktart {__version__} "
                f"reads format {FILE_FORMAT}: load it with sktart {header.get('sktart')}, or fit again"
            )
        digests = header["sha256"]
        if members.keys() != digests.keys() | {HEADER}:
            raise zipfile.BadZipFile(
                f"it holds {', '.join(members)} instead of {', '.join([HEADER, *digests])}"
            )
        parts = {name: archive.read(name) for name in digests}
    for name, part in parts.items():
        if hashlib.sha256(part).hexdigest() != digests[name]:
            raise zipfile.BadZipFile(f"{name} has another sha256 than when it was saved")
    return parts


def _check_sizes(members: Collection[zipfile.ZipInfo], available: int) -> None:
    for member in members:
        if member.compress_type != zipfile.ZIP_STORED or member.file_size != member.compress_size:
            raise zipfile.BadZipFile(f"{member.filename} is compressed, which no part of a saved model is")
    # Several names may point to the same bytes.
    if sum(member.file_size for member in members) > available:
        raise zipfile.BadZipFile("its parts are longer than the file")


def _take_apart(model: Any, *, context: bool) -> tuple[bytes, list[FittedContext]]:
    """Pickle a model without the contexts of its reasoners, and return these beside it."""
    contexts: list[FittedContext] = []

    class Pickler(pickle.Pickler):
        def persistent_id(self, part: Any) -> int | None:
            if not context and (
                isinstance(part, InContextEncoder) or (isinstance(part, FittedContext) and part.keeps_rows)
            ):
                raise SavedModelError(
                    f"context=False cannot be: {part} needs the labelled rows themselves to answer; pass context=True, "
                    "or take a checkpoint of the decoder family and protocol='stream'"
                )
            if not isinstance(part, FittedContext):
                return None
            if not any(part is other for other in contexts):
                contexts.append(part)
            return next(number for number, other in enumerate(contexts) if part is other)

    content = io.BytesIO()
    try:
        Pickler(content, protocol=5).dump(model)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise SavedModelError(
            f"a part of the model cannot be pickled ({error}); use functions and classes that a module defines"
        ) from error
    return content.getvalue(), contexts


def _put_together(parts: dict[str, bytes], trusted: Collection[str], device: str | None) -> Any:
    contexts: dict[int, FittedContext] = {}

    def context(number: int) -> FittedContext:
        if number not in contexts:
            state = json.loads(parts[f"{number}.json"])
            state |= {
                "contexts": parts[f"{number}.contexts.safetensors"],
                "weights": parts.get(f"{number}.weights.safetensors"),
                "log_prior_shift": np.array(state["log_prior_shift"]),
                "device": device or state["device"],
            }
            contexts[number] = object.__new__(FittedContext)
            contexts[number].__setstate__(state)
        return contexts[number]

    model = TrustedUnpickler(io.BytesIO(parts[ESTIMATOR]), context, trusted).load()
    refuse_remote_code(model, trusted)
    return model
