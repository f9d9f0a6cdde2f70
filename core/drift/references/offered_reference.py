"""What somebody offers as a reference: files on the server, an upload, or past live inputs."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final, TypeAlias

from core.drift.values.counts import Reference
from core.errors import InsufficientData, Refused

if TYPE_CHECKING:
    import pyarrow as pa

    from core.drift.references.version_references import VersionReferences

UPLOADED: Final = (".parquet", ".csv")
_PATTERNS: Final = ("*.parquet", "*.csv", "*.json", "*.jsonl", "*.ndjson")
_LEFT_OVER_S: Final = 3600.0
_LONGEST_NAME: Final = 120


@dataclass(frozen=True, slots=True, eq=False)
class OfferedReference:
    """A reference as it was made: `sample` are some of its rows, or it is `days` of the log."""

    reference: Reference
    sample: "pa.Table | None" = None
    days: tuple[date, date] | None = None
    place: str = ""


@dataclass(frozen=True, slots=True)
class FromFile:
    """A Parquet, CSV or JSON file that the server can read, or a folder of them."""

    path: Path

    @property
    def says(self) -> str:
        """Where it is from, in words."""
        return f"file {self.path}"

    def read(
        self,
        references: "VersionReferences",
        model: str,
        *,
        at: datetime,  # noqa: ARG002  one face
    ) -> OfferedReference:
        """The reference it makes, and some of its rows.

        Raises
        ------
        Refused
            It is not there, is no table, or is broken.
        InsufficientData
            It holds no rows, or no column that can be profiled.
        """
        try:
            return _offered(references, model, files_at(self.path))
        except InsufficientData as error:
            raise InsufficientData(f"{self.path}: {error}") from error


@dataclass(frozen=True, slots=True)
class FromWindow:
    """The live inputs of these days, both included."""

    first: date
    last: date

    @property
    def says(self) -> str:
        """Where it is from, in words."""
        return f"live inputs of {self.first} to {self.last}"

    def read(
        self, references: "VersionReferences", model: str, *, at: datetime
    ) -> OfferedReference:
        """The reference they make; their rows stay where they are.

        Raises
        ------
        Refused
            The last day is before the first one, or the log cannot be read.
        InsufficientData
            It holds no rows of these days.
        """
        if self.last < self.first:
            raise Refused(f"{self.first} to {self.last}: the first day comes first.")
        made = references.from_window(model, self.first, self.last, at=at)
        return OfferedReference(
            made, days=(self.first, self.last), place=references.place_of(model)
        )


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """The bytes of a Parquet or CSV file, as somebody sent them; `name` is foreign text."""

    name: str
    content: bytes = field(repr=False)

    @property
    def says(self) -> str:
        """Where it is from, in words."""
        return f"uploaded file {self.short_name}"

    @property
    def short_name(self) -> str:
        """The name, without what cannot be printed and no longer than a line."""
        printed = "".join(c if c.isprintable() else "�" for c in self.name) or "without a name"
        return printed if len(printed) <= _LONGEST_NAME else f"{printed[:_LONGEST_NAME]}…"

    def read(
        self,
        references: "VersionReferences",
        model: str,
        *,
        at: datetime,  # noqa: ARG002  one face
    ) -> OfferedReference:
        """The reference it makes, and some of its rows; its bytes are on disk for just as long.

        Raises
        ------
        Refused
            It is no Parquet or CSV file, or is broken.
        InsufficientData
            It holds no rows, or no column that can be profiled.
        """
        suffix = Path(self.name).suffix.lower()
        if suffix not in UPLOADED:
            raise Refused(f"{self.short_name} is neither .parquet nor .csv: upload one of these.")
        if not self.content:
            raise Refused(f"{self.short_name} is empty: upload the whole file.")
        with _on_disk(references.home, self.content, suffix) as path:
            try:
                return _offered(references, model, [path])
            except (Refused, InsufficientData) as error:  # the person never saw that path
                says = str(error).replace(str(path), self.short_name)
                raise type(error)(f"{self.short_name}: {says}") from error


Given: TypeAlias = FromFile | FromWindow | UploadedFile


def _offered(references: "VersionReferences", model: str, files: list[Path]) -> OfferedReference:
    return OfferedReference(references.from_files(files), references.sample_of(model, files))


def files_at(path: Path) -> list[Path]:
    """A file, or the files of a folder that are of the first kind found there."""
    if not path.exists():
        raise Refused(
            f"{path} is not there: give a Parquet, CSV or JSON file, or a folder of them."
        )
    if path.is_file():
        return [path]
    for pattern in _PATTERNS:
        found = sorted(p for p in path.rglob(pattern) if not p.name.startswith("."))
        if found:
            return found
    raise Refused(f"{path} holds no Parquet, CSV or JSON files.")


@contextmanager
def _on_disk(home: Path, content: bytes, suffix: str) -> Iterator[Path]:
    """A file of these bytes that only this account may read, gone afterwards."""
    folder = home / "uploads"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _tidy(folder)
    with TemporaryDirectory(dir=folder) as own:
        path = Path(own) / f"upload{suffix}"
        path.write_bytes(content)
        yield path


def _tidy(folder: Path) -> None:
    """Remove what a killed process left behind."""
    for left in folder.iterdir():
        try:
            if time.time() - left.stat().st_mtime > _LEFT_OVER_S:
                for file in left.iterdir():
                    file.unlink()
                left.rmdir()
        except FileNotFoundError:  # another process tidies too
            continue
