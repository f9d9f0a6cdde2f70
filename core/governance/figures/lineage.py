"""Where a version came from and what it needs: lineage, environment, dependencies, size."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from core.errors import InsufficientData, Refused
from core.governance.rules.evidence import Figure
from core.governance.rules.figure_writer import FigureWriter
from core.values.canonical_json import JsonValue
from core.values.mlflow_entities import ModelFiles, ModelVersion, Run
from core.values.tag_names import TAG_COMMIT, TAG_COPIED_FROM, TAG_SOURCE
from core.values.wording import counted, without_nulls

if TYPE_CHECKING:
    from core.tracking.artifacts import ArtifactReader

REQUIREMENTS: Final = "requirements.txt"
PYTHON: Final = "python_env.yaml"

_SEEDS: Final = re.compile(r"(?:.*[._])?(?:seed|random_state|random_seed)", re.IGNORECASE)
_REQUIREMENT: Final = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?\s*([^;#]*)")
_PYTHON: Final = re.compile(r"^python:\s*['\"]?([0-9][0-9A-Za-z.+-]*)", re.MULTILINE)
_MOST_LINES: Final = 2_000
_MOST_NAMED: Final = 3


@dataclass(frozen=True, slots=True)
class ModelPackaging:
    """A version's model as it lies there: its files, and the packages it asks for.

    `packages` is None where the model does not say what it needs; `problem` then says why.
    """

    files: ModelFiles | None
    packages: Mapping[str, str] | None
    problem: str = ""


def packing(artifacts: "ArtifactReader", version: ModelVersion) -> ModelPackaging:
    """How the version's model is packed, or the sentence that says why that is not known."""
    try:
        files = artifacts.model_files(version, texts=(REQUIREMENTS, PYTHON))
    except (Refused, InsufficientData) as error:
        return ModelPackaging(None, None, str(error))
    if REQUIREMENTS not in files.texts:
        name = f"{version.model} {version.version}"
        return ModelPackaging(
            files, None, f"{name} has no {REQUIREMENTS}: nobody can say what it needs."
        )
    return ModelPackaging(files, packages_in(files.texts))


def packages_in(texts: Mapping[str, str]) -> Mapping[str, str]:
    """Versions by the name of the package, and Python's own; "" where any version will do.

    Lines that are options, addresses or anything else are kept whole, as names.
    """
    found: dict[str, str] = {}
    for line in texts.get(REQUIREMENTS, "").splitlines()[:_MOST_LINES]:
        text = line.split(" #")[0].strip()
        if not text or text.startswith("#"):
            continue
        match = _REQUIREMENT.fullmatch(text.partition(";")[0].strip())
        if match is None or "@" in text:
            found[text[:200]] = ""
        else:
            name = re.sub(r"[-_.]+", "-", match.group(1)).lower()
            found[name] = match.group(2).strip().removeprefix("==")[:100]
    if python := _PYTHON.search(texts.get(PYTHON, "")):
        found["python"] = python.group(1)
    return found


def lineage_figure(
    version: ModelVersion,
    run: Run | None,
    problem: str,
    packed: ModelPackaging,
    *,
    scribe: FigureWriter,
) -> Figure:
    """Where the version came from, and whether anything is missing to make it again."""
    if run is None:
        return scribe.absent("lineage", problem)
    datasets: list[JsonValue] = [
        {"name": d.name, "digest": d.digest, "context": d.context}
        for d in sorted(run.datasets, key=lambda d: (d.context, d.name, d.digest))
    ]
    commit = run.tags.get(TAG_COMMIT) or None
    seed = next((run.params[name] for name in sorted(run.params) if _SEEDS.fullmatch(name)), None)
    parts = {
        "git commit": commit,
        "dataset digest": any(d.digest for d in run.datasets),
        "environment": packed.packages,
        "params": run.params,
        "seed": seed,
    }
    missing = [name for name, part in parts.items() if not part]
    value = without_nulls(
        {
            "run": run.run_id,
            "copied_from": version.tags.get(TAG_COPIED_FROM),
            "status": run.status.value,
            "user": run.user or None,
            "git_commit": commit,
            "code": run.tags.get(TAG_SOURCE) or None,
            "model_id": version.model_id,
            "datasets": datasets or None,
            "seed": seed,
            "packages": None if packed.packages is None else len(packed.packages),
            "complete": not missing,
            "missing": missing,
        }
    )
    code = f"commit {commit[:8]}" if commit else "no git commit"
    name, status = run.name or run.run_id, run.status.value.lower()
    lacks = f"; missing: {', '.join(missing)}" if missing else "; nothing is missing"
    copied = (
        f"Copied from {version.tags[TAG_COPIED_FROM]}. " if TAG_COPIED_FROM in version.tags else ""
    )
    says = f"{copied}Run {name}, {status}, {code}, {counted(len(datasets), 'dataset')}{lacks}."
    return scribe.known("lineage", value, says, source=f"run {run.run_id}")


def dependencies_figure(
    candidate: ModelPackaging, champion: ModelPackaging | None, *, source: str, scribe: FigureWriter
) -> Figure:
    """Which packages the candidate wants otherwise than the champion."""
    name = "dependencies"
    if champion is None:
        return scribe.absent(name, "There is no champion to hold packages against yet.")
    for packed in (candidate, champion):
        if packed.packages is None:
            return scribe.absent(name, packed.problem, source=source)
    ours, theirs = candidate.packages or {}, champion.packages or {}
    changed = {
        package: f"{theirs[package] or 'any'} → {ours[package] or 'any'}"
        for package in sorted(ours.keys() & theirs.keys())
        if ours[package] != theirs[package]
    }
    added, removed = sorted(ours.keys() - theirs.keys()), sorted(theirs.keys() - ours.keys())
    value: dict[str, JsonValue] = {
        "differs": bool(changed or added or removed),
        "changed": changed,
        "added": {package: ours[package] or "any" for package in added},
        "removed": {package: theirs[package] or "any" for package in removed},
        "packages": len(ours),
    }
    told = [
        *(f"{package} {change}" for package, change in changed.items()),
        *(f"{package} is new" for package in added),
        *(f"{package} is gone" for package in removed),
    ]
    more = f" and {len(told) - _MOST_NAMED} more" if len(told) > _MOST_NAMED else ""
    differ = f"Other than the champion: {', '.join(told[:_MOST_NAMED])}{more}."
    alike = f"The same {counted(len(ours), 'package')} as the champion."
    return scribe.known(name, value, differ if told else alike, source=source)


def size_figure(
    candidate: ModelPackaging, champion: ModelPackaging | None, *, source: str, scribe: FigureWriter
) -> Figure:
    """How many bytes the candidate's model has, and how many times the champion's that is."""
    name = "model.size"
    ours = _bytes_of(candidate)
    if candidate.files is None or ours is None:
        says = candidate.problem or "The artifact store does not say how large the files are."
        return scribe.absent(name, says, source=source)
    theirs = None if champion is None else _bytes_of(champion)
    ratio = ours / theirs if theirs else None
    value = without_nulls(
        {
            "bytes": ours,
            "files": len(candidate.files.sizes),
            "champion_bytes": theirs,
            "ratio": None if ratio is None else round(ratio, 4),
        }
    )
    against = f", {ratio:.2f} times the champion's" if ratio is not None else ""
    files = counted(len(candidate.files.sizes), "file")
    return scribe.known(
        name, value, f"{ours / 1e6:,.2f} MB in {files}{against}.", source=source, unit="bytes"
    )


def _bytes_of(packed: ModelPackaging) -> int | None:
    sizes = list(packed.files.sizes.values()) if packed.files is not None else []
    known = [size for size in sizes if size is not None]
    return sum(known) if known and len(known) == len(sizes) else None
