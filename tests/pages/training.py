"""Runs as a training script logs them, for the pages that show them."""

import io
import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from mlflow.entities import Metric
from PIL import Image

from core.bootstrap import Services

FIGURE = json.dumps({"data": [{"type": "scatter", "x": [0, 1], "y": [0, 1]}], "layout": {}})


@dataclass(frozen=True)
class Laboratory:
    """One experiment of a test."""

    services: Services
    experiment_id: str

    @classmethod
    def of(cls, services: Services, name: str = "flight-delay") -> "Laboratory":
        artifacts = f"file://{services.settings.home}/artifacts"
        made = services.tracking.door.write(
            lambda client: client.create_experiment(name, artifact_location=artifacts)
        )
        return cls(services, made)

    def run(
        self,
        name: str,
        *,
        params: dict[str, str] | None = None,
        tags: dict[str, str] | None = None,
        files: dict[str, bytes] | None = None,
        curve: tuple[float, ...] = (),
        status: str = "FINISHED",
        **metrics: float,
    ) -> str:
        """The id of a new run."""
        door = self.services.tracking.door
        made = door.write(
            lambda client: client.create_run(self.experiment_id, run_name=name, tags=tags)
        )
        run_id = str(made.info.run_id)

        def log(client: Any) -> None:  # Any: mlflow's client has no types
            for key, value in metrics.items():
                client.log_metric(run_id, key, value)
            for key, text in (params or {}).items():
                client.log_param(run_id, key, text)
            steps = [Metric("valid_loss", v, 1_000 * i, i) for i, v in enumerate(curve)]
            client.log_batch(run_id, metrics=steps)
            client.set_terminated(run_id, status)

        door.write(log)
        folder = self.services.settings.home / "artifacts" / run_id / "artifacts"
        for path, content in (files or {}).items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
        return run_id


def predictions(*, noise: float, rows: int = 300, origins: tuple[str, ...] = ()) -> bytes:
    """`eval/predictions.parquet` of a model that is worse the more noise it has."""
    rng = np.random.default_rng(11)
    happened = rng.integers(0, 2, rows)
    score = np.clip(0.2 + 0.6 * happened + rng.normal(0, noise, rows), 0.02, 0.98)
    content = io.BytesIO()
    table = pd.DataFrame(
        {"row_id": range(rows), "y_true": happened, "y_pred": (score > 0.5) * 1, "y_score": score}
    )
    if origins:
        table["slice_origin"] = [origins[row % len(origins)] for row in range(rows)]
    table.to_parquet(content)
    return content.getvalue()


def picture() -> bytes:
    """A small PNG."""
    content = io.BytesIO()
    Image.new("RGB", (8, 8), "teal").save(content, "PNG")
    return content.getvalue()
