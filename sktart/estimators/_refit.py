"""Fits and answers that do not mix, where threads share an estimator."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

Method = TypeVar("Method", bound=Callable[..., Any])


def fits_aside(*made: str) -> Callable[[Method], Method]:
    """Let ``fit`` work on a twin: other threads see the former fit until the new one is whole, then that at once.

    `made` are the attributes that it makes. A fit that fails leaves none of them.

    Examples
    --------
    >>> class Counter:
    ...     @fits_aside("n_")
    ...     def fit(self, X):
    ...         self.n_ = len(X)
    ...         return self
    >>> Counter().fit("abc").n_
    3
    """

    def decorate(fit: Method) -> Method:
        @wraps(fit)
        def fit_twin(self: Any, *args: Any, **options: Any) -> Any:
            before = _without(self, made)
            twin = object.__new__(type(self))
            twin.__dict__ = dict(before)
            try:
                result = fit(twin, *args, **options)
            except BaseException:
                self.__dict__ = _without(self, made)
                raise
            found = {
                name: value for name, value in vars(twin).items() if before.get(name, before) is not value
            }
            # One assignment, so that nobody sees a part of it.
            self.__dict__ = _without(self, made) | found
            return self if result is twin else result

        return fit_twin  # type: ignore[return-value]

    return decorate


def at_one_moment(method: Method) -> Method:
    """Let a method see attributes as they are when it is called, whatever another thread fits meanwhile."""

    @wraps(method)
    def call(self: Any, *args: Any, **options: Any) -> Any:
        moment = object.__new__(type(self))
        moment.__dict__ = self.__dict__  # `fits_aside` puts another in its place and leaves this one alone
        return method(moment, *args, **options)

    return call  # type: ignore[return-value]


def _without(estimator: Any, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name, value in vars(estimator).items() if name not in names}
