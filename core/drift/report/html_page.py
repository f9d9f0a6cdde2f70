"""The drift of a model as one HTML file: no script, no request, foreign words escaped. Pure."""

import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from core.drift.performance import performance_words
from core.drift.report import svg_sketches
from core.drift.report.window_marks import WindowMark
from core.drift.values.results import (
    ColumnDistribution,
    ColumnDrift,
    DriftVerdict,
    EstimatedPerformance,
    Grain,
    MultivariateReport,
    OutputDrift,
    Performance,
    WindowReport,
)
from core.drift.values.window_history import by_concern, newest_evaluable, streak, until, unusual

_WORDS: Final = {
    DriftVerdict.STABLE: "✓ stable",
    DriftVerdict.DRIFTING: "▲ drifting",
    DriftVerdict.NOT_EVALUABLE: "– not evaluable",
}
_NEWEST: Final = 31
_INPUTS: Final = 60
"""Of more inputs those that matter most are told: a report is to be read, and to be sent."""
_STYLE: Final = """
body{font:14px/1.5 system-ui,sans-serif;color:#0F172A;background:#fff}
body{max-width:960px;margin:32px auto;padding:0 16px}
h1{font-size:24px}h2{font-size:18px;margin-top:36px}h3{font-size:15px;margin-bottom:4px}
.quiet{color:#475569}.scroll{overflow-x:auto}table{border-collapse:collapse;font-size:12px}
td,th{padding:3px 8px;border-bottom:1px solid #E2E8F0;text-align:left;white-space:nowrap}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
.heat td{padding:0;width:14px;height:18px;text-align:center;font-size:9px;border:1px solid #fff}
.pair{display:flex;flex-wrap:wrap;gap:8px 16px}
.heat th{font-weight:400;border:0}.reference{color:#0F766E}.window{color:#7C3AED}
"""
# Nothing may be fetched and nothing may run, whatever a name tries.
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"


@dataclass(frozen=True, slots=True)
class WindowOnPaper:
    """One window looked at closer: its report, the same by chance, and its columns that matter.

    `together` is what was found of all inputs together, if somebody has looked.
    """

    report: WindowReport
    by_chance: WindowReport | None
    columns: tuple[ColumnDistribution, ...]
    together: MultivariateReport | None = None


@dataclass(frozen=True, slots=True)
class ReportContents:
    """All that a report of one model version says."""

    model: str
    version: int
    grain: Grain
    made_at: datetime
    reports: tuple[WindowReport, ...]
    marks: tuple[WindowMark, ...]
    closer: tuple[WindowOnPaper, ...]
    outputs: OutputDrift
    performance: tuple[Performance, ...]
    estimated: EstimatedPerformance


def write(paper: ReportContents) -> str:
    """The report as a whole HTML document."""
    name = f"{_safe(paper.model)} {paper.version}"
    body = [
        f"<h1>Drift of {name}</h1>",
        f"<p>{_headline(paper)}</p>",
        f'<p class="quiet">{_what(paper)}</p>',
        *_time_line(paper),
        *(part for closer in paper.closer for part in _closer(closer, paper.reports)),
        *_quality(paper.reports),
        *_outputs(paper.outputs),
        *_performance(paper.performance, paper.estimated, paper.grain),
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>Drift of {name}</title><style>{_STYLE}</style></head>"
        f"<body>{''.join(body)}</body></html>\n"
    )


def _what(paper: ReportContents) -> str:
    return (
        f"Windows of one {paper.grain.value} of event time (UTC), against what the version was"
        f" trained on. Made {paper.made_at:%-d %b %Y %H:%M} UTC by Stile."
    )


def _headline(paper: ReportContents) -> str:
    newest = newest_evaluable(paper.reports)
    if newest is None:
        return _safe(paper.reports[-1].says if paper.reports else "There are no live inputs.")
    run = streak(paper.reports)
    lasts = ""
    if run.since is not None:
        windows = f"{run.windows} window{'s' * (run.windows != 1)} in a row"
        lasts = f" Drifting for {windows}, since {_day(run.since)}."
    severity = "" if newest.severity is None else f" Severity {newest.severity:.2f}."
    return f"<b>{_WORDS[newest.verdict]}</b>: {_safe(newest.says)}{lasts}{severity}"


def _time_line(paper: ReportContents) -> Iterable[str]:
    yield "<h2>Windows</h2>"
    if not paper.reports:
        return
    moments = [
        (paper.reports[-1].window.end if m.window is None else m.window.start, mark_words(m))
        for m in paper.marks
    ]
    yield svg_sketches.severity(paper.reports, moments)
    for at, words in moments:
        yield f'<p class="quiet">{_safe(words)} · {_day(at)}</p>'
    every = by_concern(paper.reports)
    names = every[:_INPUTS]
    yield '<div class="scroll"><table class="heat">'
    for name in names:
        cells = (_cell(report, name) for report in paper.reports)
        yield f"<tr><th>{_safe(name)}</th>{''.join(cells)}</tr>"
    yield "</table></div><p class='quiet'>A cell is a window, darker the further from training;"
    yield f" ● alerts. The inputs that matter most are on top.{_of_more(every)}</p>"


def mark_words(mark: WindowMark) -> str:
    """A mark in few words."""
    if mark.moved is None:
        return f"● version {mark.version} first answered"
    moved = mark.moved
    how = "around Stile" if moved.request is None else f"by request {moved.request}"
    return f"▲ champion {moved.before} → {moved.after} {how}"


def _cell(report: WindowReport, name: str) -> str:
    column = next((c for c in report.columns if c.name == name), None)
    if column is None or column.distance is None:
        return "<td></td>"
    dot = "●" if column.verdict is DriftVerdict.DRIFTING else ""
    pale = 96 - 62 * min(column.distance, 1.0)
    ink = "#fff" if pale < 60 else "#0F172A"
    return f'<td style="background:hsl(265 45% {pale:.0f}%);color:{ink}">{dot}</td>'


def _closer(closer: WindowOnPaper, reports: Sequence[WindowReport]) -> Iterable[str]:
    report = closer.report
    yield f"<h2>The {report.window.grain.value} of {_day(report.window.start)}</h2>"
    yield f"<p><b>{_WORDS[report.verdict]}</b>: {_safe(report.says)} {report.rows:,} rows.</p>"
    so_far = until(reports, report)
    by_chance = {c.name: c for c in closer.by_chance.columns} if closer.by_chance else {}
    ordered = sorted(
        report.columns,
        key=lambda c: (c.verdict is not DriftVerdict.DRIFTING, -c.importance * (c.distance or 0)),
    )
    yield _table(
        ("input", "verdict", "unusual", "in a row", "distance", "alert level", "what moved"),
        (
            (
                c.name,
                _WORDS[c.verdict],
                unusual(c, report.basis, by_chance.get(c.name)),
                streak(so_far, c.name).windows,
                _number(c.distance),
                _number(c.alert_level),
                c.says,
            )
            for c in ordered[:_INPUTS]
        ),
    )
    yield f"<p class='quiet'>{_of_more(ordered)}</p>" if len(ordered) > _INPUTS else ""
    yield from _segments(report)
    yield '<p><span class="reference">■ reference</span> <span class="window">■ window</span></p>'
    yield '<div class="pair">'
    for shown in closer.columns:
        yield f"<div><h3>{_safe(shown.column.name)}</h3>{svg_sketches.distribution(shown)}</div>"
    yield "</div>"
    if closer.together is not None:
        found = closer.together
        yield f"<h3>All inputs together</h3><p><b>{_WORDS[found.verdict]}</b>: {_safe(found.says)}"
        yield f" On a sample of {found.sampled:,} rows.</p>"


def _segments(report: WindowReport) -> Iterable[str]:
    if not report.segments:
        return
    yield "<h3>Segments</h3>"
    yield _table(
        ("segment", "verdict", "rows", "severity", "inputs that alert", "why not"),
        (
            (
                each.segment.says,
                _WORDS[each.verdict],
                f"{each.rows:,}",
                _number(each.severity),
                ", ".join(each.alerting) or "none",
                each.says if each.severity is None else "",
            )
            for each in (*report.moved, *(s for s in report.segments if s not in report.moved))
        ),
    )
    yield "<p class='quiet'>Each against the same rows of training; alerts hold over all columns of"
    yield " all rows and segments together.</p>"


def _quality(reports: Sequence[WindowReport]) -> Iterable[str]:
    yield "<h2>Data quality</h2>"
    worst: dict[str, tuple[float, WindowReport, ColumnDrift]] = {}
    for report in reports:
        for column in report.columns:
            share = 0.0 if column.quality is None else column.quality.worst
            if share > worst.get(column.name, (0.0,))[0]:
                worst[column.name] = share, report, column
    if not worst:
        yield "<p>Nothing is missing, unseen, out of range or of another type.</p>"
        return
    rows = []
    for _, report, column in sorted(worst.values(), key=lambda w: -w[0]):
        q = column.quality
        if q is not None:
            shares = (_percent(s) for s in (q.missing, q.unseen, q.outside, q.misfits))
            rows.append((column.name, _day(report.window.start), q.rows, *shares))
    yield f"<p>The worst window of each input.{_of_more(rows)}</p>"
    yield _table(
        ("input", "window", "rows", "missing", "unseen", "out of range", "another type"),
        rows[:_INPUTS],
    )


def _outputs(outputs: OutputDrift) -> Iterable[str]:
    yield f"<h2>Predictions</h2><p><b>{_WORDS[outputs.verdict]}</b>: {_safe(outputs.says)}</p>"
    newest = newest_evaluable(outputs.reports)
    if newest is not None:
        yield f"<p>{_day(newest.window.start)}: {_safe(newest.says)}</p>"


def _performance(
    windows: Sequence[Performance], estimated: EstimatedPerformance, grain: Grain
) -> Iterable[str]:
    yield "<h2>Performance</h2>"
    short = performance_words.in_short(estimated, windows)
    if short:
        yield f"<p>{_safe(short[:1].upper() + short[1:])}.</p>"
        yield f"<p>{_safe(performance_words.agreement(estimated.agreement, grain))}</p>"
    yield f'<p class="quiet">{_safe(estimated.says)}</p>'
    realised = {p.window: p for p in windows}
    promised = {e.window: e for e in estimated.windows}
    rows = []
    for window in sorted({*realised, *promised}, key=lambda window: window.start)[-_NEWEST:]:
        told, guess = realised.get(window), promised.get(window)
        metric = told.metric if told and told.value is not None else performance_words.METRIC
        value = None if guess is None else guess.metrics.get(metric)
        if value is None and (told is None or told.value is None):
            continue
        rows.append(
            (
                _day(window.start),
                metric.replace("_", " "),
                "–" if value is None else f"{value.value:.3f} ± {value.half_width:.3f}",
                _number(None if told is None else told.value),
                0 if told is None else told.labelled_rows,
                guess.rows if guess is not None else told.rows if told is not None else 0,
            )
        )
    if not rows:
        yield f"<p>{_safe(windows[-1].says if windows else 'No labels have arrived yet.')}</p>"
        return
    yield _table(("window", "metric", "estimated", "by labels", "labels", "rows"), rows)


def _of_more(inputs: Sequence[object]) -> str:
    """A sentence on how many inputs are told of how many; nothing where all are."""
    return f" {_INPUTS} of {len(inputs):,} are told." if len(inputs) > _INPUTS else ""


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    titles = "".join(f"<th>{_safe(title)}</th>" for title in head)
    body = "".join(
        "<tr>" + "".join(f"<td>{_safe(str(cell))}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f'<div class="scroll"><table><tr>{titles}</tr>{body}</table></div>'


def _safe(foreign: str) -> str:
    shown = "".join(c if c.isprintable() or c == " " else "�" for c in foreign)
    return html.escape(shown)


def _day(moment: datetime) -> str:
    return f"{moment:%-d %b %Y}"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.2%}"
