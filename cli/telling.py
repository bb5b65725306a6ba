"""Show how one run of a function ended: the result on stdout, everything about it on stderr."""

import json
from typing import Any

import click

from cli import words

_COLOURS = {"error": "red", "warn": "yellow", "debug": "bright_black"}


def tell(told: dict[str, Any], *, as_json: bool) -> int:
    """Print what was told of a run; return the exit code: 0 when it finished."""
    finished = told["outcome"] == "finished"
    if as_json:
        click.echo(json.dumps(told, ensure_ascii=False))
        return 0 if finished else 1
    for line in told["logs"]:
        level = click.style(f"{line['level']:5}", fg=_COLOURS.get(line["level"]))
        click.echo(f"{level} {words.seen(line['text'])}", err=True)
    if finished:
        click.echo(json.dumps(told["result"], indent=2, ensure_ascii=False))
    else:
        words.note(f"{click.style('error:', fg='red')} {words.sentence(words.seen(told['error']))}")
        if told.get("detail"):
            words.note(words.seen(told["detail"].rstrip()))
        words.note(f"  {words.sentence(told['remedy'])}")
    words.note(_usage(told))
    return 0 if finished else 1


def _usage(told: dict[str, Any]) -> str:
    usage = told["usage"]
    parts = [
        f"{usage['cpu_us'] / 1000:.2f} ms CPU",
        f"{usage['wall_us'] / 1000:.2f} ms in all",
        f"{usage['memory_bytes'] / (1 << 20):.1f} MiB",
    ]
    if usage["host_calls"]:
        parts.append(f"{usage['host_calls']} host calls")
    return click.style(", ".join(parts), dim=True)
