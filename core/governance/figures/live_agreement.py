"""Whether the champion does live what its hold-out promised, once labels have arrived."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from core.drift.values.results import Grain, Performance
from core.errors import InsufficientData, Refused
from core.governance.comparison.row_losses import Loss, row_losses
from core.governance.comparison.row_pairing import indexed, losses_of, word_of
from core.governance.rules.evidence import Figure
from core.governance.rules.figure_writer import FigureWriter
from core.values.canonical_json import JsonValue
from core.values.mlflow_entities import ModelVersion, Run
from core.values.wording import digits_for, number

if TYPE_CHECKING:
    from core.drift.monitor import DriftMonitor
    from core.tracking.artifacts import ArtifactReader

NAME: Final = "online.loss"
_NORMAL: Final = 1.96
_WEEKS: Final = 4
_FEWEST: Final = 30
_SOURCE: Final = "labels of the inference log"


@dataclass(frozen=True, slots=True)
class MeanLoss:
    """A mean loss over so many rows, and its standard error."""

    value: float
    error: float
    rows: int


def online_figure(
    drift: "DriftMonitor",
    artifacts: "ArtifactReader",
    champion: ModelVersion | None,
    run: Run | None,
    *,
    scribe: FigureWriter,
) -> Figure:
    """The champion's realised loss of the newest four weeks with labels, less its hold-out's.

    Of windows with fewer than 30 labels nobody knows how sure their mean is: they are left out.
    """
    if champion is None:
        return scribe.absent(NAME, "There is no champion whose live loss could be known.")
    try:
        windows = drift.performance(champion.model, Grain.WEEK, version=champion.version)
        live, metric = live_mean(windows)
        promised = _promised(artifacts, run, Loss(metric))
    except (InsufficientData, Refused) as error:
        return scribe.absent(NAME, str(error), source=_SOURCE)
    return _figure(live, promised, Loss(metric), champion, scribe)


def live_mean(windows: Sequence[Performance]) -> tuple[MeanLoss, str]:
    """The mean loss over the newest four windows with enough labels, and the loss's name.

    Raises
    ------
    InsufficientData
        No label has arrived, or too few in every window.
    """
    told = [w for w in windows if w.value is not None and w.half_width is not None]
    if not told:
        labelled = sum(window.labelled_rows for window in windows)
        raise InsufficientData(
            f"{labelled:,} labels of the champion's predictions have arrived; "
            f"{_FEWEST} in one week are needed to tell."
        )
    newest = [w for w in told if w.metric == told[-1].metric][-_WEEKS:]
    rows = sum(window.labelled_rows for window in newest)
    value = math.fsum(w.labelled_rows * (w.value or 0.0) for w in newest) / rows
    variance = math.fsum(
        (w.labelled_rows / rows * (w.half_width or 0.0) / _NORMAL) ** 2 for w in newest
    )
    return MeanLoss(value, math.sqrt(variance), rows), newest[-1].metric


def _promised(artifacts: "ArtifactReader", run: Run | None, loss: Loss) -> MeanLoss:
    frame = None if run is None else artifacts.predictions(run.run_id)
    if frame is None:
        raise InsufficientData("The champion's run logged no predictions of its hold-out.")
    rows = indexed(frame)
    column = dict(losses_of(rows)).get(loss)
    if column is None:
        raise InsufficientData(f"The champion's hold-out has no {word_of(loss.value)}.")
    each = row_losses(rows["y_true"].to_numpy(), rows[column].to_numpy(), loss)
    if len(each) < _FEWEST:
        raise InsufficientData(f"The champion's hold-out has {len(each)} rows, too few to tell.")
    return MeanLoss(
        float(each.mean()), float(np.std(each, ddof=1) / math.sqrt(len(each))), len(each)
    )


def _figure(
    live: MeanLoss, promised: MeanLoss, loss: Loss, champion: ModelVersion, scribe: FigureWriter
) -> Figure:
    difference = live.value - promised.value
    half = _NORMAL * math.hypot(live.error, promised.error)
    low, high = difference - half, difference + half
    verdict = "worse" if low > 0 else "better" if high < 0 else "agrees"
    value: dict[str, JsonValue] = {
        "loss": loss.value,
        "verdict": verdict,
        "live": live.value,
        "holdout": promised.value,
        "difference": difference,
        "low": low,
        "high": high,
        "rows": live.rows,
        "holdout_rows": promised.rows,
    }
    digits = digits_for(2 * half)
    sign = "" if difference < 0 else "+"
    told = f"{sign}{number(difference, digits)} ({number(low, digits)} to {number(high, digits)})"
    word = {
        "worse": "worse than its hold-out promised",
        "better": "better than its hold-out promised",
        "agrees": "as its hold-out promised, as far as can be told",
    }[verdict]
    says = (
        f"Version {champion.version} does {word}: {word_of(loss.value)} "
        f"{number(live.value, digits)} on {live.rows:,} labelled live rows, "
        f"{number(promised.value, digits)} on {promised.rows:,} held-out rows, {told}."
    )
    return scribe.known(NAME, value, says, source=f"{_SOURCE}; eval/predictions.parquet")
