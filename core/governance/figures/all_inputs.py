"""All inputs together as a live condition: can the newest window be told from training?"""

from typing import TYPE_CHECKING, Final

from core.drift.values.results import DriftVerdict
from core.errors import InsufficientData, Refused
from core.governance.figures.live_conditions import LiveWindow
from core.governance.rules.evidence import Figure
from core.governance.rules.figure_writer import FigureWriter
from core.values.canonical_json import JsonValue, utc_millis
from core.values.wording import without_nulls

if TYPE_CHECKING:
    from core.drift.monitor import DriftMonitor

NAME: Final = "drift.together"
_SOURCE: Final = "inference log"


def together_figure(
    drift: "DriftMonitor", model: str, candidate: int, seen: LiveWindow, *, scribe: FigureWriter
) -> Figure:
    """What was found of the window that `drift.candidate` is about; nothing is looked at here.

    Inconclusive where training has too few windows of its own to say what is usual.
    """
    ours = seen.candidate
    if ours is None or ours.severity is None:
        return scribe.absent(NAME, ours.says if ours else seen.says, source=_SOURCE)
    try:
        found = drift.multivariate.known(model, candidate, ours.window)
    except (Refused, InsufficientData) as error:
        return scribe.absent(NAME, str(error), source=_SOURCE)
    if found is None:
        says = (
            f"Nobody has looked yet at all inputs of version {candidate} together in the "
            f"{ours.window.grain.value} from {ours.window.start.date().isoformat()}: a running "
            "worker does within minutes, the Drift page on a click."
        )
        return scribe.absent(NAME, says, source=_SOURCE)
    if found.area is None:
        return scribe.absent(NAME, found.says, source=_SOURCE)
    auc, half = found.area.value, found.area.half_width or 0.0
    value: dict[str, JsonValue] = without_nulls(
        {
            "version": candidate,
            "auc": auc,
            "auc_low": max(0.0, auc - half),
            "auc_high": min(1.0, auc + half),
            "usual_high": found.area.high,
            "verdict": found.verdict.value,
            "window": utc_millis(ours.window.start),
            "rows": found.rows,
            "sampled": found.sampled,
        }
    )
    if found.verdict is DriftVerdict.NOT_EVALUABLE:
        return scribe.inconclusive(NAME, value, found.says, source=_SOURCE)
    return scribe.known(NAME, value, found.says, source=_SOURCE)
