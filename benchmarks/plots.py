"""Plots as inline SVG: lines over a scaled axis, nothing loaded from anywhere. Pure.

Latency by percentile is drawn as HdrHistogram does: the axis stretches towards 100 %, where the tail is.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 620, 320
LEFT, RIGHT, TOP, BOTTOM = 66, 16, 14, 44
PERCENTILE_TICKS = (0, 50, 90, 99, 99.9, 99.99)
PERCENTILE_END = 99.995  # where 100 is drawn: the axis has no end of its own

COLOURS = {
    "edgefaas": "var(--ours)",
    "nginx": "#0072b2",
    "nginx proxy_cache": "#56b4e9",
    "varnish": "#7b5ea7",
    "haproxy": "#d55e00",
    "workerd": "#e69f00",
    "node": "#8a8f98",
    "wasmtime serve": "#009e73",
}

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """One axis: where a value lies between 0 and 1, and which values get a tick with which label."""

    title: str
    place: Callable[[float], float]
    ticks: Sequence[tuple[float, str]]


def percentile_place(percentile: float) -> float:
    """Return where a percentile lies, 0 to 1: equal steps for 0, 90, 99, 99.9 … (log of 1 / (1 - p))."""
    end = math.log10(100 / (100 - PERCENTILE_END))
    return math.log10(100 / (100 - min(percentile, PERCENTILE_END))) / end


def percentile_axis() -> Axis:
    """Return the axis of a latency plot."""
    ticks = [(value, f"{value:g} %") for value in PERCENTILE_TICKS]
    return Axis(title="percentile", place=percentile_place, ticks=ticks)


def log_axis(title: str, values: Sequence[float], label: Callable[[float], str]) -> Axis:
    """Return a logarithmic axis that holds all (positive) values, with ticks at 1, 2 and 5 of a decade."""
    low, high = math.log10(min(values)), math.log10(max(values))
    margin = max(0.05, (high - low) * 0.05)
    low, high = low - margin, high + margin
    decades = range(math.floor(low), math.ceil(high) + 1)
    steps = (1, 2, 5) if high - low < 2.5 else (1,)  # more labels would touch
    candidates = [step * 10.0**decade for decade in decades for step in steps]
    ticks = [(value, label(value)) for value in candidates if low <= math.log10(value) <= high]
    return Axis(title=title, place=lambda value: (math.log10(value) - low) / (high - low), ticks=ticks)


def zero_axis(title: str, highest: float, label: Callable[[float], str]) -> Axis:
    """Return a linear axis from zero, with about five round ticks."""
    rough = highest / 4
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough)
    end = math.ceil(highest / step * 1.02) * step
    ticks = [(step * n, label(step * n)) for n in range(round(end / step) + 1)]
    return Axis(title=title, place=lambda value: value / end, ticks=ticks)


def steps_axis(title: str, values: Sequence[float]) -> Axis:
    """Return an axis with equal distance between the given values, whatever they are."""
    order = {value: number for number, value in enumerate(sorted(set(values)))}
    last = max(1, len(order) - 1)
    return Axis(
        title=title,
        place=lambda value: 0.06 + 0.88 * order[value] / last,
        ticks=[(value, f"{value:g}") for value in order],
    )


def _x(axis: Axis, value: float) -> float:
    return LEFT + axis.place(value) * (WIDTH - LEFT - RIGHT)


def _y(axis: Axis, value: float) -> float:
    return HEIGHT - BOTTOM - axis.place(value) * (HEIGHT - TOP - BOTTOM)


def lines(series: Sequence[tuple[str, Points]], *, across: Axis, up: Axis, title: str, dots: bool) -> str:
    """Return one plot; ``series`` are (name, points), ours drawn last and strongest."""
    floor, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">']
    for value, label in up.ticks:
        y = _y(up, value)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(
            f'<text class="tick" x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{escape(label)}</text>'
        )
    for value, label in across.ticks:
        x = _x(across, value)
        parts.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{floor}"/>')
        parts.append(
            f'<text class="tick" x="{x:.1f}" y="{floor + 18}" text-anchor="middle">{escape(label)}</text>'
        )
    middle = (LEFT + right) / 2
    parts.append(
        f'<text class="tick" x="{middle:.0f}" y="{HEIGHT - 6}" text-anchor="middle">{across.title}</text>'
    )
    for name, points in sorted(series, key=lambda one: one[0] == "edgefaas"):
        parts.append(_line(name, [(_x(across, a), _y(up, b)) for a, b in points], dots=dots))
    parts.append("</svg>")
    return "".join(parts)


def _line(name: str, places: Points, *, dots: bool) -> str:
    colour = COLOURS.get(name, "#666")
    width = 3 if name == "edgefaas" else 1.75
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    text = f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{width}"/>'
    if dots:
        radius = width + 1.5
        text += "".join(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" fill="{colour}"/>' for x, y in places
        )
    return f"<g><title>{escape(name)}</title>{text}</g>"


def legend(names: Sequence[str]) -> str:
    """Return the names with their colours."""
    keys = (
        f'<span class="key"><i style="background:{COLOURS.get(name, "#666")}"></i>{escape(name)}</span>'
        for name in names
    )
    return f'<p class="legend">{"".join(keys)}</p>'
