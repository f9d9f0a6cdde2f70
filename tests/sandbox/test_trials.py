"""Real models in the real sandbox: what it measures, and that nothing a model does gets out."""

import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest

from core.sandbox.trial_runs import try_models
from core.values.model_trial import Limits, PairedTrial, Trial, TrialOutcome
from tests.sandbox.models import ROWS, strange, trained

AT: Final = datetime(2026, 11, 20, 12, tzinfo=UTC)
LIMITS: Final = Limits(memory_mb=1500, file_mb=5)
SHORT: Final = Limits(seconds=2.0)

NOWHERE: Final = "a_package_nobody_has"
BAD: Final = {
    "raises": {"load": "raise ValueError('no weights\\nhere')"},
    "hoards": {"load": "bytearray(3_000_000_000)"},
    "sleeps": {"predict": "time.sleep(600)"},
    "exits": {"predict": "os._exit(7)"},
    "forks": {
        "load": "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'],"
        " start_new_session=True)\nopen('../pids', 'w').write(str(os.getpid()))",
        "predict": "raise RuntimeError('not today')",
    },
    "scribbles": {
        "load": "for fd in range(3, 4096):\n    try:\n        os.write(fd, b'{\"step\": 1}\\n')\n"
        "    except OSError:\n        pass"
    },
    "lacks": {"load": f"import {NOWHERE}"},
    "nan": {
        "load": "open('../seen', 'w').write(repr(dict(os.environ)))",
        "predict": "print('noise' * 50)\nreturn np.array([1.0, np.nan, np.inf])[:len(rows)]",
    },
}


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Trial]]:
    """Every misbehaving model, tried two at a time; our own variables hold a secret meanwhile."""
    folders = {name: strange(tmp_path_factory.mktemp(name), **does) for name, does in BAD.items()}
    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(2) as threads:
        patch.setenv("MLFLOW_TRACKING_PASSWORD", "a secret of ours")
        bouts = {
            name: threads.submit(
                try_models, folder, None, at=AT, limits=SHORT if name == "sleeps" else LIMITS
            )
            for name, folder in folders.items()
        }
    return {name: (folders[name], bout.result().candidate) for name, bout in bouts.items()}


@pytest.fixture(scope="module")
def bout(tmp_path_factory: pytest.TempPathFactory) -> PairedTrial:
    """A trained candidate, with live rows to replay, beside a champion that takes its time."""
    candidate = trained(tmp_path_factory.mktemp("candidate"))
    ROWS.to_parquet(candidate / "replay.parquet")
    slow = strange(
        tmp_path_factory.mktemp("slow"), predict="time.sleep(0.01)\nreturn np.ones(len(rows))"
    )
    return try_models(candidate, slow, at=AT)


def test_a_good_model_loads_and_predicts_its_example_and_live_rows(bout: PairedTrial) -> None:
    found = bout.candidate

    assert (found.outcome, found.says, found.loads) == (TrialOutcome.TRIED, "", True)
    assert found.example is not None
    assert found.example.finite
    assert found.example.numbers == 3
    assert found.replayed == found.example
    assert found.memory_mb is not None
    assert found.memory_mb > 50


def test_latency_is_measured_by_row_and_by_batch(bout: PairedTrial) -> None:
    latency = bout.candidate.latency

    assert latency is not None
    assert 0 < latency.median_ms <= latency.p95_ms
    assert latency.rows >= 20
    assert latency.batch_rows == 1000
    assert latency.batch_ms is not None


def test_the_champion_is_timed_in_turns_with_the_candidate(bout: PairedTrial) -> None:
    champion = bout.champion

    assert champion is not None
    assert champion.latency is not None
    assert champion.latency.median_ms >= 10
    assert champion.replayed is None  # nobody gave it rows to replay


@pytest.mark.parametrize(
    ("name", "outcome", "says"),
    [
        ("raises", TrialOutcome.NOT_LOADED, "ValueError: no weights"),
        (
            "hoards",
            TrialOutcome.OUT_OF_MEMORY,
            "It wanted more than the 1,500 MB of memory it may have.",
        ),
        ("sleeps", TrialOutcome.OUT_OF_TIME, "It was not done within 2 s and was ended."),
        ("exits", TrialOutcome.ENDED, "It ended the process itself, with code 7."),
        ("forks", TrialOutcome.NOT_PREDICTED, "RuntimeError: not today"),
        ("scribbles", TrialOutcome.NONSENSE, "It wrote into the answers of the trial."),
        (
            "lacks",
            TrialOutcome.LACKS_PACKAGE,
            f"Stile's own environment has no {NOWHERE}; install it beside Stile to try the model.",
        ),
        ("nan", TrialOutcome.TRIED, ""),
    ],
)
def test_whatever_a_model_does_is_one_sentence(
    tried: dict[str, tuple[Path, Trial]], name: str, outcome: TrialOutcome, says: str
) -> None:
    found = tried[name][1]

    assert (found.outcome, found.says) == (outcome, says)
    assert found.loads == (name in {"sleeps", "exits", "forks", "nan"})


def test_numbers_that_are_none_are_counted(tried: dict[str, tuple[Path, Trial]]) -> None:
    example = tried["nan"][1].example

    assert example is not None
    assert (example.numbers, example.nan, example.infinite) == (3, 1, 1)
    assert example.predicted
    assert not example.finite


def test_nothing_a_model_started_runs_on(tried: dict[str, tuple[Path, Trial]]) -> None:
    child = (tried["forks"][0] / "pids").read_text()
    left = [
        pid
        for pid in Path("/proc").glob("[0-9]*")
        if pid.name == child or f"{tried['forks'][0]}" in _environment(pid)
    ]

    assert left == []


def test_a_model_sees_no_variable_of_ours(tried: dict[str, tuple[Path, Trial]]) -> None:
    folder = tried["nan"][0]
    seen = (folder / "seen").read_text()

    assert "secret" not in seen
    assert f"'HOME': '{folder}/home'" in seen


def test_this_process_loaded_nothing(tried: dict[str, tuple[Path, Trial]]) -> None:
    assert tried
    assert "strange_forks0" not in sys.modules


def _environment(pid: Path) -> str:
    try:
        return (pid / "environ").read_bytes().decode("utf-8", "replace")
    except OSError:
        return ""
