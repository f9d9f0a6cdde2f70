"""Small static pictures as SVG text, for a report that needs no script and no network. Pure."""

import html
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import numpy as np

from core.drift.values.results import ColumnDistribution, DriftVerdict, WindowReport

_WIDE: Final = 880
_HIGH: Final = 170
_LEFT: Final = 46
_BOTTOM: Final = 24
_TOP: Final = 30
_LEVELS: Final = 8
_INK, _QUIET, _LINE = "#0F172A", "#475569", "#CBD5E1"
_REFERENCE, _WINDOW = "#0F766E", "#7C3AED"


def severity(reports: Sequence[WindowReport], marks: Sequence[tuple[datetime, str]]) -> str:
    """Severity per window as a line; drifting windows are filled, marks are dotted with words."""
    known = [r for r in reports if r.severity is not None]
    if not known:
        return ""
    moments = [*(r.window.start for r in known), *(at for at, _ in marks)]
    first, last = min(moments), max(moments)
    span = max((last - first).total_seconds(), 1.0)
    highest = max(max(r.severity or 0.0 for r in known), 0.1)

    def x(at: datetime) -> float:
        return _LEFT + (at - first).total_seconds() / span * (_WIDE - _LEFT - 20)

    def y(value: float) -> float:
        return _HIGH - _BOTTOM - value / highest * (_HIGH - _BOTTOM - _TOP)

    parts = [_axis(y(0.0), "0"), _axis(y(highest), f"{highest:.2f}")]
    for number, (at, words) in enumerate(marks):
        parts.append(
            f'<line x1="{x(at):.1f}" x2="{x(at):.1f}" y1="{_TOP - 6}" y2="{_HIGH - _BOTTOM}"'
            f' stroke="{_QUIET}" stroke-dasharray="2 3"/>'
        )
        parts.append(_text(x(at), 11 + 12 * (number % 2), words, anchor="middle"))
    line = " ".join(f"{x(r.window.start):.1f},{y(r.severity or 0.0):.1f}" for r in known)
    parts.append(f'<polyline points="{line}" fill="none" stroke="{_WINDOW}" stroke-width="2"/>')
    for r in known:
        fill = _WINDOW if r.verdict is DriftVerdict.DRIFTING else "#FFFFFF"
        parts.append(
            f'<circle cx="{x(r.window.start):.1f}" cy="{y(r.severity or 0.0):.1f}" r="3.5"'
            f' fill="{fill}" stroke="{_WINDOW}" stroke-width="1.5"/>'
        )
    parts.append(_text(_LEFT, _HIGH - 6, f"{first:%-d %b %Y}"))
    parts.append(_text(_WIDE - 20, _HIGH - 6, f"{last:%-d %b %Y}", anchor="end"))
    return _svg(_WIDE, _HIGH, "Severity per window", parts)


def distribution(shown: ColumnDistribution) -> str:
    """Both sides of one column: distribution functions of numbers, bars of categories."""
    return _bars(shown) if shown.labels else _cumulative(shown)


def _cumulative(shown: ColumnDistribution) -> str:
    held = np.flatnonzero((shown.reference > 0) | (shown.window > 0))
    if held.size == 0 or shown.edges.size == 0:
        return ""
    first, last = int(held[0]), int(held[-1])
    edges = shown.edges[first : last + 2].astype(np.float64)
    inner = edges[np.isfinite(edges)]
    edges = np.clip(edges, inner.min(), inner.max())
    span = max(float(edges[-1] - edges[0]), 1e-300)
    across = _LEFT + (edges - edges[0]) / span * (_WIDE / 2 - _LEFT - 20)
    parts = [_axis(_TOP - 10, "1", _WIDE // 2), _axis(_HIGH - _BOTTOM, "0", _WIDE // 2)]
    for shares, colour in ((shown.reference, _REFERENCE), (shown.window, _WINDOW)):
        sums = np.concatenate([[0.0], np.cumsum(shares[first : last + 1])])
        up = _HIGH - _BOTTOM - sums * (_HIGH - _BOTTOM - _TOP + 10)
        line = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(across, up, strict=True))
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
    parts.append(_text(_LEFT, _HIGH - 6, f"{edges[0]:.4g}"))
    parts.append(_text(_WIDE / 2 - 20, _HIGH - 6, f"{edges[-1]:.4g}", anchor="end"))
    return _svg(_WIDE // 2, _HIGH, "Share of rows at or below each value", parts)


def _bars(shown: ColumnDistribution) -> str:
    order = np.argsort(-np.abs(shown.window - shown.reference), kind="stable")[:_LEVELS]
    largest = max(float(np.max(shown.reference)), float(np.max(shown.window)), 1e-9)
    parts, high = [], 12
    for i in order:
        parts.append(_text(150, high + 12, shown.labels[i][:24], anchor="end"))
        for row, (shares, colour) in enumerate(
            ((shown.reference, _REFERENCE), (shown.window, _WINDOW))
        ):
            wide = float(shares[i]) / largest * (_WIDE / 2 - 220)
            parts.append(
                f'<rect x="156" y="{high + 9 * row}" width="{wide:.1f}" height="8"'
                f' fill="{colour}"/>'
            )
        change = 100 * float(shown.window[i] - shown.reference[i])
        parts.append(_text(_WIDE / 2 - 4, high + 12, f"{change:+.1f} points", anchor="end"))
        high += 26
    return _svg(_WIDE // 2, high + 6, "Categories that changed most", parts)


def _axis(at: float, words: str, wide: int = _WIDE) -> str:
    line = f'<line x1="{_LEFT}" x2="{wide - 20}" y1="{at:.1f}" y2="{at:.1f}" stroke="{_LINE}"/>'
    return line + _text(_LEFT - 6, at + 4, words, anchor="end")


def _text(x: float, y: float, words: str, *, anchor: str = "start") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="11" fill="{_INK}" text-anchor="{anchor}">'
        f"{html.escape(words)}</text>"
    )


def _svg(wide: int, high: int, title: str, parts: Sequence[str]) -> str:
    return (
        f'<svg role="img" aria-label="{html.escape(title)}" viewBox="0 0 {wide} {high}"'
        f' width="{wide}" style="max-width:100%">{"".join(parts)}</svg>'
    )
