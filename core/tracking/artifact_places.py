"""Where the artifacts of a run or a model version lie, and how their bytes get here safely.

Paths, names, sizes and even the location are foreign text. Nothing of it is ever joined onto a
path of ours: a file is downloaded through MLflow into a fresh private folder and read there.
"""

import os
import posixpath
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import Any, Final
from urllib.parse import urlsplit

from core import read_cache
from core.errors import Refused
from core.tracking.client import MlflowDoor, host_of
from core.values.mlflow_entities import ArtifactFile, ModelVersion, RunId

MOST_FILES: Final = 20_000
DEEPEST: Final = 32
_KEPT_BYTES: Final = 32_000_000
"""Up to this a file stays at hand until the look ends that fetched it."""
_FETCHED: Final = "stile-fetched-"
_ABANDONED_AFTER: Final = timedelta(days=1)
_CLOUD_SCHEMES: Final = frozenset({"s3", "gs", "wasb", "wasbs", "abfs", "abfss"})


@dataclass(frozen=True, slots=True)
class ArtifactRoot:
    """The root of a run's or a logged model's artifacts."""

    door: MlflowDoor
    location: str

    def listing(self) -> tuple[ArtifactFile, ...]:
        """Every file and folder below the root, parents before children, by path.

        Raises
        ------
        Refused
            There are more files, or deeper folders, than anyone would look at, or a hostile name.
        """
        found: list[ArtifactFile] = []
        folders = [""]
        while folders:
            for entry in self.children(folders.pop()):
                found.append(entry)
                if entry.is_dir:
                    folders.append(entry.path)
            if len(found) > MOST_FILES:
                raise Refused(f"There are more than {MOST_FILES:,} artifacts; log an archive.")
        return tuple(sorted(found, key=lambda entry: entry.path))

    def children(self, folder: str) -> tuple[ArtifactFile, ...]:
        """The files and folders directly below a folder ("" is the root)."""
        if folder:
            checked(folder)
        if folder.count("/") >= DEEPEST:
            raise Refused(f"Artifact folders are nested more than {DEEPEST} deep at {folder!r}.")
        uri = self._uri(folder)
        infos = read_cache.once(
            self.door, "listing", uri, ask=lambda: self.door.call(lambda _: _list(uri, self.door))
        )
        return tuple(_entry(folder, info) for info in infos)

    def find(self, path: str) -> ArtifactFile | None:
        """The file at this path, or None when nothing, or a folder, is there."""
        wanted = checked(path)
        around = self.children(posixpath.dirname(wanted))
        return next((e for e in around if e.path == wanted and not e.is_dir), None)

    @contextmanager
    def fetched(self, file: ArtifactFile, *, max_bytes: int) -> Iterator[Path]:
        """The file's bytes on a disk path of ours, in a folder only we can read, while it is open.

        Inside one look a file of up to 32 MB is downloaded once, while there is room for it in
        what a look holds. Nobody may change it.

        Raises
        ------
        Refused
            It is larger than `max_bytes`: asked of the listing first, then of the bytes.
        """
        path = checked(file.path)
        if file.size is not None and file.size > max_bytes:
            raise _too_large(path, file.size, max_bytes)
        enter, size = partial(self._downloaded, path, max_bytes=max_bytes), file.size
        with (
            enter()
            if size is None or size > _KEPT_BYTES
            else read_cache.held(self.door, "file", self._uri(path), enter=enter, weight=size)
        ) as local:
            _require_size(local, path, max_bytes)  # it may be held for one who takes more
            yield local

    @contextmanager
    def _downloaded(self, path: str, *, max_bytes: int) -> Iterator[Path]:
        with TemporaryDirectory(prefix=_FETCHED) as private:
            local = Path(self.door.call(lambda _: _download(self._uri(path), private, self.door)))
            if local.is_symlink() or not local.is_file():
                raise Refused(f"The artifact {path!r} is not a file any more; reload the run.")
            if not local.resolve().is_relative_to(Path(private).resolve()):
                raise Refused(f"MLflow stored the artifact {path!r} outside of its folder.")
            _require_size(local, path, max_bytes)  # before it is held: a listing may lie
            yield local

    def _uri(self, path: str) -> str:
        root = self.location.rstrip("/")
        return f"{root}/{path}" if path else root


def remove_abandoned(*, at: datetime) -> None:
    """Remove copies that a process of ours left behind when it was killed.

    A model may be large, and who is killed tidies nothing up; no copy is needed for a day.
    """
    for folder in Path(gettempdir()).glob(f"{_FETCHED}*"):
        with suppress(OSError):
            found = folder.stat(follow_symlinks=False)
            is_old = datetime.fromtimestamp(found.st_mtime, UTC) < at - _ABANDONED_AFTER
            if is_old and found.st_uid == os.getuid():
                shutil.rmtree(folder)


def place_of_run(door: MlflowDoor, run_id: RunId) -> ArtifactRoot:
    """Where a run's own artifacts lie; its logged models lie elsewhere."""
    run = door.run(run_id)
    return ArtifactRoot(door, allowed_location(door, run.info.artifact_uri))


def place_of_version(door: MlflowDoor, version: ModelVersion) -> ArtifactRoot:
    """Where the files of a version's model lie: its logged model, or a folder of its own run.

    Raises
    ------
    Refused
        The version points anywhere else. MLflow lets whoever registers a version name any
        address, and Stile's account could read more of them than that person may.
    """
    model_id = version.model_id
    if model_id is not None:
        model = door.logged_model(model_id)
        return ArtifactRoot(door, allowed_location(door, model.artifact_location))
    if version.run_id is not None:
        run = place_of_run(door, version.run_id)
        for root in (f"{run.location.rstrip('/')}/", f"runs:/{version.run_id}/"):
            if version.source.startswith(root):
                folder = checked(version.source.removeprefix(root).rstrip("/"))
                return ArtifactRoot(door, f"{run.location.rstrip('/')}/{folder}")
    raise Refused(
        f"{version.model} {version.version} points outside of its run, where Stile does not look; "
        "register it from the run that trained it."
    )


def allowed_location(door: MlflowDoor, location: str) -> str:
    """The location, when it is one this tracking server may send us to.

    Raises
    ------
    Refused
        A server elsewhere names a file of *this* machine, or a host that is not the server's own:
        whoever creates an experiment chooses that text.
    """
    parts = urlsplit(location)
    if parts.scheme in _CLOUD_SCHEMES:
        return location
    if not door.is_http:
        if parts.scheme in ("", "file") and parts.netloc in ("", "localhost"):
            return location
    elif parts.scheme in ("mlflow-artifacts", "http", "https") and (
        parts.netloc.rpartition("@")[2] in ("", host_of(door.tracking_uri))
    ):
        return location
    raise Refused(
        f"The artifacts lie at {parts.scheme or 'a local path'}, where MLflow at {door.host} does "
        "not hand them out; start it with --serve-artifacts, or use a cloud store."
    )


def checked(path: str) -> str:
    """The artifact path, when every part of it is a plain name.

    Raises
    ------
    Refused
        It climbs, starts at a root, or holds characters that MLflow's addresses cannot carry.
    """
    plain = path and all(part not in ("", ".", "..") for part in path.split("/"))
    if not plain or not path.isprintable() or any(c in path for c in "\\%#?"):
        raise Refused(f"The artifact name {path!r} is not one Stile opens; log it under another.")
    return path


def _entry(folder: str, info: Any) -> ArtifactFile:  # Any: MLflow's FileInfo, which has no types
    name = posixpath.basename(info.path.rstrip("/"))
    path = f"{folder}/{name}" if folder else name
    return ArtifactFile(path=path, is_dir=bool(info.is_dir), size=info.file_size)


def _list(uri: str, door: MlflowDoor) -> Any:  # Any: as above
    from mlflow.artifacts import list_artifacts

    return list_artifacts(artifact_uri=uri, tracking_uri=door.tracking_uri)


def _download(uri: str, into: str, door: MlflowDoor) -> str:
    from mlflow.artifacts import download_artifacts

    return str(
        download_artifacts(
            artifact_uri=uri,
            dst_path=into,
            tracking_uri=door.tracking_uri,
            registry_uri=door.registry_uri,
        )
    )


def _require_size(local: Path, path: str, most: int) -> None:
    if local.stat().st_size > most:
        raise _too_large(path, local.stat().st_size, most)


def _too_large(path: str, size: int, most: int) -> Refused:
    return Refused(
        f"The artifact {path!r} has {size / 1e6:,.0f} MB and Stile opens at most "
        f"{most / 1e6:,.0f} MB; download it from MLflow instead."
    )
