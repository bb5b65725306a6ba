"""The lines of the POP's log: read from what a worker sends, made by the POP itself, chosen by who reads them. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

import orjson

from edgefaas.control.logring import Line

LEVELS = ("debug", "info", "warn", "error")
_FIELDS = 7  # see logqueue.PlainLine
KEYS = frozenset({"at_s", "worker", "request_id", "level", "text", "function", "version"})
"""What every line has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineFilter:
    """Which lines are wanted; "" and None mean any.

    ``status`` is ``404`` or ``5xx``; ``since_s`` (Unix time) wants what is later.
    """

    function: str = ""
    level: str = ""  # this one and graver
    request_id: str = ""
    text: str = ""
    status: str = ""
    since_s: float = 0.0

    def matches(self, line: Mapping[str, Any]) -> bool:
        """Say whether a line is wanted."""
        if self.function and line["function"] != self.function:
            return False
        if self.level and LEVELS.index(line["level"]) < LEVELS.index(self.level):
            return False
        if self.request_id and line["request_id"] != self.request_id:
            return False
        if self.status and not self._status_matches(str(line.get("status", ""))):
            return False
        return self.text in line["text"] and line["at_s"] > self.since_s

    def _status_matches(self, status: str) -> bool:
        return len(status) == len(self.status) and all(
            wanted in ("x", digit) for wanted, digit in zip(self.status.lower(), status, strict=True)
        )


def read_line(worker: int, item: Any) -> tuple[Line, bytes] | None:
    """Return a line and its JSON; None for what is no line."""
    if not isinstance(item, list) or len(item) != _FIELDS:
        return None
    at_s, request_id, level, text, function, version, fields = item
    if type(at_s) not in (int, float) or not isfinite(at_s) or type(fields) is not dict:
        return None
    if not (type(request_id) is type(level) is type(text) is type(function) is type(version) is str):
        return None
    line = {
        **fields,
        "at_s": float(at_s),
        "worker": worker,
        "request_id": request_id,
        "level": level if level in LEVELS else "info",
        "text": text,
        "function": function,
        "version": version,
    }
    try:
        return line, orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError:  # bytes in a field, a key that is no string, a lone surrogate in a text
        return None


def own_line(text: str) -> Line:
    """Return a line that the POP tells a reader."""
    return {
        "at_s": 0.0,
        "worker": -1,
        "request_id": "",
        "level": "warn",
        "text": text,
        "function": "",
        "version": "",
    }
