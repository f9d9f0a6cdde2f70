"""Session keys and URL parameters: defined once, prefixed by page, checked when read."""

from collections.abc import Iterable, Sequence
from typing import Final

import streamlit as st

TOKEN: Final = "frame.token"  # noqa: S105  a key's name; only tests put a session token here
SCREENS: Final = "frame.screens"
KEPT: Final = "frame.kept"
NOTICE: Final = "frame.notice"
DRAWER: Final = "decisions.drawer"
ANSWER: Final = "answering.drawer"
BASIS: Final = "basis.drawer"
CHECKED: Final = "describing.checked"
ANSWER_ASKED: Final = "answering.asked"
RETURN: Final = "returning.prepared"
VERIFY: Final = "request.verify"

_LONGEST: Final = 4_000


def text(name: str, default: str = "") -> str:
    """The URL parameter `name`, cut to a sane length, or `default`."""
    return str(st.query_params.get(name, default))[:_LONGEST]


def number(name: str) -> int | None:
    """The URL parameter `name` as a whole number, or None when it is absent or no number."""
    given = text(name)
    return int(given) if given.isascii() and given.isdigit() and len(given) <= 12 else None


def one_of(name: str, options: Sequence[str], default: str) -> str:
    """The URL parameter `name` when it is one of `options`, else `default`."""
    given = text(name)
    return given if given in options else default


def words(name: str, *, at_most: int = 64) -> tuple[str, ...]:
    """The comma-separated URL parameter `name`, without blanks and repetitions."""
    parts = (part.strip() for part in text(name).split(","))
    return tuple(dict.fromkeys(part for part in parts if part))[:at_most]


def put(**values: str | int | Iterable[str] | None) -> None:
    """Write parameters into the URL; None and empty remove one. Others stay as they are."""
    for name, value in values.items():
        joined = ",".join(value) if isinstance(value, (list, tuple, set)) else value
        written = "" if joined is None else str(joined)
        if not written:
            st.query_params.pop(name, None)
        elif st.query_params.get(name) != written:
            st.query_params[name] = written
