"""The log's writer never holds up or fails a prediction, and never leaves half a file."""

import asyncio
import io
import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import httpx
import pandas as pd
import pyarrow.parquet as pq

from core.child_processes import ROOT
from core.inference.capture import App, CaptureMiddleware, InferenceLogWriter, Receive, Scope, Send
from core.inference.log_folder import inference_folder, recorded_ids, remove_abandoned

AT = datetime(2013, 7, 1, 10, tzinfo=UTC)
BODY = b'{"inputs": {"a": [1, 2]}}'


def record(writer: InferenceLogWriter, *ids: str, received_at: datetime = AT) -> None:
    writer.record(
        3,
        pd.DataFrame({"a": range(len(ids))}),
        predictions=[0] * len(ids),
        ids=ids,
        event_times=[received_at] * len(ids),
        received_at=received_at,
    )


def an_app(answer: bytes, *, status: int = 200) -> App:
    """A scoring server that answers in two pieces, whatever it is asked."""

    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": answer[:5], "more_body": True})
        await send({"type": "http.response.body", "body": answer[5:]})

    return app


def post(app: App, body: bytes, **headers: str) -> httpx.Response:
    async def once() -> httpx.Response:
        transport = httpx.ASGITransport(app)  # type: ignore[arg-type]  # httpx says it more loosely
        async with httpx.AsyncClient(transport=transport, base_url="http://served") as client:
            return await client.post("/invocations", content=body, headers=headers)

    return asyncio.run(once())


def test_what_waits_is_written_when_the_writer_closes(tmp_path: Path) -> None:
    writer = InferenceLogWriter(tmp_path, "m", flush_every_s=3600)

    record(writer, "a", "b")
    writer.close()

    assert recorded_ids(inference_folder(tmp_path, "m")) == {"a", "b"}
    assert writer.counters.written == 2


def test_rows_beyond_what_may_wait_are_dropped_and_counted(tmp_path: Path) -> None:
    said: list[str] = []
    writer = InferenceLogWriter(
        tmp_path, "m", flush_every_s=3600, most_waiting_bytes=1000, say=said.append
    )

    for batch in range(20):
        record(writer, f"{batch}-a", f"{batch}-b")
    writer.close()
    record(writer, "too late")

    counted = writer.counters
    assert counted.written > 0
    assert counted.dropped > 1
    assert counted.written + counted.dropped == 41
    assert len(recorded_ids(inference_folder(tmp_path, "m"))) == counted.written
    assert said == ["Predictions come faster than they can be logged: rows are left out."]


def test_a_disk_that_refuses_is_counted_and_said_and_the_writer_goes_on(tmp_path: Path) -> None:
    said: list[str] = []
    writer = InferenceLogWriter(tmp_path, "m", flush_every_s=0.01, say=said.append)
    in_the_way = inference_folder(tmp_path, "m") / "day=2013-07-01"
    in_the_way.write_text("a file where the folder should be")

    record(writer, "a")
    while not said:
        time.sleep(0.01)
    in_the_way.unlink()
    record(writer, "b")
    writer.close()

    assert (writer.counters.failed, writer.counters.written) == (1, 1)
    assert recorded_ids(inference_folder(tmp_path, "m")) == {"b"}


def test_the_answer_passes_through_untouched_and_is_named(tmp_path: Path) -> None:
    writer = InferenceLogWriter(tmp_path, "m")
    app = CaptureMiddleware(an_app(b'{"predictions": [0, 1]}'), writer, version=3)

    answer = post(app, BODY, **{"X-Stile-Prediction-Id": "mine"})
    post(app, BODY, **{"X-Stile-Prediction-Id": "x" * 201})
    writer.close()

    assert answer.content == b'{"predictions": [0, 1]}'
    assert answer.headers["X-Stile-Prediction-Id"] == "mine"
    ids = recorded_ids(inference_folder(tmp_path, "m"))
    assert {"mine-0", "mine-1"} < ids
    assert len(ids) == 4
    assert not any("xx" in name for name in ids)


def test_an_exchange_that_cannot_be_read_is_counted_and_nothing_else(tmp_path: Path) -> None:
    said: list[str] = []
    writer = InferenceLogWriter(tmp_path, "m", say=said.append)
    answers = (b'{"predictions": [0, 1, 2]}', b"not JSON", b"[" * 100_000)

    statuses = [
        post(CaptureMiddleware(an_app(answer), writer, version=3), BODY).status_code
        for answer in answers
    ]
    refused = post(CaptureMiddleware(an_app(b"no", status=400), writer, version=3), BODY)
    writer.close()

    assert (statuses, refused.status_code) == ([200] * 3, 400)
    assert writer.counters.unreadable == 5
    assert writer.counters.written == 0
    assert len(said) == 1


def test_a_year_before_the_first_is_logged_by_the_time_received(tmp_path: Path) -> None:
    said: list[str] = []
    writer = InferenceLogWriter(tmp_path, "m", say=said.append)
    app = CaptureMiddleware(an_app(b'{"predictions": [0, 1]}'), writer, version=3)

    post(app, BODY, **{"X-Stile-Event-Time": "-1"})
    record(writer, "innocent")
    writer.close()

    assert (writer.counters.written, writer.counters.unreadable, said) == (3, 0, [])
    folders = {path.name for path in inference_folder(tmp_path, "m").iterdir()}
    assert len(folders) == 2
    assert "day=2013-07-01" in folders


def test_what_cannot_be_converted_takes_no_other_row_of_its_batch_with_it(tmp_path: Path) -> None:
    said: list[str] = []
    writer = InferenceLogWriter(tmp_path, "m", flush_every_s=3600, say=said.append)
    before_time = AT.replace(year=1, month=1, day=1, hour=0, tzinfo=timezone(timedelta(hours=14)))

    record(writer, "a")
    for name in ("b", "c"):
        record(writer, name, received_at=before_time)
    record(writer, "d")
    writer.close()

    assert (writer.counters.written, writer.counters.unreadable) == (2, 2)
    assert recorded_ids(inference_folder(tmp_path, "m")) == {"a", "d"}
    assert len(said) == 1


def test_a_writer_goes_on_when_nobody_can_be_told(tmp_path: Path) -> None:
    closed = io.StringIO()
    closed.close()
    writer = InferenceLogWriter(
        tmp_path, "m", flush_every_s=0.01, say=lambda sentence: print(sentence, file=closed)
    )

    post(CaptureMiddleware(an_app(b"not JSON"), writer, version=3), BODY)
    while not writer.counters.unreadable:
        time.sleep(0.01)
    record(writer, "a")
    writer.close()
    record(writer, "too late")

    assert (writer.counters.written, writer.counters.dropped) == (1, 1)


def test_a_killed_writer_leaves_only_whole_files(tmp_path: Path) -> None:
    code = """
import sys, pandas as pd
from datetime import UTC, datetime
from pathlib import Path
from core.inference.capture import InferenceLogWriter
writer = InferenceLogWriter(Path(sys.argv[1]), "m", flush_every_s=0.001)
at = datetime(2013, 7, 1, tzinfo=UTC)
frame = pd.DataFrame({"a": range(2000)})
number = 0
while True:
    ids, times = [f"{number}-{row}" for row in range(2000)], [at] * 2000
    writer.record(3, frame, predictions=ids, ids=ids, event_times=times, received_at=at)
    number += 1
    if number % 3 == 0:
        print(writer.counters.written, flush=True)
"""
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, cwd=ROOT
    )
    assert process.stdout is not None
    while int(process.stdout.readline()) < 4000:
        pass

    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()

    files = list(inference_folder(tmp_path, "m").rglob("*.parquet"))
    assert files
    for file in files:
        assert pq.read_table(file).num_rows > 0


def test_half_written_files_of_the_past_are_removed_and_new_ones_are_not(tmp_path: Path) -> None:
    old, new = tmp_path / ".a.parquet.tmp", tmp_path / ".b.parquet.tmp"
    for path in (old, new):
        path.write_bytes(b"PAR1")
    os.utime(old, (0, 0))

    removed = remove_abandoned(tmp_path)

    assert (removed, old.exists(), new.exists()) == (1, False, True)


def test_rows_of_unlike_columns_never_share_a_file(tmp_path: Path) -> None:
    writer = InferenceLogWriter(tmp_path, "m", flush_every_s=3600)
    app = CaptureMiddleware(an_app(json.dumps([0, 1]).encode()), writer, version=3)

    post(app, b'{"inputs": {"a": [1, 2]}}')
    post(app, b'{"inputs": {"a": ["x", "y"]}}')
    writer.close()

    kinds = {str(pq.read_schema(f).field("a").type) for f in tmp_path.rglob("*.parquet")}
    assert kinds == {"double", "string"}
