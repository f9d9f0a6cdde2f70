"""A model whose live inputs moved, one of whose columns has a hostile name."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

from core.drift.values.results import Grain
from core.inference.labels import append_labels
from core.inference.log_folder import inference_folder
from core.values.mlflow_entities import RunId
from tests.pages.house import MODEL, House

HOSTILE = '</script><img src=x onerror=alert(1)>"; drop table'
TRAINED = datetime(2026, 7, 1, tzinfo=UTC)
SERVED = datetime(2026, 10, 1, tzinfo=UTC)
TRAINING_DAYS, ROWS = 60, 120


def a_day(start: datetime, seed: int, *, warmer: float = 0.0, new: bool = False) -> pd.DataFrame:
    """Rows of one day: a temperature, a place, and the column with the hostile name."""
    rng = np.random.default_rng(seed)
    places = ["EWR", "JFK", "LGA", "moon"] if new else ["EWR", "JFK", "LGA"]
    return pd.DataFrame(
        {
            "event_time": [pd.Timestamp(start + timedelta(minutes=5 * i)) for i in range(ROWS)],
            "temp": rng.normal(10 + warmer, 3, ROWS) + rng.normal(0, 0.5),
            "origin": rng.choice(places, ROWS),
            HOSTILE: rng.normal(0, 1, ROWS),
        }
    )


def with_reference(house: House, *, version: int = 1, warmer: float = 0.0) -> None:
    """Log what the version was trained on with its run."""
    found = next(v for v in house.services.tracking.versions(MODEL) if v.version == version)
    days = [a_day(TRAINED + timedelta(days=i), i, warmer=warmer) for i in range(TRAINING_DAYS)]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "inputs.parquet"
        pd.concat(days).to_parquet(path, index=False)
        house.services.tracking.door.write(
            lambda client: client.log_artifact(found.run_id or RunId(""), str(path), "reference")
        )


def with_live_inputs(house: House, *, days: int = 18, moved_from: int = 14) -> None:
    """Answer that many days, by version 2 from day 16 on."""
    for day in range(days):
        start = SERVED + timedelta(days=day)
        moved = day >= moved_from
        rows = a_day(start, 1000 + day, warmer=9.0 if moved else 0.0, new=moved)
        if moved:
            rows.loc[rows.index[:12], HOSTILE] = np.nan
        rows.insert(0, "prediction_id", [f"{day}-{i}" for i in range(ROWS)])
        rows.insert(0, "version", 2 if day >= 16 else 1)
        rows.insert(0, "model", MODEL)
        rows["received_at"] = pd.Timestamp(start + timedelta(hours=23))
        rows["prediction"] = 0.0
        rows["score"] = np.random.default_rng(day).uniform(0.5 if moved else 0.0, 1.0, ROWS)
        folder = inference_folder(house.services.settings.home, MODEL)
        path = folder / f"day={start:%Y-%m-%d}" / "a.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        rows.to_parquet(path, index=False)


def counted(house: House) -> None:
    """Count the live inputs of version 1 and judge them, so that a visit finds both kept."""
    at = datetime.now(UTC)
    house.services.drift.refresh(MODEL, at=at)
    house.services.drift.timeline(MODEL, 1, Grain.DAY, at=at)


def with_hold_out(house: House, *, version: int = 1) -> None:
    """Log what the version predicted for 2,000 known rows with its run."""
    found = next(v for v in house.services.tracking.versions(MODEL) if v.version == version)
    rng = np.random.default_rng(7)
    score = rng.uniform(0.0, 1.0, 2_000)
    rows = pd.DataFrame(
        {
            "row_id": [str(i) for i in range(len(score))],
            "y_true": (rng.random(len(score)) < 0.25 + 0.5 * score).astype("int64"),
            "y_pred": (score >= 0.5).astype("int64"),
            "y_score": score,
        }
    )
    with TemporaryDirectory() as folder:
        path = Path(folder) / "predictions.parquet"
        rows.to_parquet(path, index=False)
        house.services.tracking.door.write(
            lambda client: client.log_artifact(found.run_id or RunId(""), str(path), "eval")
        )


def with_labels(house: House, *, days: int = 18) -> None:
    """Label every prediction of these days."""
    for day in range(days):
        rng = np.random.default_rng(day)
        labels = pd.DataFrame(
            {
                "prediction_id": [f"{day}-{i}" for i in range(ROWS)],
                "label": rng.integers(0, 2, ROWS).astype(float),
            }
        )
        labels["labelled_at"] = pd.Timestamp(SERVED + timedelta(days=day + 1))
        append_labels(house.services.settings.home, MODEL, labels)
    house.services.drift.refresh(MODEL, at=datetime.now(UTC))
