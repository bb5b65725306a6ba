"""The ``bench`` command behind its options: choose rows, measure, show, write files."""

import json
import shutil
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import click

from benchmarks import page, probes, suite, table
from benchmarks.generator import GeneratorError
from benchmarks.measure import FULL, QUICK, Pace
from benchmarks.rows import Row, choose
from benchmarks.samples import hgrm, merged
from benchmarks.server import ServerError
from benchmarks.suite import Report

BAR_WIDTH = 28


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What was asked on the command line."""

    names: tuple[str, ...] = ()
    as_json: bool = False
    html_file: Path | None = None
    output: Path | None = None
    hgrm: Path | None = None
    quick: bool = False
    rounds: int = FULL.rounds
    install: bool = True
    list_rows: bool = False


class Progress:
    """One line on a terminal that is drawn over; on a file or a pipe, one line for every row."""

    def __init__(self, total_rows: int) -> None:
        self._live = sys.stderr.isatty()
        self._total_rows = total_rows
        self._row = ""
        self._rows_begun = 0

    def say(self, text: str) -> None:
        """Tell what is being done before anything is measured."""
        self._draw(text)

    def measured(self, what: str, done: int, of: int) -> None:
        """Tell how far the row is."""
        row = what.split(" ", 1)[0]
        if row != self._row:
            self._row = row
            self._rows_begun += 1
            if not self._live:
                click.echo(f"[{self._rows_begun}/{self._total_rows}] {row}", err=True)
        if self._live:
            share = (self._rows_begun - 1 + done / max(of, 1)) / self._total_rows
            filled = round(share * BAR_WIDTH)
            self._draw(f"{'━' * filled}{'╌' * (BAR_WIDTH - filled)} {share:4.0%}  {what}")

    def _draw(self, text: str) -> None:
        if self._live:
            click.echo(f"\r\033[2K{text[: shutil.get_terminal_size().columns - 1]}", nl=False, err=True)
        else:
            click.echo(text, err=True)

    def clear(self) -> None:
        """Leave an empty line behind."""
        if self._live:
            click.echo("\r\033[2K", nl=False, err=True)


def execute(request: Request) -> int:
    """Do what was asked. Returns the exit code: 0 measured, 1 it could not be, 2 no such row."""
    rows = choose(request.names, quick=request.quick)
    once = probes.choose(request.names)
    if request.list_rows:
        for row in rows:
            click.echo(f"{row.name:<24} {row.title}")
        for name, title, _ in probes.PROBES:
            if name in once:
                click.echo(f"{name:<24} {title}")
        return 0
    if not rows and not once:
        click.echo(f"No row begins with {' or '.join(request.names)}. See edgefaas bench --list.", err=True)
        return 2
    signal.signal(signal.SIGTERM, _interrupt)  # so that a SIGTERM ends the servers, too
    pace = replace(QUICK if request.quick else FULL, rounds=request.rounds)
    try:
        report = _measure(rows, once, pace, install=request.install)
    except (GeneratorError, ServerError) as error:
        click.echo(f"The benchmark cannot run: {error}", err=True)
        return 1
    _write_files(request, report)
    if request.as_json:
        click.echo(json.dumps(report.as_json(), indent=2))
    else:
        click.echo("\n".join(table.lines(report)))
    return 0


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _measure(rows: list[Row], once: list[str], pace: Pace, *, install: bool) -> Report:
    progress = Progress(len(rows) + len(once))
    try:
        return suite.run(rows, once, pace, install=install, say=progress.say, progress=progress.measured)
    finally:
        progress.clear()


def _write_files(request: Request, report: Report) -> None:
    if request.output is not None:
        _write(request.output, in_lines(report.as_json()))
    if request.html_file is not None:
        _write(request.html_file, page.render(report.as_json()))
    if request.hgrm is not None:
        for outcome in report.outcomes:
            for column in outcome.columns:
                if column.runs:
                    name = f"{outcome.row.name}-{column.name.replace(' ', '-')}.hgrm"
                    _write(request.hgrm / name, hgrm(merged([run.buckets for run in column.runs])))


def in_lines(report: Mapping[str, object]) -> str:
    """Return the report as JSON with a line for each fact and each row, as a version control likes it."""
    lines = []
    for key, value in report.items():
        text = json.dumps(value)
        if isinstance(value, list) and value:
            text = "[\n  " + ",\n  ".join(json.dumps(item) for item in value) + "\n ]"
        lines.append(f" {json.dumps(key)}: {text}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    click.echo(f"wrote {path}", err=True)
