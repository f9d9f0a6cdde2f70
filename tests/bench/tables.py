"""Tables that a bench writes into the documents, between two marks."""

import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

DOCS = Path(__file__).parent.parent.parent / "docs"


def write(name: str, mark: str, head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print the table, and put it between the marks ``<!-- mark -->`` of ``docs/name``."""
    lines = [f"| {' | '.join(str(cell) for cell in row)} |" for row in (head, *rows)]
    body = "\n".join([lines[0], "|---" * len(head) + "|", *lines[1:]])
    print(f"\n{body}\n", flush=True)
    path = DOCS / name
    before, _, after = path.read_text("utf-8").split(f"<!-- {mark} -->")
    when = f"{datetime.now(UTC):%-d %b %Y}, {os.cpu_count()} cores, {platform.machine()}"
    mark = f"<!-- {mark} -->"
    path.write_text(f"{before}{mark}\n{body}\n\n*Written by `make bench`, {when}.*\n{mark}{after}")


def percent(share: float) -> str:
    """A share as a percentage: whole from 10 % on."""
    return f"{share * 100:.0f} %" if share >= 0.0995 or share == 0 else f"{share * 100:.1f} %"


def interval(hits: int, of: int) -> str:
    """The share with its 95 % interval (Wilson 1927)."""
    z2 = 1.96**2
    share = hits / of
    middle = (share + z2 / (2 * of)) / (1 + z2 / of)
    reach = 1.96 * (share * (1 - share) / of + z2 / (4 * of**2)) ** 0.5 / (1 + z2 / of)
    low, high = max(0.0, middle - reach), min(1.0, middle + reach)
    return f"{percent(share)} ({low * 100:.0f}–{high * 100:.0f})"
