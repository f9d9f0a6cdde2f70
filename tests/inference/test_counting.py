"""What was lost stays known when the writer is gone."""

import time
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from core.inference.capture import InferenceLogWriter
from core.inference.log_counters import RowCounters, captured, counters_folder
from core.inference.scoring_exchange import ScoringExchange

AT = datetime(2013, 7, 1, 10, tzinfo=UTC)
ODD = ScoringExchange(3, "application/json", b"[]", b'{"predictions": [1, 2]}', "p", None, AT)


def record(writer: InferenceLogWriter, *ids: str) -> None:
    writer.record(
        3,
        pd.DataFrame({"a": range(len(ids))}),
        predictions=[0] * len(ids),
        ids=ids,
        event_times=[AT] * len(ids),
        received_at=AT,
    )


def test_counters_of_all_writers_add_up_after_they_closed(tmp_path: Path) -> None:
    before = datetime.now(UTC)
    first = InferenceLogWriter(tmp_path, "m", say=lambda _: None)
    record(first, "a", "b")
    first.close()
    second = InferenceLogWriter(
        tmp_path, "m", flush_every_s=3600, most_waiting_bytes=300, say=lambda _: None
    )
    record(second, "c")
    record(second, "d", "e", "f")
    second.close()
    third = InferenceLogWriter(tmp_path, "m", say=lambda _: None)
    third.receive(ODD)
    third.close()

    found = captured(tmp_path, "m")

    assert found is not None
    assert found.counters == RowCounters(written=3, dropped=3, unreadable=2)
    assert found.counters.lost == 5
    assert before <= found.since
    assert found.last_lost_at is not None
    assert found.since <= found.last_lost_at


def test_counters_are_kept_while_the_writer_runs(tmp_path: Path) -> None:
    writer = InferenceLogWriter(tmp_path, "m", flush_every_s=0.01)

    record(writer, "a")
    while (found := captured(tmp_path, "m")) is None or not found.counters.written:
        time.sleep(0.005)
    writer.close()

    assert (found.counters, found.last_lost_at) == (RowCounters(written=1), None)


def test_a_writer_that_answered_nothing_leaves_no_counters(tmp_path: Path) -> None:
    InferenceLogWriter(tmp_path, "m").close()

    assert captured(tmp_path, "m") is None
    assert captured(tmp_path, "other") is None


def test_a_file_that_holds_no_counters_is_passed_over(tmp_path: Path) -> None:
    writer = InferenceLogWriter(tmp_path, "m")
    record(writer, "a")
    writer.close()
    for text in ("", "[]", '{"written": "many"}', '{"written": 1}'):
        (counters_folder(tmp_path, "m") / f"{len(text)}.json").write_text(text)

    found = captured(tmp_path, "m")

    assert found is not None
    assert found.counters == RowCounters(written=1)
