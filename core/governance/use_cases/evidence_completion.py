"""Frozen evidence is completed once: by the hashes of files that took longer than opening."""

from dataclasses import replace
from datetime import datetime
from typing import Final

from core.governance.decisions.deciding import about, frozen
from core.governance.rules.evidence import Evidence
from core.governance.rules.requests import PromotionRequest
from core.store.governance_store import Record
from core.store.people import STILE

HASHED: Final = "evidence_hashed"


def completed(
    record: Record, request: PromotionRequest, verified: Evidence, *, at: datetime
) -> PromotionRequest:
    """The request with the hashes that its evidence still lacked, as they were verified now.

    Nobody can have turned a key before: what is hashed is the first that anybody signs.
    """
    known = {
        (figure.name, figure.side): figure for figure in verified.figures if not figure.is_pending
    }
    arrived = {key for f in request.evidence.pending if (key := (f.name, f.side)) in known}
    if not arrived:
        return request
    figures = tuple(
        known[key] if (key := (f.name, f.side)) in arrived else f for f in request.evidence.figures
    )
    whole = replace(request, evidence=replace(request.evidence, figures=figures))
    record.save(whole)
    if not whole.evidence.pending:
        record.append(HASHED, {**about(whole), **frozen(whole)}, actor=STILE, at=at)
    return whole
