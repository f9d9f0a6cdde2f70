"""A model that no run logged, its live inputs, and somebody who attaches references to it."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
from mlflow import MlflowClient
from sqlalchemy import Engine

from core.bootstrap import drift_monitor
from core.drift.references.offered_reference import FromFile, Given
from core.drift.values.results import DriftVerdict, Window
from core.drift.windows import profile_rows
from core.governance.use_cases.sources_and_references import SourcesAndReferences
from core.identity.people import Person, Role, Username
from core.inference.log_folder import inference_folder, write_whole
from core.inference.personal_columns import ColumnCapture, metadata_of
from core.store.drift_profiles import ProfileStore
from core.store.governance_store import GovernanceStore
from core.store.sources import SourceStore
from core.tracking.artifacts import ArtifactReader
from core.tracking.reader import TrackingReader
from tests.drift.conftest import arrow
from tests.mlflow_fixtures import MlflowStore

MODEL = "m"
AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
FIRST = datetime(2026, 11, 2, tzinfo=UTC)
ADA = Person(Username("ada"), "Ada", Role.ADMINISTRATOR)
DAY = profile_rows.day_window(date(2026, 11, 9))


def rows(days: int, *, start: datetime = FIRST, shift: float = 0.0, seed: int = 1) -> pd.DataFrame:
    """Two hundred rows a day, in which a and b go together."""
    rng, n = np.random.default_rng(seed), days * 200
    a = rng.normal(shift, 1.0, n)
    return pd.DataFrame(
        {
            "event_time": [pd.Timestamp(start + timedelta(minutes=7 * i)) for i in range(n)],
            "a": a,
            "b": a + rng.normal(0, 0.3, n),
            "place": rng.choice(["x", "y", "z"], n),
        }
    )


class Place:
    """A model that no run logged, its live inputs of eight days, and somebody who attaches."""

    def __init__(self, home: Path, engine: Engine, store: MlflowStore) -> None:
        client = MlflowClient(store.uri)
        client.create_registered_model(MODEL)
        client.create_model_version(MODEL, f"file://{home}/model")
        door = store.door()
        tracking, artifacts = TrackingReader(door), ArtifactReader(door, home)
        described = SourceStore(engine)
        self.home = home
        self.drift = drift_monitor(tracking, artifacts, ProfileStore(engine), home, described)
        self.store = GovernanceStore(engine)
        with self.store.deciding() as record:
            record.put_person(ADA)
        self.sourcing = SourcesAndReferences(self.store, tracking, self.drift, described)
        self.log(rows(8))

    def log(
        self, frame: pd.DataFrame, capture: ColumnCapture | None = None, name: str = "a"
    ) -> None:
        live = frame.assign(
            prediction_id=[f"{name}-{i}" for i in range(len(frame))],
            model=MODEL,
            version=1,
            received_at=pd.Timestamp(AT),
            prediction=0.0,
        )
        for day, part in live.groupby(live["event_time"].dt.date):
            table = arrow(part)
            if capture is not None:
                table = table.replace_schema_metadata(metadata_of(capture))
            write_whole(table, inference_folder(self.home, MODEL) / f"day={day}", f"{name}.parquet")

    def file(self, frame: pd.DataFrame) -> FromFile:
        path = self.home / "learnt.parquet"
        frame.to_parquet(path, index=False)
        return FromFile(path)

    def attach(self, given: Given, form: str = "f") -> None:
        self.sourcing.attach(ADA.username, MODEL, 1, given, form=form, at=AT)

    def together(self, window: Window = DAY) -> DriftVerdict:
        self.drift.refresh(MODEL, at=AT)
        found = self.drift.multivariate.look(MODEL, 1, window, at=AT)
        assert found.area is not None, found.says
        return found.verdict

    def kept(self) -> list[Path]:
        return sorted((self.home / "references").rglob("*.parquet"))
