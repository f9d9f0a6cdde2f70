"""Artifacts as values: listings, bytes, digests, and the three files Stile itself understands."""

import hashlib
import json
import math
import os
import shutil
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from core.errors import Refused
from core.tracking.artifact_contents import (
    MOST_BYTES_DIGESTED,
    ArtifactContents,
    contents_of,
    sha256_of,
)
from core.tracking.artifact_places import ArtifactRoot, place_of_run, place_of_version
from core.tracking.client import MlflowDoor
from core.tracking.prediction_files import (
    EVALUATED,
    MOST_BYTES_EVALUATED,
    NEEDED,
    PREDICTIONS,
    of_evaluation,
)
from core.tracking.reader import TrackingReader
from core.values.mlflow_entities import ArtifactFile, ModelFiles, ModelVersion, RunId

IMPORTANCE: Final = "eval/importance.json"
REFERENCE: Final = "reference/inputs.parquet"
REFERENCE_OUTPUTS: Final = "reference/predictions.parquet"

MOST_BYTES_SHOWN: Final = 50_000_000
MOST_BYTES_OF_A_TABLE: Final = 1_000_000_000
MOST_CELLS: Final = 200_000_000
_MOST_BYTES_OF_A_TEXT: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class ArtifactReader:
    """The artifacts of runs and model versions; `home` is where training references are kept."""

    door: MlflowDoor
    home: Path

    def list_run(self, run_id: RunId) -> tuple[ArtifactFile, ...]:
        """Every file and folder of a run, by path."""
        return place_of_run(self.door, run_id).listing()

    def list_version(self, version: ModelVersion) -> tuple[ArtifactFile, ...]:
        """Every file and folder of a version's model, by path."""
        return self._place(version).listing()

    def read(self, run_id: RunId, path: str, *, max_bytes: int = MOST_BYTES_SHOWN) -> bytes:
        """The bytes of one artifact of a run.

        Raises
        ------
        Refused
            There is no such file, it is larger than `max_bytes`, or its name is hostile.
        """
        place = place_of_run(self.door, run_id)
        content = _bytes(place, path, max_bytes=max_bytes)
        if content is None:
            raise Refused(f"The run has no artifact {path!r} any more; reload it.")
        return content

    def model_files(self, version: ModelVersion, *, texts: Collection[str]) -> ModelFiles:
        """The sizes of all files of a version's model, and the text of those named in `texts`.

        A text that is not there, or not UTF-8, is left out.

        Raises
        ------
        Refused
            The version points outside of its run, or a text is longer than a megabyte.
        """
        contents = self.contents(version)
        read: dict[str, str] = {}
        for file in contents.files:
            if file.path in texts:
                with (
                    contents.place.fetched(file, max_bytes=_MOST_BYTES_OF_A_TEXT) as local,
                    suppress(UnicodeDecodeError),
                ):
                    read[file.path] = local.read_text(encoding="utf-8")
        return ModelFiles(sizes={file.path: file.size for file in contents.files}, texts=read)

    def learnt_until(self, run_id: RunId, *, digest: str) -> datetime | None:
        """When the newest event happened that a run was trained on, or None if nothing says.

        `digest` is the SHA-256 of the reference, from `digests`: what is here is not read again.

        Raises
        ------
        Refused
            The artifact is there and is not a Parquet table.
        """
        path = self.reference_inputs(run_id, digest=digest)
        if path is None:
            return None
        try:
            times = pq.read_table(path, columns=["event_time"])["event_time"]
            newest = pc.max(times).as_py()
        except (pa.ArrowException, OSError, KeyError):
            return None
        if not isinstance(newest, datetime):
            return None
        return newest if newest.tzinfo is not None else newest.replace(tzinfo=UTC)

    def digests(self, of: RunId | ModelVersion) -> Mapping[str, str]:
        """SHA-256 (hex) of every file of a run, or of a version's model, by path, without `stile/`.

        Raises
        ------
        Refused
            The files together are larger than anyone would hash, or one cannot be opened.
        """
        contents, left = self.contents(of), MOST_BYTES_DIGESTED
        digests: dict[str, str] = {}
        for file in contents.files:
            digests[file.path], size = contents.hashed(file, max_bytes=left)
            left -= size
        return digests

    def contents(self, of: RunId | ModelVersion) -> ArtifactContents:
        """The files of a run, or of a version's model, without `stile/`; nothing is read yet."""
        place = self._place(of) if isinstance(of, ModelVersion) else place_of_run(self.door, of)
        return contents_of(place)

    def predictions(self, run_id: RunId) -> pd.DataFrame | None:
        """The row-level predictions of a run (row_id, y_true, y_pred, …), or None without any.

        Where a run logged none for Stile, what MLflow's own evaluation logged is read.

        Raises
        ------
        Refused
            The file is there and is not a table of predictions.
        """
        place = place_of_run(self.door, run_id)
        file = place.find(PREDICTIONS)
        if file is None:
            content = _bytes(place, EVALUATED, max_bytes=MOST_BYTES_EVALUATED)
            return None if content is None else of_evaluation(content)
        with place.fetched(file, max_bytes=MOST_BYTES_OF_A_TABLE) as local:
            table = _table(local, PREDICTIONS)
        missing = [name for name in NEEDED if name not in table.column_names]
        if missing:
            raise Refused(f"{PREDICTIONS} has no column {', '.join(missing)}; log it again.")
        # The file's own pandas metadata is foreign: it may not choose index or types.
        frame: pd.DataFrame = table.to_pandas(ignore_metadata=True)
        return frame

    def predictions_digest(self, run_id: RunId) -> str | None:
        """SHA-256 (hex) of the file that `predictions` reads, or None where there is none."""
        place = place_of_run(self.door, run_id)
        file = place.find(PREDICTIONS) or place.find(EVALUATED)
        if file is None:
            return None
        with place.fetched(file, max_bytes=MOST_BYTES_OF_A_TABLE) as local:
            return sha256_of(local)

    def importance(self, run_id: RunId) -> Mapping[str, float] | None:
        """How much each input column counts for the model, summing to 1, or None if not logged.

        Raises
        ------
        Refused
            The file is there and is not a JSON object of shares.
        """
        content = _bytes(place_of_run(self.door, run_id), IMPORTANCE, max_bytes=5_000_000)
        if content is None:
            return None
        says = f"{IMPORTANCE} is not an object of column names and shares; log it again."
        try:
            document = json.loads(content)
            shares = {str(name): float(share) for name, share in document.items()}
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            raise Refused(says) from error
        total = math.fsum(shares.values())
        if not all(math.isfinite(s) and s >= 0 for s in shares.values()) or not total > 0:
            raise Refused(says)
        return {name: share / total for name, share in shares.items()}

    def reference_inputs(self, run_id: RunId, *, digest: str | None = None) -> Path | None:
        """A Parquet file of ours with the inputs a run was trained on, or None if not logged.

        The file's name holds the run and the SHA-256 of its bytes, so it never changes. With
        `digest` (hex, from `digests`) a file that is already here is not downloaded again.

        Raises
        ------
        Refused
            The artifact is there and is not a Parquet table.
        """
        return self._kept(run_id, REFERENCE, digest=digest)

    def reference_outputs(self, run_id: RunId) -> Path | None:
        """A Parquet file of ours with what a run predicted for its reference, or None.

        Its columns are `prediction`, `score` and `event_time`, as far as the run logged them.

        Raises
        ------
        Refused
            The artifact is there and is not a Parquet table.
        """
        return self._kept(run_id, REFERENCE_OUTPUTS, digest=None)

    def _kept(self, run_id: RunId, name: str, *, digest: str | None) -> Path | None:
        kept = self.home / "index" / "references"
        run_key = hashlib.sha256(run_id.encode()).hexdigest()[:32]  # an id is foreign text too
        if digest is not None and len(digest) == 64 and digest.isalnum():
            known = kept / f"{run_key}-{digest}.parquet"
            if known.is_file():
                return known
        place = place_of_run(self.door, run_id)
        file = place.find(name)
        if file is None:
            return None
        with place.fetched(file, max_bytes=MOST_BYTES_OF_A_TABLE) as local:
            _metadata(local, name)
            target = kept / f"{run_key}-{sha256_of(local)}.parquet"
            if not target.is_file():
                kept.mkdir(mode=0o700, parents=True, exist_ok=True)
                arriving = target.with_suffix(f".{os.getpid()}-{id(local)}.arriving")
                shutil.copyfile(local, arriving)
                arriving.replace(target)
        return target

    def _place(self, version: ModelVersion) -> ArtifactRoot:
        return place_of_version(self.door, TrackingReader(self.door).origin(version))


def _bytes(place: ArtifactRoot, path: str, *, max_bytes: int) -> bytes | None:
    file = place.find(path)
    if file is None:
        return None
    with place.fetched(file, max_bytes=max_bytes) as local:
        return local.read_bytes()


def _metadata(path: Path, name: str) -> pq.FileMetaData:
    try:
        return pq.read_metadata(path)
    except (pa.ArrowException, OSError) as error:
        raise Refused(f"{name} is not a Parquet file; log it again.") from error


def _table(path: Path, name: str) -> pa.Table:
    found = _metadata(path, name)
    # A few kilobytes can decompress to any size: ask how much it says it holds first.
    if found.num_rows * max(1, found.num_columns) > MOST_CELLS:
        raise Refused(f"{name} holds {found.num_rows:,} rows, more than Stile reads; log a sample.")
    try:
        return pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise Refused(f"{name} cannot be read as Parquet; log it again.") from error
