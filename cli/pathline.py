"""Show the path of one request on one line: where it was answered, by what, and how long each step took."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import click

from cli import words

ARROW = " → "
SERVER_ERRORS, CLIENT_ERRORS, REDIRECTS = 500, 400, 300
WAITED = 2  # a function that took that many times its CPU time was waiting for somebody
WAITED_US = 1_000
_VERDICTS = {"hit": "green", "stale hit": "green", "off": "bright_black"}


def path_line(line: Mapping[str, Any]) -> str:
    """Return a line of the log that holds the path of a request, as one line for people."""
    at = datetime.fromtimestamp(line["at_s"]).astimezone().strftime("%H:%M:%S.%f")[:-3]
    path = line["path"]
    summary = [
        click.style(at, dim=True),
        click.style(line["request_id"], dim=True),
        click.style(words.seen(f"{line['method']} {line['target']}"), bold=True),
        click.style(str(line["status"]), fg=_colour(line["status"])),
        words.size(line["bytes"]),
        f"{line['took_ms']:.1f} ms",
        *(["aborted"] if line.get("aborted") else []),
    ]
    return " ".join(summary) + "  " + click.style(ARROW, dim=True).join(_stations(path))


def _stations(path: Mapping[str, Any]) -> Iterator[str]:
    away = f", {path['away_ms']:g} ms away" if "away_ms" in path else ""
    if path["pop"] or away:
        yield f"{path['pop']}{away}"
    yield click.style(str(path.get("behavior", "no behavior")), fg="blue")
    status = str(path.get("cache_status", ""))
    for step in path["steps"]:
        yield _step(step)
    if "stored" in [part.strip() for part in status.split(";")]:
        yield click.style("stored", fg="green")


def _step(step: Mapping[str, Any]) -> str:
    failed = f" {click.style(words.seen(step['error']), fg='red')}" if "error" in step else ""
    match step["step"]:
        case "cache":
            reason = f" ({step['reason']})" if step.get("reason") else ""
            return (
                click.style(f"cache {step['verdict']}", fg=_VERDICTS.get(step["verdict"], "yellow")) + reason
            )
        case "origin" | "fetch" as kind:
            status = f" {step['status']}" if "status" in step else ""
            failed = "" if status else failed  # the status says it
            return f"{kind} {words.seen(step.get('origin') or step.get('url'))}{status} {step['ms']:.1f} ms{failed}"
        case "refused":
            return f"refused: {words.seen(step['reason'])}"
        case "wait":
            return f"waits for another's fetch {step['ms']:.1f} ms"
        case trigger:
            function = click.style(step["function"], fg="cyan")
            return f"{trigger} {function} {_took(step['cpu_us'], step['wall_us'])}{failed}"


def _took(cpu_us: int, wall_us: int) -> str:
    """Return the CPU time of a run, and how long it took where it mostly waited."""
    waited = wall_us >= WAITED * cpu_us and wall_us - cpu_us >= WAITED_US
    return f"{cpu_us:,} µs" + (f" ({wall_us / 1000:.1f} ms in all)" if waited else "")


def _colour(status: int) -> str:
    if status >= SERVER_ERRORS:
        return "red"
    if status >= CLIENT_ERRORS:
        return "yellow"
    return "cyan" if status >= REDIRECTS else "green"
