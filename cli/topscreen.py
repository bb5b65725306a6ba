"""What ``edgefaas top`` shows of one answer of ``/v1/live``. Pure: figures in, lines out, as wide as the terminal."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import click

from cli import words

Row = Mapping[str, Any]

CURVE = "▁▂▃▄▅▆▇█"
CURVE_POINTS = 40
STATE_COLOURS = {"here": "green", "up": "green", "down": "red", "draining": "yellow"}
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_ESCAPE = re.compile(r"\x1b\[[0-9;]*m")
NONE = "-"


@dataclass(frozen=True, slots=True)
class Size:
    """A terminal's size in characters."""

    columns: int
    lines: int


def screen(live: Row, size: Size, *, curve: Sequence[float], problem: str = "") -> list[str]:
    """Return the lines of one frame; ``problem`` says why the figures are old, "" when they are not."""
    head = [summary(live), _curve_line(live, curve, size), ""]
    if problem:
        head[1] = click.style(problem, fg="red")
    room = size.lines - len(head)
    pops = table(POP_HEAD, [pop_row(pop) for pop in live["pops"]], size.columns)
    functions = table(FUNCTION_HEAD, [function_row(row) for row in function_rows(live)], size.columns)
    # The POPs first, as far as there is room; at least some lines are left for the functions.
    shown = _cut(pops, max(3, room - min(len(functions), room // 2) - 1))
    if len(functions) > 1:
        shown += ["", *_cut(functions, room - len(shown) - 1)]
    return [fitted(line, size.columns) for line in (head + shown)[: size.lines]]


def report(live: Row) -> str:
    """Return everything as text, for what is no terminal."""
    parts = [[summary(live)], table(POP_HEAD, [pop_row(pop) for pop in live["pops"]])]
    if rows := function_rows(live):
        parts.append(table(FUNCTION_HEAD, [function_row(row) for row in rows]))
    return "\n\n".join("\n".join(part) for part in parts)


POP_HEAD = ("POP", "CITY", "STATE", "WAY", "REQUESTS/S", "HIT RATIO", "P50", "P99", "5XX/S")
NAMES = 3  # columns of words; numbers follow
LEFT_OUT_FIRST = ("CITY", "WAY", "VERSION", "P50", "HIT RATIO", "5XX/S")
FUNCTION_HEAD = ("FUNCTION", "VERSION", "POP", "RUNS/S", "CPU", "P50", "P99", "ERRORS/S")


def summary(live: Row) -> str:
    """Return the line that says who this is."""
    process = live["process"]
    at = datetime.fromtimestamp(live["at_s"]).astimezone().strftime("%H:%M:%S")
    name = " · ".join(seen(part) for part in (live["site"], live["pop"]) if part)
    return (
        f"{click.style(name, bold=True)}   {process['running']} of {process['workers']} workers,"
        f" {live['totals']['cpu_cores']:.2f} cores busy   {at}"
    )


def pop_row(pop: Row) -> tuple[str, ...]:
    """Return a POP's cells; what it does not tell is ``-``."""
    figures = pop["live"] or {}
    return (
        seen(pop["name"]) or "(this process)",
        seen(pop["city"]),
        click.style(
            "this POP" if pop["state"] == "here" else seen(pop["state"]), fg=STATE_COLOURS.get(pop["state"])
        ),
        "" if pop["state"] == "here" else milliseconds(pop["ms"]),
        rate(figures.get("requests_per_s")),
        percent(figures.get("hit_ratio")),
        milliseconds(figures.get("p50_ms")),
        milliseconds(figures.get("p99_ms")),
        alarming(figures.get("errors_per_s")),
    )


def function_rows(live: Row) -> list[Row]:
    """Return every version that ran just now, by POP; what uses most CPU first."""
    rows = [
        {**row, "pop": pop["name"]}
        for pop in live["pops"]
        for row in (pop["live"] or {}).get("functions", ())
        if row["runs_per_s"] or row["errors_per_s"]
    ]
    return sorted(rows, key=lambda row: (-row["cpu_ms_per_s"], row["name"], row["pop"]))


def function_row(row: Row) -> tuple[str, ...]:
    """Return a function's cells. CPU is of one core."""
    return (
        seen(row["name"]),
        words.short(seen(row["version"])),
        seen(row["pop"]) or NONE,
        rate(row["runs_per_s"]),
        percent(row["cpu_ms_per_s"] / 1000),
        milliseconds(row["p50_ms"]),
        milliseconds(row["p99_ms"]),
        alarming(row["errors_per_s"]),
    )


def table(head: Sequence[str], rows: Sequence[Sequence[str]], columns: int | None = None) -> list[str]:
    """Return the lines of a table, head first; numbers stand to the right.

    Where ``columns`` characters are too few, what matters least is left out first.
    """
    if not rows:
        return []
    widths = [max(len(click.unstyle(row[i])) for row in (head, *rows)) for i in range(len(head))]
    kept = list(range(len(head)))
    for name in LEFT_OUT_FIRST:
        if columns is None or sum(widths[i] + 2 for i in kept) - 2 <= columns:
            break
        kept = [i for i in kept if head[i] != name]

    def line(cells: Sequence[str]) -> str:
        padded = []
        for number in kept:
            cell = cells[number]
            gap = " " * (widths[number] - len(click.unstyle(cell)))
            padded.append(cell + gap if number < NAMES else gap + cell)
        return "  ".join(padded).rstrip()

    return [click.style(line(head), bold=True), *map(line, rows)]


def fitted(line: str, columns: int) -> str:
    """Return a line that a terminal of so many columns does not break; its styles are closed."""
    if len(click.unstyle(line)) <= columns:
        return line
    out, room, at = "", columns, 0
    for escape in _ESCAPE.finditer(line):
        text = line[at : escape.start()][:room]
        out, room, at = out + text + escape.group(), room - len(text), escape.end()
    return out + line[at:][:room]


def curve_of(values: Sequence[float]) -> str:
    """Return the values as a curve of blocks, the highest as high as a line."""
    most = max(values, default=0.0)
    if most <= 0:
        return CURVE[0] * len(values)
    return "".join(CURVE[round(value / most * (len(CURVE) - 1))] for value in values)


def _curve_line(live: Row, curve: Sequence[float], size: Size) -> str:
    points = list(curve)[-min(CURVE_POINTS, max(1, size.columns - 40)) :]
    if not points:
        return ""
    drawn = click.style(curve_of(points), fg="cyan")
    return f"{drawn}  {rate(live['totals']['requests_per_s'])} requests/s, highest {rate(max(points))}"


def _cut(lines: list[str], room: int) -> list[str]:
    """Return as many lines as there is room for; the last says how many are missing."""
    if len(lines) <= room:
        return lines
    kept = max(0, room - 1)
    return [*lines[:kept], click.style(f"… {len(lines) - kept} more", dim=True)][: max(0, room)]


def seen(text: object) -> str:
    """Return text without the characters that a terminal obeys."""
    return _UNSEEN.sub("?", str(text))


def rate(value: float | None) -> str:
    """Return a number per second."""
    if value is None:
        return NONE
    return f"{value:.1f}" if 0 < value < 10 else f"{value:,.0f}"  # noqa: PLR2004


def alarming(value: float | None) -> str:
    """Return a number per second of what should not happen."""
    return click.style(rate(value), fg="red", bold=True) if value else rate(value)


def percent(share: float | None) -> str:
    """Return a share of one."""
    if share is None:
        return NONE
    return "<0.1 %" if 0 < share < 0.0005 else f"{share * 100:.1f} %"  # noqa: PLR2004


def milliseconds(value: float | None) -> str:
    """Return a duration; hits that end in the parser's callback are counted as 0."""
    if value is None:
        return NONE
    if value < 0.1:  # noqa: PLR2004
        return "<0.1 ms"
    return f"{value:.1f} ms" if value < 100 else f"{value:,.0f} ms"  # noqa: PLR2004
