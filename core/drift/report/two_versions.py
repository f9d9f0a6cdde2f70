"""One window of live inputs as two versions see it: whose training is more like it. Pure."""

from dataclasses import dataclass
from typing import Final

from core.drift.values.results import ColumnDrift, DriftVerdict, WindowReport

_TRIFLE: Final = 0.005
"""Two severities that lie closer are called the same."""


@dataclass(frozen=True, slots=True)
class InputOfTwoVersions:
    """One input against the training of both versions; None where a version has no such input."""

    name: str
    candidate: ColumnDrift | None
    champion: ColumnDrift | None

    @property
    def gap(self) -> float:
        """How much further the candidate's training is away than the champion's; 0 if unknown."""
        ours = None if self.candidate is None else self.candidate.distance
        theirs = None if self.champion is None else self.champion.distance
        return 0.0 if ours is None or theirs is None else ours - theirs


def inputs(
    candidate: WindowReport, champion: WindowReport | None
) -> tuple[InputOfTwoVersions, ...]:
    """Every input of either version, those that alert for one only first, then by the gap."""
    ours = {c.name: c for c in candidate.columns}
    theirs = {} if champion is None else {c.name: c for c in champion.columns}
    found = [
        InputOfTwoVersions(n, ours.get(n), theirs.get(n)) for n in dict.fromkeys((*ours, *theirs))
    ]
    return tuple(sorted(found, key=lambda b: (-_news(b), -abs(b.gap), -_furthest(b), b.name)))


def in_words(candidate: WindowReport, champion: WindowReport | None) -> str:
    """Which version fits the window better, in a sentence."""
    window = candidate.window
    when = f"the {window.grain.value} from {window.start:%-d %b %Y}"
    if candidate.severity is None:
        return f"Whether version {candidate.version} fits {when} cannot be told: {candidate.says}"
    own = f"Version {candidate.version} is {candidate.severity:.3f} away from {when}"
    own += f", {len(candidate.alerting)} of {len(candidate.columns)} inputs alert"
    if champion is None or champion.severity is None:
        return f"{own}; there is no champion that could be held beside it."
    theirs = f"version {champion.version} {champion.severity:.3f}, {len(champion.alerting)} alert"
    apart = candidate.severity - champion.severity
    if abs(apart) < _TRIFLE:
        return f"{own}; {theirs}: both fit it alike."
    return f"{own}; {theirs}: the candidate fits it {'better' if apart < 0 else 'worse'}."


def _news(both: InputOfTwoVersions) -> int:
    """2 for an alert of the candidate alone, 1 for one of the champion alone, else 0."""
    ours, theirs = _alerts(both.candidate), _alerts(both.champion)
    return 0 if ours == theirs else 2 if ours else 1


def _furthest(both: InputOfTwoVersions) -> float:
    return max((c.distance or 0.0 for c in (both.candidate, both.champion) if c), default=0.0)


def _alerts(column: ColumnDrift | None) -> bool:
    return column is not None and column.verdict is DriftVerdict.DRIFTING
