"""What becomes of captured rows: erased by order, removed by age. Each tells the ledger."""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from pathlib import Path

from core.errors import Refused
from core.identity.people import Role, Username, require_role
from core.inference import erasure, retention
from core.inference.erasure import Erasure
from core.inference.log_folder import inference_folder, labels_folder, references_folder
from core.store.governance_store import GovernanceStore
from core.store.people import STILE
from core.values.canonical_json import JsonValue

ORDERED = "erasure_ordered"
ERASED = "rows_erased"
EXPIRED = "log_expired"
Forget = Callable[[str, Collection[str]], None]


def erase_rows(
    store: GovernanceStore,
    home: Path,
    actor: Username,
    model: str,
    ids: Collection[str],
    *,
    reason: str,
    forget: Forget,
    at: datetime,
) -> Erasure:
    """What was erased of a model's log and labels; the ledger says how much, by whom and why.

    The order is in the ledger before the first file is touched, the outcome after the last one,
    and no id in either. `forget` is told the model and the ids, so that no digest of them stays
    in what drift keeps. Where no row has such an id nothing is written, so that doing it again
    changes nothing.

    Raises
    ------
    Refused
        The actor is no administrator, there are no ids or no reason, or the model has no log.
    """
    wanted = {each for each in ids if each.strip()}
    with store.deciding() as record:
        require_role(record.person(actor), Role.ADMINISTRATOR, to="erase captured rows")
    if not wanted:
        raise Refused("No id was given: name at least one prediction id.")
    if not reason.strip():
        raise Refused("Say why with --reason: it stays in the ledger, so name nobody in it.")
    folders = (
        inference_folder(home, model),
        labels_folder(home, model),
        references_folder(home, model),
    )
    if not any(folder.is_dir() for folder in folders):
        raise Refused(f"{model} has no inference log and no labels here: check its name.")
    found = erasure.rows_of(home, model, wanted)
    if not found.rows:
        forget(model, wanted)
        return found
    about: Mapping[str, JsonValue] = {"model": model, "ids": len(wanted), "says": reason.strip()}
    with store.deciding() as record:
        order = record.append(ORDERED, {**about, **_counts(found)}, actor=actor, at=at)
    done = erasure.erase_rows(home, model, wanted)
    forget(model, wanted)
    with store.deciding() as record:
        outcome = {**about, **_counts(done), "order": order.seq}
        record.append(ERASED, outcome, actor=actor, at=at)
    return done


def remove_expired(
    store: GovernanceStore, home: Path, *, keep_days: int, at: datetime
) -> tuple[str, ...]:
    """The sentences of what is due and could not be removed; the rest is gone and in the ledger."""
    expired = retention.remove_expired(home, keep_days=keep_days, at=at)
    for each in expired:
        if each.days or each.label_files or each.samples:
            body: Mapping[str, JsonValue] = {
                "model": each.model,
                "days": len(each.days),
                "first": each.days[0] if each.days else None,
                "last": each.days[-1] if each.days else None,
                "files": each.files,
                "label_files": each.label_files,
                "samples": each.samples,
                "kept_days": keep_days,
            }
            with store.deciding() as record:
                record.append(EXPIRED, body, actor=STILE, at=at)
    return tuple(problem for each in expired for problem in each.problems)


def _counts(found: Erasure) -> dict[str, JsonValue]:
    return {
        "predictions": found.predictions,
        "labels": found.labels,
        "references": found.references,
        "files": found.files,
        "unread": len(found.unread),
    }
