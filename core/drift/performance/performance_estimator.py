"""Estimated performance of the versions of a model, from counts of their scores that are kept."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from core.drift.performance import estimated_performance
from core.drift.performance.estimated_performance import ScoreCalibration
from core.drift.performance.prediction_monitor import PredictionMonitor
from core.drift.values.results import EstimatedPerformance, Grain, Performance
from core.errors import InsufficientData, Refused
from core.tracking import evaluation_curves
from core.tracking.artifacts import ArtifactReader
from core.tracking.prediction_files import PREDICTIONS
from core.tracking.reader import TrackingReader
from core.values.bounded_memory import BoundedMemory
from core.values.mlflow_entities import RunId

_KEPT: Final = 50
_LIMITS: Final = (
    "Estimated from its scores, as they were worth on {:,} hold-out rows. It sees that inputs"
    " have moved to easier or harder cases, not that the world answers the same inputs"
    " otherwise: only labels tell that."
)


class PerformanceEstimator:
    """What a classifier's scores promise, window by window; no row is read but the hold-out's."""

    def __init__(
        self, reader: TrackingReader, artifacts: ArtifactReader, outputs: PredictionMonitor
    ) -> None:
        self._reader = reader
        self._artifacts = artifacts
        self._outputs = outputs
        self._calibrations = BoundedMemory(_KEPT)

    def estimate(
        self,
        model: str,
        version: int,
        grain: Grain,
        *,
        realised: Sequence[Performance],
        at: datetime,
    ) -> EstimatedPerformance:
        """The estimates of a version in each window that it answered in, held against labels.

        `realised` is what labels say of that version.
        """
        run_id = self._reader.version(model, version).run_id
        try:
            calibration = self._calibration(run_id)
            scores = self._outputs.scores(model, version, grain, at=at)
            if not scores:
                raise InsufficientData(f"{model} {version} has answered nothing yet.")
            counted = {w: c for w, c in scores.items() if c is not None}
            if not counted:
                raise InsufficientData("Its answers hold no score (a probability of 1).")
        except (InsufficientData, Refused) as error:
            return EstimatedPerformance(model, version, (), {}, 0, None, str(error))
        windows, agreement = estimated_performance.widened(
            [
                estimated_performance.estimate(calibration, window, c)
                for window, c in counted.items()
            ],
            realised,
        )
        return EstimatedPerformance(
            model=model,
            version=version,
            windows=windows,
            holdout=calibration.achieved,
            holdout_rows=calibration.rows,
            agreement=agreement,
            says=_LIMITS.format(calibration.rows),
        )

    def calibration(self, model: str, version: int) -> ScoreCalibration | None:
        """What a version's scores are worth; None where nothing says."""
        try:
            return self._calibration(self._reader.version(model, version).run_id)
        except (InsufficientData, Refused):
            return None

    def _calibration(self, run_id: RunId | None) -> ScoreCalibration:
        if run_id is None:
            raise InsufficientData("It was registered without a run, so it has no hold-out.")
        return self._calibrations.get(run_id, lambda: self._calibrated(run_id))

    def _calibrated(self, run_id: RunId) -> ScoreCalibration:
        rows = self._artifacts.predictions(run_id)
        if rows is None:
            raise InsufficientData(
                f"Its run logged no {PREDICTIONS} to calibrate its scores on; log them."
            )
        if "y_score" not in rows.columns:
            raise InsufficientData(
                f"Its {PREDICTIONS} holds no probability (y_score). Performance is estimated for"
                " classifiers of two outcomes; for other models wait for labels."
            )
        return estimated_performance.calibrate(*evaluation_curves.scored(rows))
