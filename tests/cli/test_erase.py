"""`erase` and the removal of what is old: who may, what the ledger says, what drift keeps."""

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
import typer
from mlflow import MlflowClient

from core.bootstrap import Services, open_services, work_of
from core.cli import erase, run
from core.drift.performance import realised_performance
from core.drift.values.results import Grain
from core.governance.rules.ledger import plain_words
from core.governance.rules.ledger.entries import LedgerEntry
from core.inference.capture import InferenceLogWriter
from core.inference.labels import append_labels
from core.inference.log_folder import inference_folder, recorded_ids
from core.settings import load_settings
from core.store.drift_profiles import ProfileStore
from core.worker import run_once
from tests.mlflow_fixtures import *  # noqa: F403  fixtures are found by their names

DAY = datetime(2013, 7, 1, 10, tzinfo=UTC)
NAMES = {"ada": "Ada"}
Stile = Callable[..., tuple[int, str, str]]


@pytest.fixture
def home(migrated_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copyfile(migrated_store, tmp_path / "mlflow.db")
    monkeypatch.setenv("STILE_HOME", str(tmp_path))
    monkeypatch.setenv("STILE_AUTH", "demo")
    monkeypatch.setenv("STILE_LOG_RETENTION_DAYS", "30")
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI", "STILE_DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def services(home: Path) -> Services:
    MlflowClient(f"sqlite:///{home / 'mlflow.db'}").create_registered_model("m")
    return open_services(load_settings())


@pytest.fixture
def logged(home: Path) -> Path:
    """Three predictions of one day, one of them labelled."""
    writer = InferenceLogWriter(home, "m")
    ids = ["Ada Lovelace", "b", "c"]
    writer.record(
        3,
        pd.DataFrame({"a": [1, 2, 3]}),
        predictions=[0.0, 1.0, 0.0],
        ids=ids,
        event_times=[DAY] * 3,
        received_at=DAY,
    )
    writer.close()
    labels = {"prediction_id": ids[:2], "label": [1, 1], "labelled_at": [DAY, DAY]}
    append_labels(home, "m", pd.DataFrame(labels))
    return inference_folder(home, "m")


@pytest.fixture
def stile(home: Path, capsys: pytest.CaptureFixture[str]) -> Stile:
    def command(*arguments: str) -> tuple[int, str, str]:
        app = typer.Typer(callback=lambda: None)
        erase.register(app)
        capsys.readouterr()
        code = run(app, ["erase", *arguments])
        said = capsys.readouterr()
        return code, said.out, said.err

    return command


def told(services: Services, *kinds: str) -> list[LedgerEntry]:
    return [entry for entry in services.store.entries() if entry.kind in kinds]


def test_the_ledger_says_how_many_by_whom_and_why_and_never_which(
    stile: Stile, services: Services, logged: Path, tmp_path: Path
) -> None:
    wanted = tmp_path / "wanted.txt"
    wanted.write_text("Ada Lovelace\r\n\nnobody\n")

    code, out, _ = stile("m", "--ids", str(wanted), "--reason", "asked to", "--as=ada", "--json")

    assert code == 0
    assert json.loads(out) == {
        "model": "m",
        "predictions": 1,
        "labels": 1,
        "references": 0,
        "files": 2,
        "unread": [],
    }
    assert recorded_ids(logged) == {"b", "c"}
    ordered, erased = told(services, "erasure_ordered", "rows_erased")
    assert erased.actor == "ada"
    assert erased.facts == {**ordered.facts, "order": ordered.seq}
    assert (erased.facts["ids"], erased.facts["predictions"], erased.facts["labels"]) == (2, 1, 1)
    assert not any("Lovelace" in entry.body for entry in services.store.entries())
    line = plain_words.line(erased, NAMES)
    assert line == "Ada erased 1 captured predictions and 1 labels of m: “asked to”"
    assert services.store.verify().findings == ()


def test_erasing_again_changes_nothing(stile: Stile, services: Services, logged: Path) -> None:
    for _ in range(2):
        code, out, _ = stile("m", "--id", "b", "--reason", "asked to", "--as=ada")

    assert (code, out) == (0, "No row of m has one of these ids.\n")
    assert len(told(services, "rows_erased")) == 1


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["m", "--id", "b", "--reason", "x", "--as=ana"], "administrator"),
        (["m", "--reason", "x", "--as=ada"], "No id was given"),
        (["m", "--id", " ", "--reason", "x", "--as=ada"], "No id was given"),
        (["m", "--id", "b", "--reason", " ", "--as=ada"], "Say why"),
        (["other", "--id", "b", "--reason", "x", "--as=ada"], "has no inference log"),
        (["m", "--ids", "/not/there", "--reason", "x", "--as=ada"], "cannot be read as text"),
    ],
)
def test_what_may_not_be_or_means_nothing_is_refused_in_one_sentence(
    stile: Stile, services: Services, logged: Path, arguments: list[str], reason: str
) -> None:
    code, _, err = stile(*arguments)

    assert code == 1
    assert reason in err
    assert len(err.splitlines()) == 1
    assert recorded_ids(logged) == {"Ada Lovelace", "b", "c"}
    assert told(services, "erasure_ordered", "rows_erased") == []


def test_a_file_that_cannot_be_read_makes_the_command_fail(stile: Stile, logged: Path) -> None:
    (logged / "day=2013-07-01" / "broken.parquet").write_bytes(b"PAR1")

    code, out, _ = stile("m", "--id", "b", "--reason", "asked to", "--as=ada")

    assert code == 1
    assert "1 predictions and 1 labels of m are erased" in out
    assert "broken.parquet cannot be read" in out


def test_sums_of_losses_stay_and_no_digest_of_the_id_does(
    stile: Stile, services: Services, logged: Path, home: Path
) -> None:
    stray = {"prediction_id": ["d"], "label": [1], "labelled_at": [DAY]}
    append_labels(home, "m", pd.DataFrame(stray))  # of a prediction that nobody logged
    profiles = ProfileStore(services.store.engine)
    services.drift.refresh("m", at=DAY)
    (before,) = services.drift.performance("m", Grain.DAY)

    stile("m", "--id", "b", "--id", "d", "--reason", "asked to", "--as=ada")
    services.drift.refresh("m", at=DAY)

    assert (before.rows, before.labelled_rows) == (3, 2)
    assert services.drift.performance("m", Grain.DAY) == (before,)
    (ids,) = profiles.get("m", realised_performance.IDS, Grain.DAY)
    waiting = realised_performance.waiting_in(
        profiles.get("m", realised_performance.WAITING, Grain.DAY)
    )
    left = {*realised_performance.ids_in(ids).tolist(), *waiting.ids.tolist()}
    assert left == set(realised_performance.digests_of(["Ada Lovelace", "c"]).tolist())


def test_the_worker_removes_what_is_too_old_counts_it_and_keeps_the_losses(
    services: Services, logged: Path
) -> None:
    services.drift.refresh("m", at=DAY)
    before = services.drift.performance("m", Grain.DAY)
    work = work_of(services)

    early = run_once(work, at=datetime.now(UTC) + timedelta(days=29))
    kept = recorded_ids(logged)
    done = run_once(work, at=datetime.now(UTC) + timedelta(days=31))

    assert (early.problems, done.problems) == ((), ())
    assert kept == {"Ada Lovelace", "b", "c"}
    assert list(logged.iterdir()) == []
    (entry,) = told(services, "log_expired")
    assert (entry.actor, entry.facts["days"], entry.facts["label_files"]) == ("stile", 1, 1)
    line = "Stile removed 1 days of m's captured rows and 1 files of labels, older than 30 days"
    assert plain_words.line(entry, NAMES) == line
    assert services.drift.performance("m", Grain.DAY) == before


def test_nobody_erases_without_having_proven_who_they_are(
    logged: Path, monkeypatch: pytest.MonkeyPatch, stile: Stile
) -> None:
    monkeypatch.setenv("STILE_AUTH", "local")

    code, _, err = stile("m", "--id", "b", "--reason", "x")

    assert code == 1
    assert err
    assert recorded_ids(logged) == {"Ada Lovelace", "b", "c"}
