"""The files of a log: listed here, not by the engine, so that a broken one is named."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from core.drift.sources.engines import first_line
from core.inference.log_folder import inference_folder, labels_folder
from core.inference.personal_columns import AS_IT_IS, ColumnCapture, capture_in


@dataclass(frozen=True, slots=True)
class LogFile:
    """One file of a log as it was listed; `state` changes when its content may have.

    `capture` is what the file says was done to its columns, known once its schema was read.
    """

    path: Path
    name: str
    state: str
    capture: ColumnCapture = AS_IT_IS

    @property
    def key(self) -> str:
        """What the column `stile_file` says of its rows."""
        return str(self.path)


def log_files(home: Path, model: str) -> tuple[LogFile, ...]:
    """The files of a model's inference log, oldest name first; hidden and growing ones are not."""
    return _listed(inference_folder(home, model))


def label_files(home: Path, model: str) -> tuple[LogFile, ...]:
    """The files of the labels of a model's predictions."""
    return _listed(labels_folder(home, model))


def _listed(folder: Path) -> tuple[LogFile, ...]:
    found = []
    for path in sorted(folder.rglob("*.parquet")):
        name = path.relative_to(folder).as_posix()
        if any(part.startswith(".") for part in Path(name).parts):
            continue
        try:
            stat = path.stat()
        except FileNotFoundError:  # retention removed it between listing and looking
            continue
        # not its size: erased rows leave the time as it was, and what was counted stays counted
        found.append(LogFile(path, name, f"{stat.st_mtime_ns}"))
    return tuple(found)


def readable(files: Sequence[LogFile]) -> tuple[tuple[LogFile, ...], tuple[str, ...]]:
    """The files whose footer and schema can be read, and a sentence on each of the others."""
    good: list[LogFile] = []
    problems: list[str] = []
    for file in files:
        if file.path.suffix.lower() != ".parquet":  # text has no footer to look at
            good.append(file)
            continue
        try:
            schema = pq.read_schema(file.path)
        except (pa.ArrowException, OSError, ValueError) as error:
            problems.append(unreadable(file, error))
        else:
            good.append(replace(file, capture=capture_in(schema)))
    return tuple(good), tuple(problems)


def unreadable(file: LogFile, error: BaseException) -> str:
    """The sentence that names a file that is broken; the others go on."""
    return f"{file.name} cannot be read ({first_line(error)}); the other parts of the log were."
