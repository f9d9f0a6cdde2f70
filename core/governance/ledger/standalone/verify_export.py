"""Verifies an export without Stile: `python -I verify_export.py`; ends with 1 and a line a finding.

Seals are checked with the keys in LEDGER_KEYS, a JSON list; without it the chain is plain.
"""

import hashlib
import hmac
import json
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any


def sha256(value: Any) -> str:
    """The digest of bytes, or of anything else as canonical JSON."""
    if not isinstance(value, bytes):
        text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        value = text.encode()
    return hashlib.sha256(value).hexdigest()


def seal(secret: bytes, what: str) -> str:
    """What a holder of the key writes under `what`."""
    return hmac.new(secret, f"stile-ledger-1:{what}".encode(), "sha256").hexdigest()


def findings(folder: Path, keys: Mapping[str, bytes]) -> Iterator[str]:
    """Everything that is wrong with the export, a line each."""
    told = json.loads((folder / "export.json").read_bytes())
    unsealed = sha256({name: value for name, value in told.items() if name != "seal"})
    if told["key_id"] in keys and seal(keys[told["key_id"]], f"export:{unsealed}") != told["seal"]:
        yield "export.json: forged, its seal is not of its key"
    for path, digest in told["files"].items():
        if not (folder / path).is_file() or sha256((folder / path).read_bytes()) != digest:
            yield f"{path}: missing, or changed since the export"
    lines = (folder / "ledger.jsonl").read_text("utf-8").split("\n")
    entries = [json.loads(line) for line in lines if line]
    link, used = sha256(b"stile-ledger-1:genesis"), [""]
    for number, entry in enumerate(entries, start=1):
        content = {name: entry[name] for name in entry if name not in ("hash", "seal")}
        content_hash = sha256({**content, "domain": "stile-ledger-1"})
        if (entry["seq"], entry["previous"], entry["hash"]) != (number, link, content_hash):
            yield f"entry {number}: changed, missing, or not linked to the one before"
        link, key_id = entry["hash"], entry["key_id"]
        if key_id != used[-1] and key_id in used:
            yield f"entry {number}: not sealed, or sealed with a key that was replaced before"
        used += [key_id] * (key_id != used[-1])
        if key_id in keys and seal(keys[key_id], f"seal:{link}") != entry["seal"]:
            yield f"entry {number}: forged, its seal is not of its key"
    hashes = {entry["seq"]: entry["hash"] for entry in entries}
    for anchor in json.loads((folder / "anchors.json").read_bytes()):
        if hashes.get(anchor["seq"]) != anchor["hash"]:
            yield f"{anchor['place']}: remembers another entry {anchor['seq']}, or one now missing"
    bodies = [json.loads(entry["body"]) for entry in reversed(entries)]
    for file in sorted(folder.glob("bundles/*.json")):
        found = json.loads(file.read_bytes())
        about = found.get("about", "request")  # or a policy request, which has its own numbers
        of_request = [b for b in bodies if b.get(about) == found["request"]["number"]]
        said: dict[str, Any] = next((body for body in of_request if "digests" in body), {})
        claims = {
            **{name: found[name] for name in ("keys", "findings", "plan") if name in found},
            "digests": {side: sha256(facts) for side, facts in found["evidence"].items()},
            "policy": {**found["policy"], "source": sha256(found["policy"]["source"].encode())},
            **({"verified": sha256(found["verified"])} if "verified" in found else {}),
        }
        wrong = [name for name in claims if said.get(name, claims[name]) != claims[name]]
        for name in wrong if said else ["request"]:
            yield f"{file.name}: {name} is not what the ledger says"


def main(folder: Path) -> int:
    """The exit code."""
    secrets = [secret.encode() for secret in json.loads(os.environ.get("LEDGER_KEYS", "[]"))]
    wrong = list(findings(folder, {seal(secret, "key-id")[:16]: secret for secret in secrets}))
    sys.stdout.write("".join(f"{line}\n" for line in wrong or ["Nothing is wrong."]))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(Path(__file__).parent))
