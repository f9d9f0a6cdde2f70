"""The demonstration's live inputs: real flights of 2013, asked of the really served model.

Event times stay those of 2013; the time received is the real one. Both ways of sending are safe
to repeat: what the inference log already holds is not sent again.
"""

import argparse
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pandas as pd
import requests

from core import child_processes
from core.errors import Unavailable
from core.inference.capture import to_stderr
from core.inference.labels import append_labels
from core.inference.log_folder import inference_folder, labels_folder, recorded_ids
from core.inference.serve import ServeTarget, serving

EVENT_TIME: Final = "event_time"
PREDICTION_ID: Final = "prediction_id"
BACKFILL_DAYS: Final = 21
_LABEL_EVERY: Final = pd.Timedelta(hours=6)
_TIMEOUT_S: Final = 60.0
_HOURS_A_DAY: Final = 24


@dataclass(frozen=True, slots=True)
class BackfillCount:
    """How many rows a backfill sent, how many were there before, and labels it appended."""

    sent: int
    already: int
    labels: int


def backfill(
    home: Path,
    tracking_uri: str,
    model: str,
    frame: pd.DataFrame,
    *,
    alias: str = "champion",
    registry_uri: str = "",
    days: int = BACKFILL_DAYS,
    on_progress: Callable[[int, int], None] = lambda _done, _all: None,
    say: Callable[[str], None] = to_stderr,
) -> BackfillCount:
    """What was sent of the first days, a flight-day a request, through a served model.

    Labels known by the end of the last day are appended. Nothing is started when the log holds
    it all. `frame` has the model's inputs and event_time, prediction_id, label, label_known_at.

    Raises
    ------
    Unavailable
        The model refused rows, or did not log them all; run it again to send the rest.
    """
    end = frame[EVENT_TIME].min().normalize() + pd.Timedelta(days=days)
    wanted = frame[frame[EVENT_TIME] < end]
    missing = wanted[~_is_recorded(wanted, inference_folder(home, model))]
    if not missing.empty:
        target = ServeTarget(
            home=home,
            tracking_uri=tracking_uri,
            registry_uri=registry_uri,
            model=model,
            alias=alias,
            event_time=EVENT_TIME,
            prediction_id=PREDICTION_ID,
        )
        with serving(target, say=say) as served, requests.Session() as session:
            done = 0
            for batch in _batches(missing, "D"):
                trouble = _send(session, served.url, batch)
                if trouble:
                    raise Unavailable(f"{trouble} Run it again to send the rest.")
                done += len(batch)
                on_progress(done, len(missing))
        lost = int((~_is_recorded(missing, inference_folder(home, model))).sum())
        if lost:
            raise Unavailable(
                f"{lost} of {len(missing)} answered rows did not reach the inference log: see the "
                "messages above, then run it again."
            )
    labels = _label(home, model, _unlabelled(home, model, wanted), until=end)
    return BackfillCount(sent=len(missing), already=len(wanted) - len(missing), labels=labels)


def replay(
    frame: pd.DataFrame,
    *,
    home: Path,
    model: str,
    url: str,
    day_seconds: float,
    stop: threading.Event,
    say: Callable[[str], None] = to_stderr,
) -> int:
    """How many rows were sent until `stop` or the end of `frame`, a flight-hour a request.

    It goes on where the log stands, in event-time order, `day_seconds` a flight-day. A label
    follows when its flight has landed by the replay's clock. While the server is away the clock
    stands still.
    """
    pending = frame[~_is_recorded(frame, inference_folder(home, model))]
    unlabelled = _unlabelled(home, model, frame)
    sent, due, previous, labelled_until = 0, time.monotonic(), None, None
    with requests.Session() as session:
        for batch in _batches(pending, "h"):
            hour = batch[EVENT_TIME].iloc[0].floor("h")
            if previous is not None:
                due += (hour - previous) / pd.Timedelta(days=1) * day_seconds
            if stop.wait(max(0.0, due - time.monotonic())):
                break
            if not _send_until_answered(session, url, batch, stop=stop, say=say):
                break
            sent += len(batch)
            previous, due = hour, max(due, time.monotonic() - day_seconds / _HOURS_A_DAY)
            clock = hour + pd.Timedelta(hours=1)
            if labelled_until is None or clock - labelled_until >= _LABEL_EVERY:
                _label(home, model, unlabelled, until=clock)
                unlabelled = unlabelled[unlabelled["label_known_at"] > clock]
                labelled_until = clock
    if not stop.is_set():
        landed = frame["label_known_at"].max()
        _label(home, model, unlabelled, until=landed)
        say("All flights have been replayed.")
    return sent


def _batches(frame: pd.DataFrame, length: str) -> Iterator[pd.DataFrame]:
    """The rows of each day or hour of event time, in order."""
    ordered = frame.sort_values([EVENT_TIME, PREDICTION_ID])
    for _, batch in ordered.groupby(ordered[EVENT_TIME].dt.floor(length)):
        yield batch


def _is_recorded(frame: pd.DataFrame, folder: Path) -> "pd.Series[bool]":
    return frame[PREDICTION_ID].isin(recorded_ids(folder))


def _unlabelled(home: Path, model: str, frame: pd.DataFrame) -> pd.DataFrame:
    known = frame[["label", "label_known_at"]].notna().all(axis=1)
    return frame[known & ~_is_recorded(frame, labels_folder(home, model))]


def _label(home: Path, model: str, unlabelled: pd.DataFrame, *, until: pd.Timestamp) -> int:
    """How many labels were appended: those known by then, of flights that were asked about."""
    due = unlabelled[(unlabelled["label_known_at"] <= until) & (unlabelled[EVENT_TIME] <= until)]
    columns = {"label_known_at": "labelled_at"}
    append_labels(home, model, due.rename(columns=columns)[[PREDICTION_ID, "label", "labelled_at"]])
    return len(due)


def _send(session: requests.Session, url: str, batch: pd.DataFrame) -> str:
    """Why the served model did not answer the batch, or nothing when it did."""
    asked = batch.drop(columns=["label", "label_known_at"])
    table = asked.to_json(orient="split", index=False, date_format="iso", date_unit="ms")
    try:
        answer = session.post(
            f"{url}/invocations",
            data=f'{{"dataframe_split":{table}}}'.encode(),
            headers={"Content-Type": "application/json"},
            timeout=_TIMEOUT_S,
        )
    except requests.RequestException:
        return "The served model does not answer."
    if answer.status_code != requests.codes.ok:
        return f"The served model refused the rows ({answer.status_code}: {answer.text[:200]})."
    return ""


def _send_until_answered(
    session: requests.Session,
    url: str,
    batch: pd.DataFrame,
    *,
    stop: threading.Event,
    say: Callable[[str], None],
) -> bool:
    """True once the batch was answered, False when told to stop before; trouble is said once."""
    said = ""
    failures = 0
    while not stop.is_set():
        trouble = _send(session, url, batch)
        if not trouble:
            if said:
                say("The served model answers again.")
            return True
        failures += 1
        if failures > 1 and trouble != said:  # one may be a connection that had grown stale
            say(f"{trouble} Waiting for it.")
            said = trouble
        stop.wait(min(5.0, 0.2 * failures))
    return False


def main() -> None:
    """Replay the flights against a served model until told to stop."""
    from core.demo.flights import live_inputs

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--url", required=True)
    parser.add_argument("--day-seconds", type=float, required=True)
    given = parser.parse_args()
    with child_processes.stop_signals() as stop:
        replay(
            live_inputs(),
            home=given.home,
            model=given.model,
            url=given.url,
            day_seconds=given.day_seconds,
            stop=stop,
        )


if __name__ == "__main__":
    main()
