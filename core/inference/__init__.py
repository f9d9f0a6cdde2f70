"""Serving a model with its inputs and predictions captured; what is named here stays stable."""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from core.inference.batch_log import log_inputs
    from core.inference.capture import CaptureMiddleware, InferenceLogWriter
    from core.inference.labels import log_labels
    from core.inference.personal_columns import PersonalColumns
    from core.inference.scoring_exchange import ColumnNaming

__all__ = [
    "CaptureMiddleware",
    "ColumnNaming",
    "InferenceLogWriter",
    "PersonalColumns",
    "log_inputs",
    "log_labels",
]

_PLACES: Final = {
    "CaptureMiddleware": "core.inference.capture",
    "InferenceLogWriter": "core.inference.capture",
    "ColumnNaming": "core.inference.scoring_exchange",
    "PersonalColumns": "core.inference.personal_columns",
    "log_inputs": "core.inference.batch_log",
    "log_labels": "core.inference.labels",
}


def __getattr__(name: str) -> Any:  # any of the above
    """What is named above, from its module: a child that only serves imports no pandas for it."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_PLACES[name]), name)
