"""What to do about a viewer's request, given what is stored.

Pure. Sources: RFC 9111, 4 (constructing responses from caches), 4.2.4 (stale), 5.2.1 (request directives);
RFC 5861 (stale-while-revalidate, stale-if-error); RFC 9110, 13 (conditional requests).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from edgefaas.cache.cache_status import Forward
from edgefaas.cache.conditional import (
    PRECONDITIONS,
    has_validator,
    if_range_holds,
    origin_must_decide,
    validation_fields,
)
from edgefaas.cache.directives import NO_REQUEST_DIRECTIVES, RequestDirectives, request_directives
from edgefaas.cache.ranges import Unsatisfiable, parse_range
from edgefaas.cache.storability import has_body
from edgefaas.cache.stored import StoredResponse
from edgefaas.cache.vary import select_variant
from edgefaas.message import Headers, Request
from edgefaas.site import CachePolicy

STALE_IF_ERROR_STATUSES = frozenset({500, 502, 503, 504})  # RFC 5861, 4
_FIRST_SERVER_ERROR = 500
_DECIDING_FIELDS = frozenset(
    {"cache-control", "pragma", "if-match", "if-unmodified-since", "content-length", "transfer-encoding"}
)


@dataclass(frozen=True, slots=True)
class Serve:
    """Answer from the store; ``stale`` when the viewer's max-stale allowed that."""

    stored: StoredResponse
    stale: bool = False


@dataclass(frozen=True, slots=True)
class ServeAndRevalidate:
    """Answer from the store now and refresh it behind; ``headers`` are those of the request to the origin."""

    stored: StoredResponse
    headers: Headers


@dataclass(frozen=True, slots=True)
class Revalidate:
    """Ask the origin whether ``stored`` is still good; ``headers`` are those of that conditional request."""

    stored: StoredResponse
    headers: Headers
    reason: Forward


@dataclass(frozen=True, slots=True)
class Fetch:
    """Ask the origin with the request as it is. ``fallback`` may be served when the origin fails."""

    reason: Forward
    fallback: StoredResponse | None = None


@dataclass(frozen=True, slots=True)
class GatewayTimeout:
    """The viewer wants only what is stored (only-if-cached), and nothing usable is: 504."""


@dataclass(frozen=True, slots=True)
class Bypass:
    """The cache takes no part: forward, and store nothing."""

    reason: Forward


Verdict = Serve | ServeAndRevalidate | Revalidate | Fetch | GatewayTimeout | Bypass


def judge(request: Request, variants: Sequence[StoredResponse], now_s: float) -> Verdict:
    """Say what to do about ``request``; do none of it.

    ``variants`` are the stored responses of its primary key; ``now_s`` is Unix seconds.
    """
    if request.method not in ("GET", "HEAD"):
        return Bypass(Forward.METHOD)
    asked = NO_REQUEST_DIRECTIVES
    doubted = _asks_for_more(request)
    if doubted:
        if has_body(request):
            return Bypass(Forward.BYPASS)
        asked = request_directives(request.headers.get("cache-control"), request.headers.get("pragma"))
        if asked.no_store:
            return Bypass(Forward.REQUEST)
    stored = select_variant(request.headers, variants) if variants else None
    if stored is None:
        verdict: Verdict = Fetch(Forward.VARY_MISS if variants else Forward.URI_MISS)
    else:
        verdict = _judge_selected(request, stored, asked, now_s, doubted=doubted)
    if asked.only_if_cached and not isinstance(verdict, Serve | ServeAndRevalidate):
        return GatewayTimeout()
    return verdict


def _asks_for_more(request: Request) -> bool:
    """Return whether anything but the target and Vary may decide; most requests of most viewers say no."""
    for name, _ in request.headers:
        if name.lower() in _DECIDING_FIELDS:
            return True
    return bool(request.body)


def _judge_selected(
    request: Request, stored: StoredResponse, asked: RequestDirectives, now_s: float, *, doubted: bool
) -> Verdict:
    if stored.partial is not None and not _holds_the_range(request, stored):
        return Fetch(Forward.PARTIAL)
    if doubted and origin_must_decide(request.headers, stored):
        return Fetch(Forward.REQUEST)
    age_s = stored.age_s(now_s)
    remaining_s = stored.lifetime_s - age_s
    if asked is not NO_REQUEST_DIRECTIVES and _too_old_for_viewer(asked, age_s, remaining_s):
        return _ask_origin(request, stored, Forward.REQUEST)
    if remaining_s > 0 and not stored.soft_purged and not stored.no_cache:
        return Serve(stored)
    return _judge_stale(request, stored, asked, max(0.0, -remaining_s))


def _judge_stale(
    request: Request, stored: StoredResponse, asked: RequestDirectives, staleness_s: float
) -> Verdict:
    """Judge what is stale, purged softly, or never to be used without asking (no-cache)."""
    allowed_s = asked.max_stale_s
    if (
        allowed_s is not None
        and staleness_s <= allowed_s
        and not (stored.stale_prohibited or stored.no_cache or stored.soft_purged)
    ):
        return Serve(stored, stale=True)
    if stored.stale_while_revalidate_s > 0 and staleness_s <= stored.stale_while_revalidate_s:
        return ServeAndRevalidate(stored, validation_fields(request.headers, stored))
    return _ask_origin(request, stored, Forward.STALE)


def _too_old_for_viewer(asked: RequestDirectives, age_s: float, remaining_s: float) -> bool:
    if asked.no_cache:
        return True
    if asked.max_age_s is not None and (asked.max_age_s == 0 or age_s > asked.max_age_s):
        return True
    return asked.min_fresh_s is not None and remaining_s < asked.min_fresh_s


def _ask_origin(request: Request, stored: StoredResponse, reason: Forward) -> Verdict:
    """A HEAD goes through as it is and updates on the way back (RFC 9111, 4.3.5)."""
    if request.method == "GET" and stored.partial is None and has_validator(stored):
        return Revalidate(stored, validation_fields(request.headers, stored), reason)
    return Fetch(reason, stored)


def _holds_the_range(request: Request, stored: StoredResponse) -> bool:
    """Return whether a stored part can answer the request: all of the one range it asks for."""
    partial = stored.partial
    text = request.headers.get("range")
    if partial is None or text is None or request.method != "GET":
        return False
    if partial.complete_length is None:
        return False
    wanted = parse_range(text, partial.complete_length)
    if wanted is None or isinstance(wanted, Unsatisfiable) or len(wanted) != 1:
        return False
    if not if_range_holds(request.headers, stored):
        return False
    return partial.first <= wanted[0].first and wanted[0].last <= partial.last


def collapsible(request: Request) -> bool:
    """Return whether one origin response can answer several viewers who ask like this at once."""
    if request.method != "GET":
        return False
    lowered = {name.lower() for name, _ in request.headers}
    return lowered.isdisjoint(PRECONDITIONS | {"range"}) and not has_body(request)


@dataclass(frozen=True, slots=True)
class ServeStale:
    """Answer with ``stored`` although it is stale, instead of the origin's error."""

    stored: StoredResponse


@dataclass(frozen=True, slots=True)
class Fail:
    """No stored response may stand in: the viewer gets the error."""


def on_origin_failure(
    stored: StoredResponse | None,
    request: Request,
    policy: CachePolicy,
    *,
    status: int | None,
    now_s: float,
) -> ServeStale | Fail:
    """Say whether a stale answer may stand in for a failed origin (RFC 9111, 4.2.4; RFC 5861, 4).

    ``status`` is the origin's error status, None when it could not be reached at all: then RFC 9111 calls the
    cache disconnected and allows stale answers that nothing prohibits. An origin that answers 5xx needs
    stale-if-error, or ``policy.stale_on_error`` (CloudFront's rule). A stored 5xx never stands in.
    """
    permitted = status is None or status in STALE_IF_ERROR_STATUSES
    if stored is None or not permitted or not _may_stand_in(stored, request):
        return Fail()
    asked = request_directives(request.headers.get("cache-control"), request.headers.get("pragma"))
    if asked.no_cache or asked.no_store:
        return Fail()
    staleness_s = max(0.0, stored.age_s(now_s) - stored.lifetime_s)
    window_s = stored.stale_if_error_s if asked.stale_if_error_s is None else float(asked.stale_if_error_s)
    if window_s is None:
        return ServeStale(stored) if status is None or policy.stale_on_error else Fail()
    return ServeStale(stored) if window_s > 0 and staleness_s <= window_s else Fail()


def _may_stand_in(stored: StoredResponse, request: Request) -> bool:
    """Return whether ``stored`` could answer ``request`` at all, staleness aside."""
    if stored.stale_prohibited or stored.no_cache or stored.status >= _FIRST_SERVER_ERROR:
        return False
    if stored.partial is not None and not _holds_the_range(request, stored):
        return False
    return not origin_must_decide(request.headers, stored)
