"""Agreement with values that SciPy, Evidently and NannyML gave for months of real flights.

`reference_values.json` holds them, with definitions and versions: January to March against April,
May and June, 19 columns. Months it does not hold are compared with SciPy here.
"""

import functools
import json
import operator
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from scipy import stats
from scipy.spatial.distance import jensenshannon

from core.drift.calibration import measured_columns
from core.drift.statistics import exact_distances
from core.drift.values.counts import Profile, Reference
from core.drift.values.results import ColumnKind
from tests.drift import flights_2013
from tests.drift.conftest import profiles_of, reference_of
from tests.drift.flights_2013 import CATEGORICAL, NUMERIC

GIVEN: Mapping[str, Any] = json.loads(
    (Path(__file__).parent / "reference_values.json").read_text("utf-8")
)
MONTHS = ("4", "5", "6")
EXACT = {"rel": 1e-9, "abs": 1e-9}


@pytest.fixture(scope="module")
def months() -> Mapping[int, pd.DataFrame]:
    """Month 0 is the reference: January to March."""
    flights = flights_2013.table()
    live = {month: flights[flights["month"] == month] for month in (*map(int, MONTHS), 7, 9, 12)}
    return {0: flights[flights["month"] <= 3], **live}


@pytest.fixture(scope="module")
def reference(
    months: Mapping[int, pd.DataFrame], tmp_path_factory: pytest.TempPathFactory
) -> Reference:
    path = tmp_path_factory.mktemp("flights") / "reference.parquet"
    return reference_of(months[0].drop(columns=["month"]), path)


@pytest.fixture(scope="module")
def windows(
    months: Mapping[int, pd.DataFrame],
    reference: Reference,
    tmp_path_factory: pytest.TempPathFactory,
) -> Mapping[int, Profile]:
    live = pd.concat([rows for month, rows in months.items() if month > 0])
    path = tmp_path_factory.mktemp("flights") / "live.parquet"
    days = profiles_of(live.drop(columns=["month"]), reference, path)
    return {
        month: functools.reduce(operator.add, (p for d, p in days.items() if d.month == month))
        for month in months
        if month > 0
    }


@pytest.mark.parametrize("month", MONTHS)
def test_profiles_agree_with_the_given_values_to_a_hundredth(
    month: str, reference: Reference, windows: Mapping[int, Profile]
) -> None:
    for name in NUMERIC:
        column = reference.columns[name]
        found = measured_columns.distances(column, windows[int(month)].columns[name])
        scipy, evidently, nannyml = given(month, name)

        assert found["kolmogorov_smirnov"] == pytest.approx(scipy["ks"], abs=0.01), name
        assert found["wasserstein"] == pytest.approx(scipy["wasserstein_norm"], abs=0.01), name
        assert found["wasserstein"] == pytest.approx(evidently["wasserstein"]["score"], abs=0.01)
        assert found["kolmogorov_smirnov"] == pytest.approx(
            nannyml["kolmogorov_smirnov"]["value"], abs=0.01
        )
        assert abs(found["mann_whitney"]) == pytest.approx(
            abs(scipy["mannwhitney_auc"] - 0.5), abs=0.01
        )


@pytest.mark.parametrize("month", [7, 9, 12])
def test_profiles_agree_with_scipy_to_a_hundredth_on_months_not_given(
    month: int,
    months: Mapping[int, pd.DataFrame],
    reference: Reference,
    windows: Mapping[int, Profile],
) -> None:
    for name in NUMERIC:
        before, now = months[0][name].dropna(), months[month][name].dropna()
        column = reference.columns[name]
        found = measured_columns.distances(column, windows[month].columns[name])

        ks = stats.ks_2samp(before, now, method="asymp").statistic
        moved = stats.wasserstein_distance(before, now) / before.std(ddof=0)
        assert found["kolmogorov_smirnov"] == pytest.approx(ks, abs=0.01), name
        assert found["wasserstein"] == pytest.approx(moved, abs=0.01), name


@pytest.mark.parametrize("month", MONTHS)
def test_profiles_of_categories_agree_to_a_billionth(
    month: str, reference: Reference, windows: Mapping[int, Profile]
) -> None:
    for name in ("carrier", "origin", "dest", "plane_engine"):  # tail numbers share a bin
        found = measured_columns.distances(
            reference.columns[name], windows[int(month)].columns[name]
        )

        scipy, *peers = given(month, name)
        agree_on_categories(found, scipy, *peers)
        without_unseen = scipy["unseen_share"] == 0  # empty bins of ours have no share elsewhere
        if without_unseen:
            assert found["psi_floored"] == pytest.approx(scipy["psi"], **EXACT)


@pytest.mark.parametrize("month", [7, 9, 12])
def test_profiles_of_categories_agree_with_scipy_on_months_not_given(
    month: int,
    months: Mapping[int, pd.DataFrame],
    reference: Reference,
    windows: Mapping[int, Profile],
) -> None:
    for name in ("carrier", "origin", "plane_engine"):
        both = [side[name].value_counts() for side in (months[0], months[month])]
        table = pd.concat(both, axis=1).fillna(0).to_numpy().T
        before, now = table / table.sum(axis=1, keepdims=True)
        found = measured_columns.distances(reference.columns[name], windows[month].columns[name])

        tested = stats.chi2_contingency(table, correction=False)
        assert found["jensen_shannon"] == pytest.approx(jensenshannon(before, now, 2), **EXACT)
        assert found["total_variation"] == pytest.approx(abs(before - now).sum() / 2, **EXACT)
        assert found["largest_change"] == pytest.approx(abs(before - now).max(), **EXACT)
        assert found["chi_squared"] == pytest.approx(tested.statistic, **EXACT), name
        assert found["cramers_v"] == pytest.approx(
            stats.contingency.association(table.astype(int), method="cramer"), **EXACT
        )


@pytest.mark.parametrize("month", MONTHS)
def test_rows_at_hand_agree_to_a_billionth(month: str, months: Mapping[int, pd.DataFrame]) -> None:
    for name in NUMERIC:
        found = exact_distances.distances(
            ColumnKind.NUMERIC, months[0][name], months[int(month)][name]
        )
        scipy, evidently, _ = given(month, name)

        assert found["kolmogorov_smirnov"] == pytest.approx(scipy["ks"], **EXACT)
        assert found["wasserstein_units"] == pytest.approx(scipy["wasserstein"], **EXACT)
        assert found["wasserstein"] == pytest.approx(scipy["wasserstein_norm"], **EXACT)
        assert found["energy"] == pytest.approx(scipy["energy"], **EXACT)
        assert found["mann_whitney"] == pytest.approx(scipy["mannwhitney_auc"] - 0.5, **EXACT)
        assert found["wasserstein"] == pytest.approx(evidently["wasserstein"]["score"], **EXACT)
    for name in CATEGORICAL:
        found = exact_distances.distances(
            ColumnKind.CATEGORICAL, months[0][name], months[int(month)][name]
        )
        scipy, evidently, nannyml = given(month, name)

        agree_on_categories(found, scipy, evidently, nannyml)
        assert found["psi_floored"] == pytest.approx(scipy["psi"], **EXACT)
        assert found["unseen"] == pytest.approx(scipy["unseen_share"], **EXACT)


def test_rows_at_hand_agree_with_scipy_on_a_month_that_is_not_given(
    months: Mapping[int, pd.DataFrame],
) -> None:
    for name in ("dep_delay", "temp", "precip"):
        before, now = months[0][name].dropna(), months[9][name].dropna()
        found = exact_distances.distances(ColumnKind.NUMERIC, months[0][name], months[9][name])

        assert found["kolmogorov_smirnov"] == pytest.approx(
            stats.ks_2samp(before, now, method="asymp").statistic, **EXACT
        )
        assert found["wasserstein_units"] == pytest.approx(
            stats.wasserstein_distance(before, now), **EXACT
        )
        assert found["energy"] == pytest.approx(stats.energy_distance(before, now), **EXACT)
        larger = stats.mannwhitneyu(now, before).statistic / (len(now) * len(before))
        assert found["mann_whitney"] == pytest.approx(larger - 0.5, **EXACT)
    before, now = months[0]["tailnum"].value_counts(), months[9]["tailnum"].value_counts()
    table = pd.DataFrame({"before": before, "now": now}).fillna(0)
    found = exact_distances.distances(
        ColumnKind.CATEGORICAL, months[0]["tailnum"], months[9]["tailnum"]
    )

    assert found["chi_squared"] == pytest.approx(
        stats.chi2_contingency(table, correction=False).statistic, **EXACT
    )
    assert found["likelihood_ratio"] == pytest.approx(
        stats.chi2_contingency(table, correction=False, lambda_="log-likelihood").statistic, **EXACT
    )
    assert found["jensen_shannon"] == pytest.approx(
        jensenshannon(table["before"], table["now"], base=2), **EXACT
    )


def test_rows_at_hand_without_a_usable_value_have_no_distance() -> None:
    nothing, some = pd.Series([None, float("inf")], dtype="float64"), pd.Series([1.0, 2.0])

    assert exact_distances.distances(ColumnKind.NUMERIC, some, nothing) == {}
    assert exact_distances.distances(ColumnKind.CATEGORICAL, pd.Series([None, None]), some) == {}
    assert "wasserstein" not in exact_distances.distances(
        ColumnKind.NUMERIC, pd.Series([1.0, 1.0]), some
    )


def given(month: str, name: str) -> tuple[Any, Any, Any]:
    """What SciPy, Evidently and NannyML said."""
    scipy, evidently, nannyml = (
        GIVEN[tool]["months"][month][name] for tool in ("scipy", "evidently", "nannyml")
    )
    return scipy, evidently, nannyml


def agree_on_categories(
    found: Mapping[str, float], scipy: Any, evidently: Any, nannyml: Any
) -> None:
    """On every definition that the tools share with us."""
    assert found["jensen_shannon"] == pytest.approx(scipy["js_base2"], **EXACT)
    assert found["jensen_shannon_natural"] == pytest.approx(scipy["js_nat"], **EXACT)
    assert found["hellinger"] == pytest.approx(scipy["hellinger"], **EXACT)
    assert found["total_variation"] == pytest.approx(scipy["tvd"], **EXACT)
    assert found["largest_change"] == pytest.approx(scipy["linf"], **EXACT)
    assert found["chi_squared"] == pytest.approx(scipy["chi2"], **EXACT)
    assert found["cramers_v"] == pytest.approx(scipy["cramers_v"], **EXACT)
    assert found["jensen_shannon_natural"] == pytest.approx(
        evidently["jensenshannon"]["score"], **EXACT
    )
    assert found["jensen_shannon"] == pytest.approx(nannyml["jensen_shannon"]["value"], **EXACT)
    assert found["hellinger"] == pytest.approx(nannyml["hellinger"]["value"], **EXACT)
    assert found["largest_change"] == pytest.approx(nannyml["l_infinity"]["value"], **EXACT)
    assert found["chi_squared"] == pytest.approx(nannyml["chi2"]["value"], **EXACT)
