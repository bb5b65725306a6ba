"""How long a response stays fresh, and how old it was when it arrived.

Pure. Sources: RFC 9111, 4.2 (freshness lifetime, heuristics, age); RFC 5861 (stale windows);
CloudFront's minimum, default and maximum TTL.
"""

from dataclasses import dataclass

from edgefaas.cache.dates import parse_http_date
from edgefaas.cache.directives import ResponseDirectives, parse_age
from edgefaas.message import Headers
from edgefaas.site import CachePolicy

HEURISTIC_STATUSES = frozenset({200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501})  # RFC 9110, 15.1
HEURISTIC_FRACTION = 0.1  # RFC 9111, 4.2.2
HEURISTIC_MAX_S = 86_400.0
ERROR_TTL_STATUSES = frozenset({404, 414, 500, 501, 502, 503, 504})  # CloudFront
_FIRST_ERROR = 400
_CLOCK_RESOLUTION_S = 1.0  # dates have whole seconds, so an apparent age below one says nothing


@dataclass(frozen=True, slots=True)
class Lifetime:
    """How long a response is fresh and whether the origin said so."""

    seconds: float
    explicit: bool
    heuristic: bool = False


def date_value(headers: Headers, response_time_s: float) -> int:
    """Return the Date of a response, or when it arrived if it has none that is valid (RFC 9110, 6.6.1)."""
    lines = headers.values("date")
    parsed = parse_http_date(lines[0]) if lines else None
    return int(response_time_s) if parsed is None else parsed


def corrected_initial_age_s(headers: Headers, request_time_s: float, response_time_s: float) -> float:
    """Return the age on arrival (RFC 9111, 4.2.3). Never negative."""
    apparent = max(0.0, response_time_s - date_value(headers, response_time_s))
    if apparent < _CLOCK_RESOLUTION_S:
        apparent = 0.0
    delay = max(0.0, response_time_s - request_time_s)
    return max(apparent, parse_age(headers) + delay)


def freshness_lifetime(
    status: int, headers: Headers, directives: ResponseDirectives, policy: CachePolicy, response_time_s: float
) -> Lifetime:
    """Return the lifetime under ``policy``: s-maxage, max-age, Expires, else default or heuristic.

    An error that CloudFront caches lives at least as long as the policy's error TTL.
    """
    least_s = float(policy.error_ttl_s) if status in ERROR_TTL_STATUSES else 0.0
    explicit = _explicit_s(headers, directives, response_time_s)
    if explicit is not None:
        clamped = min(max(explicit, policy.min_ttl_s), policy.max_ttl_s)
        return Lifetime(max(clamped, least_s), explicit=True)
    if least_s > 0:
        return Lifetime(least_s, explicit=False)
    by_policy_s = float(max(policy.default_ttl_s, policy.min_ttl_s))
    if by_policy_s > 0 and status >= _FIRST_ERROR:
        return Lifetime(0.0, explicit=False)  # CloudFront: only what the origin says, or the error TTL
    if status not in HEURISTIC_STATUSES and not directives.public:
        return Lifetime(0.0, explicit=False)
    if by_policy_s > 0:
        return Lifetime(by_policy_s, explicit=False)
    guess = min(_heuristic_s(headers, response_time_s), policy.max_ttl_s)
    return Lifetime(guess, explicit=False, heuristic=True)


def _explicit_s(headers: Headers, directives: ResponseDirectives, response_time_s: float) -> float | None:
    if directives.s_maxage_s is not None:
        return float(directives.s_maxage_s)
    if directives.max_age_s is not None:
        return float(directives.max_age_s)
    if directives.targeted:
        return None  # RFC 9213, 2.2: Expires is replaced as well
    lines = headers.values("expires")
    if not lines:
        return None
    expires = parse_http_date(lines[0])
    if expires is None:
        return 0.0  # an invalid date is in the past (RFC 9111, 5.3)
    return max(0.0, float(expires - date_value(headers, response_time_s)))


def _heuristic_s(headers: Headers, response_time_s: float) -> float:
    lines = headers.values("last-modified")
    modified = parse_http_date(lines[0]) if lines else None
    if modified is None:
        return 0.0
    since = date_value(headers, response_time_s) - modified
    return min(max(0.0, since * HEURISTIC_FRACTION), HEURISTIC_MAX_S)
