"""Hash a Python value with its code, to tell whether two functions would return the same."""

from __future__ import annotations

import copyreg
import json
import sys
import sysconfig
import types
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sktart._files import hash_file
from sktart.encoders.cache._hashing import digest
from sktart.exceptions import EncoderError

_PLAIN = {type(None), bool, int, float, complex, str, bytes, bytearray, range, slice, type(...)}
_BUILTIN = (
    types.BuiltinFunctionType,
    types.MethodDescriptorType,
    types.WrapperDescriptorType,
    types.MethodWrapperType,
    types.ClassMethodDescriptorType,
    np.ufunc,
)
_STDLIB = sysconfig.get_path("stdlib")


def identify(value: Any, name: str) -> str:
    """Return a hash of a Python value: what it holds and, for functions and classes of one's own, their code.

    The same in each process, unlike ``joblib.hash`` of tensors; changed by a changed body, unlike
    ``joblib.hash`` of functions and instances. Objects are taken apart as pickle does, so a class can say
    with ``__getstate__`` what counts.

    Parameters
    ----------
    value : object
        A function with its defaults, closure and the globals that it names; an object; or any container.
    name : str
        For the message.

    Raises
    ------
    EncoderError
        If a part of it cannot be taken apart.

    Examples
    --------
    >>> identify([1, "a"], "mine") == identify([1, "a"], "mine") != identify([1, "b"], "mine")
    True
    """
    try:
        return _Walk().hash(value)
    except Exception as error:  # each class has its own way to refuse to be taken apart
        raise EncoderError(
            f"memory= must tell by its contents whether encoder {name} has changed, but a part of it cannot be "
            f"hashed ({type(error).__name__}: {error}). Leave that part out with a method __getstate__ that "
            "returns what the encodings depend on, or pass memory=None"
        ) from error


class _Walk:
    """One walk over a value, which may contain itself."""

    def __init__(self) -> None:
        self.path: list[int] = []
        # By identity; the values are held, so that none is freed and its number used again.
        self.done: dict[int, tuple[Any, str]] = {}

    def hash(self, value: Any) -> str:
        if type(value) in _PLAIN:
            return digest(type(value).__name__, repr(value))
        if id(value) in self.path:
            return digest("containing", str(self.path.index(id(value))))
        if id(value) not in self.done:
            self.path.append(id(value))
            self.done[id(value)] = value, digest(*self._parts(value))
            self.path.pop()
        return self.done[id(value)][1]

    def all(self, values: Iterable[Any]) -> list[str]:
        return [self.hash(value) for value in values]

    def _parts(self, value: Any) -> list[Any]:
        if type(value) in _CONTAINERS:
            if _holds_only_plain(value):  # vocabularies have many thousand entries
                return [repr(value)]
            return [type(value).__name__, *_CONTAINERS[type(value)](self, value)]
        torch = sys.modules.get("torch")
        if torch is not None and isinstance(value, torch.Tensor):
            return ["Tensor", str(value.dtype), str(tuple(value.shape)), _tensor_bytes(value)]
        if hasattr(type(value), "backend_tokenizer"):
            return ["tokenizer", *_tokenizer(self, value)]
        for kinds, take_apart in _KINDS:
            if isinstance(value, kinds):
                return [take_apart.__name__, *take_apart(self, value)]
        return ["object", *_object(self, value)]


def _list(walk: _Walk, value: Iterable[Any]) -> list[str]:
    return walk.all(value)


def _dict(walk: _Walk, value: Mapping[Any, Any]) -> list[str]:
    return [*walk.all(value), *walk.all(value.values())]


def _set(walk: _Walk, value: Iterable[Any]) -> list[str]:
    return sorted(walk.all(value))  # their own order differs from process to process


def _array(walk: _Walk, value: np.ndarray | np.generic) -> list[str | bytes]:
    if value.dtype.hasobject:
        return [str(value.shape), *walk.all(value.ravel().tolist())]
    return [str(value.dtype.descr), str(value.shape), value.tobytes()]


def _code(walk: _Walk, value: types.CodeType) -> list[str | bytes]:
    # Not where it stands: the file and the lines may change.
    names = (value.co_names, value.co_varnames, value.co_freevars, value.co_cellvars)
    return [
        value.co_code,
        value.co_exceptiontable,
        str(value.co_flags),
        str(names),
        *walk.all(value.co_consts),
    ]


def _function(walk: _Walk, value: types.FunctionType) -> list[str | bytes]:
    parts: list[str | bytes] = [str(value.__module__), value.__qualname__]
    if _is_installed(value.__module__):
        return [*parts, _library(value.__module__)]
    named = {
        name: value.__globals__[name] for name in sorted(_names(value.__code__)) if name in value.__globals__
    }
    cells = [cell.cell_contents for cell in value.__closure__ or () if _is_filled(cell)]
    return parts + walk.all([value.__code__, value.__defaults__, value.__kwdefaults__, cells, named])


def _method(walk: _Walk, value: types.MethodType) -> list[str]:
    return walk.all([value.__func__, value.__self__])


def _builtin(walk: _Walk, value: Any) -> list[str]:
    module = getattr(value, "__module__", None) or "builtins"
    owner = getattr(value, "__self__", None)
    held = [] if owner is None or isinstance(owner, types.ModuleType) else [walk.hash(owner)]
    return [module, getattr(value, "__qualname__", value.__name__), _library(module), *held]


def _module(walk: _Walk, value: types.ModuleType) -> list[str]:
    file = getattr(value, "__file__", None)
    if file is None or _is_installed(value.__name__):
        return [value.__name__, _library(value.__name__)]
    return [value.__name__, hash_file(Path(file))]


def _class(walk: _Walk, value: type) -> list[str]:
    parts = [value.__module__, value.__qualname__]
    if _is_installed(value.__module__):
        return [*parts, _library(value.__module__)]
    own = {key: held for key, held in vars(value).items() if key not in _CLASS_BOOKKEEPING}
    return parts + walk.all([own, value.__bases__])


def _property(walk: _Walk, value: property) -> list[str]:
    return walk.all([value.fget, value.fset, value.fdel])


def _wrapped(walk: _Walk, value: staticmethod[..., Any] | classmethod[Any, ..., Any]) -> list[str]:
    return [type(value).__name__, walk.hash(value.__func__)]


def _object(walk: _Walk, value: Any) -> list[str]:
    reduce = copyreg.dispatch_table.get(type(value))
    reduced = value.__reduce_ex__(4) if reduce is None else reduce(value)
    if isinstance(reduced, str):  # the name of a global of its module, such as a function in an lru_cache
        module = getattr(value, "__module__", type(value).__module__)
        return [module, reduced, _library(module), walk.hash(getattr(value, "__wrapped__", None))]
    return walk.all(part if place < 3 else list(part or ()) for place, part in enumerate(reduced))


_CLASS_BOOKKEEPING = {
    *(
        "__module__",
        "__qualname__",
        "__doc__",
        "__dict__",
        "__weakref__",
        "__annotations__",
        "__abstractmethods__",
    ),
    *(
        "__firstlineno__",
        "__static_attributes__",
        "_abc_impl",
        "__parameters__",
        "__slotnames__",
        "__match_args__",
    ),
}


def _tokenizer(walk: _Walk, value: Any) -> list[str]:
    # The backend keeps how the last call padded and cut, and the next call sets it anew.
    backend = {**json.loads(value.backend_tokenizer.to_str()), "padding": None, "truncation": None}
    return walk.all([type(value), {**vars(value), "_tokenizer": json.dumps(backend)}])


_CONTAINERS: dict[type, Callable[[_Walk, Any], list[Any]]] = {
    **{list: _list, tuple: _list, set: _set, frozenset: _set},
    **{dict: _dict, types.MappingProxyType: _dict},
}
_KINDS: list[tuple[Any, Callable[[_Walk, Any], list[Any]]]] = [
    ((np.ndarray, np.generic), _array),
    (types.CodeType, _code),
    (types.FunctionType, _function),
    (types.MethodType, _method),
    (_BUILTIN, _builtin),
    (types.ModuleType, _module),
    (type, _class),
    (property, _property),
    ((staticmethod, classmethod), _wrapped),
]


def _tensor_bytes(tensor: Any) -> bytes:
    import torch

    # Through bytes, as numpy has no bfloat16.
    return tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes()


def _holds_only_plain(value: Any) -> bool:
    if isinstance(value, set | frozenset | types.MappingProxyType):
        return False
    entries = [*value, *value.values()] if isinstance(value, dict) else value
    return all(type(entry) in _PLAIN for entry in entries)


def _names(code: types.CodeType) -> set[str]:
    """Names that a function and those inside it look up."""
    inner = [const for const in code.co_consts if isinstance(const, types.CodeType)]
    return set(code.co_names).union(*map(_names, inner))


def _is_filled(cell: types.CellType) -> bool:
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return False
    return True


def _is_installed(module: str | None) -> bool:
    """Tell whether a module comes from an installed package, so that a version stands for its code."""
    if module is None or module not in sys.modules:
        return False
    file = getattr(sys.modules[module], "__file__", None)
    if file is None:
        return module in sys.builtin_module_names
    return file.startswith(_STDLIB) or not {"site-packages", "dist-packages"}.isdisjoint(Path(file).parts)


def _library(module: str) -> str:
    package = module.partition(".")[0]
    return f"{package} {getattr(sys.modules.get(package), '__version__', '')}"
