"""The write side of the registry: version tags, an alias, a model's tag, a copied version."""

from collections.abc import Mapping
from dataclasses import dataclass

from core.tracking.client import MlflowDoor
from core.tracking.reader import TrackingReader
from core.values.mlflow_entities import ModelVersion


@dataclass(frozen=True, slots=True)
class MlflowRegistry:
    """The registry as a decision needs it.

    Every write is sent once. `Refused` means MLflow said no and changed nothing; `Unavailable`
    means nobody knows: read back first, then write again if needed (all but a creation, which is
    looked for by its tags, are idempotent).
    """

    door: MlflowDoor

    def aliases(self, model: str) -> Mapping[str, int]:
        """Where the model's aliases point now. An alias may name a version that was deleted."""
        return TrackingReader(self.door).registered_model(model).aliases

    def version(self, model: str, version: int) -> ModelVersion:
        """One version of a model as it is now."""
        return TrackingReader(self.door).version(model, version)

    def versions(self, model: str) -> tuple[ModelVersion, ...]:
        """Every version of a model, newest first; `Refused` when there is no such model."""
        return TrackingReader(self.door).versions(model)

    def create_version(
        self,
        model: str,
        *,
        source: str,
        run_id: str | None,
        tags: Mapping[str, str],
        description: str,
    ) -> int:
        """The number of a new version, whose tags are there from the first moment.

        This is the one write that is not idempotent: after `Unavailable`, look for it by its tags.
        """
        made = self.door.write(
            lambda client: client.create_model_version(
                model,
                source,
                run_id=run_id,
                tags=dict(tags),
                description=description or None,
                await_creation_for=0,
            )
        )
        return int(made.version)

    def set_version_tags(self, model: str, version: int, tags: Mapping[str, str]) -> None:
        """Write tags on a version, one by one in the order given; MLflow has no bulk call."""
        for key, value in tags.items():
            self._set_version_tag(model, version, key, value)

    def set_alias(self, model: str, alias: str, version: int) -> None:
        """Point an alias at a version; MLflow overwrites silently, so read before and after."""
        self.door.write(
            lambda client: client.set_registered_model_alias(model, alias, str(version))
        )

    def set_model_tag(self, model: str, key: str, value: str) -> None:
        """Write one tag on the registered model."""
        self.door.write(lambda client: client.set_registered_model_tag(model, key, value))

    def _set_version_tag(self, model: str, version: int, key: str, value: str) -> None:
        self.door.write(
            lambda client: client.set_model_version_tag(model, str(version), key, value)
        )
