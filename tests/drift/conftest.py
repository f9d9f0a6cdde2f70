"""Real flights as references and windows, profiled by the embedded engine."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import Engine

from core.demo import flights as demo_flights
from core.drift import sources
from core.drift.values.counts import Profile, Reference
from core.inference.log_folder import inference_folder
from core.store import transaction
from tests.mlflow_fixtures import *  # noqa: F403  fixtures are found by their names

INPUTS = demo_flights.FLIGHT_DELAY.inputs


@pytest.fixture
def engine(migrated_decisions: Path, tmp_path: Path) -> Iterator[Engine]:
    shutil.copyfile(migrated_decisions, tmp_path / "stile.db")
    engine = transaction.connect(f"sqlite:///{tmp_path / 'stile.db'}")
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def flights() -> pd.DataFrame:
    """Flights of 2013 with their weather: event_time and the model's 18 inputs."""
    table = demo_flights.flights()
    return table[["row_id", "event_time", "month", "late", *INPUTS]]


@pytest.fixture(scope="session")
def winter(flights: pd.DataFrame) -> pd.DataFrame:
    return flights[flights["month"] <= 3]


@pytest.fixture(scope="session")
def winter_reference(winter: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Reference:
    path = tmp_path_factory.mktemp("reference") / "inputs.parquet"
    return reference_of(winter[["event_time", *INPUTS]], path)


def reference_of(frame: pd.DataFrame, path: Path) -> Reference:
    frame.to_parquet(path, index=False)
    with sources.embedded() as connection:
        return sources.reference_of(sources.table_of(connection, [path]))


def profiles_of(
    frame: pd.DataFrame, reference: Reference, path: Path, *, cut_by: Sequence[str] = ()
) -> dict[date, Profile]:
    frame.to_parquet(path, index=False)
    with sources.embedded() as connection:
        found = sources.profiles_of(sources.table_of(connection, [path]), reference, cut_by=cut_by)
    return {day: profile for day, profile in found.items() if day is not None}


def arrow(frame: pd.DataFrame) -> pa.Table:
    """The frame in Arrow, with NaN as missing; by way of lists, which all parts read alike."""
    return pa.table(
        {name: pa.array(frame[name].tolist(), from_pandas=True) for name in frame.columns}
    )


@pytest.fixture
def log_rows(tmp_path: Path) -> Callable[..., Path]:
    """Writes rows to a model's inference log below `tmp_path`; returns the file."""

    def write(
        frame: pd.DataFrame,
        name: str,
        *,
        model: str = "flight-delay",
        version: int = 1,
        received_at: datetime = datetime(2026, 11, 20, 12, tzinfo=UTC),
        scores: list[float] | None = None,
    ) -> Path:
        rows = frame.drop(columns=[c for c in ("row_id", "month", "late") if c in frame])
        rows.insert(
            0,
            "prediction_id",
            frame.get("row_id", pd.Series(range(len(frame)))).astype(str).to_numpy(),
        )
        rows.insert(0, "model", model)
        rows.insert(0, "version", version)
        rows["received_at"] = pd.Timestamp(received_at)
        rows["prediction"] = 0.0
        if scores is not None:
            rows["score"] = scores
        day = rows["event_time"].iloc[0].date().isoformat()
        path = inference_folder(tmp_path, model) / f"day={day}" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(arrow(rows), path)
        return path

    return write
