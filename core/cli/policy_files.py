"""Policies as files that somebody names on the command line."""

from pathlib import Path
from typing import Annotated, Final

import typer

from core.errors import Refused

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="A policy in YAML.")]
_MOST_BYTES: Final = 256_000


def text_of(file: Path) -> str:
    """The text of a file; `Refused` when it cannot be read as one."""
    try:
        with file.open("rb") as stream:
            content = stream.read(_MOST_BYTES + 1)
        if len(content) > _MOST_BYTES:
            raise Refused(f"{file} is too long to be a policy.")
        return content.decode("utf-8-sig")
    except OSError as error:
        raise Refused(f"{file} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise Refused(f"{file} is not UTF-8 text.") from error
