"""The figures that Stile gathers, and what each of them holds: what a rule may ask for. Pure."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from core.governance.comparison.paired import Outcome
from core.governance.evidence import Figure
from core.sandbox.trial import Outcome as Ending


class Kind(StrEnum):
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

    kind: Kind
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Known:
    """A figure that is gathered.

    `fields` are its parts by name; `every` is what a part of any name is (a metric is a number);
    `itself` is what the figure is when it has no parts. All None: nothing is said about its inside.
    """

    name: str
    fields: Mapping[str, Field] = field(default_factory=dict)
    every: Field | None = None
    itself: Field | None = None


NUMBER: Final = Field(Kind.NUMBER)
WHOLE: Final = Field(Kind.WHOLE)
TRUTH: Final = Field(Kind.TRUTH)
TEXT: Final = Field(Kind.TEXT)
OTHER: Final = Field(Kind.OTHER)

_LOSSES: Final = ("log_loss", "brier", "auc", "error", "squared_error", "absolute_error")
_COMPARISON: Final = {
    "loss": TEXT,
    # an inconclusive comparison never reaches a rule: its figure is inconclusive
    "verdict": Field(Kind.WORD, tuple(o.value for o in Outcome if o is not Outcome.INCONCLUSIVE)),
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
_OUTCOME: Final = Field(Kind.WORD, tuple(o.value for o in Ending if o.is_the_models))
_DRIFT: Final = {
    "version": WHOLE,
    "severity": NUMBER,
    "alerting_share": NUMBER,
    "verdict": Field(Kind.WORD, ("stable", "drifting")),
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
    Known("age.data", {"learnt_until": TEXT, "live_until": TEXT, "days": NUMBER}),
    Known("age.evidence", {"frozen_at": TEXT, "days": NUMBER}),
    Known("age.training", {"trained_at": TEXT, "days": NUMBER}),
    Known("authors"),
    Known("artifacts.run", every=TEXT),
    Known("artifacts.model", every=TEXT),
    Known("baseline", _BASELINE),
    Known("calibration.candidate", _CALIBRATION),
    Known("calibration.champion", _CALIBRATION),
    Known("candidate"),
    Known("champion.version", itself=WHOLE),
    Known("comparison.primary", _COMPARISON),
    *(Known(f"comparison.{loss}", _COMPARISON) for loss in _LOSSES),
    Known(
        "dependencies",
        {
            "differs": TRUTH,
            "changed": OTHER,
            "added": OTHER,
            "removed": OTHER,
            "packages": WHOLE,
        },
    ),
    Known(
        "drift.alert",
        {"open": TRUTH, "acknowledged": TRUTH, "days": NUMBER, "subjects": OTHER},
    ),
    Known("drift.candidate", _DRIFT),
    Known("drift.champion", _DRIFT),
    Known("drift.frozen"),
    Known(
        "drift.together",
        {
            "version": WHOLE,
            **dict.fromkeys(("auc", "auc_low", "auc_high", "usual_high"), NUMBER),
            "verdict": Field(Kind.WORD, ("stable", "drifting")),
            "window": TEXT,
            "rows": WHOLE,
            "sampled": WHOLE,
        },
    ),
    Known("freshness", {"newest_received_at": TEXT, "age_hours": NUMBER}),
    Known("group_gaps"),
    Known("holdout.digest", itself=TEXT),
    Known(
        "keys.independent",
        {
            "authors": OTHER,
            "data_science": WHOLE,
            "data_engineering": WHOLE,
            "possible": TRUTH,
        },
    ),
    Known("ledger.verifies", itself=TRUTH),
    Known(
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
    Known(
        "model.size",
        {"bytes": WHOLE, "files": WHOLE, "champion_bytes": WHOLE, "ratio": NUMBER},
    ),
    Known(
        "online.loss",
        {
            "loss": TEXT,
            "verdict": Field(Kind.WORD, ("agrees", "better", "worse")),
            **dict.fromkeys(("live", "holdout", "difference", "low", "high"), NUMBER),
            "rows": WHOLE,
            "holdout_rows": WHOLE,
        },
    ),
    Known("policy.version", {"version": WHOLE, "digest": TEXT}),
    Known(
        "production",
        {
            "standing": Field(Kind.WORD, ("governed", "ungoverned", "unknown")),
            "governed": TRUTH,
            "version": WHOLE,
            "since": TEXT,
            "days": NUMBER,
        },
    ),
    Known("reference.candidate", _REFERENCE),
    Known("reference.champion", _REFERENCE),
    Known(
        "rollback.rehearsed",
        {
            "version": WHOLE,
            "loads": TRUTH,
            "predicts": TRUTH,
            "finite": TRUTH,
            "outcome": _OUTCOME,
        },
    ),
    Known("run.metrics", every=NUMBER),
    Known("run.params", every=TEXT),
    Known("slices"),
    Known("signature.declared", {"inputs": OTHER, "outputs": OTHER}),
    Known(
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
    Known(
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
    Known(
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
    Known("trial.predicts", _ANSWERS),
    Known("trial.replayed", _ANSWERS),
)
FIGURES: Final[Mapping[str, Known]] = MappingProxyType({known.name: known for known in _KNOWN})


def with_seen(seen: Iterable[Figure]) -> Mapping[str, Known]:
    """The catalogue, and beside it what evidence has shown to be gathered too, inside and out."""
    known = dict(FIGURES)
    for figure in seen:
        have = known.get(figure.name)
        if have is None:
            known[figure.name] = Known(figure.name)
        elif have.fields and isinstance(figure.value, Mapping):
            more = {name: OTHER for name in figure.value if name not in have.fields}
            if more:
                known[figure.name] = Known(have.name, {**have.fields, **more})
    return known


def nearest(name: str, names: Iterable[str]) -> str:
    """“; did you mean …?” where a name is close to one of these, else nothing."""
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.7)
    return f"; did you mean “{close[0]}”?" if close else ""
