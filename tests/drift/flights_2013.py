"""The 19 columns of the given reference values: flights of 2013, their weather and their planes."""

import pandas as pd

from core.demo.flights import read

NUMERIC = ("sched_dep_time", "dep_delay", "air_time", "distance", "hour", "minute", "temp", "dewp",
           "humid", "wind_dir", "wind_speed", "precip", "pressure", "visib")  # fmt: skip
CATEGORICAL = ("carrier", "origin", "dest", "tailnum", "plane_engine")


def table() -> pd.DataFrame:
    """All 336,776 flights, cancelled ones too: `event_time` (local), `month` and the 19 columns."""
    weather = read("weather.csv").drop(columns=["time_hour"])
    planes = read("planes.csv")[["tailnum", "engine"]].rename(columns={"engine": "plane_engine"})
    rows = read("flights.csv.zip").merge(
        weather, on=["year", "month", "day", "hour", "origin"], how="left"
    )
    rows = rows.merge(planes, on="tailnum", how="left")
    rows["event_time"] = pd.to_datetime(rows[["year", "month", "day", "hour", "minute"]])
    rows[list(NUMERIC)] = rows[list(NUMERIC)].astype("float64")
    rows[list(CATEGORICAL)] = rows[list(CATEGORICAL)].astype("str")
    columns = ["event_time", "month", *NUMERIC, *CATEGORICAL]
    return rows[columns].sort_values("event_time", ignore_index=True, kind="stable")
