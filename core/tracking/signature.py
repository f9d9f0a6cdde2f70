"""The signature of a model, read from its MLmodel file as text: no model is ever loaded."""

import json
from typing import Any, Final

import yaml

from core.errors import Refused
from core.values.mlflow_entities import ColumnSpec, Signature

MLMODEL: Final = "MLmodel"
MOST_BYTES: Final = 2_000_000


def parse_signature(mlmodel: bytes) -> Signature | None:
    """The signature an MLmodel file declares, or None when it declares none.

    Raises
    ------
    Refused
        The file is not YAML, or its signature is not one of named or numbered columns.
    """
    try:
        document = yaml.safe_load(mlmodel)
        declared = document.get("signature") if isinstance(document, dict) else None
        if not declared:
            return None
        inputs = declared.get("inputs")
        return Signature(_columns(inputs), _columns(declared.get("outputs")), _tensors(inputs))
    # Aliases in YAML, and nesting in JSON, can be deep on purpose.
    except (yaml.YAMLError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as e:
        raise Refused("The model's MLmodel file cannot be read; log the model again.") from e


def _columns(text: str | None) -> tuple[ColumnSpec, ...]:
    return tuple(_column(spec, i) for i, spec in enumerate(json.loads(text))) if text else ()


def _tensors(text: str | None) -> tuple[str, ...]:
    """The inputs that are tensors, each in words: “float32 of shape -1 × 28 × 28”."""
    specs = json.loads(text) if text else []
    tensors = [spec["tensor-spec"] for spec in specs if spec["type"] == "tensor"]
    return tuple(
        f"{tensor['dtype']} of shape {' × '.join(str(size) for size in tensor['shape'])}"
        for tensor in tensors
    )


def _column(spec: dict[str, Any], index: int) -> ColumnSpec:  # Any: JSON from outside
    kind = str(spec["tensor-spec"]["dtype"] if spec["type"] == "tensor" else spec["type"])
    # MLflow leaves out the name of a lone unnamed output; its position is what it is called by.
    return ColumnSpec(
        name=str(spec.get("name", index)), type=kind, required=bool(spec.get("required", True))
    )
