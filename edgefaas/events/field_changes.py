"""Merge the fields that a function returned into the message that it was shown.

Pure. Only names whose lines differ from what was shown are read and checked; lines that functions do not see
(``header_rules.is_forbidden``) stay, changed lines keep their place, and new ones come last.
"""

from collections.abc import Callable, Mapping
from typing import Any

from edgefaas.events.header_rules import READ_ONLY, check_added, shown_name
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
    """Return the fields of a response that a function made. Content-Length is left to the sender."""
    lines: Lines = []
    if returned is not None:
        for name, value in expect_object(trigger, returned, "headers").items():
            lower = name.lower()
            check_added(trigger, lower, generated=True)
            if lower != "content-length":
                lines += read(name, value)
    return Headers(lines)


def merged_fields(
    trigger: Trigger, sent: Headers, shown: Mapping[str, Any], returned: Mapping[str, Any], read: LineReader
) -> Headers:
    """Return ``sent`` with the changes of a function; names in ``shown`` are lower case."""
    changed: dict[str, Lines] = {}
    kept: set[str] = set()
    for name, value in returned.items():
        if name in shown and shown[name] == value:
            kept.add(name)
            continue
        lower = name.lower()
        changed[lower] = changed.get(lower, []) + read(name, value)
    for name in shown:
        if name not in kept and name not in changed:
            changed[name] = []
    for name, lines in list(changed.items()):
        if name in kept:  # "X-Id" next to an untouched "x-id"
            lines[:0] = [line for line in sent if shown_name(line[0]) == name]
        if [value for _, value in lines] == sent.values(name) and name in shown:
            del changed[name]  # the same values under another spelling
        else:
            check_added(trigger, name)
    return replaced_lines(sent, changed) if changed else sent


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
