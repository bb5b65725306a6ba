"""Preconditions: is what we hold what the viewer has, or wants to change?

Pure. Sources: RFC 9110, 8.8 (validators), 13 (preconditions, their order in 13.2.2); RFC 9111, 4.3.1 (sending
a validation request), 4.3.2 (handling a received one).
"""

from enum import Enum

from edgefaas.cache.dates import format_http_date, parse_http_date
from edgefaas.cache.fields import split_list
from edgefaas.cache.stored import StoredResponse
from edgefaas.message import Headers

PRECONDITIONS = frozenset(
    {"if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "if-range"}
)
_READING = ("GET", "HEAD")


class Condition(Enum):
    """What the preconditions of a request come to."""

    PROCEED = 200
    NOT_MODIFIED = 304
    FAILED = 412


def strong_match(one: str | None, other: str | None) -> bool:
    """Return whether two entity tags are equal and both strong (RFC 9110, 8.8.3.2)."""
    return one is not None and one == other and not one.startswith("W/")


def weak_match(one: str | None, other: str | None) -> bool:
    """Return whether two entity tags are equal, weakness aside."""
    return one is not None and other is not None and one.removeprefix("W/") == other.removeprefix("W/")


def evaluate(
    method: str,
    headers: Headers,
    *,
    etag: str | None,
    last_modified_s: int | None,
) -> Condition:
    """Return what the preconditions say about a representation with these validators (13.2.2).

    ``last_modified_s`` is Unix seconds. Ranges are ``range_applies``' business.
    """
    if_match = headers.get("if-match")
    if if_match is not None:
        if if_match.strip() != "*" and not any(strong_match(tag, etag) for tag in split_list(if_match)):
            return Condition.FAILED
    elif (unmodified_since := headers.get("if-unmodified-since")) is not None:
        instant = parse_http_date(unmodified_since)
        if instant is not None and (last_modified_s is None or last_modified_s > instant):
            return Condition.FAILED
    if_none_match = headers.get("if-none-match")
    if if_none_match is not None:
        if if_none_match.strip() == "*" or any(weak_match(tag, etag) for tag in split_list(if_none_match)):
            return Condition.NOT_MODIFIED if method in _READING else Condition.FAILED
        return Condition.PROCEED
    modified_since = headers.get("if-modified-since") if method in _READING else None
    if modified_since is not None and last_modified_s is not None:
        instant = parse_http_date(modified_since)
        if instant is not None and last_modified_s <= instant:
            return Condition.NOT_MODIFIED
    return Condition.PROCEED


def modified_s(stored: StoredResponse) -> int:
    """Return what If-Modified-Since is compared with: Last-Modified, else Date (RFC 9111, 4.3.2)."""
    return stored.date_s if stored.last_modified_s is None else stored.last_modified_s


def origin_must_decide(headers: Headers, stored: StoredResponse) -> bool:
    """Return whether If-Match or If-Unmodified-Since doubts the stored response.

    Only the origin knows its current state, so a cache never answers 412 itself (RFC 9111, 4.3.2).
    """
    if_match = headers.get("if-match")
    if if_match is not None:
        tags = split_list(if_match)
        return tags != ["*"] and not any(strong_match(tag, stored.etag) for tag in tags)
    since = headers.get("if-unmodified-since")
    if since is None:
        return False
    instant = parse_http_date(since)
    return instant is not None and (stored.last_modified_s is None or stored.last_modified_s > instant)


def range_applies(
    headers: Headers, *, etag: str | None, last_modified_s: int | None, date_s: int | None
) -> bool:
    """Return whether If-Range lets the Range field count (RFC 9110, 13.1.5); True without If-Range.

    A date counts only when it is exactly the Last-Modified and a strong validator: at least one second before
    the Date (8.8.2.2).
    """
    text = headers.get("if-range")
    if text is None:
        return True
    text = text.strip()
    if text.endswith('"'):
        return strong_match(text, etag)
    instant = parse_http_date(text)
    if instant is None or instant != last_modified_s:
        return False
    return date_s is not None and last_modified_s < date_s


def if_range_holds(headers: Headers, stored: StoredResponse) -> bool:
    """Return ``range_applies`` for what is stored."""
    return range_applies(
        headers, etag=stored.etag, last_modified_s=stored.last_modified_s, date_s=stored.date_s
    )


def has_validator(stored: StoredResponse) -> bool:
    """Return whether a conditional request can be made for ``stored``."""
    return stored.etag is not None or stored.last_modified_s is not None


def validation_fields(headers: Headers, stored: StoredResponse) -> Headers:
    """Return the fields for a conditional request to the origin (RFC 9111, 4.3.1).

    The viewer's own conditions and ranges are left out: they are evaluated on the way back.
    """
    fields = headers.copy()
    fields.remove(*PRECONDITIONS, "range")
    if stored.etag is not None:
        fields.add("If-None-Match", stored.etag)
    if stored.last_modified_s is not None:
        lines = stored.headers.values("last-modified")
        fields.add("If-Modified-Since", lines[0] if lines else format_http_date(stored.last_modified_s))
    return fields
