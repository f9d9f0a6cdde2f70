"""Bringing what is kept up to the inference log; a day that no new file touches is not read.

Counts are added file by file. Losses cannot be, because labels come late and are corrected: they
are made anew for the days that new files touch.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Final

import numpy as np

from core.drift import keeping, live, realised, sources
from core.drift.keeping import KeptReference
from core.drift.live import Scan
from core.drift.realised import Files, Ids, Waiting
from core.drift.report import Grain
from core.drift.sources import LogFile
from core.live.treatment import kept_key
from core.store.drift import ProfileStore

_SEARCHED: Final = (3, 30)
"""Most labels are of the newest days: so many are searched before all days that are known."""


def catch_up(
    store: ProfileStore,
    home: Path,
    model: str,
    kept: KeptReference,
    *,
    until: datetime,
    at: datetime,
) -> tuple[int, int, tuple[str, ...]]:
    """How many windows got new rows, from how many files, and what could not be read.

    A file that was read and has since changed (rows erased, say) voids what was counted against
    this reference: counts cannot be taken back, so all files are read again.
    """
    new = unread(store, home, model, kept.reference_id)
    if not new:
        return 0, 0, ()
    reading = sources.read_log(new, kept.reference, until=until, key=kept_key(home))
    if not reading.days:
        return 0, 0, reading.problems
    first = keeping.day_window(min(reading.days)).start
    before = {
        day.window.start: day for day in store.get(model, kept.reference_id, Grain.DAY, first)
    }
    rows = []
    for day, profile in sorted(reading.days.items()):
        stored = before.get(keeping.day_window(day).start)
        files = {
            keeping.short_digest(f.name): keeping.short_digest(f.state) for f in reading.read[day]
        }
        rows.append(
            keeping.store_profile(
                profile if stored is None else keeping.profile_in(stored) + profile,
                model=model,
                reference_id=kept.reference_id,
                day=day,
                files=files if stored is None else {**keeping.files_in(stored), **files},
                at=at,
            )
        )
    store.put(rows)
    return (
        len(rows),
        len({f.name for part in reading.read.values() for f in part}),
        reading.problems,
    )


def unread(store: ProfileStore, home: Path, model: str, counted_as: str) -> list[LogFile]:
    """The files of a log that are not yet in what is kept under the name `counted_as`.

    When a file that was read has changed since, all are new, and nothing is kept under it any more
    but days that cannot be counted again, because retention has removed files of theirs.
    """
    listed = _by_name(sources.log_files(home, model))
    known = store.windows_known(model, counted_as, Grain.DAY)
    files = {start: keeping.files_in(day) for start, day in known.items()}
    gone = {start for start, states in files.items() if not states.keys() <= listed.keys()}
    if any(_differ(files[start], listed) for start in files.keys() - gone):
        store.forget(model, counted_as, but=gone)
        files = {start: files[start] for start in gone}
    states = {name for counted in files.values() for name in counted}
    return [file for name, file in listed.items() if name not in states]


def catch_up_losses(store: ProfileStore, home: Path, model: str, *, at: datetime) -> int:
    """How many days got new losses; nothing is read while no file of log or labels is new.

    New rows touch their days, new labels those of their predictions (an id names one prediction).
    A file that was rewritten voids what is known, and all are read again. One that was removed
    changes nothing by itself, because a log may be kept for a shorter time than its losses.
    """
    logged = _by_name(sources.log_files(home, model))
    labels = _by_name(sources.label_files(home, model))
    if not logged or not labels:
        return 0
    days = store.windows_known(model, realised.REALISED, Grain.DAY)
    known = {start.date(): realised.files_in(row.source) for start, row in days.items()}
    waiting = realised.waiting_in(store.get(model, realised.WAITING, Grain.DAY))
    with_log = {day: files for day, files in known.items() if files.log.keys() & logged.keys()}
    looked = (*with_log.values(), waiting.files)
    voided: set[date] = set()
    if any(_differ(f.log, logged) or _differ(f.labels, labels) for f in looked):
        store.forget(model, realised.IDS)
        voided, known, waiting = set(with_log), {}, Waiting()
    looked = (*known.values(), waiting.files)
    new_log = live.scan_log(_others(logged, (files.log for files in looked)))
    new_labels = live.scan_labels(_others(labels, (files.labels for files in looked)))
    if not new_log.files and not new_labels.files:
        return 0

    found, waiting = _joined(store, model, known, waiting, new_log, new_labels)
    touched: dict[date, Files] = {}
    for day in sorted(found.keys() | voided):
        files = known.get(day, Files()).and_also(found.get(day, Files()))
        files = files.among(logged.keys(), labels.keys())
        if files.log or day in voided:  # otherwise its log is gone, and what is known stays
            touched[day] = files
    waiting = waiting.placed(touched.values())
    losses = live.losses(
        [logged[name] for name in sorted({n for files in touched.values() for n in files.log})],
        [labels[name] for name in sorted({n for files in touched.values() for n in files.labels})],
    )
    rows = realised.store_losses(losses, touched, model=model, at=at)
    ids = _ids_with_known(store, model, new_log, known)
    index = [realised.store_ids(day, i, model=model, at=at) for day, i in ids.items()]
    since = rows[0].window.start if rows else None
    before = store.get(model, realised.REALISED, Grain.DAY, since)
    store.put([*rows, *index, realised.store_waiting(waiting, model=model, at=at)])
    were = {day.window.start: day for day in before}
    return sum(not realised.same(row, were.get(row.window.start)) for row in rows)


def _joined(
    store: ProfileStore,
    model: str,
    known: Mapping[date, Files],
    waiting: Waiting,
    new_log: Scan,
    new_labels: Scan,
) -> tuple[dict[date, Files], Waiting]:
    """The new files of log and labels that each day gets, and what then waits for its rows."""
    log_states, label_states = _states(new_log.files), _states(new_labels.files)
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


def _by_name(files: Sequence[LogFile]) -> dict[str, LogFile]:
    return {keeping.short_digest(file.name): file for file in files}


def _states(files: Sequence[LogFile]) -> dict[str, str]:
    return {name: keeping.short_digest(file.state) for name, file in _by_name(files).items()}


def _differ(states: Mapping[str, str], listed: Mapping[str, LogFile]) -> bool:
    return any(
        name in listed and keeping.short_digest(listed[name].state) != state
        for name, state in states.items()
    )


def _others(listed: Mapping[str, LogFile], seen: Iterable[Mapping[str, str]]) -> list[LogFile]:
    names = {name for states in seen for name in states}
    return [file for name, file in listed.items() if name not in names]
