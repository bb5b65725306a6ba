"""``edgefaas logs``: the lines of all workers of all POPs, in the order of their times."""

import json
import queue
import re
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from cli import words
from cli.admin import find_config
from cli.merging import HOLD_S, Line, Merge, in_order
from cli.remote import RefusedError, UnreachableError
from cli.sources import Asked, Source, find_sources
from edgefaas.errors import EdgeError

LINES_MAX = 10_000
RETRY_S = 2.0
CATCH_UP_S = 2.0
ALONE_HOLD_S = 0.06  # only the workers of one POP to put in order
SERVER_ERRORS = 500
_COLOURS = {"error": "red", "warn": "yellow", "debug": "bright_black"}
_SHOWN = frozenset({"at_s", "worker", "request_id", "level", "text", "function", "version", "pop"})


def _status(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    """Refuse what no status could match."""
    if value is not None and not re.fullmatch(r"[1-5x][0-9x]{2}", value.lower()):
        raise click.BadParameter(f'"{value}" is no status. Write for example 404 or 5xx.')
    return value


@click.command()
@click.option("-f", "--follow", is_flag=True, help="Go on with what comes, until interrupted.")
@click.option(
    "-n", "--lines", type=click.IntRange(1, LINES_MAX), default=100, show_default=True, help="How many."
)
@click.option("--pop", "pops", multiple=True, metavar="NAME", help="Only this POP. May be repeated.")
@click.option("--function", metavar="NAME", help="Only lines of this function.")
@click.option("--level", type=click.Choice(["debug", "info", "warn", "error"]), help="This level and graver.")
@click.option(
    "--status", metavar="STATUS", callback=_status, help="Only requests with this status: 404, 5xx."
)
@click.option("--text", metavar="TEXT", help="Only lines that contain this.")
@click.option("--request-id", metavar="ID", help="Only lines of this request: X-Edge-Request-Id.")
@click.option("--admin", envvar="EDGEFAAS_ADMIN", metavar="URL", help="Where the admin API of one POP is.")
@click.option("--token", envvar="EDGEFAAS_TOKEN", metavar="TOKEN", help="The token for it, or for all.")
@click.option("--data", type=click.Path(path_type=Path), metavar="DIR", help="The POP's data folder.")
@click.option("-c", "--config", type=click.Path(path_type=Path), metavar="FILE", help="The site's file.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, a line each.")
def logs(  # noqa: PLR0913  # click passes its options by name
    *,
    follow: bool,
    lines: int,
    pops: tuple[str, ...],
    admin: str | None,
    token: str | None,
    data: Path | None,
    config: Path | None,
    as_json: bool,
    **filters: str | None,
) -> None:
    """Read the logs of all workers of all POPs, and follow them with -f.

    POPs are those whose admin address the site's file says; without any, the one that runs here.

    \b
    edgefaas logs -f --function country
    edgefaas logs --status 5xx --json
    edgefaas logs --request-id 6c99bea42b532
    """  # noqa: D301  # \b is click's mark
    asked = Asked(admin=admin, token=token, data=data, config=config or find_config(), as_json=as_json)
    sources, problems = find_sources(asked, pops)
    for problem in problems:
        words.warn(problem)
    named = len(sources) + len(problems) > 1
    if follow:
        _follow(sources, lines, filters, Printer(as_json=as_json, named=named))
    else:
        _last(sources, lines, filters, Printer(as_json=as_json, named=named))


@dataclass(frozen=True, slots=True)
class Printer:
    """Prints lines; ``named``: with the POP of each."""

    as_json: bool
    named: bool

    def print(self, line: Line) -> None:
        """Print one line of the log."""
        print_line(line, as_json=self.as_json, named=self.named)


def _last(sources: Sequence[Source], limit: int, filters: Mapping[str, str | None], printer: Printer) -> None:
    """Print the last lines of all. Raises what the only, or the last, POP raises when none answers."""

    def ask(source: Source) -> list[Line] | EdgeError:
        try:
            return [_named(line, source) for line in source.remote.lines("/v1/logs", limit=limit, **filters)]
        except EdgeError as error:
            return error

    with ThreadPoolExecutor(len(sources)) as pool:
        answers = list(pool.map(ask, sources))
    errors = [answer for answer in answers if isinstance(answer, EdgeError)]
    if len(errors) == len(sources):
        raise errors[-1]
    for source, answer in zip(sources, answers, strict=True):
        if isinstance(answer, EdgeError):
            words.warn(f"{source.name} is left out: {answer.advice}")
    told = [line for answer in answers if not isinstance(answer, EdgeError) for line in answer]
    for line in in_order(told, limit=limit):
        printer.print(line)


@dataclass(frozen=True, slots=True)
class News:
    """What one POP's reader tells: a line; or neither line nor error, when all that was there before has come.

    ``last``: this reader tells nothing more; without an error the POP has ended its stream.
    """

    source: Source
    line: Line | None = None
    error: EdgeError | None = None
    last: bool = False


def _follow(
    sources: Sequence[Source], limit: int, filters: Mapping[str, str | None], printer: Printer
) -> None:
    """Print the last lines of all, then what comes, until interrupted; a POP that is down is asked again.

    Raises EdgeError: none is left to be read, and why the last is not.
    """
    news: queue.SimpleQueue[News] = queue.SimpleQueue()
    for source in sources:
        arguments = (source, limit, filters, news, len(sources) > 1)
        threading.Thread(target=_read, args=arguments, daemon=True).start()
    screen = _Screen(sources, limit, printer)
    while screen.reading:
        try:
            told = news.get(timeout=screen.wait_s(now_s=time.monotonic()))
        except queue.Empty:
            told = None
        screen.take(told, now_s=time.monotonic())
    screen.end()


class _Screen:
    """Puts what the readers tell in order, and prints it."""

    def __init__(self, sources: Sequence[Source], limit: int, printer: Printer) -> None:
        self.reading = {source.name for source in sources}
        self._alone = len(sources) == 1
        self._limit = limit
        self._printer = printer
        self._behind = set(self.reading)  # whose earlier lines are still to come
        self._until_s = time.monotonic() + CATCH_UP_S
        self._backlog: list[Line] = []
        self._down: set[str] = set()
        self._merge = Merge(ALONE_HOLD_S if self._alone else HOLD_S)
        self._error: EdgeError | None = None

    def wait_s(self, *, now_s: float) -> float | None:
        """Return how long there is nothing to do without news; None: for ever."""
        return max(0.0, self._until_s - now_s) if self._behind else self._merge.wait_s(now_s=now_s)

    def take(self, told: News | None, *, now_s: float) -> None:
        """Take what a reader told, if anything, and print what is due."""
        if told is not None:
            self._note(told, now_s)
        if self._behind and now_s >= self._until_s:  # who is slow comes in later
            self._caught_up(set(self._behind))
        if not self._behind:
            for line in self._merge.ready(now_s=now_s):
                self._printer.print(line)

    def end(self) -> None:
        """Print what is left. Raises EdgeError: why nobody can be read any more."""
        for line in self._merge.rest():
            self._printer.print(line)
        if self._error is not None:
            raise self._error

    def _note(self, told: News, now_s: float) -> None:
        name = told.source.name
        if told.line is not None and name in self._behind:
            self._backlog.append(told.line)
        elif told.line is not None:
            self._merge.add(told.line, now_s=now_s)
        else:
            self._caught_up({name})
        if told.error is not None and name not in self._down and not self._alone:
            words.warn(f"{name} cannot be read, the others go on: {told.error.advice}")
            self._down.add(name)
        elif told.error is None and name in self._down:
            words.note(f"{name} is read again")
            self._down.discard(name)
        if told.last:
            self.reading.discard(name)
            self._error = told.error

    def _caught_up(self, names: set[str]) -> None:
        if not self._behind:
            return
        self._behind -= names
        if not self._behind:
            for line in in_order(self._backlog, limit=self._limit):
                self._printer.print(line)
            self._backlog.clear()


def _read(
    source: Source,
    limit: int,
    filters: Mapping[str, str | None],
    news: "queue.SimpleQueue[News]",
    again: bool,  # noqa: FBT001  # a thread's arguments
) -> None:
    """Tell everything that one POP logs. After a failure, go on behind the last line, if that is worth a try."""
    since_s = 0.0
    while True:
        query: dict[str, object] = {"follow": True, "limit": LINES_MAX if since_s else limit, **filters}
        if since_s:
            query["since"] = repr(since_s)
        error: EdgeError | None = None
        try:
            for line in source.remote.stream("/v1/logs", **query):
                news.put(News(source, None if line is None else _named(line, source)))
                since_s = max(since_s, line["at_s"] if line else 0.0)
        except EdgeError as refused:
            error = refused
        if not again or (isinstance(error, RefusedError) and error.status_code < SERVER_ERRORS):
            news.put(News(source, error=error, last=True))
            return
        news.put(News(source, error=error or _ended(source)))
        time.sleep(RETRY_S)


def _ended(source: Source) -> EdgeError:
    return UnreachableError(
        f"The POP at {source.remote.url} ended the stream", remedy="See whether it still runs."
    )


def _named(line: Line, source: Source) -> Line:
    """Return a line that says its POP, and an instant that lines can be sorted by."""
    if not line["at_s"]:  # the hub's own words
        line["at_s"] = time.time()  # noqa: TID251  # they come just now
    return line if not source.name or "pop" in line else {**line, "pop": source.name}


def print_line(line: dict[str, Any], *, as_json: bool, named: bool = False) -> None:
    """Print one line of the log."""
    click.echo(json.dumps(line, ensure_ascii=False) if as_json else _sentence(line, named=named))


def _sentence(line: dict[str, Any], *, named: bool) -> str:
    at = datetime.fromtimestamp(line["at_s"]).astimezone().strftime("%H:%M:%S.%f")[:-3]
    level = click.style(f"{line['level']:5}", fg=_COLOURS.get(line["level"]))
    pop = click.style(line.get("pop", ""), bold=True) if named else ""
    who = line["function"] and f"{line['function']}@{words.short(line['version'])[:7]}"
    # The text of an exchange holds its fields already; --json shows them one by one.
    hidden = _SHOWN | (line.keys() - {"viewer"} if "status" in line else set())
    more = " ".join(words.seen(f"{key}={value}") for key, value in line.items() if key not in hidden)
    request_id, text = words.seen(line["request_id"]), words.seen(line["text"])
    return " ".join(part for part in (at, level, pop, request_id, who, text, more) if part)
