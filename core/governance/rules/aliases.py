"""Which names an alias can have: those that MLflow accepts; nobody decides in vain. Pure."""

import re
from typing import Final

_NAME: Final = re.compile(r"[\w-]{1,255}")
_RESERVED: Final = re.compile(r"latest|v\d+", re.IGNORECASE)


def alias_problem(alias: str) -> str:
    """The sentence that says why MLflow would refuse an alias of this name, or nothing."""
    if not _NAME.fullmatch(alias):
        return "An alias has letters, digits, _ and -, at most 255 of them; write it so."
    if _RESERVED.fullmatch(alias):
        return f"MLflow keeps the alias “{alias}” for itself; choose another name."
    return ""
