"""Hash a Python value with its code, to tell whether two encoders return the same."""

from __future__ import annotations

import copyreg
import dis
import functools
import json
import sys
import sysconfig
import types
from pathlib import Path
from typing import Any

from sktart._files import hash_file
from sktart.encoders.cache._hashing import digest
from sktart.exceptions import EncoderError

_STDLIB = sysconfig.get_path("stdlib")
_PLAIN = {type(None), bool, int, float, str, bytes}


def identify(value: Any, name: str) -> str:
    """Return a hash of what a value holds, the same in each process; of its attribute `cache_key`, where it has one.

    Objects are taken apart as pickle does. Functions and classes of one's own count by code, closure, defaults and
    globals; modules of one's own by source; what is installed by name and version.
    """
    try:
        return _hash([name, getattr(value, "cache_key", value)], {})
    except Exception as error:  # each class has its own way to refuse to be taken apart
        raise EncoderError(
            f"memory= must tell by its contents whether encoder {name} has changed, but a part of it cannot be hashed "
            f"({type(error).__name__}: {error}). Give the encoder an attribute cache_key, such as a string, that "
            "changes whenever its encodings do, or pass memory=None"
        ) from error


def _hash(value: Any, done: dict[int, tuple[Any, str]]) -> str:
    """Hash a value; `done` has those met before by their ids, and holds them, so that no id is used again."""
    kind = type(value)
    if kind in _PLAIN or (kind in (list, tuple) and _PLAIN.issuperset(map(type, value))):
        return digest(kind.__name__, value if kind in (str, bytes) else repr(value))
    if id(value) not in done:
        done[id(value)] = value, "a part of itself"
        done[id(value)] = value, digest(kind.__name__, *(_hash(part, done) for part in _parts(value, kind)))
    return done[id(value)][1]


def _parts(value: Any, kind: type) -> list[Any]:
    """Return the values that a value is made of."""
    if kind in (list, tuple):
        return list(value)
    if kind is dict:
        return [list(value), list(value.values())]
    if kind in (set, frozenset):  # whose order differs from process to process
        return sorted(_hash(part, {}) for part in value)
    if hasattr(kind, "untyped_storage"):  # a tensor; numpy does not know all types
        raw = value.detach().cpu().contiguous().flatten().view(sys.modules["torch"].uint8)
        return [str(value.dtype), tuple(value.shape), raw.numpy().tobytes()]
    if hasattr(kind, "no_truncation"):  # a tokenizer; each call sets anew how to pad and cut
        return [json.dumps({**json.loads(value.to_str()), "padding": None, "truncation": None})]
    if isinstance(value, types.CodeType):  # not where it stands: the file and the lines may change
        names = (value.co_names, value.co_varnames, value.co_freevars, value.co_cellvars)
        return [value.co_code, value.co_exceptiontable, value.co_flags, value.co_consts, names]
    if isinstance(value, types.ModuleType):
        return [value.__name__, _library(value.__name__) or hash_file(Path(str(value.__file__)))]
    if isinstance(value, types.FunctionType | type) and (library := _library(value.__module__)):
        return [library, value.__module__, value.__qualname__]
    if isinstance(value, types.FunctionType):
        cells = [cell.cell_contents for cell in value.__closure__ or ()]
        named = {name: value.__globals__.get(name) for name in _global_names(value.__code__)}
        return [value.__code__, value.__defaults__, value.__kwdefaults__, cells, named]
    if isinstance(value, type):
        own = {key: held for key, held in sorted(vars(value).items()) if key[:2] != "__" or callable(held)}
        return [value.__qualname__, value.__bases__, {**own, "_abc_impl": None}]
    if isinstance(value, property | staticmethod | classmethod | functools.cached_property):
        return [getattr(value, key, None) for key in ("fget", "__func__", "func")]
    reduced = copyreg.dispatch_table.get(kind, lambda value: value.__reduce_ex__(4))(value)
    if isinstance(reduced, str):  # the name of a global, such as a function in an lru_cache
        module = getattr(value, "__module__", None)
        return [reduced, module, _library(module), getattr(value, "__wrapped__", None)]
    return [part if place < 3 else list(part or ()) for place, part in enumerate(reduced)]


def _global_names(code: types.CodeType) -> list[str]:
    inner = [_global_names(const) for const in code.co_consts if isinstance(const, types.CodeType)]
    return sum(inner, [step.argval for step in dis.get_instructions(code) if step.opname == "LOAD_GLOBAL"])


def _library(module: str | None) -> str:
    """Return name and version of the installed library that a module is part of; empty for one's own code."""
    package, found = str(module).partition(".")[0], sys.modules.get(str(module))
    file = getattr(found, "__file__", None) or ("" if found in (None, sys.modules["__main__"]) else _STDLIB)
    # A notebook or a worker may be started by an installed file. One's own file may be named as one of the library is.
    installed = package != "__main__" and {"site-packages", "dist-packages"} & set(Path(file).parts)
    if not installed and not file.startswith(_STDLIB):
        return ""
    return f"{package} {getattr(sys.modules.get(package), '__version__', '')}"
