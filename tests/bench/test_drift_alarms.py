"""How often alerts are false and what they find: the tables of docs/drift-statistics.md."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.drift import sources
from core.drift.calibration import alert_levels
from core.drift.calibration.alert_levels import ColumnCalibration
from core.drift.values.counts import Profile, Reference
from core.drift.values.results import DriftVerdict, WindowReport
from tests.bench import no_drift, tables
from tests.bench.cut_days import Quarter
from tests.bench.no_drift import COLUMNS, SIZES, Scene, Textbook
from tests.bench.peers import ask
from tests.bench.tables import interval, percent
from tests.drift import flights_2013

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

DOCS = "drift-statistics.md"
WINDOWS, SHIFTED, OF_PEERS = 200, 60, 20


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("alarms")


@pytest.fixture(scope="module")
def scene(folder: Path) -> Scene:
    return no_drift.scene(folder)


def test_windows_without_drift_alert_in_five_of_a_hundred_at_most(
    scene: Scene, folder: Path
) -> None:
    textbook, table, final = Textbook(scene), [], {}
    for rows in SIZES:
        drawn = scene.windows(rows, count=WINDOWS, seed=1)
        known = levels(scene, rows)
        reports = [
            no_drift.judged(scene.reference, profile, known)
            for profile in no_drift.profiles(scene, drawn, rows, folder)
        ]
        final[rows] = sum(bool(report.alerting) for report in reports)
        before = sum(bool(no_drift.before_the_floor(report)) for report in reports)
        each = (drawn.iloc[at * rows : (at + 1) * rows] for at in range(WINDOWS))
        classic = sum(is_rejected(textbook, window) for window in each)
        table.append(
            (f"{rows:,}", interval(final[rows], WINDOWS), interval(before, WINDOWS),
             interval(classic, WINDOWS), *of_the_peers(drawn.head(OF_PEERS * rows), rows, folder))
        )  # fmt: skip
        print(*table[-1], flush=True)

    tables.write(
        DOCS,
        "no drift",
        ("rows of a window", "Stile", "Stile, before the effect floor", "KS/χ² + BH",
         "Evidently 0.7.23, defaults", "NannyML 0.13.1, defaults", "NannyML, chunks as large"),
        table,
    )  # fmt: skip
    allowed = 0.05 * WINDOWS + 3 * (0.05 * 0.95 * WINDOWS) ** 0.5
    assert all(alarms <= allowed for alarms in final.values()), final


def test_small_shifts_are_found_as_well_as_by_the_textbook(scene: Scene, folder: Path) -> None:
    textbook, clean = Textbook(scene), {}
    for rows in SIZES:
        drawn = scene.windows(rows, count=SHIFTED, seed=2)
        profiles = no_drift.profiles(scene, drawn, rows, folder)
        each = [drawn.iloc[at * rows : (at + 1) * rows] for at in range(SHIFTED)]
        p_values = [{c: textbook.p_value(c, window[c]) for c in COLUMNS} for window in each]
        clean[rows] = profiles, p_values, levels(scene, rows)
    table, short = [], []
    for what, column, draw in no_drift.shifts(scene):
        cells = []
        for rows in SIZES:
            profiles, p_values, known = clean[rows]
            rng = np.random.default_rng((3, rows))
            drawn = pd.concat([draw(rng, rows) for _ in range(SHIFTED)], ignore_index=True)
            shifted = no_drift.profiles(scene, drawn.to_frame(column), rows, folder)
            found = np.zeros(3)
            for at in range(SHIFTED):
                columns = {**profiles[at].columns, column: shifted[at].columns[column]}
                window = replace(profiles[at], columns=columns)
                report = no_drift.judged(scene.reference, window, known)
                classic = {**p_values[at]}
                classic[column] = textbook.p_value(column, drawn.iloc[at * rows : (at + 1) * rows])
                found += [
                    column in no_drift.before_the_floor(report),
                    column in {c.name for c in report.alerting},
                    classic[column] <= alert_levels.cutoff(list(classic.values())),
                ]
            cells.append(tuple(found / SHIFTED))
            before, _, by_textbook = cells[-1]
            certain = "new" in what or "missing" in what
            error = 3 * (by_textbook * (1 - by_textbook) / SHIFTED) ** 0.5
            if before < (1.0 if certain else by_textbook - 0.05 - error):
                short.append((what, rows, before, by_textbook))
        table.append(
            (
                what,
                *(" / ".join(f"{cell[which] * 100:.0f}" for cell in cells) for which in range(3)),
            )
        )
        print(*table[-1], flush=True)

    tables.write(
        DOCS,
        "power",
        ("what changed", "Stile, before the effect floor", "Stile", "KS/χ² + BH"),
        table,
    )
    # With 500 rows the textbook does not keep to 5 % of false alarms: no measure for shifts.
    certain = ("new", "missing")
    assert not [s for s in short if s[1] > 500 or any(word in s[0] for word in certain)], short


def test_held_out_days_alert_in_ten_of_a_hundred_at_most(folder: Path) -> None:
    flights = flights_2013.table().drop(columns=["tailnum"])
    table, alarms, days = [], 0, 0
    for name, rows, is_reference in splits(flights):
        reference, held_out = parts(rows, is_reference, folder)
        reports = judged_days(reference, held_out)
        chance = judged_days(reference, held_out, by_chance=True)
        drifting = [r for r in reports if r.verdict is DriftVerdict.DRIFTING]
        by_chance = sum(r.verdict is DriftVerdict.DRIFTING for r in chance)
        alarms, days = alarms + len(drifting), days + len(reports)
        peers = ("", "")
        if name.startswith("Jan–Mar, odd"):
            peers = peers_by_day(rows[is_reference], rows[~is_reference], folder)
            assert len(drifting) <= 0.1 * len(reports), [r.window.start for r in drifting]
        table.append(
            (name, len(reports), interval(len(drifting), len(reports)),
             percent(by_chance / len(reports)), *peers)
        )  # fmt: skip
        print(*table[-1], [f"{r.window.start:%-d %b}" for r in drifting], flush=True)
    table.append(("all", days, interval(alarms, days), "", "", ""))

    tables.write(
        DOCS,
        "held out",
        ("weeks of the reference", "days held out", "Stile", "Stile by chance alone",
         "Evidently 0.7.23, defaults", "NannyML 0.13.1, days as chunks"),
        table,
    )  # fmt: skip
    assert alarms <= 0.1 * days


def test_held_out_days_by_segment_and_hour_alert_as_rarely(folder: Path) -> None:
    flights = flights_2013.table().drop(columns=["tailnum"])
    names = ("alone", "segments", "hours", "mornings", "matched", "outage", "refilled")
    table, all_days, total = [], 0, dict.fromkeys(names, 0)
    for name, rows, is_reference in splits(flights):
        quarter = Quarter(rows[is_reference], ["origin"], folder)
        live = rows[~is_reference]
        hour = live["event_time"].dt.hour
        whole = quarter.days(live)
        halves = quarter.days(live[hour < 12])
        gaps = quarter.days(live[(hour < 8) | (hour > 13)])
        found = {
            "alone": drifting(quarter, whole, segments=False, match=False),
            "segments": drifting(quarter, whole, match=False),
            "hours": drifting(quarter, whole),
            "mornings": drifting(quarter, halves, segments=False, match=False),
            "matched": drifting(quarter, halves),
            "outage": drifting(quarter, gaps, segments=False, match=False),
            "refilled": drifting(quarter, gaps),
        }
        days = len(whole)
        all_days += days
        total = {each: total[each] + found[each] for each in names}
        table.append((name, days, *(interval(found[each], days) for each in names)))
        print(*table[-1], flush=True)
    table.append(("all", all_days, *(interval(total[each], all_days) for each in names)))

    tables.write(
        DOCS,
        "segments and hours",
        ("weeks of the reference", "days held out", "all rows alone", "with segments by origin",
         "and hours matched", "mornings only", "mornings, hours matched", "without 8 to 14 h",
         "without 8 to 14 h, hours matched"),
        table,
    )  # fmt: skip
    assert total["hours"] <= 0.1 * all_days
    # half days are not natural ones: no more often than in ten of a hundred, as far as these tell
    allowed = 0.1 * all_days + 2 * (0.1 * 0.9 * all_days) ** 0.5
    assert total["matched"] <= allowed
    assert total["refilled"] <= allowed


def drifting(
    quarter: Quarter, days: Mapping[date, Profile], *, segments: bool = True, match: bool = True
) -> int:
    """How many of the days drift."""
    reports = (
        quarter.report(day, profile, segments=segments, match=match)
        for day, profile in days.items()
    )
    return sum(report.verdict is DriftVerdict.DRIFTING for report in reports)


def levels(scene: Scene, rows: int) -> Mapping[str, ColumnCalibration]:
    """What the product would judge windows of this size by."""
    return alert_levels.calibrate(scene.reference, days=1, rows=alert_levels.size_class(rows))


def is_rejected(textbook: Textbook, window: pd.DataFrame) -> bool:
    """Whether the textbook finds any column of the window to have drifted."""
    p_values = [textbook.p_value(name, window[name]) for name in COLUMNS]
    return min(p_values) <= alert_levels.cutoff(p_values)


def of_the_peers(windows: pd.DataFrame, rows: int, folder: Path) -> tuple[str, str, str]:
    """The shares of windows with any alarm, of the two peers and of NannyML given the size."""
    path = folder / "of_the_peers.parquet"
    at = np.arange(len(windows)) // rows
    windows.reset_index(drop=True).assign(window=at).to_parquet(path, index=False)
    files = [str(folder / "reference.parquet"), str(path)]
    evidently = ask("run_evidently.py", *files, peer="evidently")["alarms"]
    by_default = ask("run_nannyml.py", *files, peer="nannyml")["alarms"]
    by_size = ask("run_nannyml.py", *files, str(rows), peer="nannyml")["alarms"]
    first, second, third = (
        interval(sum(found), len(found)) for found in (evidently, by_default, by_size)
    )
    return first, second, third


def splits(flights: pd.DataFrame) -> list[tuple[str, pd.DataFrame, pd.Series]]:
    """Each quarter, its even or its odd weeks of the year as the reference."""
    found = []
    for quarter, months in enumerate(("Jan–Mar", "Apr–Jun", "Jul–Sep", "Oct–Dec")):
        rows = flights[(flights["month"] - 1) // 3 == quarter].drop(columns=["month"])
        week = rows["event_time"].dt.day_of_year // 7
        for parity, which in ((1, "odd"), (0, "even")):
            found.append((f"{months}, {which}", rows, week % 2 == parity))
    return found


def parts(
    rows: pd.DataFrame, is_reference: pd.Series, folder: Path
) -> tuple[Reference, Mapping[date, Profile]]:
    """The reference, and the profile of each day that was held out."""
    rows[is_reference].to_parquet(folder / "weeks.parquet", index=False)
    rows[~is_reference].to_parquet(folder / "days.parquet", index=False)
    with sources.embedded() as connection:
        table = sources.table_of(connection, [folder / "weeks.parquet"])
        reference = sources.reference_of(table)
        live = sources.table_of(connection, [folder / "days.parquet"])
        found = sources.profiles_of(live, reference)
    return reference, {day: profile for day, profile in found.items() if day is not None}


def judged_days(
    reference: Reference, days: Mapping[date, Profile], *, by_chance: bool = False
) -> list[WindowReport]:
    """The report of each day."""
    known: dict[int, Mapping[str, ColumnCalibration]] = {}
    reports = []
    for day, profile in days.items():
        size = alert_levels.size_class(profile.rows)
        if size not in known:
            known[size] = alert_levels.calibrate(reference, days=1, rows=size, by_chance=by_chance)
        start = datetime.combine(day, time.min, tzinfo=UTC)
        reports.append(no_drift.judged(reference, profile, known[size], start=start))
    return reports


def peers_by_day(reference: pd.DataFrame, held_out: pd.DataFrame, folder: Path) -> tuple[str, str]:
    """The shares of days with any alarm."""
    sides = folder / "even.parquet", folder / "days.parquet"
    of_day = held_out["event_time"].dt.day_of_year
    reference.drop(columns=["event_time"]).to_parquet(sides[0], index=False)
    held_out.drop(columns=["event_time"]).assign(window=of_day).to_parquet(sides[1], index=False)
    evidently = ask("run_evidently.py", *map(str, sides), peer="evidently")["alarms"]
    reference.rename(columns={"event_time": "at"}).to_parquet(sides[0], index=False)
    timed = held_out.rename(columns={"event_time": "at"})
    timed.assign(window=of_day).to_parquet(sides[1], index=False)
    nannyml = ask("run_nannyml.py", *map(str, sides), "by_day", peer="nannyml")["alarms"]
    print(json.dumps({"evidently": sum(evidently), "nannyml": sum(nannyml)}))
    return interval(sum(evidently), len(evidently)), interval(sum(nannyml), len(nannyml))
