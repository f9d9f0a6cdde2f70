"""Serving a model with its inputs and predictions captured; what is named here stays stable."""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from core.live.batch import log_inputs
    from core.live.capture import CaptureMiddleware, InferenceLogWriter
    from core.live.exchange import Naming
    from core.live.labels import log_labels
    from core.live.treatment import Treatment

__all__ = [
    "CaptureMiddleware",
    "InferenceLogWriter",
    "Naming",
    "Treatment",
    "log_inputs",
    "log_labels",
]

_PLACES: Final = {
    "CaptureMiddleware": "core.live.capture",
    "InferenceLogWriter": "core.live.capture",
    "Naming": "core.live.exchange",
    "Treatment": "core.live.treatment",
    "log_inputs": "core.live.batch",
    "log_labels": "core.live.labels",
}


def __getattr__(name: str) -> Any:  # any of the above
    """What is named above, from its module: a child that only serves imports no pandas for it."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_PLACES[name]), name)
