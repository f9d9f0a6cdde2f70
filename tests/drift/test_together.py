"""All inputs together: what is told apart, by what, and when that is unusual."""

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from core.drift import sources
from core.drift.multivariate import classifier, encoding, reconstruction, sampled_windows
from core.drift.multivariate import multivariate_judgement as together
from core.drift.multivariate import multivariate_rows as kept_together
from core.drift.multivariate.multivariate_judgement import OwnWindows
from core.drift.values.results import (
    ColumnKind,
    DriftVerdict,
    Grain,
    MeasuredNumber,
    MultivariateReport,
)
from core.drift.windows import profile_rows
from core.errors import InsufficientData
from core.inference.personal_columns import ColumnCapture
from core.store.drift_profiles import ProfileStore
from tests.drift.conftest import INPUTS, reference_of

STABLE, DRIFTING, UNKNOWN = (
    DriftVerdict.STABLE, DriftVerdict.DRIFTING, DriftVerdict.NOT_EVALUABLE,
)  # fmt: skip
AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
NUMBERS_ONLY = np.zeros(3, dtype=bool)
OWN = OwnWindows(
    np.array([0.6, 0.7, 0.55, 0.65, 0.72, 0.58, 0.66, 0.63, 0.7]),
    np.array([2.0, 2.2, 1.9, 2.1, 2.05, 2.15, 1.95, 2.1, 2.0]),
)


def noise(rows: int, seed: int) -> "np.ndarray[tuple[int, int], np.dtype[np.float64]]":
    return np.random.default_rng(seed).normal(size=(rows, 3))


def test_rows_of_one_kind_cannot_be_told_apart() -> None:
    found = classifier.separate(noise(900, 1), noise(900, 2), NUMBERS_ONLY)

    assert abs(found.area - 0.5) < max(0.05, 2 * found.half_width)
    assert np.abs(found.drops).max() < 0.05


def test_a_column_that_moved_tells_the_sides_apart_and_is_named() -> None:
    moved = noise(600, 2)
    moved[:, 1] += 1.0

    found = classifier.separate(noise(900, 1), moved, NUMBERS_ONLY)

    assert found.area > 0.7
    assert int(np.argmax(found.drops)) == 1
    assert found.drops[1] > 5 * max(abs(found.drops[0]), abs(found.drops[2]))


def test_columns_that_only_go_together_otherwise_are_found_though_each_alone_is_still() -> None:
    usual, odd = noise(1_500, 1), noise(1_500, 2)
    usual[:, 1] = usual[:, 0] + 0.3 * usual[:, 1]
    odd[:, 1] = -odd[:, 0] + 0.3 * odd[:, 1]
    own = usual[:750]
    axes = reconstruction.axes(usual[750:], NUMBERS_ONLY)

    assert classifier.separate(own, odd, NUMBERS_ONLY).area > 0.9
    assert axes.error(odd) > 1.3 * axes.error(own)


def test_missing_constant_and_categorical_columns_are_told_apart_too() -> None:
    codes = np.random.default_rng(3).integers(0, 3, (600, 3)).astype(np.float64)
    codes[:, 0] = 1.0
    gone = codes.copy()
    gone[::2, 2] = np.nan

    found = classifier.separate(codes, gone, np.ones(3, dtype=bool))

    assert found.area > 0.6
    assert int(np.argmax(found.drops)) == 2


def test_few_rows_are_refused_with_how_many_are_needed() -> None:
    with pytest.raises(InsufficientData, match="100 rows are too few to tell"):
        classifier.separate(noise(900, 1), noise(100, 2), NUMBERS_ONLY)
    with pytest.raises(InsufficientData, match="Fewer than two inputs vary"):
        reconstruction.axes(np.ones((500, 3)), NUMBERS_ONLY)


def test_one_wild_value_in_the_reference_hides_nothing() -> None:
    wild, moved = noise(900, 1), noise(900, 2) + 1.0
    wild[0] = 1e9

    assert classifier.separate(wild, moved, NUMBERS_ONLY).area > 0.8
    tame = reconstruction.axes(noise(900, 1), NUMBERS_ONLY).error(moved)
    assert reconstruction.axes(wild, NUMBERS_ONLY).error(moved) == pytest.approx(tame, rel=0.1)


def test_what_the_reference_never_held_has_a_code_of_its_own_and_missing_has_none() -> None:
    seen = pd.DataFrame({"n": [1.0, 2.0, np.inf], "c": ["a", "a", "b"]})
    encoder = encoding.encoder(seen, numeric=["n"], categories=["c"])

    matrix = encoder.matrix(pd.DataFrame({"n": [5.0, None, 1.0], "c": ["b", "new", None]}))
    without = encoder.matrix(pd.DataFrame({"n": [1.0]}))

    assert encoder.names == ("n", "c")
    np.testing.assert_array_equal(
        matrix, [[5.0, 1.0], [np.nan, encoding.LEVELS + 1], [1.0, np.nan]]
    )
    assert np.isnan(without[0, 1])


@given(st.floats(0.5, 1.0), st.floats(0.1, 9.0))
def test_what_the_references_own_windows_did_is_never_unusual(area: float, error: float) -> None:
    apart, fit = together.area(area, 0.01, OWN), together.error(error, OWN)

    assert apart.verdict is (DRIFTING if area > (apart.high or 0) else STABLE)
    if area <= OWN.areas.max():
        assert apart.verdict is STABLE
    if OWN.errors.min() <= error <= OWN.errors.max():
        assert fit.verdict is STABLE


def test_few_windows_or_inseparable_ones_give_no_verdict_and_say_so() -> None:
    few = OwnWindows(OWN.areas[:5], OWN.errors[:5])
    apart = OwnWindows(np.full(9, 0.9999), OWN.errors)

    shown = together.area(0.99, 0.01, few)
    same = together.area(1.0, 0.0, apart)

    assert (shown.verdict, shown.high) == (UNKNOWN, None)
    assert "Shown without a verdict: 5 windows" in together.in_words(shown, None, ["temp"], 5)
    assert same.verdict is UNKNOWN
    assert "none could stand out" in together.in_words(same, None, [], 9)
    assert together.verdict([shown, MeasuredNumber(2.0, STABLE)]) is STABLE


def test_own_windows_lie_side_by_side_and_have_rows() -> None:
    days = np.repeat(np.r_[0:21, 60:200], 5)

    spans = together.own_windows(days, 7)

    assert 8 <= len(spans) <= together.WINDOWS
    assert all(b - a == 7 for a, b in spans)
    assert all(later[0] >= former[1] for former, later in pairwise(spans))
    assert not any(21 <= a < 56 for a, _ in spans)
    assert together.own_windows(np.zeros(0, dtype=np.int64), 7) == ()


LogRows = Callable[..., Path]


def look(
    engine: Engine, tmp_path: Path, winter: pd.DataFrame, live: pd.DataFrame, log_rows: LogRows
) -> MultivariateReport:
    for day, rows in live.groupby(live["event_time"].dt.floor("D")):
        log_rows(rows, f"{day:%m-%d}.parquet")
    path = tmp_path / "inputs.parquet"
    reference = reference_of(winter[["event_time", *INPUTS]], path)
    kept = profile_rows.KeptReference(reference, reference.reference_id, None)
    log = sources.captured_log(tmp_path, "flight-delay")
    return sampled_windows.judge(
        ProfileStore(engine),
        "flight-delay",
        1,
        profile_rows.week_window(live["event_time"].iloc[0].date()),
        kept,
        sampled_windows.SampleSource(sources.RowsInFile(path), log, log.parts(), len(live)),
        at=AT,
    )


def test_summer_flights_are_unlike_winter_and_the_next_winter_is_not(
    engine: Engine, tmp_path: Path, winter: pd.DataFrame, flights: pd.DataFrame, log_rows: LogRows
) -> None:
    """Winter's own weeks, each left out, say what is unusual."""
    found = {}
    for week in ("2013-07-15", "2013-12-02"):
        start = pd.Timestamp(week, tz="UTC")
        inside = flights["event_time"].between(start, start + pd.Timedelta("7D"), inclusive="left")
        live = flights[inside].iloc[:6000:12]
        found[week] = look(engine, tmp_path, winter.iloc[::12], live, log_rows)

    july, december = (each.area for each in found.values())

    assert july is not None
    assert december is not None
    assert (july.verdict, december.verdict) == (DRIFTING, STABLE)
    assert found["2013-07-15"].compared >= 8
    assert found["2013-07-15"].columns[0][0] in {"temp", "dewp"}
    assert "most by " in found["2013-07-15"].says


def test_the_same_rows_are_found_again_in_the_store_and_grown_ones_are_not(
    engine: Engine, tmp_path: Path, winter: pd.DataFrame, log_rows: LogRows
) -> None:
    learnt = winter[winter["event_time"] < pd.Timestamp("2013-01-14", tz="UTC")].iloc[::10]
    week = winter[winter["event_time"].dt.isocalendar().week == 4].iloc[::20]
    found = look(engine, tmp_path, learnt, week, log_rows)
    reference = reference_of(learnt[["event_time", *INPUTS]], tmp_path / "again.parquet")
    name = kept_together.name_of(reference.reference_id)

    (stored,) = ProfileStore(engine).get("flight-delay", name, Grain.WEEK)

    assert (found.sampled, found.verdict) == (len(week), UNKNOWN)
    assert found == kept_together.found_in(stored, 1)
    assert kept_together.is_of(stored, found.window, len(week))
    assert not kept_together.is_of(stored, found.window, len(week) + 1)


def test_columns_that_capture_hashed_are_left_out_and_named(
    tmp_path: Path, winter: pd.DataFrame, log_rows: LogRows
) -> None:
    from core.drift.windows import row_samples

    log_rows(winter.head(300), "a.parquet")
    log = sources.captured_log(tmp_path, "flight-delay")
    hashed = tuple(
        type(part)(part.path, part.name, part.state, ColumnCapture(hashed=frozenset({"carrier"})))
        for part in log.parts()
        if isinstance(part, sources.LogFile)
    )

    class Hashing:
        """The same log, whose files say that a column was hashed."""

        def readable(self, parts: object) -> object:  # noqa: ARG002
            return hashed, ()

    assert row_samples.withheld(Hashing(), hashed) == {"carrier"}  # type: ignore[arg-type]


def test_a_sample_is_the_same_every_time_and_in_the_order_of_time(
    tmp_path: Path, winter: pd.DataFrame, log_rows: LogRows
) -> None:
    from core.drift.windows import row_samples

    live = winter[winter["event_time"].dt.floor("D") == pd.Timestamp("2013-01-14", tz="UTC")]
    log_rows(live.iloc[::-1], "a.parquet")
    log = sources.captured_log(tmp_path, "flight-delay")
    kinds = {"temp": ColumnKind.NUMERIC, "carrier": ColumnKind.CATEGORICAL}
    window = profile_rows.day_window(live["event_time"].iloc[0].date())

    first = row_samples.of_window(log, log.parts(), window, kinds, limit=200)
    again = row_samples.of_window(log, log.parts(), window, kinds, limit=200)

    assert 120 <= len(first) <= 280
    pd.testing.assert_frame_equal(first, again)
    assert set(row_samples.days_of(first)) == {15719}
    assert first["stile_place"].is_monotonic_increasing
