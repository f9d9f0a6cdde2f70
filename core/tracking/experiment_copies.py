"""Where the index keeps its copies between two sessions: one Parquet file per experiment."""

import hashlib
import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from core.values.mlflow_entities import ExperimentId

_FORMAT: Final = b"1"


@dataclass(frozen=True, slots=True, eq=False)
class ExperimentCopy:
    """The runs of one experiment as MLflow said them at `as_of`.

    `read_at` and `whole_at` are seconds of the index's own clock: when MLflow was last asked, and
    when it was last asked for everything (None after a restart), which took `whole_took_s`.
    """

    experiment_id: ExperimentId
    experiment: str
    table: pa.Table
    as_of: datetime
    read_at: float
    is_whole: bool = False
    whole_at: float | None = None
    whole_took_s: float = 0.0


@dataclass(frozen=True, slots=True)
class ExperimentCopies:
    """A private folder of copies; whatever cannot be read there is read from MLflow again."""

    folder: Path

    def load(self, experiment_id: ExperimentId) -> ExperimentCopy | None:
        """The copy of an experiment as it was last saved, or None."""
        try:
            table = pq.read_table(self._file(experiment_id))
            told = table.schema.metadata or {}
            if told.get(b"stile.format") != _FORMAT:
                return None
            return ExperimentCopy(
                experiment_id=experiment_id,
                experiment=told[b"stile.experiment"].decode(),
                table=table.replace_schema_metadata(None),
                as_of=datetime.fromisoformat(told[b"stile.as_of"].decode()),
                read_at=float("-inf"),
                is_whole=True,
                whole_took_s=float(told[b"stile.took_s"]),
            )
        except (OSError, pa.ArrowException, KeyError, ValueError):
            return None  # a cache that is not there, or not readable, is no cache

    def save(self, copy: ExperimentCopy) -> None:
        """Keep a copy for the next session; readers see the old file or the new one."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        told = {
            b"stile.format": _FORMAT,
            b"stile.experiment": copy.experiment.encode(),
            b"stile.took_s": str(copy.whole_took_s).encode(),
            b"stile.as_of": copy.as_of.isoformat().encode(),
        }
        target = self._file(copy.experiment_id)
        arriving = target.with_suffix(f".{os.getpid()}.arriving")
        pq.write_table(copy.table.replace_schema_metadata(told), arriving, compression="zstd")
        arriving.replace(target)

    def _file(self, experiment_id: ExperimentId) -> Path:
        # The id is foreign text: it names nothing on our disk.
        return self.folder / f"{hashlib.sha256(experiment_id.encode()).hexdigest()[:32]}.parquet"
