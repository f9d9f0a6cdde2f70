"""SHA-256 of every file of a run and a model: at once where they are small, else by the worker.

What is large is hashed once and remembered file by file; whoever asks meanwhile is told how far it
is. A listing that differs from what was hashed (a file more, another size) undoes it at once; the
same size with other bytes is noticed when the worker hashes again.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from core.errors import InsufficientData
from core.store.file_hashes import FileHashStore, HashedFile
from core.tracking.artifact_contents import MOST_BYTES_DIGESTED, ArtifactContents
from core.values.canonical_json import canonical_json
from core.values.mlflow_entities import ArtifactFile, ModelVersion, RunId
from core.values.wording import counted

if TYPE_CHECKING:
    from core.tracking.artifacts import ArtifactReader

SMALL_BYTES: Final = 32_000_000
SMALL_FILES: Final = 200
"""Up to both, whoever asks hashes at once: it takes no longer than a look."""
RENEW_AFTER: Final = timedelta(hours=6)
"""When the worker hashes large files again that wait for a decision, or serve."""


@dataclass(frozen=True, slots=True)
class HashingProgress:
    """How far hashing a place is; `problem` is why it stands still."""

    files_done: int
    files: int
    bytes_done: int
    bytes: int | None
    problem: str = ""

    @property
    def share(self) -> float:
        """How much is done, from 0 to 1: by bytes where the store says how many there are."""
        done, all_of = self.files_done, self.files
        if self.bytes:
            done, all_of = self.bytes_done, self.bytes
        return min(1.0, done / all_of) if all_of else 1.0

    @property
    def says(self) -> str:
        """“Hashing 3 of 14 files, 120 of 480 MB.”"""
        if self.files_done == self.files:
            return f"{counted(self.files, 'file')} hashed."
        size = f"{self.bytes_done / 1e6:,.0f}"
        size += "" if self.bytes is None else f" of {self.bytes / 1e6:,.0f}"
        told = f"Hashing {self.files_done:,} of {self.files:,} files, {size} MB."
        return f"{told} It stands still: {self.problem}" if self.problem else told


class HashingUnfinished(InsufficientData):
    """The files are not all hashed yet."""

    def __init__(self, progress: HashingProgress) -> None:
        super().__init__(progress.says)
        self.progress = progress


Show = Callable[[HashingProgress], None]


@dataclass(frozen=True, slots=True)
class ContentHasher:
    """The digests of files, from what is remembered or from the files themselves.

    With `show`, whoever asks waits until everything is hashed, and is shown how far it is.
    """

    artifacts: "ArtifactReader"
    store: FileHashStore
    show: Show | None = None
    small_bytes: int = SMALL_BYTES

    def digests(self, of: RunId | ModelVersion, *, at: datetime) -> Mapping[str, str]:
        """SHA-256 (hex) of every file by path, without `stile/`.

        Raises
        ------
        Unfinished
            There is much to hash, and the worker has not done it all yet.
        Refused
            The files are larger than anyone would hash, or one cannot be opened.
        """
        contents = self.artifacts.contents(of)
        if self._is_small(contents):
            return _hashed_now(contents)
        if self.show is not None:
            return self._hash(contents, self.show, at=at, renew_before=None)
        known = self._fitting(contents)
        if len(known) < len(contents.files):
            raise HashingUnfinished(self._progress(contents, known))
        return {path: hashed.sha256 for path, hashed in known.items()}

    def hash_due(self, of: RunId | ModelVersion, *, at: datetime) -> bool:
        """True when something was hashed: what is not yet, or so long ago that it is again.

        Every file is remembered as it is done; a worker that is killed goes on behind it.
        """
        contents = self.artifacts.contents(of)
        if self._is_small(contents):
            return False
        renew_before = at - RENEW_AFTER
        known = self._fitting(contents)
        if len(known) == len(contents.files) and all(
            hashed.at >= renew_before for hashed in known.values()
        ):
            return False
        self._hash(contents, lambda _: None, at=at, renew_before=renew_before)
        return True

    def progress(self, of: RunId | ModelVersion) -> HashingProgress:
        """How far hashing is, from what is remembered; small places are always done."""
        contents = self.artifacts.contents(of)
        if self._is_small(contents):
            n, size = len(contents.files), contents.size or 0
            return HashingProgress(n, n, size, size)
        return self._progress(contents, self._fitting(contents))

    def put_problem(self, of: RunId | ModelVersion, problem: str, *, at: datetime) -> None:
        """Note why hashing stands still, for the people who wait."""
        self.store.put_problem(self.artifacts.contents(of).key, problem, at=at)

    def _is_small(self, contents: ArtifactContents) -> bool:
        size = contents.size
        return size is not None and size <= self.small_bytes and len(contents.files) <= SMALL_FILES

    def _hash(
        self, contents: ArtifactContents, show: Show, *, at: datetime, renew_before: datetime | None
    ) -> Mapping[str, str]:
        self.store.keep_only(contents.key, {file.path for file in contents.files})
        done = {
            path: hashed
            for path, hashed in self._fitting(contents).items()
            if renew_before is None or hashed.at >= renew_before
        }
        left = MOST_BYTES_DIGESTED - sum(hashed.size for hashed in done.values())
        for file in contents.files:
            if file.path in done:
                continue
            show(self._progress(contents, done))
            sha256, size = contents.hashed(file, max_bytes=left)
            left -= size
            done[file.path] = HashedFile(sha256, size, at)
            self.store.put(contents.key, file.path, done[file.path])
        show(self._progress(contents, done))
        return {path: hashed.sha256 for path, hashed in sorted(done.items())}

    def _fitting(self, contents: ArtifactContents) -> dict[str, HashedFile]:
        """What is remembered of files that are still there and as large as they were."""
        known = self.store.known(contents.key)
        return {
            file.path: known[file.path]
            for file in contents.files
            if file.path in known and _is_of(known[file.path], file)
        }

    def _progress(
        self, contents: ArtifactContents, done: Mapping[str, HashedFile]
    ) -> HashingProgress:
        return HashingProgress(
            files_done=len(done),
            files=len(contents.files),
            bytes_done=sum(hashed.size for hashed in done.values()),
            bytes=contents.size,
            problem=self.store.problem(contents.key),
        )


def digest_of_files(digests: Mapping[str, str]) -> str:
    """One SHA-256 for all files of a model: the same files, wherever they lie, have the same."""
    return hashlib.sha256(canonical_json(dict(digests))).hexdigest()


def _hashed_now(contents: ArtifactContents) -> Mapping[str, str]:
    return {
        file.path: contents.hashed(file, max_bytes=MOST_BYTES_DIGESTED)[0]
        for file in contents.files
    }


def _is_of(hashed: HashedFile, file: ArtifactFile) -> bool:
    return file.size is None or file.size == hashed.size
