"""The figures that Stile gathers: each declared once, here. Pure.

A new figure is one line in `KINDS` and a gatherer in `governance/figures`. What rules are compiled
and linted against, and how screens read it, follow from the line.
"""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from core.governance.comparison.paired import ComparisonOutcome
from core.governance.rules.evidence import EvidencePart, Figure
from core.governance.rules.policies import figure_words as words
from core.governance.rules.policies.figure_kinds import (
    NUMBER,
    OTHER,
    TEXT,
    TRUTH,
    WHOLE,
    Field,
    FieldKind,
    FigureKind,
    Shape,
)
from core.identity.people import Side
from core.values.model_trial import TrialOutcome as Ending

_SCIENCE: Final = (Side.DATA_SCIENCE,)
_ENGINEERING: Final = (Side.DATA_ENGINEERING,)
_BOTH: Final = tuple(Side)
_PINNED, _LIVE = EvidencePart.PINNED, EvidencePart.LIVE

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

KINDS: Final[tuple[FigureKind, ...]] = (
    FigureKind(
        "age.data",
        _ENGINEERING,
        _LIVE,
        {"learnt_until": TEXT, "live_until": TEXT, "days": NUMBER},
        words=words.age,
    ),
    FigureKind(
        "age.evidence", _ENGINEERING, _LIVE, {"frozen_at": TEXT, "days": NUMBER}, words=words.age
    ),
    FigureKind(
        "age.training", _ENGINEERING, _LIVE, {"trained_at": TEXT, "days": NUMBER}, words=words.age
    ),
    FigureKind("authors", _SCIENCE, _PINNED),
    FigureKind("artifacts.run", _SCIENCE, _PINNED, every=TEXT),
    FigureKind("artifacts.model", _ENGINEERING, _PINNED, every=TEXT),
    FigureKind("baseline", _SCIENCE, _PINNED, _BASELINE, words=words.compared),
    FigureKind("calibration.candidate", _SCIENCE, _PINNED, _CALIBRATION, words=words.calibration),
    FigureKind("calibration.champion", _SCIENCE, _PINNED, _CALIBRATION, words=words.calibration),
    FigureKind("candidate", _BOTH, _PINNED),
    FigureKind("champion.version", _BOTH, _PINNED, itself=WHOLE),
    FigureKind("comparison.primary", _SCIENCE, _PINNED, _COMPARISON, words=words.compared),
    *(
        FigureKind(f"comparison.{loss}", _SCIENCE, _PINNED, _COMPARISON, words=words.compared)
        for loss in _LOSSES
    ),
    FigureKind(
        "dependencies",
        _ENGINEERING,
        _PINNED,
        {
            "differs": TRUTH,
            "changed": OTHER,
            "added": OTHER,
            "removed": OTHER,
            "packages": WHOLE,
        },
        words=words.packages,
    ),
    FigureKind(
        "drift.alert",
        _ENGINEERING,
        _LIVE,
        {"open": TRUTH, "acknowledged": TRUTH, "days": NUMBER, "subjects": OTHER},
        words=words.age,
    ),
    FigureKind("drift.candidate", _ENGINEERING, _LIVE, _DRIFT, words=words.severity),
    FigureKind("drift.champion", _ENGINEERING, _LIVE, _DRIFT, words=words.severity),
    FigureKind("drift.frozen", _ENGINEERING, _PINNED, holds=Shape.PARTS),
    FigureKind(
        "drift.together",
        _ENGINEERING,
        _LIVE,
        {
            "version": WHOLE,
            **dict.fromkeys(("auc", "auc_low", "auc_high", "usual_high"), NUMBER),
            "verdict": Field(FieldKind.WORD, ("stable", "drifting")),
            "window": TEXT,
            "rows": WHOLE,
            "sampled": WHOLE,
        },
    ),
    FigureKind(
        "freshness",
        _ENGINEERING,
        _LIVE,
        {"newest_received_at": TEXT, "age_hours": NUMBER},
        words=words.age,
    ),
    FigureKind("group_gaps", _SCIENCE, _PINNED, words=words.verdicts, holds=Shape.ROWS),
    FigureKind("holdout.digest", _SCIENCE, _PINNED, itself=TEXT),
    FigureKind(
        "keys.independent",
        _SCIENCE,
        _LIVE,
        {
            "authors": OTHER,
            "data_science": WHOLE,
            "data_engineering": WHOLE,
            "possible": TRUTH,
        },
        words=words.holders,
    ),
    FigureKind("ledger.verifies", _ENGINEERING, _LIVE, itself=TRUTH),
    FigureKind(
        "lineage",
        _ENGINEERING,
        _PINNED,
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
        words=words.completeness,
    ),
    FigureKind(
        "model.size",
        _ENGINEERING,
        _PINNED,
        {"bytes": WHOLE, "files": WHOLE, "champion_bytes": WHOLE, "ratio": NUMBER},
        words=words.size,
    ),
    FigureKind(
        "online.loss",
        _SCIENCE,
        _LIVE,
        {
            "loss": TEXT,
            "verdict": Field(FieldKind.WORD, ("agrees", "better", "worse")),
            **dict.fromkeys(("live", "holdout", "difference", "low", "high"), NUMBER),
            "rows": WHOLE,
            "holdout_rows": WHOLE,
        },
        words=words.compared,
        holds=Shape.ANYTHING,
    ),
    FigureKind("policy.version", _BOTH, _PINNED, {"version": WHOLE, "digest": TEXT}),
    FigureKind(
        "production",
        _ENGINEERING,
        _LIVE,
        {
            "standing": Field(FieldKind.WORD, ("governed", "ungoverned", "unknown")),
            "governed": TRUTH,
            "version": WHOLE,
            "since": TEXT,
            "days": NUMBER,
        },
        words=words.standing,
    ),
    FigureKind("reference.candidate", _ENGINEERING, _PINNED, _REFERENCE, holds=Shape.ANYTHING),
    FigureKind("reference.champion", _ENGINEERING, _PINNED, _REFERENCE, holds=Shape.ANYTHING),
    FigureKind(
        "rollback.rehearsed",
        _ENGINEERING,
        _LIVE,
        {
            "version": WHOLE,
            "loads": TRUTH,
            "predicts": TRUTH,
            "finite": TRUTH,
            "outcome": _OUTCOME,
        },
        words=words.rehearsed,
        holds=Shape.ANYTHING,
    ),
    FigureKind("run.metrics", _SCIENCE, _PINNED, every=NUMBER),
    FigureKind("run.params", _SCIENCE, _PINNED, every=TEXT),
    FigureKind("slices", _SCIENCE, _PINNED, words=words.verdicts, holds=Shape.ROWS),
    FigureKind("signature.declared", _ENGINEERING, _PINNED, {"inputs": OTHER, "outputs": OTHER}),
    FigureKind(
        "signature.inputs",
        _ENGINEERING,
        _LIVE,
        {
            "conforms": TRUTH,
            "share": NUMBER,
            "missing": OTHER,
            "wrong": OTHER,
            "rows": WHOLE,
            "day": TEXT,
        },
        words=words.conforming,
    ),
    FigureKind(
        "trial.latency",
        _ENGINEERING,
        _LIVE,
        {
            **dict.fromkeys(("median_ms", "p95_ms", "batch_ms"), NUMBER),
            **dict.fromkeys(("champion_median_ms", "champion_p95_ms"), NUMBER),
            "champion_batch_ms": NUMBER,
            **dict.fromkeys(("ratio", "ratio_low", "ratio_high"), NUMBER),
            "rows": WHOLE,
            "batch_rows": WHOLE,
        },
        words=words.latency,
        holds=Shape.ANYTHING,
    ),
    FigureKind(
        "trial.loads",
        _ENGINEERING,
        _LIVE,
        {
            "loads": TRUTH,
            "outcome": _OUTCOME,
            "seconds": NUMBER,
            "memory_mb": NUMBER,
            "champion_seconds": NUMBER,
            "champion_memory_mb": NUMBER,
        },
        words=words.loading,
        holds=Shape.ANYTHING,
    ),
    FigureKind(
        "trial.predicts",
        _ENGINEERING,
        _LIVE,
        _ANSWERS,
        words=words.predicting,
        holds=Shape.ANYTHING,
    ),
    FigureKind(
        "trial.replayed",
        _ENGINEERING,
        _LIVE,
        _ANSWERS,
        words=words.predicting,
        holds=Shape.ANYTHING,
    ),
)
FIGURES: Final[Mapping[str, FigureKind]] = MappingProxyType({known.name: known for known in KINDS})


def with_seen(seen: Iterable[Figure]) -> Mapping[str, FigureKind]:
    """The catalogue, and beside it what evidence has shown to be gathered too, inside and out."""
    known = dict(FIGURES)
    for figure in seen:
        have = known.get(figure.name)
        if have is None:
            known[figure.name] = FigureKind(figure.name, (figure.side,), figure.part)
        elif have.fields and isinstance(figure.value, Mapping):
            more = {name: OTHER for name in figure.value if name not in have.fields}
            if more:
                known[figure.name] = replace(have, fields={**have.fields, **more})
    return known


def value_in_words(figure: Figure) -> str:
    """The value of a figure for reading, as its kind says; not Markdown."""
    kind = FIGURES.get(figure.name)
    return (words.in_words if kind is None else kind.words)(figure.value)


def nearest(name: str, names: Iterable[str]) -> str:
    """“; did you mean …?” where a name is close to one of these, else nothing."""
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.7)
    return f"; did you mean “{close[0]}”?" if close else ""
