"""``[health]`` of ``function.toml``: how a new version proves itself. Pure but for reading the files it names.

::

    [health]
    event = "request.json"      # what it must handle before any viewer gets it
    expect = "response.json"    # what its result must hold
    window_s = 30               # then it is watched for so long, and taken back
    max_errors = 0.05           # when more of its runs than this are errors
    min_runs = 20               # of at least so many
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgefaas.control.rollout import MAX_ERRORS, MIN_RUNS, MIN_RUNS_MAX, WINDOW_MAX_S, Rule
from edgefaas.table import Table

EVENT_MAX_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How one function is checked. ``check`` is ``{"event", "expect"}`` or None, ``rule`` None where none is named."""

    check: dict[str, Any] | None = None
    rule: Rule | None = None


def read_health(table: Table, folder: Path) -> Health:
    """Return what the table says; its files are in ``folder``. Raises ConfigError."""
    check: dict[str, Any] | None = None
    event, expect = table.text("event"), table.text("expect")
    if event:
        check = {"event": _json(table, "event", folder / event)}
        if expect:
            check["expect"] = _json(table, "expect", folder / expect)
    elif expect:
        raise table.refuse(
            "expect", "says what to expect, and no event is named", 'Add event = "request.json".'
        )
    rule = None
    window_s = table.number("window_s", 0.0, low=0, high=WINDOW_MAX_S)
    max_errors = table.number("max_errors", MAX_ERRORS, low=0, high=1)
    min_runs = table.integer("min_runs", MIN_RUNS, low=1, high=MIN_RUNS_MAX)
    if 0 < window_s < 1:
        raise table.refuse(
            "window_s", f"is {window_s:g}", f"Use 1 to {WINDOW_MAX_S:g} seconds, or 0 for none."
        )
    if window_s:
        rule = Rule(window_s=window_s, max_errors=max_errors, min_runs=min_runs)
    table.done()
    return Health(check=check, rule=rule)


def _json(table: Table, key: str, path: Path) -> Any:
    try:
        if path.stat().st_size > EVENT_MAX_BYTES:
            raise table.refuse(
                key, f"names {path.name}, which is too large", f"Keep it under {EVENT_MAX_BYTES} bytes."
            )
        return json.loads(path.read_bytes())
    except OSError as error:
        raise table.refuse(
            key, f"names {path.name}, which cannot be read: {error.strerror}", "Name a file of the folder."
        ) from None
    except ValueError as error:
        raise table.refuse(
            key, f"names {path.name}, which is not JSON: {error}", "Correct the file."
        ) from None


def strictest(rules: list[Rule]) -> Rule | None:
    """Return one rule for what goes out together: the longest window, the fewest errors and runs."""
    if not rules:
        return None
    return Rule(
        window_s=max(rule.window_s for rule in rules),
        max_errors=min(rule.max_errors for rule in rules),
        min_runs=min(rule.min_runs for rule in rules),
    )
