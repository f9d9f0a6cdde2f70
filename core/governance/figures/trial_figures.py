"""What models did when they were tried, as figures: loads, predicts, how quickly, and the way back.

Live conditions: they hold a promotion while they fail, and never void a key. What our environment
lacks, or nobody tried, is not evaluable; what a model itself does wrong is known, and fails.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from core.errors import InsufficientData, Refused
from core.governance.figures.content_hashes import HashingUnfinished, digest_of_files
from core.governance.figures.sandbox_runs import SandboxRuns
from core.governance.rules.evidence import Figure
from core.governance.rules.figure_writer import FigureWriter
from core.values.canonical_json import JsonValue
from core.values.mlflow_entities import ModelVersion, RunId
from core.values.model_trial import Latency, PairedTrial, SandboxPredictions, Trial, ratio_of
from core.values.wording import counted, without_nulls

LOADS: Final = "trial.loads"
PREDICTS: Final = "trial.predicts"
REPLAYED: Final = "trial.replayed"
LATENCY: Final = "trial.latency"
ROLLBACK: Final = "rollback.rehearsed"
NAMES: Final = (LOADS, PREDICTS, REPLAYED, LATENCY, ROLLBACK)

NOT_ALLOWED: Final = (
    "Loading models is switched off. An administrator who trusts what is in the registry sets "
    "STILE_ALLOW_MODEL_LOADING=true; then the worker tries each version in a process with limits."
)
NOT_YET: Final = "The worker has not tried these files yet; it does so in the background."
_NO_EXAMPLE: Final = "The model was logged without an input example; log one, and it is tried."
_NO_LIVE_ROWS: Final = "No captured live inputs with all of the model's columns could be replayed."
_NO_WAY_BACK: Final = "There is no champion yet, so there is nothing to go back to."


@dataclass(frozen=True, slots=True)
class TrialVersions:
    """The candidate with the figure of its hashed files, and the champion one would go back to."""

    candidate: ModelVersion
    candidate_files: Figure
    champion: ModelVersion | None
    files: Callable[[RunId | ModelVersion], Mapping[str, str]]


def trial_figures(
    rehearsals: SandboxRuns | None, contestants: TrialVersions, *, scribe: FigureWriter
) -> tuple[Figure, ...]:
    """Everything the sandbox says of the candidate, and of the champion as the way back."""
    if rehearsals is None or not rehearsals.allowed:
        return tuple(scribe.absent(name, NOT_ALLOWED, source="sandbox") for name in NAMES)
    try:
        bout = _found(rehearsals, contestants)
    except (InsufficientData, Refused) as error:
        return tuple(scribe.absent(name, str(error), source="sandbox") for name in NAMES)
    return of_bout(bout, contestants.champion, scribe=scribe)


def of_bout(
    bout: PairedTrial, champion: ModelVersion | None, *, scribe: FigureWriter
) -> tuple[Figure, ...]:
    """The figures of one bout."""
    source = f"sandbox on {bout.machine}, {bout.tried_at:%Y-%m-%d %H:%M} UTC"
    tried = bout.candidate
    return (
        _loads(bout, source, scribe),
        _answers(PREDICTS, tried, tried.example, "its input example", _NO_EXAMPLE, source, scribe),
        _answers(REPLAYED, tried, tried.replayed, "live inputs", _NO_LIVE_ROWS, source, scribe),
        _latency(bout, source, scribe),
        _rollback(bout.champion, champion, source, scribe),
    )


def _found(rehearsals: SandboxRuns, contestants: TrialVersions) -> PairedTrial:
    """The bout of exactly these files."""
    ours = contestants.candidate_files.value
    if contestants.candidate_files.is_pending or not isinstance(ours, Mapping):
        raise InsufficientData(contestants.candidate_files.says)
    theirs = ""
    if contestants.champion is not None:
        try:
            theirs = digest_of_files(contestants.files(contestants.champion))
        except HashingUnfinished as error:
            raise InsufficientData(f"The champion's files: {error}") from error
    mine = digest_of_files({path: str(digest) for path, digest in ours.items()})
    found = rehearsals.found(mine, theirs)
    if found is None:
        raise InsufficientData(rehearsals.problem(mine, theirs) or NOT_YET)
    return found


def _loads(bout: PairedTrial, source: str, scribe: FigureWriter) -> Figure:
    tried, other = bout.candidate, bout.champion
    if not tried.outcome.is_the_models:
        return scribe.absent(LOADS, tried.says, source=source)
    value = without_nulls(
        {
            "loads": tried.loads,
            "outcome": tried.outcome.value,
            "seconds": _rounded(tried.load_s),
            "memory_mb": _rounded(tried.memory_mb, 1),
            "champion_seconds": None if other is None else _rounded(other.load_s),
            "champion_memory_mb": None if other is None else _rounded(other.memory_mb, 1),
        }
    )
    if tried.load_s is None:
        return scribe.known(LOADS, value, f"It does not load. {tried.says}", source=source)
    memory = "" if tried.memory_mb is None else f"; the process held {tried.memory_mb:,.0f} MB"
    memory += " at most" if memory else ""
    says = f"Loaded in a clean process in {tried.load_s:.1f} s{memory}."
    return scribe.known(LOADS, value, says, source=source, unit="s")


def _answers(
    name: str,
    tried: Trial,
    answered: SandboxPredictions | None,
    of_what: str,
    otherwise: str,
    source: str,
    scribe: FigureWriter,
) -> Figure:
    if not tried.outcome.is_the_models:
        return scribe.absent(name, tried.says, source=source)
    if answered is None:
        if tried.loads and not tried.says:
            return scribe.absent(name, otherwise, source=source)
        value: dict[str, JsonValue] = {"predicts": False, "finite": False, "rows": 0}
        return scribe.known(name, value, f"It predicts nothing. {tried.says}", source=source)
    value = {
        "predicts": answered.predicted,
        "finite": answered.finite,
        "rows": answered.rows,
        "numbers": answered.numbers,
        "nan": answered.nan,
        "infinite": answered.infinite,
    }
    return scribe.known(name, value, _told(answered, of_what), source=source)


def _told(answered: SandboxPredictions, of_what: str) -> str:
    rows = f"{counted(answered.rows, 'row')} of {of_what}"
    if not answered.predicted:
        return f"It does not predict {rows}. {answered.says}"
    if answered.finite:
        return f"It predicts {rows}, without a NaN or infinity."
    return (
        f"It predicts {rows}; of {answered.numbers:,} values {answered.nan:,} are missing or NaN "
        f"and {answered.infinite:,} infinite."
    )


def _latency(bout: PairedTrial, source: str, scribe: FigureWriter) -> Figure:
    ours = bout.candidate.latency
    if ours is None:
        says = bout.candidate.says or f"Its rows could not be timed one by one. {_NO_EXAMPLE}"
        return scribe.absent(LATENCY, says, source=source)
    theirs = bout.champion.latency if bout.champion is not None else None
    ratio = None if theirs is None else ratio_of(ours, theirs)
    value = without_nulls(
        {
            **_times(ours),
            "champion_median_ms": None if theirs is None else _rounded(theirs.median_ms),
            "champion_p95_ms": None if theirs is None else _rounded(theirs.p95_ms),
            "champion_batch_ms": None if theirs is None else _rounded(theirs.batch_ms),
            "ratio": None if ratio is None else _rounded(ratio.value),
            "ratio_low": None if ratio is None else _rounded(ratio.low),
            "ratio_high": None if ratio is None else _rounded(ratio.high),
        }
    )
    says = f"One row takes {ours.median_ms:,.2f} ms, the slowest twentieth {ours.p95_ms:,.2f} ms"
    says += " or more"
    if ratio is not None:
        says += f"; {ratio.value:.2f} times the champion's in turns on the same machine"
        if ratio.low is not None and ratio.high is not None:
            says += f" ({ratio.low:.2f} to {ratio.high:.2f})"
    return scribe.known(LATENCY, value, f"{says}.", source=source, unit="ms")


def _times(ours: Latency) -> dict[str, JsonValue]:
    return {
        "median_ms": _rounded(ours.median_ms),
        "p95_ms": _rounded(ours.p95_ms),
        "rows": ours.rows,
        "batch_ms": _rounded(ours.batch_ms),
        "batch_rows": ours.batch_rows or None,
    }


def _rollback(
    tried: Trial | None, champion: ModelVersion | None, source: str, scribe: FigureWriter
) -> Figure:
    if tried is None or champion is None:
        return scribe.absent(ROLLBACK, _NO_WAY_BACK, source=source)
    name = f"{champion.model} {champion.version}"
    if not tried.outcome.is_the_models:
        return scribe.absent(ROLLBACK, f"{name}: {tried.says}", source=source)
    if tried.loads and tried.example is None and not tried.says:
        return scribe.absent(ROLLBACK, f"{name} loads. {_NO_EXAMPLE}", source=source)
    works = tried.example is not None and tried.example.predicted
    value: dict[str, JsonValue] = {
        "version": champion.version,
        "loads": tried.loads,
        "predicts": works,
        "finite": works and tried.example is not None and tried.example.finite,
        "outcome": tried.outcome.value,
    }
    if works:
        says = f"The way back is open: {name} loads and predicts its input example."
    else:
        says = f"The way back is closed: {name} does not {'predict' if tried.loads else 'load'}."
        says = f"{says} {tried.says}".strip()
    return scribe.known(ROLLBACK, value, says, source=source)


def _rounded(number: float | None, digits: int = 4) -> float | None:
    return None if number is None else round(number, digits)
