"""Who is compared, how they are told apart, and the sentence that says what differs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd
import streamlit as st

from components.figures import comparison_figures as figures
from components.figures.metric_direction import best, verdict
from components.runs import run_tables
from components.runs.run_view import name_of
from components.shell import frame, queries, state, theme
from core.values.mlflow_entities import CHAMPION, ModelVersion, Run, RunId
from core.values.tag_names import TAG_EVALUATES, TAG_HOLDOUT

AT_MOST: Final = 8
ABSENT: Final = "–"


@dataclass(frozen=True, slots=True)
class Contender:
    """One column of a comparison."""

    run: Run
    name: str
    versions: tuple[ModelVersion, ...]
    look: figures.RunStyle
    is_baseline: bool

    @property
    def heading(self) -> str:
        """The name over its column; the star marks the baseline."""
        return f"{self.name} ★" if self.is_baseline else self.name


def chosen() -> tuple[RunId, ...]:
    """The runs the URL names, directly or as versions (`model/3`), at most eight."""
    ids = [RunId(run_id) for run_id in state.words("runs", at_most=AT_MOST)]
    for named in state.words("versions", at_most=AT_MOST):
        model, _, number = named.rpartition("/")
        wanted = int(number) if number.isdecimal() and len(number) < 10 else None
        found = (v for v in queries.versions(model) if v.version == wanted) if model else ()
        ids += [version.run_id for version in found if version.run_id is not None]
    return tuple(dict.fromkeys(ids))[:AT_MOST]


def contenders(ids: Sequence[RunId]) -> tuple[Contender, ...]:
    """The runs with their names, colours and versions; the baseline comes first."""
    runs = [queries.run(run_id) for run_id in ids]
    registered = queries.versions_by_run()
    baseline = state.one_of("base", [run.run_id for run in runs], _baseline(runs))
    runs.sort(key=lambda run: run.run_id != baseline)
    colours = theme.run_colours([run.run_id for run in sorted(runs, key=lambda r: r.run_id)],
                                frame.mode())  # fmt: skip
    names: dict[str, int] = {}
    found: list[Contender] = []
    for place, run in enumerate(runs):
        plain = name_of(run)
        names[plain] = names.get(plain, 0) + 1
        name = plain if names[plain] == 1 else f"{plain} ({names[plain]})"
        look = figures.RunStyle(name, colours[run.run_id], place)
        versions = tuple(registered.get(run.run_id, ()))
        found.append(Contender(run, name, versions, look, run.run_id == baseline))
    return tuple(found)


def _baseline(runs: Sequence[Run]) -> str:
    """The champion's run, or one that scores the champion, where it takes part; else the first."""
    registered = queries.versions_by_run()
    serving = {
        f"{version.model}/{version.version}"
        for versions in registered.values()
        for version in versions
        if CHAMPION in version.aliases
    }
    champions = [
        run.run_id
        for run in runs
        if run.tags.get(TAG_EVALUATES) in serving
        or any(f"{v.model}/{v.version}" in serving for v in registered.get(run.run_id, ()))
    ]
    return (champions or [run.run_id for run in runs])[0]


def finding(found: Sequence[Contender]) -> str:
    """What differs and what it bought, in one sentence (Markdown)."""
    base, others = found[0], found[1:]
    params = params_of(found)
    differing = int(params["differs"].sum())
    tail = f"the runs differ in {differing} of {len(params)} params"
    if hold_outs_differ(found):
        return f"These {len(found)} runs were scored on different hold-outs; {tail}."
    metric = main_metric(found)
    if metric is None:
        return f"No metric is common to these {len(found)} runs; {tail}."
    values = {c.run.run_id: c.run.metrics[metric] for c in found}
    order = sorted(found, key=lambda c: values[c.run.run_id], reverse=best(metric) == "highest")
    winner, name = order[0], theme.plain(metric)
    score = theme.number(values[winner.run.run_id])
    lead = f"{theme.plain(winner.name)} has the {best(metric)} {name} ({score})"
    against = base if winner is not base else others[0]
    delta = values[winner.run.run_id] - values[against.run.run_id]
    if delta == 0:
        both = f"{theme.plain(base.name)} and {theme.plain(against.name)}"
        return f"{both} tie on {name} ({score}); {tail}."
    word = verdict(metric, delta) or ("higher" if delta > 0 else "lower")
    than = f"{theme.number(abs(delta), digits=3)} {word} than {theme.plain(against.name)}"
    return f"{lead}, {than}{' ★' * against.is_baseline}; {tail}."


def caution(found: Sequence[Contender]) -> str:
    """Why the metrics may not compare, or nothing."""
    if hold_outs_differ(found):
        return "Their metrics are of different rows: a difference between them says nothing."
    digests = {c.run.tags.get(TAG_HOLDOUT) for c in found}
    if len(digests) > 1:
        return "Not every run says on which hold-out it was scored: their metrics may not compare."
    return ""


def hold_outs_differ(found: Sequence[Contender]) -> bool:
    """True when the runs say that they were scored on different rows."""
    known = {c.run.tags.get(TAG_HOLDOUT) for c in found} - {None}
    return len(known) > 1


def offer_the_same_rows(found: Sequence[Contender]) -> None:
    """A link to the same comparison on one hold-out, where an evaluation run makes it possible."""
    base, newest = found[0], found[-1]
    if not hold_outs_differ(found) or not base.versions:
        return
    rival = queries.scored_on_the_same_rows(base.versions[0], newest.run)
    if rival is None or rival == base.run.run_id:
        return
    others = [c.run.run_id for c in found[1:]]
    frame.link(
        f"Use the run that scores {theme.plain(base.versions[0].model)} "
        f"{base.versions[0].version} on the rows of {theme.plain(newest.name)}",
        "compare",
        icon=":material/rule:",
        runs=",".join([rival, *others]),
    )


def cards(found: Sequence[Contender]) -> None:
    """One card a run: colour, name, versions, and what can be done with it."""
    ids = [c.run.run_id for c in found]
    with st.grid(min(4, len(found)), min_column_width=220):
        for contender in found:
            run_id = contender.run.run_id
            with st.container(border=True, gap="xsmall", height="stretch"):
                with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
                    st.html(f'<span style="color:{contender.look.colour};font-size:20px">●</span>',
                            width="content")  # fmt: skip
                    st.markdown(f"**{theme.plain(contender.heading)}**")
                st.caption(_who(contender))
                with st.container(horizontal=True, gap="small", vertical_alignment="center"):
                    frame.link("Open", "run", run_id=run_id)
                    if not contender.is_baseline:
                        st.button("★ Baseline", key=f"compare_base_{run_id}", type="tertiary",
                                  on_click=_set_baseline, args=(run_id,))  # fmt: skip
                    if len(found) > 2:
                        st.button("Remove", key=f"compare_drop_{run_id}", type="tertiary",
                                  on_click=_keep, args=(ids, run_id))  # fmt: skip


def _who(contender: Contender) -> str:
    versions = ", ".join(
        theme.plain(f"{v.model} {v.version}")
        + (f" ({theme.plain(', '.join(sorted(v.aliases)))})" if v.aliases else "")
        for v in contender.versions
    )
    scores = contender.run.tags.get(TAG_EVALUATES, "")
    is_about = versions or (f"scores {theme.plain(scores)}" if scores else "not registered")
    return f"{is_about} · {frame.clock(contender.run.started_at)}"


def _set_baseline(run_id: str) -> None:
    state.put(base=run_id)


def _keep(run_ids: Sequence[str], dropped: str) -> None:
    state.put(runs=[run_id for run_id in run_ids if run_id != dropped], versions=None)


def params_of(found: Sequence[Contender]) -> pd.DataFrame:
    """One row a param, one column a run, and whether the runs differ in it."""
    names = sorted({name for c in found for name in c.run.params})
    table = pd.DataFrame({"param": pd.Series(names, dtype="str")})
    for contender in found:
        table[contender.heading] = [contender.run.params.get(name, ABSENT) for name in names]
    table["differs"] = [len({c.run.params.get(name) for c in found}) > 1 for name in names]
    return table


def main_metric(found: Sequence[Contender]) -> str | None:
    """The first of the metrics that all of them logged."""
    rows = pd.DataFrame([{f"metrics.{k}": v for k, v in c.run.metrics.items()} for c in found])
    common = [c for c in run_tables.ranked_metrics(rows) if rows[c].notna().all()]
    return common[0].removeprefix("metrics.") if common else None
