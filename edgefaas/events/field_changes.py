"""Merge the fields that a function returned into the message that it was shown.

Pure. Only names whose lines differ from what was shown are read and checked; lines that functions do not see
(``header_rules.is_forbidden``) stay, changed lines keep their place, and new ones come last.
"""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from edgefaas.events.header_rules import READ_ONLY, check_change, check_generated
from edgefaas.events.parts import expect_object
from edgefaas.message import Headers
from edgefaas.site import Trigger

Lines = list[tuple[str, str]]
LineReader = Callable[[str, Any], Lines]
"""Turns the JSON value of one field name into field lines, or refuses it."""


def returned_fields(
    trigger: Trigger, message: Mapping[str, Any], shown: Mapping[str, Any], *, aws: bool
) -> Any:
    """Return the ``headers`` object of a returned message.

    A message without one has no fields; read-only ones are then kept for it, unless ``aws``.
    """
    returned = message.get("headers")
    if returned is not None:
        return expect_object(trigger, returned, "headers")
    if aws:
        return {}
    return {name: shown[name] for name in shown if name in READ_ONLY[trigger]}


def generated_fields(trigger: Trigger, returned: Any, read: LineReader) -> Headers:
    """Return the fields of a response that a function made, without Content-Length (see with_length)."""
    lines: Lines = []
    if returned is not None:
        for name, value in expect_object(trigger, returned, "headers").items():
            lower = name.lower()
            check_generated(trigger, lower)
            if lower != "content-length":
                lines += read(name, value)
    return Headers(lines)


def merged_fields(
    trigger: Trigger, sent: Headers, shown: Mapping[str, Any], returned: Mapping[str, Any], read: LineReader
) -> Headers:
    """Return ``sent`` with the changes of a function; names in ``shown`` are lower case."""
    changed: dict[str, Lines] = {}
    for name, value in returned.items():
        if shown.get(name) != value:
            lower = name.lower()  # "X-Id" that was added next to an untouched "x-id" replaces it
            lines = read(name, value)
            changed[lower] = changed[lower] + lines if lower in changed else lines
    for name in shown.keys() - returned.keys():
        changed.setdefault(name, [])
    for name, lines in list(changed.items()):
        if name in shown and [value for _, value in lines] == sent.values(name):
            del changed[name]  # the same values under another spelling
        else:
            check_change(trigger, name)
    return replaced_lines(sent, changed) if changed else sent


def with_length(headers: Headers, status: int, body: bytes) -> Headers:
    """Return the fields of a response whose complete body is the function's, with its length in place.

    A 204 and a 304 have none (RFC 9110, 8.6).
    """
    result = headers.copy()
    result.remove("content-length")
    if status not in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED):
        result.add("Content-Length", str(len(body)))
    return result


def changed_host(
    before: Headers, after: Headers, shown: Mapping[str, Any], returned: Mapping[str, Any]
) -> str | None:
    """Return the Host field when the function set another one."""
    if after is before or ("host" in returned and returned["host"] == shown.get("host")):
        return None
    host = after.get("host")
    return None if host == before.get("host") else host


def replaced_lines(sent: Headers, changed: Mapping[str, Lines]) -> Headers:
    """Return ``sent`` with all lines of the ``changed`` names replaced, in the place of the first."""
    pending = dict(changed)
    result: Lines = []
    for line in sent:
        lower = line[0].lower()
        if lower not in changed:
            result.append(line)
        elif lower in pending:
            result += pending.pop(lower)
    for lines in pending.values():
        result += lines
    return Headers(result)
