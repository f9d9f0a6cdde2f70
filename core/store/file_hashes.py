"""SHA-256 of the files of runs and models, file by file, so that hashing goes on after a crash."""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, delete
from sqlmodel import col, select

from core.store import transaction
from core.store.tables import FileHashRow, HashingRow


@dataclass(frozen=True, slots=True)
class HashedFile:
    """One file's digest, the bytes that were read for it, and when that was."""

    sha256: str
    size: int
    at: datetime


@dataclass(frozen=True, slots=True)
class FileHashStore:
    """Digests by place and path, each call a transaction of its own."""

    engine: Engine

    def known(self, place: str) -> Mapping[str, HashedFile]:
        """What was hashed of a place, by path."""
        with transaction.reading(self.engine) as session:
            rows = session.exec(select(FileHashRow).where(FileHashRow.place == place))
            return {row.path: HashedFile(row.sha256, row.size, row.hashed_at) for row in rows}

    def put(self, place: str, path: str, hashed: HashedFile) -> None:
        """Save the file's digest; hashing there has no problem any more."""
        key = hashlib.sha256(path.encode("utf-8", "surrogatepass")).hexdigest()
        with transaction.deciding(self.engine) as session:
            session.merge(
                FileHashRow(
                    place=place,
                    path_digest=key,
                    path=path,
                    size=hashed.size,
                    sha256=hashed.sha256,
                    hashed_at=hashed.at,
                )
            )
            session.merge(HashingRow(place=place, problem="", at=hashed.at))

    def keep_only(self, place: str, paths: Collection[str]) -> None:
        """Remove the digests of files that are not there any more."""
        gone = self.known(place).keys() - set(paths)
        if gone:
            with transaction.deciding(self.engine) as session:
                session.execute(
                    delete(FileHashRow).where(
                        col(FileHashRow.place) == place, col(FileHashRow.path).in_(sorted(gone))
                    )
                )

    def problem(self, place: str) -> str:
        """What kept anybody from hashing there last, or nothing."""
        with transaction.reading(self.engine) as session:
            row = session.get(HashingRow, place)
            return "" if row is None else row.problem

    def put_problem(self, place: str, problem: str, *, at: datetime) -> None:
        """Save why hashing stands still."""
        with transaction.deciding(self.engine) as session:
            session.merge(HashingRow(place=place, problem=problem, at=at))
