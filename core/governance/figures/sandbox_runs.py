"""Trying models: their files copied into a private folder, live rows beside them, then the sandbox.

Slow and never done where somebody waits: the worker does it, or the command `gate`.
"""

import shutil
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from core.errors import InsufficientData, Refused, StileError
from core.governance.figures.content_hashes import digest_of_files
from core.sandbox.trial_runs import try_models
from core.store.trials import TrialRepository
from core.values.mlflow_entities import ModelVersion
from core.values.model_trial import Limits, PairedTrial

if TYPE_CHECKING:
    from core.drift.monitor import DriftMonitor
    from core.tracking.artifacts import ArtifactReader
    from core.tracking.reader import TrackingReader

MOST_BYTES_TRIED: Final = 8_000_000_000
LIVE_ROWS: Final = 500
AGAIN_AFTER: Final = timedelta(hours=24)
"""When the same files are tried again: machines, packages and live inputs change."""
_RETRY_AFTER: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class SandboxRuns:
    """What models did in the sandbox, by the digests of their files; nothing while not `allowed`.

    `home` is where the folders of trials are while they run.
    """

    tracking: "TrackingReader"
    artifacts: "ArtifactReader"
    drift: "DriftMonitor"
    store: TrialRepository
    home: Path
    allowed: bool
    limits: Limits = field(default_factory=Limits)
    _one: threading.Lock = field(default_factory=threading.Lock)

    def found(self, candidate: str, champion: str) -> PairedTrial | None:
        """How these two contents did; no champion is the empty digest."""
        return self.store.get(candidate, champion)

    def problem(self, candidate: str, champion: str) -> str:
        """Why these two could not be tried, or nothing."""
        in_vain = self.store.in_vain(candidate, champion)
        return "" if in_vain is None else in_vain.says

    def is_due(self, candidate: str, champion: str, *, at: datetime) -> bool:
        """True when these two were not tried yet, or long ago, and not in vain just now."""
        if not self.allowed:
            return False
        in_vain = self.store.in_vain(candidate, champion)
        if in_vain is not None and at < in_vain.at + _RETRY_AFTER:
            return False
        known = self.found(candidate, champion)
        return known is None or at >= known.tried_at + AGAIN_AFTER

    def rehearse(
        self, candidate: ModelVersion, champion: ModelVersion | None, *, at: datetime
    ) -> PairedTrial:
        """Both tried in turns, now, and remembered by the digests of the bytes that were tried.

        Raises
        ------
        Refused
            Loading models is not allowed, or the files cannot be had.
        Unavailable
            MLflow did not answer.
        """
        if not self.allowed:
            raise Refused("Loading models is switched off; set STILE_ALLOW_MODEL_LOADING=true.")
        trials = self.home / "trials"
        trials.mkdir(mode=0o700, parents=True, exist_ok=True)
        _remove_abandoned(trials, at=at)
        with self._one, TemporaryDirectory(prefix="trial-", dir=trials) as private:
            folders, digests = [], []
            for name, version in (("candidate", candidate), ("champion", champion)):
                if version is None:
                    digests.append("")
                    continue
                folder = Path(private) / name
                folder.mkdir(mode=0o700)
                digests.append(digest_of_files(self._copied(version, folder)))
                self._put_live_rows(version, folder, at=at)
                folders.append(folder)
            other = folders[1] if len(folders) > 1 else None
            bout = try_models(folders[0], other, at=at, limits=self.limits)
        self.store.put(digests[0], digests[1], bout)
        return bout

    def rehearse_due(
        self,
        candidate: ModelVersion,
        champion: ModelVersion | None,
        files: Callable[[ModelVersion], Mapping[str, str]],
        *,
        at: datetime,
    ) -> bool:
        """True when the two were tried, because it was due; what went wrong is remembered."""
        if not self.allowed:
            return False
        mine = digest_of_files(files(candidate))
        theirs = "" if champion is None else digest_of_files(files(champion))
        if not self.is_due(mine, theirs, at=at):
            return False
        try:
            self.rehearse(candidate, champion, at=at)
        except StileError as error:
            self.store.put_in_vain(mine, theirs, f"It could not be tried: {error}", at=at)
            raise
        if self.found(mine, theirs) is None:  # the files changed between hashing and trying
            says = "The files changed while they were tried."
            self.store.put_in_vain(mine, theirs, says, at=at)
        return True

    def _copied(self, version: ModelVersion, folder: Path) -> Mapping[str, str]:
        contents = self.artifacts.contents(version)
        if not contents.files:
            raise Refused(f"{version.model} {version.version} has no files to load.")
        return contents.copied(folder / "model", max_bytes=MOST_BYTES_TRIED)

    def _put_live_rows(self, version: ModelVersion, folder: Path, *, at: datetime) -> None:
        """Put captured inputs beside the model, where there are some with all of its columns."""
        from core.drift.performance.replay_sample import live_inputs  # Ibis takes a while to import

        try:
            signature = self.tracking.signature(version)
            if signature is None or not signature.inputs:
                return
            log = self.drift.places.logs(version.model, at=at).rows
            rows = live_inputs(log, signature, rows=LIVE_ROWS, at=at)
        except (Refused, InsufficientData):
            return
        if rows is not None:
            rows.to_parquet(folder / "replay.parquet")


def _remove_abandoned(trials: Path, *, at: datetime) -> None:
    """Remove what a worker that was killed left behind; no trial takes that long."""
    for folder in trials.glob("trial-*"):
        with suppress(FileNotFoundError):
            if datetime.fromtimestamp(folder.stat().st_mtime, UTC) < at - AGAIN_AFTER:
                shutil.rmtree(folder, ignore_errors=True)
