"""What commands print: tables and sentences for people, one JSON value for programs.

Results go to stdout, everything else to stderr. Colour only on a terminal.
"""

import json
import re
import sys
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import click

HASH_SHORT = 12
# Control characters and what turns the direction of text, but for tab and line feed: what a terminal obeys.
_OBEYED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def result(value: Any, *, as_json: bool, text: str) -> None:
    """Print ``value`` as JSON, or ``text``."""
    click.echo(json.dumps(value, ensure_ascii=False) if as_json else text, nl=as_json or bool(text))


def table(rows: Sequence[Sequence[str]], *, head: Sequence[str]) -> str:
    """Return rows in columns, under a head."""
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()

    return "\n".join([click.style(line(head), bold=True), *map(line, rows)])


def seen(text: object) -> str:
    """Return text that others wrote (viewers, functions) with what a terminal obeys shown as an escape."""
    return _OBEYED.sub(lambda found: repr(found[0])[1:-1], str(text))


def note(text: str) -> None:
    """Print a line beside the result."""
    click.echo(text, err=True)


def warn(text: str) -> None:
    """Print a warning."""
    click.echo(f"{click.style('warning:', fg='yellow')} {text}", err=True)


def refuse(error: Exception, *, as_json: bool = False) -> None:
    """Print an error of ours: one sentence, and what to do."""
    message, remedy = sentence(str(error)), sentence(str(getattr(error, "remedy", "")))
    if as_json:
        click.echo(json.dumps({"error": message, "remedy": remedy}, ensure_ascii=False), err=True)
        return
    click.echo(f"{click.style('error:', fg='red')} {message}", err=True)
    if remedy:
        click.echo(f"  {remedy}", err=True)


def sentence(text: str) -> str:
    """Return ``text`` with a capital first letter, and a full stop where it ends without a mark."""
    text = text.strip()
    if not text:
        return ""
    first = text[0].upper() if text.split(" ", 1)[0].isalpha() else text[0]
    return first + text[1:] + ("" if text[-1] in ".!?:" else ".")


def size(count: float) -> str:
    """Return a number of bytes for people."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:  # noqa: PLR2004  # SI prefixes
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def moment(at_s: float) -> str:
    """Return a time in this machine's zone."""
    return datetime.fromtimestamp(at_s).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def short(version: str | None) -> str:
    """Return the digits of a version that people see."""
    return version[:HASH_SHORT] if version else "-"


def terminal() -> bool:
    """Say whether a person reads along."""
    return sys.stderr.isatty()
