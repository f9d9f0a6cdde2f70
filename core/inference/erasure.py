"""Rows taken out of log, labels and samples of references by prediction id, file by file."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from core.inference.log_folder import (
    inference_folder,
    labels_folder,
    references_folder,
    remove_abandoned,
    removing,
    write_whole,
)


@dataclass(frozen=True, slots=True)
class Erasure:
    """Rows of the log, of labels and of samples of references; files with such, and unread ones."""

    predictions: int = 0
    labels: int = 0
    references: int = 0
    files: int = 0
    unread: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        """All rows."""
        return self.predictions + self.labels + self.references


def rows_of(home: Path, model: str, ids: Collection[str]) -> Erasure:
    """How many rows have one of these ids; nothing is changed."""
    return _each(home, model, ids, erase=False)


def erase_rows(home: Path, model: str, ids: Collection[str]) -> Erasure:
    """What was erased: every row with one of these ids, in the log, the labels, kept samples.

    Each file is replaced whole or not at all, under its own name and time, so that what was
    counted of it stays counted. Doing it again finds nothing. A writer may go on writing; rows
    that it has not written yet are not found.
    """
    with removing(home):
        done = _each(home, model, ids, erase=True)
        for folder in (
            inference_folder(home, model),
            labels_folder(home, model),
            references_folder(home, model),
        ):
            remove_abandoned(folder)  # a killed writer's half file may hold such rows, too
    return done


def _each(home: Path, model: str, ids: Collection[str], *, erase: bool) -> Erasure:
    wanted = pa.array(sorted(set(ids)), pa.string())
    found = {"predictions": 0, "labels": 0, "references": 0}
    files, unread = 0, []
    folders = (
        ("predictions", inference_folder(home, model)),
        ("labels", labels_folder(home, model)),
        ("references", references_folder(home, model)),
    )
    for kind, folder in folders:
        for path in _files_of(folder):
            try:
                rows = _in_file(path, wanted, erase=erase)
            except FileNotFoundError:  # it was removed meanwhile, and its rows with it
                continue
            except (pa.ArrowException, OSError, ValueError) as error:
                name = path.relative_to(folder).as_posix()
                unread.append(f"{name} cannot be read: {str(error).splitlines()[0][:200]}")
            else:
                found[kind] += rows
                files += rows > 0
    return Erasure(files=files, unread=tuple(unread), **found)


def _files_of(folder: Path) -> Iterator[Path]:
    """The files of a folder, those that a writer adds meanwhile included."""
    seen: set[Path] = set()
    while new := sorted(set(folder.rglob("*.parquet")) - seen):
        seen.update(new)
        yield from (path for path in new if not path.name.startswith("."))


def _in_file(path: Path, wanted: pa.Array, *, erase: bool) -> int:
    """How many rows of the file have one of the ids; with `erase`, they are gone afterwards."""
    modified_ns = path.stat().st_mtime_ns
    with pq.ParquetFile(path) as file:
        if "prediction_id" not in file.schema_arrow.names:
            return 0
        held = file.read(["prediction_id"])["prediction_id"].cast(pa.string())
        hits = pc.fill_null(pc.is_in(held, value_set=wanted), False)
        n_rows = int(pc.sum(hits).as_py() or 0)
        if not n_rows or not erase:
            return n_rows
        rest = file.read().filter(pc.invert(hits))
    if rest.num_rows:
        write_whole(rest, path.parent, path.name, modified_ns=modified_ns)
    else:
        path.unlink()
    return n_rows
