"""A file of Stile's own among the artifacts of a run: written below `stile/`, and read back."""

import errno
import hashlib
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from core.errors import Refused, Unavailable
from core.tracking.artifact_contents import OURS, sha256_of
from core.tracking.artifact_places import checked, place_of_run
from core.tracking.client import MlflowDoor
from core.values.mlflow_entities import RunId

if TYPE_CHECKING:
    from mlflow import MlflowClient

MOST_BYTES_KEPT: Final = 100_000_000
_READ_ONLY: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


def keep_with_run(door: MlflowDoor, run_id: RunId, path: str, content: bytes) -> str:
    """SHA-256 (hex) of a file that lies with the run now, as read back; the same again is harmless.

    Raises
    ------
    Refused
        The store may not be written, or lies where Stile does not go; nothing else changed.
    Unavailable
        It did not answer, or gave back other bytes; writing again is safe.
    """
    folder, _, name = checked(path).rpartition("/")
    if f"{folder}/" != OURS:
        raise Refused(f"Stile writes below {OURS} of a run only, not to {path}.")
    place_of_run(door, run_id)  # a server elsewhere may not send us to a folder of this machine
    with TemporaryDirectory(prefix="stile-") as private:
        local = Path(private) / name
        local.write_bytes(content)
        door.write(lambda client: _log(client, run_id, local, folder))
    found = kept_with_run(door, run_id, path)
    if found != hashlib.sha256(content).hexdigest():
        raise Unavailable(f"The run's artifact store did not give {path} back as it was written.")
    return found


def kept_with_run(door: MlflowDoor, run_id: RunId, path: str) -> str | None:
    """SHA-256 (hex) of one artifact of a run as it is now, or None where there is none."""
    place = place_of_run(door, run_id)
    file = place.find(path)
    if file is None:
        return None
    with place.fetched(file, max_bytes=MOST_BYTES_KEPT) as local:
        return sha256_of(local)


def _log(client: "MlflowClient", run_id: RunId, local: Path, folder: str) -> None:
    try:
        client.log_artifact(run_id, str(local), artifact_path=folder)
    except OSError as error:
        if error.errno not in _READ_ONLY:
            raise
        raise Refused(
            f"The run's artifact store may not be written ({error.strerror}); "
            "let Stile's account write there."
        ) from error
