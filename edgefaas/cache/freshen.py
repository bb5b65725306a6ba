"""Bring a stored response up to date by a newer one that says it still holds.

Pure. Sources: RFC 9111, 3.2 (updating stored header fields), 4.3.4 (304), 4.3.5 (HEAD).
"""

from dataclasses import dataclass, replace

from edgefaas.cache.compression import coded_form
from edgefaas.cache.dates import format_http_date
from edgefaas.cache.fields import nominated_fields
from edgefaas.cache.storability import Pass, Timing, storability, unkeyed_override
from edgefaas.cache.stored import StoredResponse
from edgefaas.message import Headers, Request, Response
from edgefaas.site import CachePolicy

_OK = 200
# Length and framing belong to the stored octets (RFC 9111, 3.2); a body coded by this POP keeps its coding.
_NEVER_UPDATED = frozenset({"content-length", "content-range"})


@dataclass(frozen=True, slots=True)
class Freshened:
    """The response to answer with; ``keep`` tells whether it may (still) be stored."""

    stored: StoredResponse
    keep: bool


def updated_fields(stored: Headers, newer: Headers) -> Headers:
    """Return the stored fields with those of ``newer`` in their place (RFC 9111, 3.2)."""
    withheld = nominated_fields(newer) | _NEVER_UPDATED
    replaced = {name.lower() for name, _ in newer} - withheld
    kept = [(name, value) for name, value in stored if name.lower() not in replaced]
    # An Age that the newer response lacks says nothing about it.
    kept = [(name, value) for name, value in kept if name.lower() != "age"]
    return Headers([*kept, *((name, value) for name, value in newer if name.lower() in replaced)])


def freshen(
    request: Request, stored: StoredResponse, newer: Response, policy: CachePolicy, timing: Timing
) -> Freshened:
    """Return ``stored`` updated by a 304, or by a 200 to HEAD, as if it had been stored at ``timing``.

    A 304 whose strong validator is not the stored one updates nothing (4.3.4).
    """
    new_tag = newer.headers.get("etag")
    if stored.etag is not None and new_tag is not None and _contradicts(stored.etag, new_tag):
        return Freshened(stored, keep=True)
    newer_fields = newer.headers
    if "date" not in newer_fields:  # RFC 9110, 6.6.1: without one, it is when the response arrived
        newer_fields = newer_fields.copy()
        newer_fields.add("Date", format_http_date(int(timing.response_time_s)))
    merged = Response(
        status=stored.status, reason=stored.reason, headers=updated_fields(stored.headers, newer_fields)
    )
    getting = replace(request, method="GET", body=b"")
    decided = storability(getting, merged, policy, stored.key, timing)
    if isinstance(decided, Pass):
        once = replace(
            stored,
            headers=merged.headers,
            head=b"",
            lifetime_s=0.0,
            forms=None,
            composed_200=None,
            composed_304=None,
        )
        return Freshened(once, keep=False)
    fresh = decided.with_body(stored.body, digest=stored.digest)
    fresh.partial = stored.partial
    fresh.uri, fresh.host = stored.uri, stored.host
    if stored.forms and fresh.compressible:
        fresh.forms = {
            coding: coded_form(fresh, coding, form.body)
            for coding, form in stored.forms.items()
            if isinstance(form.body, bytes)
        }
    return Freshened(fresh, keep=True)


def _contradicts(stored: str, newer: str) -> bool:
    return not newer.startswith("W/") and stored.removeprefix("W/") != newer


def freshen_from_head(
    request: Request, stored: StoredResponse, newer: Response, policy: CachePolicy, timing: Timing
) -> Freshened | None:
    """Return ``stored`` updated by the response to a HEAD, or None when that says nothing about it.

    A 200 whose length or validators differ shows that the stored response is outdated: ``keep`` is False.
    """
    if newer.status != _OK or stored.status != _OK or stored.partial is not None:
        return None
    if unkeyed_override(request.headers, newer.headers, policy) is not None:
        return None
    length = newer.headers.get("content-length")
    etag = newer.headers.get("etag")
    modified = newer.headers.get("last-modified")
    same = (
        (length is None or length == str(stored.length_bytes))
        and (etag is None or etag == stored.etag)
        and (modified is None or modified == stored.headers.get("last-modified"))
    )
    if not same:
        return Freshened(stored, keep=False)
    return freshen(request, stored, newer, policy, timing)
