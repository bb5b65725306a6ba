"""Name-value maps of CloudFront Functions: ``{name: {value, multiValue?, attributes?}}``.

Pure. Query strings, Cookie and Set-Cookie in both directions; values are raw, as on the wire. Source:
"CloudFront Functions event structure".
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from edgefaas.events.parts import expect_object
from edgefaas.events.refusal import refuse
from edgefaas.site import Trigger

Entry = dict[str, Any]
Fill = Callable[[str, Entry], str]
"""Writes one member (name and ``{value, attributes?}``) as text."""


def add_pair(shown: dict[str, Entry], name: str, entry: Entry) -> None:
    """Add one more value under ``name``; ``multiValue`` comes with the second."""
    first = shown.get(name)
    if first is None:
        shown[name] = entry
    elif "multiValue" in first:
        first["multiValue"].append(entry)
    else:
        first["multiValue"] = [dict(first), entry]


def query_pairs(query: str) -> dict[str, Entry]:
    """Return the members of a query string, neither decoded nor sorted."""
    shown: dict[str, Entry] = {}
    for segment in query.split("&") if query else ():
        if segment:
            name, _, value = segment.partition("=")
            add_pair(shown, name, {"value": value})
    return shown


def cookie_pairs(values: Iterable[str]) -> dict[str, Entry]:
    """Return the members of Cookie fields (RFC 6265, 4.2.1)."""
    shown: dict[str, Entry] = {}
    for line in values:
        for segment in line.split(";"):
            name, _, value = segment.strip().partition("=")
            if name:
                add_pair(shown, name, {"value": value})
    return shown


def set_cookie_pairs(values: Iterable[str]) -> dict[str, Entry]:
    """Return the cookies of Set-Cookie fields with what follows the first ``;`` as ``attributes``."""
    shown: dict[str, Entry] = {}
    for line in values:
        pair, semicolon, attributes = line.partition(";")
        name, _, value = pair.strip().partition("=")
        entry = {"value": value}
        if semicolon:
            entry["attributes"] = attributes.strip()
        if name:
            add_pair(shown, name, entry)
    return shown


def members(trigger: Trigger, name: str, entry: Any, before: Entry | None, *, where: str) -> list[Entry]:
    """Return the values meant by one entry of a map.

    A ``multiValue`` (AWS's samples also write ``multivalue``) that is new or changed wins over ``value``; one
    that is as shown next to a changed ``value`` loses.
    """
    if isinstance(entry, (str, int, float)) and not isinstance(entry, bool):
        entry = {"value": entry}
    if not isinstance(entry, dict):
        refuse(trigger, f'{where} "{name}" is not an object', "Give {value: …}.")
    many = entry.get("multiValue")
    if many is None:
        many = entry.get("multivalue")
    if many is not None and not (isinstance(many, list) and all(isinstance(item, dict) for item in many)):
        refuse(trigger, f'{where} "{name}" has a multiValue that is no list', "Give a list of {value: …}.")
    if many:
        same = before is not None and many == before.get("multiValue")
        value_changed = before is not None and any(
            entry.get(key) != before.get(key) for key in ("value", "attributes")
        )
        if not (same and value_changed):
            return list(many)
    return [entry]


def text_value(trigger: Trigger, name: str, entry: Entry, *, where: str, aws: bool) -> str:
    """Return the ``value`` of one member; numbers are written in decimal unless ``aws``."""
    value = entry.get("value")
    if isinstance(value, (int, float)) and not isinstance(value, bool) and not aws:
        return f"{value}"
    if not isinstance(value, str):
        kind = "no value" if value is None else f"a value that is not a string ({type(value).__name__})"
        refuse(trigger, f'{where} "{name}" has {kind}', "Give the value as a string.")
    return value


def written(
    trigger: Trigger,
    returned: Any,
    shown: Mapping[str, Entry],
    raw: Mapping[str, list[str]],
    fill: Fill,
    *,
    where: str,
) -> list[str]:
    """Return the members of a changed map as text, in its order; ``raw`` has unchanged names as they came."""
    found: list[str] = []
    for name, entry in expect_object(trigger, returned, where).items():
        before = shown.get(name)
        if before == entry and name in raw:
            found += raw[name]
        else:
            found += [fill(name, item) for item in members(trigger, name, entry, before, where=where)]
    return found


def raw_query(query: str) -> dict[str, list[str]]:
    """Return the segments of a query string by name, as they came."""
    found: dict[str, list[str]] = {}
    for segment in query.split("&"):
        if segment:
            found.setdefault(segment.partition("=")[0], []).append(segment)
    return found


def raw_cookies(values: Iterable[str]) -> dict[str, list[str]]:
    """Return the segments of Cookie fields by name, as they came."""
    found: dict[str, list[str]] = {}
    for line in values:
        for segment in line.split(";"):
            stripped = segment.strip()
            found.setdefault(stripped.partition("=")[0], []).append(stripped)
    return found


def raw_set_cookies(values: Iterable[str]) -> dict[str, list[str]]:
    """Return Set-Cookie fields by the cookie's name, as they came."""
    found: dict[str, list[str]] = {}
    for line in values:
        found.setdefault(line.partition(";")[0].strip().partition("=")[0], []).append(line)
    return found
