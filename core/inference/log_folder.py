"""Where inference logs and labels live below the home folder, and how a file there is written."""

import fcntl
import itertools
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final
from urllib.parse import quote, unquote

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from core.errors import Refused

_ABANDONED_AFTER_S: Final = 3600.0
_STAMP: Final = "%Y%m%dT%H%M%S%f"
_TRIES: Final = 5  # a folder may be removed, empty, just before its next file is begun


def quoted_model(model: str) -> str:
    """The folder name of a model: one path segment, whatever the name contains."""
    if not model:
        raise Refused("The model has no name: give the name it has in the registry.")
    name = quote(model, safe="")
    return name.replace(".", "%2E") if set(name) == {"."} else name


def inference_folder(home: Path, model: str) -> Path:
    """Where a model's inference log is, one folder per day of event time below it."""
    return home / "inference" / quoted_model(model)


def captured_models(home: Path) -> frozenset[str]:
    """The models that an inference log was ever begun for."""
    with suppress(FileNotFoundError):  # nothing was ever captured
        return frozenset(unquote(folder.name) for folder in (home / "inference").iterdir())
    return frozenset()


def labels_folder(home: Path, model: str) -> Path:
    """Where the labels of a model's predictions are."""
    return home / "labels" / quoted_model(model)


def references_folder(home: Path, model: str) -> Path:
    """Where samples of the references are that were attached to versions of a model."""
    return home / "references" / quoted_model(model)


def file_names() -> Iterator[str]:
    """Endless names that sort by the time they were made and never meet another process's."""
    for number in itertools.count():
        stamp = datetime.now(UTC).strftime(_STAMP)
        yield f"{stamp}-{os.getpid()}-{number:06d}.parquet"


def written_at(path: Path) -> datetime:
    """When a file was first written: by its name, else by when it last changed."""
    try:
        return datetime.strptime(path.name.partition("-")[0], _STAMP).replace(tzinfo=UTC)
    except ValueError:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)


def write_whole(
    table: pa.Table, folder: Path, name: str, *, modified_ns: int | None = None
) -> Path:
    """The path of a Parquet file that is there whole, or not at all, whatever is killed when.

    Readers look for ``*.parquet``, so they never see the hidden name it has while it grows. With
    `modified_ns`, the file looks to them as if it had last changed then.
    """
    growing, path = folder / f".{name}.tmp", folder / name
    with _begun(growing) as file:
        pq.write_table(table, file)
        file.flush()
        os.fsync(file.fileno())
    if modified_ns is not None:
        os.utime(growing, ns=(modified_ns, modified_ns))
    growing.rename(path)
    _settle(folder)
    return path


@contextmanager
def removing(home: Path) -> Iterator[None]:
    """Keep other processes of this machine from taking rows or files out of the logs."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (home / ".removing.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def remove_abandoned(folder: Path) -> int:
    """How many half-written files were removed that a killed writer left over an hour ago."""
    oldest = time.time() - _ABANDONED_AFTER_S
    removed = 0
    for path in list(folder.rglob(".*.parquet.tmp")):
        with suppress(FileNotFoundError):  # it is whole now, and has its other name
            if path.stat().st_mtime < oldest:
                path.unlink()
                removed += 1
    return removed


def recorded_ids(folder: Path) -> set[str]:
    """The prediction ids in all files of a log or of labels; none where nothing was written."""
    if not folder.is_dir():
        return set()
    files = [str(path) for path in folder.rglob("*.parquet")]
    if not files:
        return set()
    table = ds.dataset(files, schema=pa.schema({"prediction_id": pa.string()})).to_table()
    return set(table["prediction_id"].to_pylist())


def _begun(path: Path) -> BinaryIO:
    for _ in range(_TRIES):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            return path.open("wb")
        except (FileNotFoundError, FileExistsError):
            continue  # the folder was old and empty, and went in this very moment: make it again
    return path.open("wb")


def _settle(folder: Path) -> None:
    if os.name == "nt":  # a folder cannot be opened there
        return
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except FileNotFoundError:  # too old to be kept, it went with its folder in this very moment
        return
    try:
        os.fsync(descriptor)  # a rename is durable only once its folder is
    finally:
        os.close(descriptor)
