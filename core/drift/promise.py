"""What scores promised and labels kept, in words: for the Drift page and its report. Pure."""

from collections.abc import Sequence
from typing import Final

from core.drift.estimated import WINDOWS_TO_AGREE
from core.drift.report import Agreement, Estimate, EstimatedPerformance, Grain, Performance

METRIC: Final = "log_loss"
"""The metric that stands in sentences; it is also what labels measure of a classifier."""
WORDS: Final = {
    "log_loss": "log loss",
    "brier": "Brier score",
    "error": "share of errors",
    "auc": "AUC",
}


def newest(found: EstimatedPerformance) -> Estimate | None:
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
    holds = None if found.agreement is None else found.agreement.holds
    verb = {True: "labels confirm", False: "labels contradict", None: "labels say"}[holds]
    if holds is None or found.agreement is None or found.agreement.difference is None:
        return f"{text}; {verb} {labelled[-1].value:.2f}"
    return f"{text}; {verb} it ({found.agreement.difference:+.2f})"


def agreement(found: Agreement | None, grain: Grain) -> str:
    """Whether labels bear the estimates out, in a sentence with what to do."""
    if found is None or found.difference is None or found.half_width is None:
        windows = 0 if found is None else found.windows
        return (
            f"Whether labels bear the estimates out cannot be told yet: {windows} of the"
            f" {WINDOWS_TO_AGREE} {grain.value}s with labels that are needed. Until then the"
            " interval takes rows as independent, and the truth is wider."
        )
    apart = f"{found.difference:+.3f} ± {found.half_width:.3f}"
    over = f"Over {found.windows} {grain.value}s labels lie {apart} from the estimates"
    if found.holds:
        return f"{over}: they bear them out. The interval is as wide as those {grain.value}s stray."
    worse = "worse" if found.difference > 0 else "better"
    return (
        f"{over}: it does {worse} than its scores promise. The same inputs are answered otherwise"
        " than on the hold-out, which no estimate sees: trust the labels, and retrain or calibrate."
    )
