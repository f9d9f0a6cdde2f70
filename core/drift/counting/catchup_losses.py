"""Bringing losses up to the inference log and its labels.

Losses cannot be added, because labels come late and are corrected: they are made anew for the days
that new parts touch.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

import numpy as np

from core.drift.counting import keeping
from core.drift.counting.catchup import by_name, changed_among, states_of
from core.drift.outcomes import live, realised
from core.drift.outcomes.live import Scan
from core.drift.outcomes.realised import Files, Ids, Waiting
from core.drift.report import Grain
from core.drift.sources import Log, LogPart
from core.store.drift import ProfileStore

_SEARCHED: Final = (3, 30)
"""Most labels are of the newest days: so many are searched before all days that are known."""


def catch_up_losses(
    store: ProfileStore, log: Log, labels_log: Log, model: str, *, at: datetime
) -> int:
    """How many days got new losses; nothing is read while no part of log or labels is new.

    New rows touch their days, new labels those of their predictions (an id names one prediction).
    A part that changed voids the days it belongs to, and these are made anew. One that was removed
    changes nothing by itself, because a log may be kept for a shorter time than its losses.
    """
    logged, labels = by_name(log.parts()), by_name(labels_log.parts())
    if not logged or not labels:
        return 0
    days = store.windows_known(model, realised.REALISED, Grain.DAY)
    known = {start.date(): realised.files_in(row.source) for start, row in days.items()}
    waiting = realised.waiting_in(store.get(model, realised.WAITING, Grain.DAY))
    todo = _losses_to_do(known, waiting, logged, labels)
    if not todo.log and not todo.labels:
        return 0
    new_log = live.scan_log(log, [*todo.log, *todo.log_again])
    again = {keeping.short_digest(part.name) for part in todo.log_again}
    new_log = new_log.but(again, todo.voided)
    new_labels = live.scan_labels(labels_log, todo.labels)
    if not new_log.files and not new_labels.files and not todo.voided:
        return 0
    stays = {day: files for day, files in known.items() if day not in todo.voided}
    rest = waiting.but(_names(todo.log), _names(todo.labels))
    found, waiting = _joined(store, model, stays, rest, new_log, new_labels)
    touched: dict[date, Files] = {}
    for day in sorted(found.keys() | todo.voided | todo.relabelled):
        files = stays.get(day, Files()).and_also(found.get(day, Files()))
        files = files.among(logged.keys(), labels.keys())
        if files.log or day in todo.voided:  # otherwise its log is gone, and what is known stays
            touched[day] = files.as_of(states_of(logged.values()), states_of(labels.values()))
    waiting = waiting.placed(touched.values())
    losses = live.losses(
        (log, [logged[n] for n in sorted({n for f in touched.values() for n in f.log})]),
        (labels_log, [labels[n] for n in sorted({n for f in touched.values() for n in f.labels})]),
    )
    rows = realised.store_losses(losses, touched, model=model, at=at)
    ids = _ids_with_known(store, model, new_log, stays)
    ids |= {day: np.empty(0, dtype=np.int64) for day in todo.voided - ids.keys()}
    index = [realised.store_ids(day, i, model=model, at=at) for day, i in ids.items()]
    since = rows[0].window.start if rows else None
    before = store.get(model, realised.REALISED, Grain.DAY, since)
    store.put([*rows, *index, realised.store_waiting(waiting, model=model, at=at)])
    were = {day.window.start: day for day in before}
    return sum(not realised.same(row, were.get(row.window.start)) for row in rows)


@dataclass(frozen=True, slots=True)
class _LossesToDo:
    """Parts to scan; those of `log_again` for the `voided` days only; days with new labels."""

    log: tuple[LogPart, ...]
    log_again: tuple[LogPart, ...]
    labels: tuple[LogPart, ...]
    voided: frozenset[date]
    relabelled: frozenset[date]


def _losses_to_do(
    known: Mapping[date, Files],
    waiting: Waiting,
    logged: Mapping[str, LogPart],
    labels: Mapping[str, LogPart],
) -> _LossesToDo:
    seen = (*known.values(), waiting.files)
    lasting = {n for f in known.values() if not f.log.keys() <= logged.keys() for n in f.log}
    changed = changed_among((f.log for f in seen), logged) - lasting
    corrected = changed_among((f.labels for f in seen), labels)
    voided = frozenset(day for day, f in known.items() if f.log.keys() & changed)
    with_them = {name for day in voided for name in known[day].log} - changed
    of_voided = {name for day in voided for name in known[day].labels}
    return _LossesToDo(
        log=_new_or(changed, logged, (f.log for f in seen)),
        log_again=tuple(part for name, part in logged.items() if name in with_them),
        labels=_new_or(corrected | of_voided, labels, (f.labels for f in seen)),
        voided=voided,
        relabelled=frozenset(d for d, f in known.items() if f.labels.keys() & corrected) - voided,
    )


def _joined(
    store: ProfileStore,
    model: str,
    known: Mapping[date, Files],
    waiting: Waiting,
    new_log: Scan,
    new_labels: Scan,
) -> tuple[dict[date, Files], Waiting]:
    """The new files of log and labels that each day gets, and what then waits for its rows."""
    log_states, label_states = states_of(new_log.files), states_of(new_labels.files)
    states = {**waiting.files.labels, **label_states}
    owners = np.concatenate([waiting.owners, new_labels.owners()])
    ids = np.concatenate([waiting.ids, new_labels.ids()])
    is_new = np.arange(len(ids)) >= len(waiting.ids)
    matched = np.zeros(len(ids), dtype=bool)
    days: dict[date, Files] = {}

    def match(day: date, of_day: Ids, among: "np.ndarray[tuple[int], np.dtype[np.bool_]]") -> None:
        hits = among & np.isin(ids, of_day)
        matched[hits] = True
        names = {str(name) for name in np.unique(owners[hits])}
        if names:
            day_files = Files(labels={name: states[name] for name in names})
            days[day] = days.get(day, Files()).and_also(day_files)

    for day, held in new_log.by_day().items():
        log = {name: log_states[name] for name in held.names}
        days[day] = Files(log=log)
        match(day, held.ids, np.ones(len(ids), dtype=bool))
    searched: set[date] = set()
    for many in (*_SEARCHED, len(known)):
        sought = is_new & ~matched
        if not known or not sought.any():
            break
        since = keeping.day_window(sorted(known)[-many:][0]).start
        for row in store.get(model, realised.IDS, Grain.DAY, since):
            day = row.window.start.date()
            if day not in searched:
                searched.add(day)
                match(day, realised.ids_in(row), sought)
    placed = {name for files in days.values() for name in files.log}
    aside = {name: state for name, state in log_states.items() if name not in placed}
    files = waiting.files.and_also(Files(log=aside, labels=label_states))
    return days, Waiting(files, owners[~matched], ids[~matched])


def _ids_with_known(
    store: ProfileStore, model: str, new_log: Scan, known: Mapping[date, Files]
) -> dict[date, Ids]:
    """The ids of each day that got new rows: those of the new rows, and those before."""
    ids = {day: held.ids for day, held in new_log.by_day().items()}
    again = ids.keys() & known.keys()
    if again:
        since = keeping.day_window(min(again)).start
        for row in store.get(model, realised.IDS, Grain.DAY, since):
            day = row.window.start.date()
            if day in again:
                ids[day] = np.union1d(realised.ids_in(row), ids[day])
    return ids


def _names(parts: Iterable[LogPart]) -> frozenset[str]:
    return frozenset(keeping.short_digest(part.name) for part in parts)


def _new_or(
    wanted: set[str], listed: Mapping[str, LogPart], seen: Iterable[Mapping[str, str]]
) -> tuple[LogPart, ...]:
    """The listed parts that were never seen, and the wanted ones."""
    names = {name for states in seen for name in states}
    return tuple(p for name, p in listed.items() if name in wanted or name not in names)
