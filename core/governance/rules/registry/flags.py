"""Why a version is not the champion, or is one only by default: always derived again. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from core.governance.rules.checks import Finding, overall
from core.governance.rules.policies.policy import CheckLevel, CheckVerdict
from core.values.mlflow_entities import CHAMPION

SUPERSEDED: Final = "superseded"
DOMINATED: Final = "dominated"
FAILED: Final = "failed:"
INCONCLUSIVE: Final = "inconclusive"
STALE: Final = "stale-evidence"
BY_DEFAULT: Final = "champion-by-default"


@dataclass(frozen=True, slots=True)
class VersionFlag:
    """One word about a version and its reason; `kind` is what stands in the tag `stile.flag`."""

    kind: str
    reason: str


@dataclass(frozen=True, slots=True)
class RequestResult:
    """What the last request about a version found.

    `beaten_by` is the version that was not worse by any loss on the same rows and better by one;
    `stale` is the sentence that says why what was found does not hold for today, where it does not.
    """

    findings: tuple[Finding, ...] = ()
    beaten_by: int | None = None
    stale: str = ""


def flags(
    versions: Iterable[int],
    *,
    champion: int | None,
    former_champions: Iterable[int] = (),
    judged: Mapping[int, RequestResult] | None = None,
    champion_by_default: bool = False,
    alias: str = CHAMPION,
) -> Mapping[int, VersionFlag]:
    """The flag of each version that deserves one; the champion has one only *by default*.

    `champion` is the version behind `alias`, whatever that is called.

    A version nobody has judged and that never served has no flag: nothing is known against it.
    """
    former, known, everything = frozenset(former_champions), judged or {}, tuple(versions)
    derived: dict[int, VersionFlag] = {}
    for version in everything:
        if version == champion:
            flag = _of_champion() if champion_by_default else None
        elif version in former:
            flag = _superseded(champion, alias)
        else:
            flag = _of_judged(known.get(version, RequestResult()), everything)
        if flag is not None:
            derived[version] = flag
    return derived


def _of_champion() -> VersionFlag:
    return VersionFlag(
        BY_DEFAULT, "It was there before Stile, or nothing was there to compare it with."
    )


def _superseded(champion: int | None, alias: str) -> VersionFlag:
    now = f"version {champion} took its place" if champion else "nothing took its place"
    return VersionFlag(SUPERSEDED, f"It was {alias} before; {now}.")


def _of_judged(judged: RequestResult, versions: tuple[int, ...]) -> VersionFlag | None:
    if judged.beaten_by is not None and judged.beaten_by in versions:
        return VersionFlag(
            DOMINATED,
            f"On the same rows version {judged.beaten_by} was not worse by any loss, and better by "
            "at least one.",
        )
    return _of_findings(judged.findings) or (
        VersionFlag(STALE, judged.stale) if judged.stale else None
    )


def _of_findings(findings: tuple[Finding, ...]) -> VersionFlag | None:
    blocking = [finding for finding in findings if finding.level is CheckLevel.BLOCKING]
    if not blocking or overall(blocking) is CheckVerdict.PASS:
        return None
    failed = next((f for f in blocking if f.verdict is CheckVerdict.FAIL), None)
    if failed is not None:
        return VersionFlag(f"{FAILED}{failed.check_id}", failed.says)
    unsure = next(f for f in blocking if f.verdict is overall(blocking))
    return VersionFlag(INCONCLUSIVE, f"{unsure.check_id}: {unsure.says}")
