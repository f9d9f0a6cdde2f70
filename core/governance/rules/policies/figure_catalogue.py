"""The figures that Stile gathers, and what each of them holds: what a rule may ask for. Pure."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from core.governance.comparison.paired import ComparisonOutcome
from core.governance.rules.evidence import Figure
from core.values.model_trial import TrialOutcome as Ending


class FieldKind(StrEnum):
    """What a field of a figure is."""

    NUMBER = "number"
    WHOLE = "whole number"
    TRUTH = "true or false"
    WORD = "one of a few words"
    TEXT = "text"
    OTHER = "a list or a map"


@dataclass(frozen=True, slots=True)
class Field:
    """One value inside a figure; `words` are all there are of a WORD."""

    kind: FieldKind
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FigureKind:
    """A figure that is gathered.

    `fields` are its parts by name; `every` is what a part of any name is (a metric is a number);
    `itself` is what the figure is when it has no parts. All None: nothing is said about its inside.
    """

    name: str
    fields: Mapping[str, Field] = field(default_factory=dict)
    every: Field | None = None
    itself: Field | None = None


NUMBER: Final = Field(FieldKind.NUMBER)
WHOLE: Final = Field(FieldKind.WHOLE)
TRUTH: Final = Field(FieldKind.TRUTH)
TEXT: Final = Field(FieldKind.TEXT)
OTHER: Final = Field(FieldKind.OTHER)

_LOSSES: Final = ("log_loss", "brier", "auc", "error", "squared_error", "absolute_error")
_COMPARISON: Final = {
    "loss": TEXT,
    # an inconclusive comparison never reaches a rule: its figure is inconclusive
    "verdict": Field(
        FieldKind.WORD,
        tuple(o.value for o in ComparisonOutcome if o is not ComparisonOutcome.INCONCLUSIVE),
    ),
    "difference": NUMBER,
    "low": NUMBER,
    "high": NUMBER,
    "margin": NUMBER,
    "champion": NUMBER,
    "candidate": NUMBER,
    "rows": WHOLE,
    "candidates": WHOLE,
    "independent": NUMBER,
    "correction": TEXT,
    "rows_to_tell": WHOLE,
    "holdout": TEXT,
    "inputs": OTHER,
}
_BASELINE: Final = {
    **{name: part for name, part in _COMPARISON.items() if name not in {"champion", "holdout"}},
    "baseline": NUMBER,
    "answer": OTHER,
}
_CALIBRATION: Final = {
    **{
        f"{name}{end}": NUMBER
        for name in ("ece", "bias", "slope", "intercept")
        for end in ("", "_low", "_high")
    },
    "rows": WHOLE,
    "inputs": OTHER,
}
_ANSWERS: Final = {
    "predicts": TRUTH,
    "finite": TRUTH,
    "rows": WHOLE,
    "numbers": WHOLE,
    "nan": WHOLE,
    "infinite": WHOLE,
}
_OUTCOME: Final = Field(FieldKind.WORD, tuple(o.value for o in Ending if o.is_the_models))
_DRIFT: Final = {
    "version": WHOLE,
    "severity": NUMBER,
    "alerting_share": NUMBER,
    "verdict": Field(FieldKind.WORD, ("stable", "drifting")),
    "window": OTHER,
    "rows": WHOLE,
}
_REFERENCE: Final = {
    "logged_by_run": TRUTH,
    "digest": TEXT,
    "rows": WHOLE,
    "attached_by": TEXT,
    "attached_at": TEXT,
    "from": TEXT,
}

_KNOWN: Final = (
    FigureKind("age.data", {"learnt_until": TEXT, "live_until": TEXT, "days": NUMBER}),
    FigureKind("age.evidence", {"frozen_at": TEXT, "days": NUMBER}),
    FigureKind("age.training", {"trained_at": TEXT, "days": NUMBER}),
    FigureKind("authors"),
    FigureKind("artifacts.run", every=TEXT),
    FigureKind("artifacts.model", every=TEXT),
    FigureKind("baseline", _BASELINE),
    FigureKind("calibration.candidate", _CALIBRATION),
    FigureKind("calibration.champion", _CALIBRATION),
    FigureKind("candidate"),
    FigureKind("champion.version", itself=WHOLE),
    FigureKind("comparison.primary", _COMPARISON),
    *(FigureKind(f"comparison.{loss}", _COMPARISON) for loss in _LOSSES),
    FigureKind(
        "dependencies",
        {
            "differs": TRUTH,
            "changed": OTHER,
            "added": OTHER,
            "removed": OTHER,
            "packages": WHOLE,
        },
    ),
    FigureKind(
        "drift.alert",
        {"open": TRUTH, "acknowledged": TRUTH, "days": NUMBER, "subjects": OTHER},
    ),
    FigureKind("drift.candidate", _DRIFT),
    FigureKind("drift.champion", _DRIFT),
    FigureKind("drift.frozen"),
    FigureKind(
        "drift.together",
        {
            "version": WHOLE,
            **dict.fromkeys(("auc", "auc_low", "auc_high", "usual_high"), NUMBER),
            "verdict": Field(FieldKind.WORD, ("stable", "drifting")),
            "window": TEXT,
            "rows": WHOLE,
            "sampled": WHOLE,
        },
    ),
    FigureKind("freshness", {"newest_received_at": TEXT, "age_hours": NUMBER}),
    FigureKind("group_gaps"),
    FigureKind("holdout.digest", itself=TEXT),
    FigureKind(
        "keys.independent",
        {
            "authors": OTHER,
            "data_science": WHOLE,
            "data_engineering": WHOLE,
            "possible": TRUTH,
        },
    ),
    FigureKind("ledger.verifies", itself=TRUTH),
    FigureKind(
        "lineage",
        {
            "run": TEXT,
            "status": TEXT,
            "user": TEXT,
            "git_commit": TEXT,
            "code": TEXT,
            "model_id": TEXT,
            "datasets": OTHER,
            "seed": TEXT,
            "packages": WHOLE,
            "complete": TRUTH,
            "missing": OTHER,
        },
    ),
    FigureKind(
        "model.size",
        {"bytes": WHOLE, "files": WHOLE, "champion_bytes": WHOLE, "ratio": NUMBER},
    ),
    FigureKind(
        "online.loss",
        {
            "loss": TEXT,
            "verdict": Field(FieldKind.WORD, ("agrees", "better", "worse")),
            **dict.fromkeys(("live", "holdout", "difference", "low", "high"), NUMBER),
            "rows": WHOLE,
            "holdout_rows": WHOLE,
        },
    ),
    FigureKind("policy.version", {"version": WHOLE, "digest": TEXT}),
    FigureKind(
        "production",
        {
            "standing": Field(FieldKind.WORD, ("governed", "ungoverned", "unknown")),
            "governed": TRUTH,
            "version": WHOLE,
            "since": TEXT,
            "days": NUMBER,
        },
    ),
    FigureKind("reference.candidate", _REFERENCE),
    FigureKind("reference.champion", _REFERENCE),
    FigureKind(
        "rollback.rehearsed",
        {
            "version": WHOLE,
            "loads": TRUTH,
            "predicts": TRUTH,
            "finite": TRUTH,
            "outcome": _OUTCOME,
        },
    ),
    FigureKind("run.metrics", every=NUMBER),
    FigureKind("run.params", every=TEXT),
    FigureKind("slices"),
    FigureKind("signature.declared", {"inputs": OTHER, "outputs": OTHER}),
    FigureKind(
        "signature.inputs",
        {
            "conforms": TRUTH,
            "share": NUMBER,
            "missing": OTHER,
            "wrong": OTHER,
            "rows": WHOLE,
            "day": TEXT,
        },
    ),
    FigureKind(
        "trial.latency",
        {
            **dict.fromkeys(("median_ms", "p95_ms", "batch_ms"), NUMBER),
            **dict.fromkeys(("champion_median_ms", "champion_p95_ms"), NUMBER),
            "champion_batch_ms": NUMBER,
            **dict.fromkeys(("ratio", "ratio_low", "ratio_high"), NUMBER),
            "rows": WHOLE,
            "batch_rows": WHOLE,
        },
    ),
    FigureKind(
        "trial.loads",
        {
            "loads": TRUTH,
            "outcome": _OUTCOME,
            "seconds": NUMBER,
            "memory_mb": NUMBER,
            "champion_seconds": NUMBER,
            "champion_memory_mb": NUMBER,
        },
    ),
    FigureKind("trial.predicts", _ANSWERS),
    FigureKind("trial.replayed", _ANSWERS),
)
FIGURES: Final[Mapping[str, FigureKind]] = MappingProxyType({known.name: known for known in _KNOWN})


def with_seen(seen: Iterable[Figure]) -> Mapping[str, FigureKind]:
    """The catalogue, and beside it what evidence has shown to be gathered too, inside and out."""
    known = dict(FIGURES)
    for figure in seen:
        have = known.get(figure.name)
        if have is None:
            known[figure.name] = FigureKind(figure.name)
        elif have.fields and isinstance(figure.value, Mapping):
            more = {name: OTHER for name in figure.value if name not in have.fields}
            if more:
                known[figure.name] = FigureKind(have.name, {**have.fields, **more})
    return known


def nearest(name: str, names: Iterable[str]) -> str:
    """“; did you mean …?” where a name is close to one of these, else nothing."""
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.7)
    return f"; did you mean “{close[0]}”?" if close else ""
