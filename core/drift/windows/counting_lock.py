"""One at a time among all threads and processes that count into the profiles of one home."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def alone(home: Path, what: str) -> Iterator[None]:
    """Nobody else of this home is inside a block of the same name: app, worker or command.

    Two that count at the same moment would add the same new file twice. A process that is killed
    inside leaves nothing behind: the system lets go of its lock.
    """
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (home / f"{what}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
