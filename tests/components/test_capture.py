"""The line on captured rows: calm when none was lost, loud and exact when some were."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from components.drift.capture_losses import in_words
from core.inference.log_counters import CapturedRows, RowCounters, counters_folder, keep_counters

SINCE = datetime(2026, 11, 20, 9, tzinfo=UTC)
NOW = SINCE + timedelta(hours=3)


def test_nothing_lost_is_one_calm_sentence() -> None:
    said = in_words(CapturedRows(RowCounters(written=12_345), SINCE, None), at=NOW)

    assert said == "12,345 answered rows captured since 20 Nov 2026; none was lost."


def test_every_kind_of_loss_is_said_with_when_the_last_one_was() -> None:
    counters = RowCounters(written=90, dropped=7, unreadable=2, failed=1)

    said = in_words(CapturedRows(counters, SINCE, NOW - timedelta(minutes=5)), at=NOW)

    assert said.startswith("10 of 100 answered rows since 20 Nov 2026 are not in the log: ")
    assert "7 came faster than they could be logged, 2 could not be read, 1 could not" in said
    assert "the last one 5 min ago" in said


def test_only_a_loss_is_a_warning_and_an_uncounted_model_says_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STILE_HOME", str(tmp_path))
    monkeypatch.setenv("STILE_AUTH", "demo")
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI", "STILE_DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    for lost in (0, 3):
        keep_counters(
            counters_folder(tmp_path, f"lost {lost}"),
            "one",
            RowCounters(written=5, failed=lost),
            since=SINCE,
            last_lost_at=NOW if lost else None,
        )

    def page() -> None:
        from components.drift import capture_losses

        for model in ("lost 0", "lost 3", "of which nobody counted"):
            capture_losses.draw(model)

    st.cache_resource.clear()
    shown = AppTest.from_function(page, default_timeout=30).run()
    st.cache_resource.clear()

    assert not shown.exception
    assert [each.value[:9] for each in shown.caption] == ["5 answere"]
    assert [each.value[:9] for each in shown.warning] == ["3 of 8 an"]
