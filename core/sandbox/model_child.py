"""The child in which a model is loaded; started by `core.sandbox.child_process` only.

Its limits are set before anything is imported that could need much. It answers with one JSON
object a line, on a descriptor of its own: what a model prints goes to a file nobody parses.
"""

import json
import math
import os
import queue
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

_MOST_TEXT: Final = 300
_BATCH: Final = 1_000
_MEGABYTE: Final = 1024 * 1024

Say = Callable[[dict[str, Any]], None]


def main() -> None:
    """Try the model in the folder `model` beside us, step by step, as the parent asks."""
    fd, seconds, memory_mb, file_mb = (int(each) for each in sys.argv[1:5])
    _limit(seconds=seconds, memory_mb=memory_mb, file_mb=file_mb)
    from core import child_processes

    words: queue.SimpleQueue[str] = queue.SimpleQueue()
    child_processes.hold_on(words.put)

    def say(message: dict[str, Any]) -> None:
        os.write(fd, (json.dumps(message, allow_nan=False) + "\n").encode())

    try:
        _try(Path.cwd().parent, say, words)
    except BaseException as error:  # noqa: BLE001  the door: a model may raise SystemExit too
        say(_failure(error))
        os._exit(0)
    os._exit(0)  # a model's own threads and exit handlers are not waited for


def _limit(*, seconds: int, memory_mb: int, file_mb: int) -> None:
    for what, most in (
        (resource.RLIMIT_AS, memory_mb * _MEGABYTE),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, file_mb * _MEGABYTE),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(what)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (most, most))


def _try(folder: Path, say: Say, words: "queue.SimpleQueue[str]") -> None:
    import mlflow.pyfunc

    say({"step": "started"})
    began = time.perf_counter()
    model = mlflow.pyfunc.load_model(str(folder / "model"))
    say({"step": "loaded", "seconds": time.perf_counter() - began})
    example = model.metadata.load_input_example(str(folder / "model"))
    said = _answer(model, example)
    say({"step": "example", **said})
    rows = _replayed(folder / "replay.parquet")
    say({"step": "replayed", **_answer(model, rows)})
    asked = example if example is not None else rows
    able = "says" not in said  # a model that refuses its own example is not timed
    one, batch = (_some(asked, n) if able else None for n in (1, _BATCH))
    if one is not None:
        model.predict(one)  # the first prediction pays for what is made ready once
    say({"step": "ready", "row": one is not None, "batch": 0 if batch is None else len(batch)})
    while (word := words.get()) != "end":
        if word == "batch":
            say({"step": "batch", "ms": _timed(model, batch)})
        else:
            say({"step": "rows", "ms": [_timed(model, one) for _ in range(int(word))]})
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    say({"step": "end", "memory_mb": used / (_MEGABYTE if sys.platform == "darwin" else 1024)})


def _replayed(path: Path) -> Any:  # a DataFrame, or None
    if not path.is_file():
        return None
    import pandas as pd

    return pd.read_parquet(path)


def _answer(model: Any, rows: Any) -> dict[str, Any]:  # a model, and rows of any kind it takes
    if rows is None:
        return {"rows": None}
    count = _length(rows)
    try:
        numbers, nan, infinite = _counted(model.predict(rows))
    except MemoryError:
        raise
    except Exception as error:
        if _lacks_package(error) or _is_memory(error):
            raise
        return {"rows": count, "says": _told(error)}
    return {"rows": count, "numbers": numbers, "nan": nan, "infinite": infinite}


def _counted(predictions: Any) -> tuple[int, int, int]:
    """How many values there are in predictions of any shape, how many NaN, how many infinite."""
    import numpy as np
    import pandas as pd

    if isinstance(predictions, pd.DataFrame | pd.Series):
        predictions = predictions.to_numpy(dtype=object)
    if isinstance(predictions, dict):
        predictions = [value for each in predictions.values() for value in np.ravel(each)]
    if hasattr(predictions, "toarray"):  # sparse
        predictions = predictions.toarray()
    if predictions is None:
        raise TypeError("it predicted nothing")
    flat = np.ravel(np.asarray(predictions, dtype=object))
    if flat.size == 0:
        raise ValueError("it returned no predictions")
    missing = sum(each is None for each in flat)
    floats = [float(each) for each in flat if isinstance(each, float | np.floating)]
    nan = missing + sum(math.isnan(each) for each in floats)
    return int(flat.size), nan, sum(math.isinf(each) for each in floats)


def _some(rows: Any, count: int) -> Any:  # rows of the same kind, or None where that has no meaning
    import numpy as np
    import pandas as pd

    if not isinstance(rows, pd.DataFrame | np.ndarray) or len(rows) == 0:
        return None
    at = np.arange(count) % len(rows)
    return rows.iloc[at].reset_index(drop=True) if isinstance(rows, pd.DataFrame) else rows[at]


def _timed(model: Any, rows: Any) -> float:
    began = time.perf_counter()
    model.predict(rows)
    return (time.perf_counter() - began) * 1000


def _length(rows: Any) -> int:
    return len(rows) if hasattr(rows, "__len__") and not isinstance(rows, dict | str) else 1


def _failure(error: BaseException) -> dict[str, Any]:
    if _is_memory(error):
        return {"step": "failed", "why": "memory", "says": _told(error)}
    if name := _lacks_package(error):
        return {"step": "failed", "why": "package", "says": name}
    return {"step": "failed", "why": "raised", "says": _told(error)}


def _chain(error: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found


def _is_memory(error: BaseException) -> bool:
    return any(
        isinstance(each, MemoryError) or "annot allocate memory" in str(each)
        for each in _chain(error)
    )


def _lacks_package(error: BaseException) -> str:
    lacks = (each for each in _chain(error) if isinstance(each, ModuleNotFoundError))
    return next((str(each.name or each)[:100] for each in lacks), "")


def _told(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0] if lines else 'no message'}"[:_MOST_TEXT]


if __name__ == "__main__":
    main()
