"""Windows of live inputs as they were counted: by version, without reading a row."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from core.drift.live_counts import LiveCounts
from core.drift.references import chosen_columns
from core.drift.references.chosen_columns import columns_to_cut_by
from core.drift.references.version_references import VersionReferences
from core.drift.values.monitoring_choice import MonitoringSettings
from core.drift.values.results import (
    SegmentOf,
    Window,
)
from core.drift.windows import profile_rows
from core.drift.windows.log_places import LogPlaces
from core.drift.windows.profile_rows import KeptReference
from core.errors import Refused
from core.store.drift_profiles import ProfileStore, StoredWindow
from core.store.monitoring_settings import MonitoringSettingsStore


@dataclass(frozen=True, slots=True)
class JudgedVersion:
    """A version, what it is held against, and by which columns its rows are cut."""

    model: str
    version: int
    kept: KeptReference
    cuts: tuple[str, ...]
    stated: MonitoringSettings

    @property
    def able(self) -> tuple[str, ...]:
        """The columns by which rows can be cut, the ones that matter most to the model first."""
        return columns_to_cut_by(self.kept.reference, dict(self.kept.importance or {}))

    @property
    def segments(self) -> tuple[SegmentOf, ...]:
        """Every segment that is counted apart."""
        bins = self.kept.reference
        return tuple(SegmentOf(cut, level) for cut in self.cuts for level in bins.segments_by(cut))


@dataclass(frozen=True, slots=True)
class CountedWindow:
    """A window as it was counted: in which reference's bins, from which parts of the log.

    `parts` are digests of their names; `store` is where it is kept.
    """

    kept: KeptReference
    rows: int
    parts: frozenset[str]
    store: ProfileStore


class CountedWindows:
    """The windows of every version that has a reference: what is counted, and how it is watched."""

    def __init__(
        self,
        references: VersionReferences,
        places: LogPlaces,
        stated: MonitoringSettingsStore,
        counts: LiveCounts,
    ) -> None:
        self._references = references
        self._places = places
        self._stated = stated
        self._counts = counts

    def watched(self, model: str, version: int, *, at: datetime) -> JudgedVersion | None:
        """What a version is held against and how it is watched; None without a reference."""
        kept = self._references.of(model, version, at=at)
        if kept is None:
            return None
        stated = self.how_watched(model)
        return JudgedVersion(model, version, kept, chosen_columns.cuts(kept, stated), stated)

    def how_watched(self, model: str) -> MonitoringSettings:
        """By which segments and at which rate; what a described source says of segments counts."""
        stated = self._stated.get(model)
        described = self._places.segments(model)
        return stated if described is None else replace(stated, segments=described)

    def counted(self, model: str, version: int, window: Window) -> CountedWindow:
        """What is known of a window without reading a row: its reference, its rows and its parts.

        Raises
        ------
        Refused
            The version has no reference, or the window no rows.
        """
        watched, inside = self.days_of(model, version, window)
        return CountedWindow(
            watched.kept,
            sum(day.rows for day in inside),
            frozenset(name for day in inside for name in profile_rows.files_in(day)),
            self._counts.of(model),
        )

    def days_of(
        self, model: str, version: int, window: Window
    ) -> tuple[JudgedVersion, tuple[StoredWindow, ...]]:
        """How a version is watched, and the days of a window that have rows, without their counts.

        Raises
        ------
        Refused
            The version has no reference, or the window no rows.
        """
        now = datetime.now(UTC)
        watched = self.watched(model, version, at=now)
        if watched is None:
            raise Refused(self._references.why_none(model, version))
        days = self._counts.days(model, watched.kept, watched.cuts, at=now)
        inside = tuple(day for start, day in days.items() if window.start <= start < window.end)
        if not inside:
            raise Refused("No live inputs are recorded for that window; choose another.")
        return watched, inside
