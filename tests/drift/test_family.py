"""All rows and segments judged together, and what is said of them. Values only."""

from dataclasses import replace

import numpy as np

from core.drift.calibration import alert_levels, assessment
from core.drift.calibration.assessment import MeasuredWindow
from core.drift.references import chosen_columns
from core.drift.segments import joint_judgement
from core.drift.segments.joint_judgement import MeasuredSegment
from core.drift.values.counts import Profile, Reference
from core.drift.values.monitoring_choice import MonitoringSettings
from core.drift.values.results import DriftVerdict, Grain, MovedSegment, SegmentOf, Window
from core.drift.windows.profile_rows import KeptReference
from tests.drift.conftest import INPUTS
from tests.drift.test_history import FIRST, a_report

STABLE, DRIFTING, UNKNOWN = (
    DriftVerdict.STABLE, DriftVerdict.DRIFTING, DriftVerdict.NOT_EVALUABLE,
)  # fmt: skip


def kept(reference: Reference, **importance: float) -> KeptReference:
    return KeptReference(reference, reference.reference_id, importance or None)


def moved(level: str, verdict: DriftVerdict, severity: float | None, *names: str) -> MovedSegment:
    return MovedSegment(SegmentOf("origin", level), 300, verdict, severity, names, "")


def test_rows_are_cut_by_the_most_important_category_of_few_levels(
    winter_reference: Reference,
) -> None:
    matters = kept(winter_reference, temp=0.5, carrier=0.3, origin=0.2)

    assert chosen_columns.cuts(matters, MonitoringSettings()) == (
        "origin",
    )  # sixteen carriers are too many
    assert chosen_columns.cuts(matters, MonitoringSettings(("carrier", "moon"))) == ("carrier",)
    assert chosen_columns.cuts(matters, MonitoringSettings(())) == ()
    assert chosen_columns.cannot(matters, MonitoringSettings(("carrier", "moon", "temp"))) == (
        "Segments by moon are not counted: it is no category of 2 to 60 levels in training.",
        "Segments by temp are not counted: it is no category of 2 to 60 levels in training.",
    )


def test_a_window_drifts_when_only_a_segment_does_and_says_which() -> None:
    assert joint_judgement.in_words([], 3) == ""
    one = [moved("JFK", DRIFTING, 0.3, "temp", "dest")]
    assert joint_judgement.in_words(one, 3) == (
        "Of the segments drifts: origin JFK (2 inputs, most temp)."
    )
    every = [moved(x, DRIFTING, 0.3, "temp") for x in "abc"]
    assert joint_judgement.in_words(every, 3) == "All 3 segments by origin drift, a most."
    five = [moved(x, DRIFTING, 0.3, "temp") for x in "abcde"]
    assert joint_judgement.in_words(five, 6).endswith("and 2 more.")


def test_a_segment_that_cannot_be_judged_costs_the_others_nothing(
    winter_reference: Reference,
) -> None:
    whole = measured(winter_reference)
    cannot = MeasuredSegment(SegmentOf("origin", "JFK"), a_report(0, UNKNOWN))

    alone, _ = joint_judgement.judged(whole, [], rate=0.05)
    beside, (segment,) = joint_judgement.judged(whole, [cannot], rate=0.05)
    shared, _ = joint_judgement.judged(
        whole, [MeasuredSegment(SegmentOf("origin", "EWR"), whole)], rate=0.05
    )

    assert [c.alert_level for c in beside.columns] == [c.alert_level for c in alone.columns]
    assert segment.segment == SegmentOf("origin", "JFK")
    assert beside.segments[0].severity is None
    # four fifths of the rate: hardly more than before
    costs = [
        (b.alert_level or 0) / a.alert_level
        for a, b in zip(alone.columns, shared.columns, strict=True)
        if a.alert_level
    ]
    assert max(costs) < 1.05


def measured(reference: Reference) -> MeasuredWindow:
    """A window drawn from the reference itself, by chance alone."""
    rng = np.random.default_rng(3)
    columns = {}
    for name, column in reference.columns.items():
        shares = column.counts.rows / max(column.counts.rows.sum(), 1)
        rows = rng.multinomial(2_000, shares)
        sums = column.counts.sums / np.maximum(column.counts.rows, 1) * rows
        columns[name] = replace(
            column.counts, rows=rows, sums=sums, special=column.counts.special * 0
        )
    levels = alert_levels.calibrate(reference, days=1, rows=2_000, by_chance=True)
    return assessment.measure(
        model="m",
        version=1,
        window=Window(Grain.DAY, FIRST, FIRST.replace(day=FIRST.day + 1)),
        reference=reference,
        profile=Profile(rows=2_000, columns=columns),
        calibrations=levels,
        importance=None,
    )


def test_rows_that_a_segment_needs_grow_with_how_many_there_are() -> None:
    few = joint_judgement.rows_needed(3 * len(INPUTS), rate=0.05)
    many = joint_judgement.rows_needed(8 * len(INPUTS), rate=0.05)

    assert alert_levels.rows_needed(len(INPUTS)) < few < many < 200
