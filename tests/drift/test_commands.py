"""`profile` and `monitor` as CI sees them: one JSON document, an exit code, one sentence."""

import json
from pathlib import Path

import pandas as pd
import pytest
import typer
from scipy.stats import wasserstein_distance

from core import cli
from core.cli import monitor, profile
from tests.drift.conftest import INPUTS

STATISTICS = {"psi", "jensen_shannon", "total_variation", "hellinger"}
OF_NUMBERS = {"kolmogorov_smirnov", "wasserstein"}


def run(*arguments: str) -> int:
    app = typer.Typer()
    monitor.register(app)
    profile.register(app)
    return cli.run(app, list(arguments))


def test_profile_prints_one_document_in_the_agreed_shape(
    flights: pd.DataFrame, winter: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    winter[["event_time", *INPUTS]].to_parquet(tmp_path / "winter.parquet", index=False)
    week = flights[flights["event_time"].between("2013-07-08", "2013-07-14 23:59")]
    week[["event_time", *INPUTS]].to_csv(tmp_path / "week.csv", index=False)

    code = run(
        *("profile", "--reference", str(tmp_path / "winter.parquet")),
        *("--window", str(tmp_path / "week.csv"), "--json"),
    )

    document = json.loads(capsys.readouterr().out)
    assert code == 0
    assert document["rows"] == {"reference": len(winter), "window": len(week)}
    assert document["verdict"] == "drifting"
    assert document["calibrated_by"] == "natural variation"
    by_name = {column["name"]: column for column in document["columns"]}
    assert set(by_name) == set(INPUTS)
    assert by_name["temp"]["verdict"] == "drifting"
    assert by_name["temp"]["statistics"].keys() >= STATISTICS | OF_NUMBERS
    assert by_name["carrier"]["statistics"].keys() >= STATISTICS
    assert by_name["carrier"]["kind"] == "categorical"
    assert set(by_name["temp"]["missing"]) == {"reference", "window"}
    assert by_name["temp"]["alert_level"] > 0.05


def test_profile_tells_which_segment_moved(
    winter: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    columns = ["event_time", "origin", "distance", "carrier", "dep_hour"]
    columns = [name for name in columns if name in winter]
    winter[columns].to_parquet(tmp_path / "winter.parquet", index=False)
    day = winter[winter["event_time"].between("2013-02-12", "2013-02-12 23:59")].copy()
    day.loc[day["origin"] == "JFK", "distance"] = 4_900.0
    day[columns].to_parquet(tmp_path / "day.parquet", index=False)
    files = ("--reference", str(tmp_path / "winter.parquet"), "--window",
             str(tmp_path / "day.parquet"))  # fmt: skip

    code = run("profile", *files, "--by", "origin", "--json")
    document = json.loads(capsys.readouterr().out)
    run("profile", *files, "--by", "origin")
    text = capsys.readouterr().out
    refused = run("profile", *files, "--by", "distance")
    said = capsys.readouterr().err

    verdicts = {each["level"]: each["verdict"] for each in document["segments"]}
    assert code == 0
    assert verdicts == {"EWR": "stable", "JFK": "drifting", "LGA": "stable"}
    assert document["verdict"] == "drifting"
    assert sum(each["rows"]["window"] for each in document["segments"]) == len(day)
    assert "origin JFK: drifting." in text
    assert refused == 1
    assert "Rows cannot be cut by distance" in said


def test_profile_tells_the_statistics_of_the_very_rows_too(
    flights: pd.DataFrame, winter: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before, now = winter.head(3_000)[list(INPUTS)], flights.tail(2_000)[list(INPUTS)]
    before.to_parquet(tmp_path / "before.parquet", index=False)
    now.to_parquet(tmp_path / "now.parquet", index=False)

    code = run(
        *("profile", "--reference", str(tmp_path / "before.parquet"), "--exact"),
        *("--window", str(tmp_path / "now.parquet"), "--json"),
    )

    columns = {c["name"]: c["exact"] for c in json.loads(capsys.readouterr().out)["columns"]}
    assert code == 0
    for name in ("temp", "distance"):
        moved = wasserstein_distance(before[name].dropna(), now[name].dropna())
        assert columns[name]["wasserstein_units"] == pytest.approx(moved, rel=1e-9)
    shares = (side["carrier"].value_counts(normalize=True) for side in (before, now))
    changes = pd.concat(list(shares), axis=1).fillna(0).diff(axis=1).iloc[:, 1]
    assert columns["carrier"]["total_variation"] == pytest.approx(changes.abs().sum() / 2)


def test_a_file_that_is_not_there_or_not_readable_is_one_sentence_and_exit_one(
    winter: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, broken = tmp_path / "good.parquet", tmp_path / "broken.parquet"
    winter.head(200)[list(INPUTS)].to_parquet(good, index=False)
    broken.write_bytes(good.read_bytes()[:-500])

    absent = run("profile", "--reference", str(good), "--window", str(tmp_path / "none.parquet"))
    said_absent = capsys.readouterr().err
    truncated = run("profile", "--reference", str(good), "--window", str(broken))
    said_truncated = capsys.readouterr().err

    assert (absent, truncated) == (1, 1)
    assert "none.parquet is not there" in said_absent
    assert said_truncated.startswith("The data could not be profiled")
    assert said_truncated.count("\n") == 1


def test_names_and_values_of_a_file_cannot_command_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = pd.DataFrame({"\x1b[2Jtemp": range(200), "place": ["\u202eevil"] * 200})
    before.to_parquet(tmp_path / "before.parquet", index=False)

    code = run(
        *("profile", "--reference", str(tmp_path / "before.parquet")),
        *("--window", str(tmp_path / "before.parquet")),
    )
    refused = run("profile", "--reference", "\x1b[2J", "--window", "\x1b[2J")

    said = capsys.readouterr()
    assert (code, refused) == (0, 1)
    assert "�[2Jtemp" in said.out
    assert not {"\x1b", "\u202e"} & set(said.out + said.err)
