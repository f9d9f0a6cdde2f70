"""A small real world to gather evidence from: MLflow, an inference log and a store, in one folder.

Version 1 of *flights* is champion; version 2 was retrained, and scored on newer rows, on which an
evaluation run scored the champion too. Ten days of live inputs resemble what version 2 learnt from.
"""

import json
import shutil
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from mlflow import MlflowClient
from mlflow.tracking._tracking_service.utils import _artifact_repos_cache
from sqlalchemy import Engine

from core.bootstrap import drift_monitor
from core.governance.figures.evidence_gathering import EvidenceSources, gather, verify
from core.governance.registry.alias_watch import present_intervals
from core.governance.rules.evidence import Evidence
from core.governance.rules.policies.policy import Policy, parse_policy
from core.governance.use_cases.drift_alerts import DriftAlerts
from core.identity.people import Person, Role, Side, Username
from core.inference.log_folder import inference_folder, write_whole
from core.store import migrations, transaction
from core.store.drift_profiles import ProfileStore
from core.store.governance_store import GovernanceStore
from core.tracking.artifacts import ArtifactReader
from core.tracking.client import connect
from core.tracking.reader import TrackingReader
from tests.restored import restore

AT: Final = datetime(2026, 11, 20, 12, tzinfo=UTC)
MODEL: Final = "flights"
DATABASES: Final = ("mlflow.db", "stile.db")
BESIDE_THE_FILES: Final = {f"{name}{end}" for name in DATABASES for end in ("", "-wal", "-shm")}
ARTIFACT_PLACES: Final = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)
"""Where MLflow's database says in which folder it is."""
OLDER, NEWER = "a" * 64, "b" * 64
ANA = Person(
    Username("ana"), "Ana", Role.MEMBER, frozenset({Side.DATA_SCIENCE}), frozenset({"ana-laptop"})
)
POLICY: Final = parse_policy(
    """
model: flights
alias: champion
checks:
  - {id: beats-champion, side: data_science, level: blocking, needs: [comparison.log_loss],
     require: 'comparison.log_loss.verdict in ["better", "not_worse"]'}
  - {id: signature-fits, side: data_engineering, level: blocking, needs: [signature.inputs],
     require: signature.inputs.conforms}
  - {id: fits-today-better, side: data_engineering, level: blocking,
     needs: [drift.candidate, drift.champion],
     require: drift.candidate.severity <= drift.champion.severity}
""",
    version=1,
)
SIGNATURE: Final = {
    "inputs": json.dumps(
        [
            {"name": "temp", "type": "double", "required": False},
            {"name": "carrier", "type": "string", "required": True},
        ]
    ),
    "outputs": json.dumps([{"type": "double", "name": "late", "required": True}]),
}


@dataclass(frozen=True, slots=True)
class Scene:
    """Where everything is, and the sources that read it."""

    folder: Path
    experiment: str
    sources: EvidenceSources

    @property
    def client(self) -> MlflowClient:
        return MlflowClient(self.sources.tracking.tracking_uri)

    def log_run(
        self,
        *,
        tags: Mapping[str, str] | None = None,
        tables: Mapping[str, pd.DataFrame] | None = None,
        user: str = "ana-laptop",
        metrics: Mapping[str, float] | None = None,
    ) -> str:
        """The id of a finished run with these tags and Parquet artifacts."""
        run_id = str(
            self.client.create_run(self.experiment, tags={"mlflow.user": user}).info.run_id
        )
        for key, value in (tags or {}).items():
            self.client.set_tag(run_id, key, value)
        for key, number in (metrics or {"log_loss": 0.5}).items():
            self.client.log_metric(run_id, key, number)
        self.client.log_param(run_id, "depth", "3")
        for path, frame in (tables or {}).items():
            self.log_table(run_id, path, frame)
        self.client.set_terminated(run_id)
        return run_id

    def log_table(self, run_id: str, path: str, frame: pd.DataFrame) -> None:
        folder, _, name = path.rpartition("/")
        local = self.folder / "to-log" / name
        local.parent.mkdir(exist_ok=True)
        pq.write_table(as_table(frame), local)
        self.client.log_artifact(run_id, str(local), folder)

    def register(
        self,
        run_id: str,
        *,
        signature: Mapping[str, str] | None = SIGNATURE,
        requirements: str | None = "numpy==2.4.6\nscikit-learn==1.9.1\n",
    ) -> int:
        """The version registered from a run's model folder."""
        local = self.folder / "to-log" / "MLmodel"
        local.parent.mkdir(exist_ok=True)
        document: dict[str, Any] = {"flavors": {}, "run_id": run_id}  # Any: an MLmodel file
        if signature is not None:
            document["signature"] = dict(signature)
        local.write_text(json.dumps(document))
        self.client.log_artifact(run_id, str(local), "model")
        if requirements is not None:
            self.client.log_text(run_id, requirements, "model/requirements.txt")
            self.client.log_text(run_id, "python: 3.11.7\n", "model/python_env.yaml")
        source = f"{self.client.get_run(run_id).info.artifact_uri}/model"
        return int(self.client.create_model_version(MODEL, source, run_id).version)

    def gather(
        self,
        to_version: int = 2,
        *,
        from_version: int | None = 1,
        policy: Policy = POLICY,
        people: tuple[Person, ...] = (ANA,),
        at: datetime = AT,
    ) -> Evidence:
        return gather(
            self.sources,
            model=MODEL,
            alias="champion",
            from_version=from_version,
            to_version=to_version,
            policy=policy,
            people=people,
            at=at,
        )

    def verify(self, frozen: Evidence, to_version: int = 2) -> Evidence:
        return verify(
            self.sources,
            frozen,
            model=MODEL,
            alias="champion",
            from_version=1,
            to_version=to_version,
            policy=POLICY,
            people=(ANA,),
            at=AT + timedelta(hours=1),
        )

    def log_live_inputs(self, *, days: int = 10, columns: tuple[str, ...] = ()) -> None:
        """Live rows of July, received in the last days."""
        draw = np.random.default_rng(1)
        for day in range(days):
            start = datetime(2013, 7, 1, tzinfo=UTC) + timedelta(days=day)
            rows = 400
            inputs = inputs_around(24.0, rows, draw)
            table = pd.DataFrame(
                {
                    "model": MODEL,
                    "version": 1,
                    "prediction_id": [f"{day}-{i}" for i in range(rows)],
                    "received_at": AT - timedelta(days=days - day),
                    "event_time": [start + timedelta(minutes=3 * i) for i in range(rows)],
                    **{name: inputs[name] for name in columns or tuple(inputs.columns)},
                    "prediction": 0.0,
                }
            )
            folder = inference_folder(self.folder, MODEL) / f"day={start.date().isoformat()}"
            write_whole(as_table(table), folder, "a.parquet")


def as_table(frame: pd.DataFrame) -> pa.Table:
    """The frame for Parquet; pandas' own way warns about times with a zone."""
    return pa.table({name: frame[name].tolist() for name in frame.columns})


def inputs_around(temp: float, rows: int, draw: np.random.Generator) -> pd.DataFrame:
    """Inputs with this mean temperature."""
    return pd.DataFrame(
        {"temp": draw.normal(temp, 5, rows), "carrier": draw.choice(["UA", "B6", "DL"], rows)}
    )


def reference_around(temp: float) -> pd.DataFrame:
    """The inputs of a training set of thirty days."""
    draw = np.random.default_rng(int(temp))
    frame = inputs_around(temp, 6_000, draw)
    start = datetime(2013, 3, 1, tzinfo=UTC)
    frame["event_time"] = [start + timedelta(minutes=7 * i) for i in range(len(frame))]
    return frame


def predictions(noise: float, *, rows: int = 600, first: int = 0, seed: int = 1) -> pd.DataFrame:
    """Predictions of the same rows, the worse the more noise."""
    shared, own = np.random.default_rng(first), np.random.default_rng(seed)
    truth = shared.normal(size=rows)
    y = (shared.random(rows) < 1 / (1 + np.exp(-2 * truth))).astype(int)
    score = 1 / (1 + np.exp(-2 * truth - noise * own.normal(size=rows)))
    ids = [f"row-{i}" for i in range(first, first + rows)]
    frame = pd.DataFrame({"row_id": ids, "y_true": y, "y_pred": score > 0.5, "y_score": score})
    frame["slice_origin"] = ["JFK" if i % 3 else "EWR" for i in range(rows)]
    return frame.astype({"y_pred": int})


def set_scene(
    folder: Path, migrated_store: Path, migrated_decisions: Path, *, live: bool = True
) -> Scene:
    """The world of the module's docstring, in a folder; without drift when not `live`."""
    shutil.copyfile(migrated_store, folder / "mlflow.db")
    shutil.copyfile(migrated_decisions, folder / "stile.db")
    place = f"file://{folder}/artifacts"
    return set_scene_at(f"sqlite:///{folder}/mlflow.db", folder, artifacts=place, live=live)


def set_scene_at(uri: str, folder: Path, *, artifacts: str | None, live: bool) -> Scene:
    """The same world on any MLflow; `artifacts` None lets a server choose where they go."""
    engine = transaction.connect(f"sqlite:///{folder}/stile.db")
    migrations.upgrade(engine)
    experiment = str(MlflowClient(uri).create_experiment("flights", artifact_location=artifacts))
    scene = Scene(folder, experiment, sources_over(uri, folder, engine))
    scene.client.create_registered_model(MODEL)
    _log_versions(scene, live=live)
    scene.client.set_registered_model_alias(MODEL, "champion", "1")
    if live:
        scene.log_live_inputs()
        tracking, drift = scene.sources.tracking, scene.sources.drift
        DriftAlerts(GovernanceStore(engine), tracking, drift).look(at=AT)
    return scene


def sources_over(uri: str, folder: Path, engine: Engine) -> EvidenceSources:
    """What reads this world, and remembers nothing of it yet."""
    door = connect(uri, "")
    tracking, reader = TrackingReader(door), ArtifactReader(door, folder)
    store = GovernanceStore(engine)
    drift = drift_monitor(tracking, reader, ProfileStore(engine), folder)
    return EvidenceSources(
        tracking,
        reader,
        drift,
        ledger=store.verify,
        production=lambda model, alias, stands, at: present_intervals(
            store, model, alias, stands=stands, at=at
        ),
        alerts=DriftAlerts(store, tracking, drift).standing,
    )


def set_again(world: Path, folder: Path) -> Scene:
    """A scene like the one that was set in `world`, in a folder of its own."""
    shutil.copytree(world, folder, ignore=lambda *_: BESIDE_THE_FILES, dirs_exist_ok=True)
    for name in DATABASES:
        restore(folder / name, world / name)
    with closing(sqlite3.connect(folder / "mlflow.db")) as connection:
        for table, column in ARTIFACT_PLACES:
            change = f"UPDATE {table} SET {column} = replace({column}, ?, ?)"  # noqa: S608  ours
            connection.execute(change, (str(world), str(folder)))
        connection.commit()
    return scene_in(folder, transaction.connect(f"sqlite:///{folder}/stile.db"))


def scene_in(folder: Path, engine: Engine) -> Scene:
    """The scene that is in this folder, and sources that remember nothing of it."""
    uri = f"sqlite:///{folder}/mlflow.db"
    _artifact_repos_cache.clear()  # where the files of a run are: the same run is in many folders
    experiment = MlflowClient(uri).get_experiment_by_name("flights")
    assert experiment is not None
    return Scene(folder, experiment.experiment_id, sources_over(uri, folder, engine))


@dataclass(frozen=True, slots=True)
class Theatre:
    """One folder in which a scene is set again and again, out of what was kept of it."""

    folder: Path
    kept: Path
    engine: Engine

    @classmethod
    def of(cls, world: Path, folder: Path) -> "Theatre":
        """A theatre for the scene that was set in `world`; there is room for two folders."""
        stage, kept = folder / "stage", folder / "kept"
        scene = set_again(world, stage)
        shutil.copytree(world, kept, ignore=lambda *_: BESIDE_THE_FILES)
        for name in DATABASES:
            restore(kept / name, stage / name)
        return cls(scene.folder, kept, transaction.connect(f"sqlite:///{stage}/stile.db"))

    def scene(self) -> Scene:
        """The scene as it was."""
        for path in self.folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name not in BESIDE_THE_FILES:
                path.unlink()
        for name in DATABASES:
            restore(self.folder / name, self.kept / name)
        shutil.copytree(
            self.kept, self.folder, ignore=lambda *_: BESIDE_THE_FILES, dirs_exist_ok=True
        )
        return scene_in(self.folder, self.engine)


def _log_versions(scene: Scene, *, live: bool) -> None:
    def learnt_at(temp: float) -> dict[str, pd.DataFrame]:
        return {"reference/inputs.parquet": reference_around(temp)} if live else {}

    champion = scene.log_run(
        tags={"stile.holdout": OLDER},
        tables={
            "eval/predictions.parquet": predictions(1.0, first=10_000),
            **learnt_at(5.0),
        },
    )
    candidate = scene.log_run(
        tags={"stile.holdout": NEWER, "mlflow.source.git.commit": "0123456789abcdef"},
        tables={"eval/predictions.parquet": predictions(0.2, seed=2), **learnt_at(18.0)},
        metrics={"log_loss": 0.4, "broken": float("nan")},
    )
    for _ in range(3):  # candidates that were tried on the same rows and not registered
        scene.log_run(tags={"stile.holdout": NEWER})
    assert scene.register(champion) == 1
    assert scene.register(candidate) == 2
    scene.log_run(
        tags={"stile.holdout": NEWER, "stile.evaluates": f"{MODEL}/1"},
        tables={"eval/predictions.parquet": predictions(2.0, seed=3)},
        user="emil",
    )
