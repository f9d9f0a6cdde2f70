"""What is kept of an attached reference's rows: bounded, never personal, and gone with it."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from sqlalchemy import Engine

from core.drift.references import reference_samples
from core.drift.references.offered_reference import FromWindow, Given
from core.drift.values.results import DriftVerdict
from core.errors import Refused
from core.governance.use_cases.log_removal import erase_rows
from core.inference import retention
from core.inference.log_folder import inference_folder
from core.inference.personal_columns import ColumnCapture
from tests.drift.attached import ADA, AT, DAY, FIRST, MODEL, Place, rows
from tests.mlflow_fixtures import MlflowStore


@pytest.fixture
def place(mlflow_store: MlflowStore, engine: Engine, tmp_path: Path) -> Place:
    return Place(tmp_path, engine, mlflow_store)


LEARNT = rows(12, start=FIRST - timedelta(days=60), seed=2)
OFFERS: dict[str, Callable[[Place], Given]] = {
    "a file": lambda here: here.file(LEARNT),
    "past live inputs": lambda _: FromWindow(date(2026, 11, 2), date(2026, 11, 8)),
}


@pytest.mark.parametrize("offer", OFFERS)
def test_all_inputs_together_are_looked_at_with_an_attached_reference(
    place: Place, offer: str
) -> None:
    place.attach(OFFERS[offer](place))

    found = place.drift.references.of(MODEL, 1, at=AT)

    place.together()  # has an area, whatever it says of it
    assert found is not None
    assert bool(place.kept()) is (offer == "a file")  # rows of the log are read again instead


@pytest.mark.parametrize("offer", OFFERS)
def test_segments_are_held_against_the_same_rows_of_an_attached_reference(
    place: Place, offer: str
) -> None:
    place.attach(OFFERS[offer](place))
    place.drift.refresh(MODEL, at=AT)

    found = place.drift.segments.look(MODEL, 1, DAY, "place", at=AT)

    assert {segment.level for segment in found.segments} == {"x", "y", "z"}
    assert all(segment.report.reference_rows > 0 for segment in found.segments)


def test_a_sample_is_bounded_and_spread_over_the_whole_file(place: Place) -> None:
    long = rows(150, start=FIRST - timedelta(days=300))

    place.attach(place.file(long))

    (path,) = place.kept()
    held = pq.read_table(path).to_pandas()
    moments = long["event_time"].dt.tz_localize(None)
    assert reference_samples.MOST_ROWS == len(held) < len(long)
    assert held["event_time"].min() == moments.min()
    assert held["event_time"].max() > moments.max() - pd.Timedelta("1h")
    assert reference_samples.limit_of(10_000) == 1_000


def test_what_capture_drops_or_hashes_is_in_no_sample(place: Place) -> None:
    personal = ColumnCapture(frozenset({"a"}), frozenset({"place"}), "key")
    place.log(rows(1, start=FIRST + timedelta(days=8)), personal, name="b")

    place.attach(place.file(LEARNT))

    (path,) = place.kept()
    assert pq.read_schema(path).names == ["event_time", "b"]


def test_what_capture_begins_to_hash_leaves_a_sample_within_the_hour(place: Place) -> None:
    place.attach(place.file(LEARNT))
    personal = ColumnCapture(frozenset(), frozenset({"place"}), "key")
    place.log(rows(1, start=FIRST + timedelta(days=8)), personal, name="b")

    assert retention.remove_expired(place.home, keep_days=9_999, at=AT) == ()

    (path,) = place.kept()
    assert pq.read_schema(path).names == ["event_time", "a", "b"]


def test_a_sample_goes_when_its_reference_does_or_another_is_attached(place: Place) -> None:
    place.attach(place.file(LEARNT))
    (first,) = place.kept()
    place.attach(place.file(LEARNT.iloc[::2]), form="g")
    (second,) = place.kept()

    place.sourcing.detach(ADA.username, MODEL, 1, form="h", at=AT)

    assert first != second
    assert place.kept() == []


def test_one_form_twice_keeps_the_sample_it_kept_first(place: Place) -> None:
    place.attach(place.file(LEARNT))
    before = place.kept()

    place.attach(place.file(LEARNT))

    assert place.kept() == before


def test_rows_are_erased_from_a_sample_by_id_and_counted_in_the_ledger(place: Place) -> None:
    with_ids = LEARNT.assign(prediction_id=[f"old-{i}" for i in range(len(LEARNT))])
    place.attach(place.file(with_ids))

    done = erase_rows(
        place.store, place.home, ADA.username, MODEL, ["old-3", "old-4", "a-5"],
        reason="Asked to.", forget=place.drift.forget_ids, at=AT,
    )  # fmt: skip

    (path,) = place.kept()
    assert (done.references, done.predictions) == (2, 1)
    assert not {"old-3", "old-4"} & set(pq.read_table(path)["prediction_id"].to_pylist())
    assert place.store.entries()[-1].facts["references"] == 2


def test_a_sample_is_kept_no_longer_than_captured_rows(place: Place) -> None:
    place.attach(place.file(LEARNT))
    place.drift.refresh(MODEL, at=AT)
    later = datetime.now(UTC) + timedelta(days=31)  # a file's age is of the clock on the wall

    (done,) = retention.remove_expired(place.home, keep_days=30, at=later)

    assert (done.model, done.samples) == (MODEL, 1)
    assert place.kept() == []
    with pytest.raises(Refused, match="No rows are kept here"):
        place.drift.multivariate.look(MODEL, 1, DAY, at=AT)


def test_live_inputs_that_are_gone_are_not_at_hand_any_more(place: Place) -> None:
    place.attach(FromWindow(date(2026, 11, 2), date(2026, 11, 4)))
    place.drift.refresh(MODEL, at=AT)
    for day in ("2026-11-02", "2026-11-03", "2026-11-04"):
        (inference_folder(place.home, MODEL) / f"day={day}" / "a.parquet").unlink()

    found = place.drift.multivariate.look(MODEL, 1, DAY, at=AT)

    assert found.verdict is DriftVerdict.NOT_EVALUABLE
    assert "no rows from 2026-11-02 to 2026-11-04" in found.says
