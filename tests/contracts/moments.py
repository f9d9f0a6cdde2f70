"""Worlds that many tests begin from, reached once by what people do, and gone back to after that.

`reach` does what it is given only when nobody was there before. It goes back only from a world in
which nothing else was done since the beginning; everywhere else it just does it.
"""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

from sqlalchemy import Engine

from tests.restored import restore

if TYPE_CHECKING:  # pragma: no cover  it imports this module
    from tests.contracts.watched import Stage

T = TypeVar("T")
Steps = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Moment:
    """How a stage stood once: its clock, its forms, its databases in files, and what was given."""

    now: datetime
    forms: int
    verifications: int
    kept: tuple[Path, ...]
    result: object


@dataclass
class Moments:
    """The moments that one worker has reached over its SQLite and its MLflow."""

    engine: Engine
    databases: tuple[Path, ...]
    folder: Path
    reached: dict[Steps, Moment] = field(default_factory=dict)
    steps: Steps = ()
    left_as: object = None

    def __post_init__(self) -> None:
        self._looking = [sqlite3.connect(path) for path in self.databases]

    def close(self) -> None:
        for connection in self._looking:
            connection.close()

    def begin(self, stage: "Stage") -> None:
        """The stage has just been set."""
        self.steps, self.left_as = (), self._state(stage)

    def reach(self, stage: "Stage", step: str, act: Callable[[], T]) -> T:
        """What the act gives, by doing it or by going back to when it was done."""
        if self._state(stage) != self.left_as:
            return act()
        steps = (*self.steps, step)
        if steps in self.reached:
            self._go_back(stage, self.reached[steps])
        else:
            self.reached[steps] = self._done(stage, act(), len(self.reached))
        self.steps, self.left_as = steps, self._state(stage)
        return cast("T", self.reached[steps].result)

    def _state(self, stage: "Stage") -> object:
        """Differs once anything was written, said or set."""
        written = [c.execute("PRAGMA data_version").fetchone()[0] for c in self._looking]
        facts = replace(stage.office.facts, registry=None)  # type: ignore[arg-type]  compared only
        return written, stage.now, facts

    def _done(self, stage: "Stage", result: object, number: int) -> Moment:
        kept = tuple(self.folder / f"{number}-{path.name}" for path in self.databases)
        for path, copy in zip(self.databases, kept, strict=True):
            restore(copy, path)
        forms = int(stage.office.form().removeprefix("form-"))
        stage.office._numbers = count(forms)
        return Moment(stage.now, forms, stage.office.facts.verifications, kept, result)

    def _go_back(self, stage: "Stage", moment: Moment) -> None:
        for path, copy in zip(self.databases, moment.kept, strict=True):
            restore(path, copy)
        stage.now, stage.office._numbers = moment.now, count(moment.forms)
        stage.office.facts.verifications = moment.verifications
