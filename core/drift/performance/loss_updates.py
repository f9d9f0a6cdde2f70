"""Bringing losses up to the inference log and its labels.

Losses cannot be added, because labels come late and are corrected: they are made anew for the days
that new parts touch.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

import numpy as np

from core.drift.performance import live_rows, realised_performance
from core.drift.performance.live_rows import LogScan
from core.drift.performance.realised_performance import FileDigests, Ids, WaitingFiles
from core.drift.sources import InferenceLog, LogPart
from core.drift.values.results import Grain
from core.drift.windows import profile_rows
from core.drift.windows.count_updates import by_name, changed_among, states_of
from core.store.drift_profiles import ProfileStore

_SEARCHED: Final = (3, 30)
"""Most labels are of the newest days: so many are searched before all days that are known."""


def catch_up_losses(
    store: ProfileStore, log: InferenceLog, labels_log: InferenceLog, model: str, *, at: datetime
) -> int:
    """How many days got new losses; nothing is read while no part of log or labels is new.

    New rows touch their days, new labels those of their predictions (an id names one prediction).
    A part that changed voids the days it belongs to, and these are made anew. One that was removed
    changes nothing by itself, because a log may be kept for a shorter time than its losses.
    """
    logged, labels = by_name(log.parts()), by_name(labels_log.parts())
    if not logged or not labels:
        return 0
    days = store.windows_known(model, realised_performance.REALISED, Grain.DAY)
    known = {start.date(): realised_performance.files_in(row.source) for start, row in days.items()}
    waiting = realised_performance.waiting_in(
        store.get(model, realised_performance.WAITING, Grain.DAY)
    )
    todo = _losses_to_do(known, waiting, logged, labels)
    if not todo.log and not todo.labels:
        return 0
    new_log = live_rows.scan_log(log, [*todo.log, *todo.log_again])
    again = {profile_rows.short_digest(part.name) for part in todo.log_again}
    new_log = new_log.but(again, todo.voided)
    new_labels = live_rows.scan_labels(labels_log, todo.labels)
    if not new_log.files and not new_labels.files and not todo.voided:
        return 0
    stays = {day: files for day, files in known.items() if day not in todo.voided}
    rest = waiting.but(_names(todo.log), _names(todo.labels))
    found, waiting = _joined(store, model, stays, rest, new_log, new_labels)
    touched: dict[date, FileDigests] = {}
    for day in sorted(found.keys() | todo.voided | todo.relabelled):
        files = stays.get(day, FileDigests()).and_also(found.get(day, FileDigests()))
        files = files.among(logged.keys(), labels.keys())
        if files.log or day in todo.voided:  # otherwise its log is gone, and what is known stays
            touched[day] = files.as_of(states_of(logged.values()), states_of(labels.values()))
    waiting = waiting.placed(touched.values())
    losses = live_rows.losses(
        (log, [logged[n] for n in sorted({n for f in touched.values() for n in f.log})]),
        (labels_log, [labels[n] for n in sorted({n for f in touched.values() for n in f.labels})]),
    )
    rows = realised_performance.store_losses(losses, touched, model=model, at=at)
    ids = _ids_with_known(store, model, new_log, stays)
    ids |= {day: np.empty(0, dtype=np.int64) for day in todo.voided - ids.keys()}
    index = [realised_performance.store_ids(day, i, model=model, at=at) for day, i in ids.items()]
    since = rows[0].window.start if rows else None
    before = store.get(model, realised_performance.REALISED, Grain.DAY, since)
    store.put([*rows, *index, realised_performance.store_waiting(waiting, model=model, at=at)])
    were = {day.window.start: day for day in before}
    return sum(not realised_performance.same(row, were.get(row.window.start)) for row in rows)


@dataclass(frozen=True, slots=True)
class _LossesToDo:
    """Parts to scan; those of `log_again` for the `voided` days only; days with new labels."""

    log: tuple[LogPart, ...]
    log_again: tuple[LogPart, ...]
    labels: tuple[LogPart, ...]
    voided: frozenset[date]
    relabelled: frozenset[date]


def _losses_to_do(
    known: Mapping[date, FileDigests],
    waiting: WaitingFiles,
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
    known: Mapping[date, FileDigests],
    waiting: WaitingFiles,
    new_log: LogScan,
    new_labels: LogScan,
) -> tuple[dict[date, FileDigests], WaitingFiles]:
    """The new files of log and labels that each day gets, and what then waits for its rows."""
    log_states, label_states = states_of(new_log.files), states_of(new_labels.files)
    states = {**waiting.files.labels, **label_states}
    owners = np.concatenate([waiting.owners, new_labels.owners()])
    ids = np.concatenate([waiting.ids, new_labels.ids()])
    is_new = np.arange(len(ids)) >= len(waiting.ids)
    matched = np.zeros(len(ids), dtype=bool)
    days: dict[date, FileDigests] = {}

    def match(day: date, of_day: Ids, among: "np.ndarray[tuple[int], np.dtype[np.bool_]]") -> None:
        hits = among & np.isin(ids, of_day)
        matched[hits] = True
        names = {str(name) for name in np.unique(owners[hits])}
        if names:
            day_files = FileDigests(labels={name: states[name] for name in names})
            days[day] = days.get(day, FileDigests()).and_also(day_files)

    for day, held in new_log.by_day().items():
        log = {name: log_states[name] for name in held.names}
        days[day] = FileDigests(log=log)
        match(day, held.ids, np.ones(len(ids), dtype=bool))
    searched: set[date] = set()
    for many in (*_SEARCHED, len(known)):
        sought = is_new & ~matched
        if not known or not sought.any():
            break
        since = profile_rows.day_window(sorted(known)[-many:][0]).start
        for row in store.get(model, realised_performance.IDS, Grain.DAY, since):
            day = row.window.start.date()
            if day not in searched:
                searched.add(day)
                match(day, realised_performance.ids_in(row), sought)
    placed = {name for files in days.values() for name in files.log}
    aside = {name: state for name, state in log_states.items() if name not in placed}
    files = waiting.files.and_also(FileDigests(log=aside, labels=label_states))
    return days, WaitingFiles(files, owners[~matched], ids[~matched])


def _ids_with_known(
    store: ProfileStore, model: str, new_log: LogScan, known: Mapping[date, FileDigests]
) -> dict[date, Ids]:
    """The ids of each day that got new rows: those of the new rows, and those before."""
    ids = {day: held.ids for day, held in new_log.by_day().items()}
    again = ids.keys() & known.keys()
    if again:
        since = profile_rows.day_window(min(again)).start
        for row in store.get(model, realised_performance.IDS, Grain.DAY, since):
            day = row.window.start.date()
            if day in again:
                ids[day] = np.union1d(realised_performance.ids_in(row), ids[day])
    return ids


def _names(parts: Iterable[LogPart]) -> frozenset[str]:
    return frozenset(profile_rows.short_digest(part.name) for part in parts)


def _new_or(
    wanted: set[str], listed: Mapping[str, LogPart], seen: Iterable[Mapping[str, str]]
) -> tuple[LogPart, ...]:
    """The listed parts that were never seen, and the wanted ones."""
    names = {name for states in seen for name in states}
    return tuple(p for name, p in listed.items() if name in wanted or name not in names)
