"""Callbacks of scikit-learn see a fit of ours begin and end."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from sklearn.callback import with_callbacks

Method = TypeVar("Method", bound=Callable[..., Any])


def watched(fit: Method) -> Method:
    """Let the callbacks of an estimator, a `CallbackSupportMixin`, see its method `fit` as one task."""

    @wraps(fit)
    def method(self: Any, X: Any, *args: Any, **options: Any) -> Any:
        given = {"estimator": self, "X": X, "y": args[0] if args else options.get("y")}
        context = self._init_callback_context()
        context.call_on_fit_task_begin(**given)
        result = fit(self, X, *args, **options)
        context.call_on_fit_task_end(**given, reconstruction_attributes={})
        return result

    return with_callbacks(method)
