"""The one partner that can fail half-way through our work: the model registry, as a port."""

from collections.abc import Mapping
from typing import Protocol

from core.values.mlflow_entities import ModelVersion


class Registry(Protocol):
    """The write side of the model registry; it may fail between any two of our commits.

    Each call raises `Unavailable` when the outcome is unknown and `Refused` when the registry
    said no.
    """

    def aliases(self, model: str) -> Mapping[str, int]:
        """Where every alias of the model points now."""
        ...

    def version(self, model: str, number: int, /) -> ModelVersion:
        """The version; `Refused` when there is none."""
        ...

    def set_version_tags(self, model: str, number: int, tags: Mapping[str, str], /) -> None:
        """Set these tags of the version."""
        ...

    def set_alias(self, model: str, alias: str, number: int, /) -> None:
        """Point the alias at the version."""
        ...

    def set_model_tag(self, model: str, key: str, value: str, /) -> None:
        """Set a tag of the registered model."""
        ...
