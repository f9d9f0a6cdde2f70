"""What scores promised and labels kept, in words: for the Drift page and its report. Pure."""

from collections.abc import Sequence
from typing import Final

from core.drift.performance.estimated_performance import WINDOWS_TO_AGREE
from core.drift.values.results import (
    EstimatedPerformance,
    Grain,
    Performance,
    PromiseKept,
    WindowEstimate,
)

METRIC: Final = "log_loss"
"""The metric that stands in sentences; it is also what labels measure of a classifier."""
CONFIRMING: Final = 0.1
"""Labels confirm an estimate when they leave no more than this share of it open."""
WORDS: Final = {
    "log_loss": "log loss",
    "brier": "Brier score",
    "error": "share of errors",
    "auc": "AUC",
}


def newest(found: EstimatedPerformance) -> WindowEstimate | None:
    """The last window with an estimate, or None."""
    return next((each for each in reversed(found.windows) if METRIC in each.metrics), None)


def in_short(found: EstimatedPerformance, realised: Sequence[Performance]) -> str:
    """Half a sentence: the estimate on the hold-out and now, and what labels say; or nothing."""
    now = newest(found)
    if now is None:
        return ""
    before, after = found.holdout[METRIC], now.metrics[METRIC].value
    text = f"estimated {WORDS[METRIC]} {before:.2f} → {after:.2f}"
    labelled = [p for p in realised if p.value is not None and p.metric == METRIC]
    if not labelled:
        return f"{text}; no labels yet"
    told = found.agreement
    if told is None or told.difference is None or told.half_width is None:
        return f"{text}; labels say {labelled[-1].value:.2f}"
    if not told.holds:
        where = "above" if told.difference > 0 else "below"
        return f"{text}; labels lie {abs(told.difference):.2f} {where}"
    if told.half_width <= CONFIRMING * after:
        return f"{text}; labels confirm it"
    return f"{text}; labels do not contradict it"


def agreement(found: PromiseKept | None, grain: Grain) -> str:
    """Whether labels bear the estimates out, in a sentence with what to do."""
    if found is None or found.difference is None or found.half_width is None:
        windows = 0 if found is None else found.windows
        return (
            f"Whether labels bear the estimates out cannot be told yet: {windows} of the"
            f" {WINDOWS_TO_AGREE} {grain.value}s with labels that are needed. Until then the"
            " interval takes rows as independent, and the truth is wider."
        )
    apart = f"{found.difference:+.3f} ± {found.half_width:.3f}"
    many = f"{found.windows} {grain.value}s"
    over = f"Over the newest {many} with labels these lie {apart} from the estimates"
    if found.holds:
        return (
            f"{over}, which does not contradict them. The interval is as wide as those"
            f" {grain.value}s stray."
        )
    worse = "worse" if found.difference > 0 else "better"
    return (
        f"{over}: it does {worse} than its scores promise. The same inputs are answered otherwise"
        " than on the hold-out, which no estimate sees: trust the labels"
        f"{', and retrain or calibrate' if found.difference > 0 else ''}."
    )
