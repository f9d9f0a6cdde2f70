"""The whole record as files that verify without Stile: ledger, bundles, anchors, model cards."""

import io
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Final

from core.errors import Refused
from core.governance.rules.checks import judge
from core.governance.rules.ledger.anchors import Versions, anchor_findings, anchors_kept
from core.governance.rules.ledger.bundles import (
    DecisionBundle,
    applied_by,
    bundle,
    decided_by,
    policy_bundle,
)
from core.governance.rules.ledger.cyclonedx_card import model_card
from core.governance.rules.ledger.entries import PLAIN, LedgerEntry, LedgerFinding
from core.governance.rules.policies.published_record import altered_findings
from core.governance.rules.requests import PromotionRequest
from core.store.governance_store import GovernanceStore, Record
from core.values.canonical_json import JsonValue, canonical_json, utc_millis
from core.values.mlflow_entities import RegisteredModel

VERIFIER: Final = "verify_export.py"
_SCRIPT: Final = Path(__file__).parent / "standalone" / VERIFIER

Progress = Callable[[float, str], object]
"""Told how much is done, from 0 to 1, and what is being done."""


@dataclass(frozen=True, slots=True)
class ExportSummary:
    """What an export holds; `findings` are of the ledger and its anchors, as they were found."""

    entries: int
    head: str
    bundles: int
    model_cards: int
    findings: tuple[LedgerFinding, ...]


@dataclass(frozen=True, slots=True)
class RecordExporter:
    """Reads everything that an export holds; `models` and `version` ask MLflow."""

    store: GovernanceStore
    models: Callable[[], Sequence[RegisteredModel]]
    version: Versions

    def to_folder(self, folder: Path, *, at: datetime, progress: Progress) -> ExportSummary:
        """What was exported; the folder appears whole, or not at all.

        Raises
        ------
        Refused
            The folder is there and not empty, or cannot be made.
        Unavailable
            MLflow or the database did not answer; nothing was written.
        """
        try:
            if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
                raise Refused(f"{folder} is not empty; name a new folder, so that nothing mixes.")
            folder.parent.mkdir(parents=True, exist_ok=True)
            arriving = Path(tempfile.mkdtemp(prefix=".arriving-", dir=folder.parent))
            try:
                exported = self._write(arriving, at=at, progress=progress)
                arriving.chmod(0o755)
                if folder.exists():
                    folder.rmdir()
                arriving.rename(folder)
            finally:
                shutil.rmtree(arriving, ignore_errors=True)
        except OSError as error:
            says = error.strerror or type(error).__name__
            raise Refused(f"{folder} cannot be written ({says}); name another folder.") from error
        return exported

    def to_zip(self, *, at: datetime, progress: Progress) -> tuple[bytes, ExportSummary]:
        """The same as the bytes of a zip."""
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            exported = self._write(folder, at=at, progress=progress)
            packed = io.BytesIO()
            with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
                for path in _files(folder):
                    archive.write(path, path.relative_to(folder).as_posix())
        return packed.getvalue(), exported

    def _write(self, folder: Path, *, at: datetime, progress: Progress) -> ExportSummary:
        progress(0.0, "Verifying the ledger")
        report = self.store.verify()
        models, version = self.models(), cache(self.version)  # first: no anchor is the newer
        with self.store.reading() as record:
            entries = record.entries()
            decisions = tuple(_decisions(record, entries))
            proposals = record.policy_shelf.requests()
            altered = altered_findings(record.policy_shelf.published(), entries)
        progress(0.2, "Asking MLflow for its anchors")
        findings = (*report.findings, *altered, *anchor_findings(entries, models, version))
        anchors = anchors_kept(entries, models, version)
        _put_lines(folder / "ledger.jsonl", entries)
        for done, decision in enumerate(decisions):
            progress(0.4 + 0.5 * done / len(decisions), "Writing evidence bundles")
            number = decision.request.request_id
            _put(folder / "bundles" / f"request-{number}.json", bundle(decision))
            if decision.applied is not None:
                card = model_card(decision, bundle_path=f"../bundles/request-{number}.json")
                _put(folder / "model-cards" / f"request-{number}.cdx.json", card)
        for proposal in proposals:
            path = folder / "bundles" / f"policy-request-{proposal.number}.json"
            _put(path, policy_bundle(proposal, entries))
        kept: list[JsonValue] = [
            {"place": anchor.place, "seq": anchor.seq, "hash": anchor.hash} for anchor in anchors
        ]
        _put(folder / "anchors.json", kept)
        shutil.copyfile(_SCRIPT, folder / VERIFIER)
        progress(0.95, "Counting digests")
        exported = ExportSummary(
            entries=len(entries),
            head=report.head,
            bundles=len(decisions) + len(proposals),
            model_cards=sum(decision.applied is not None for decision in decisions),
            findings=findings,
        )
        _put(folder / "export.json", self._told(folder, exported, report.notes, at=at))
        progress(1.0, "Done")
        return exported

    def _told(
        self, folder: Path, exported: ExportSummary, notes: Sequence[str], *, at: datetime
    ) -> Mapping[str, JsonValue]:
        """The table of contents: every file by its SHA-256, sealed where there is a key."""
        key = self.store.ledger_key
        told: dict[str, JsonValue] = {
            "format": "stile-export-1",
            "at": utc_millis(at),
            "entries": exported.entries,
            "head": exported.head,
            "findings": [{"flaw": f.flaw.value, "says": f.says} for f in exported.findings],
            "notes": list(notes),
            "key_id": key.key_id if key else PLAIN,
            "files": {
                path.relative_to(folder).as_posix(): sha256(path.read_bytes()).hexdigest()
                for path in _files(folder)
            },
        }
        digest = sha256(canonical_json(told)).hexdigest()
        return {**told, "seal": key.seal_export(digest) if key else PLAIN}


def _decisions(record: Record, entries: Sequence[LedgerEntry]) -> Iterator[DecisionBundle]:
    """Every request that people decided, oldest first; what is still open is no decision."""
    for request in reversed(record.requests()):
        if not request.status.is_waiting:
            yield decision_of(record, request, entries)


def decision_of(
    record: Record, request: PromotionRequest, entries: Sequence[LedgerEntry]
) -> DecisionBundle:
    """A decided request with everything it rests on, from the ledger's entries."""
    verified = record.verified(request.request_id)
    return DecisionBundle(
        request=request,
        verified=verified,
        findings=judge(request.policy, verified),
        decided=decided_by(entries, record.decision(request.request_id)),
        applied=applied_by(entries, request.request_id),
    )


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _put(path: Path, document: JsonValue) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(canonical_json(document) + b"\n")


def _put_lines(path: Path, entries: Sequence[LedgerEntry]) -> None:
    names = [field.name for field in fields(LedgerEntry)]
    lines = (
        canonical_json({name: _as_json(getattr(entry, name)) for name in names})
        for entry in entries
    )
    path.write_bytes(b"".join(line + b"\n" for line in lines))


def _as_json(stored: object) -> JsonValue:
    """What stands in a column; SQLite would keep bytes too, if somebody put them there."""
    return stored if isinstance(stored, str | int) else repr(stored)
