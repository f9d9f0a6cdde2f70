"""What lies at a run's or a model's place: its files, hashed one by one, or copied for a trial."""

import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from core.errors import Refused
from core.tracking.artifact_places import ArtifactRoot, checked
from core.values.mlflow_entities import ArtifactFile

OURS: Final = "stile/"  # what Stile writes itself is never part of what a key signs
MOST_BYTES_DIGESTED: Final = 20_000_000_000


@dataclass(frozen=True, slots=True)
class ArtifactContents:
    """The files of one place, without `stile/`."""

    place: ArtifactRoot
    files: tuple[ArtifactFile, ...]

    @property
    def key(self) -> str:
        """The place's name here: the same whoever asks, and nothing of where it lies."""
        return hashlib.sha256(self.place.location.encode("utf-8", "surrogatepass")).hexdigest()

    @property
    def size(self) -> int | None:
        """The bytes of all files together; None where the store does not say."""
        sizes = [file.size for file in self.files]
        known = [size for size in sizes if size is not None]
        return sum(known) if len(known) == len(sizes) else None

    def hashed(self, file: ArtifactFile, *, max_bytes: int) -> tuple[str, int]:
        """SHA-256 (hex) of a file's bytes, read piece by piece from disk, and how many there are.

        Raises
        ------
        Refused
            It is larger than `max_bytes`, or cannot be opened any more.
        """
        with self.place.fetched(file, max_bytes=max_bytes) as local:
            return sha256_of(local), local.stat().st_size

    def copied(self, into: Path, *, max_bytes: int) -> dict[str, str]:
        """SHA-256 by path of all files, whose bytes are now below a new folder of ours.

        The one place where foreign names become names on our disk: each part of a path is a plain
        name, and the folder is private and thrown away.

        Raises
        ------
        Refused
            Together they are larger than `max_bytes`, or a name is not one Stile opens.
        """
        left, digests = max_bytes, dict[str, str]()
        into.mkdir(mode=0o700)
        for file in self.files:
            target = into.joinpath(*checked(file.path).split("/"))
            if not target.resolve().is_relative_to(into.resolve()):
                raise Refused(f"The artifact name {file.path!r} is not one Stile opens.")
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self.place.fetched(file, max_bytes=left) as local:
                shutil.copyfile(local, target)
            left -= target.stat().st_size
            digests[file.path] = sha256_of(target)
        return digests


def contents_of(place: ArtifactRoot) -> ArtifactContents:
    """What lies there now."""
    files = (f for f in place.listing() if not f.is_dir and not f.path.startswith(OURS))
    return ArtifactContents(place, tuple(files))


def sha256_of(path: Path) -> str:
    """SHA-256 (hex) of a file, read piece by piece."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
