"""Which decisions lie with their runs as artifacts, as the ledger says. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from core.governance.rules.ledger.bundles import DecisionBundle, bundle
from core.governance.rules.ledger.entries import LedgerEntry
from core.values.canonical_json import JsonValue

KEPT: Final = "decision_kept"
NOT_KEPT: Final = "decision_not_kept"


@dataclass(frozen=True, slots=True)
class KeptDecision:
    """Where a decision's bundle lies. `sha256` is empty where it is not kept, and `says` why."""

    request: int
    run_id: str
    path: str
    sha256: str
    says: str = ""

    @property
    def tag(self) -> str:
        """What the version's tag says: the artifact and its digest."""
        return f"{self.path} sha256:{self.sha256}"


def artifact_path(number: int) -> str:
    """The artifact of the run in which a decision is kept."""
    return f"stile/decision-{number}.json"


def kept_bundle(decision: DecisionBundle, applied: LedgerEntry) -> dict[str, JsonValue]:
    """The bundle of an export, as it stood when MLflow confirmed; `ledger` is its head then."""
    head: JsonValue = {"seq": applied.seq, "hash": applied.hash}
    return {**bundle(decision), "ledger": head}


def kept_of(entries: Iterable[LedgerEntry], number: int) -> KeptDecision | None:
    """The last that the ledger says about where a decision is kept, or None so far."""
    found: KeptDecision | None = None
    for entry in entries:
        if entry.kind in {KEPT, NOT_KEPT} and entry.facts.get("request") == number:
            found = _kept(number, entry)
    return found


def owed(entries: Sequence[LedgerEntry]) -> tuple[LedgerEntry, ...]:
    """The applied promotions that are not kept with their run and might be, oldest first."""
    settled = {
        entry.facts.get("request")
        for entry in entries
        if entry.kind == KEPT or (entry.kind == NOT_KEPT and not entry.facts.get("run"))
    }
    return tuple(
        entry
        for entry in entries
        if entry.kind == "request_applied" and entry.facts.get("request") not in settled
    )


def is_newest(entries: Iterable[LedgerEntry], applied: LedgerEntry) -> bool:
    """True when no later promotion of the same version was applied, whose tags it carries."""
    which = (applied.facts.get("model"), applied.facts.get("to"))
    return not any(
        entry.kind == "request_applied"
        and entry.seq > applied.seq
        and (entry.facts.get("model"), entry.facts.get("to")) == which
        for entry in entries
    )


def _kept(number: int, entry: LedgerEntry) -> KeptDecision:
    said = {name: str(entry.facts.get(name) or "") for name in ("run", "path", "sha256", "says")}
    return KeptDecision(number, said["run"], said["path"], said["sha256"], said["says"])
