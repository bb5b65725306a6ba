"""Whether a response may be stored, and what is stored of it.

Pure. Sources: RFC 9111, 3 (storing), 3.1 (fields), 3.3 (incomplete responses), 3.5 (Authorization),
5.2.2.3 (must-understand); RFC 9213; CloudFront's cache policies.
"""

from dataclasses import dataclass

from edgefaas.cache.compression import is_compressible
from edgefaas.cache.dates import format_http_date, parse_http_date
from edgefaas.cache.directives import ResponseDirectives, request_directives, response_directives
from edgefaas.cache.fields import nominated_fields
from edgefaas.cache.freshness import (
    ERROR_TTL_STATUSES,
    HEURISTIC_STATUSES,
    Lifetime,
    corrected_initial_age_s,
    date_value,
    freshness_lifetime,
)
from edgefaas.cache.key import SEPARATOR, canonical_host, request_uri, same_origin_uri
from edgefaas.cache.ranges import parse_content_range
from edgefaas.cache.stored import BodyFile, PartialRange, StoredResponse, body_digest
from edgefaas.cache.vary import STAR, Selectors, selectors_of, vary_names
from edgefaas.message import Headers, Request, Response
from edgefaas.site import CachePolicy

# Answers to this request's conditions or ranges, not to its URI.
_NEVER_STORED = frozenset({304, 412, 416})
_FIRST_FINAL_STATUS = 200
_OK = 200
_PARTIAL_CONTENT = 206
_FIRST_SERVER_ERROR = 500
# RFC 9110, 15 and the registry: what this cache knows the caching rules of (must-understand).
UNDERSTOOD_STATUSES = frozenset(
    {200, 203, 204, 206, 300, 301, 302, 303, 307, 308, 400, 401, 402, 403, 404, 405, 406, 408, 409, 410}
    | {411, 413, 414, 415, 417, 421, 422, 426, 429, 431, 451, 500, 501, 502, 503, 504, 505}
)
# By these, frameworks and proxies take another target, host, scheme or method than the request's own. None is
# part of a cache key, so what they shaped is for who sent them ("Practical Web Cache Poisoning", Kettle, 2018).
OVERRIDES = frozenset(
    {"x-original-url", "x-rewrite-url", "x-proxy-url", "x-host", "x-http-host-override"}
    | {"x-http-method", "x-http-method-override", "x-method-override"}
)
TAG_FIELDS = ("cache-tag", "surrogate-key")
_TAGS_MAX = 1_000
_NOT_STORED = frozenset({"x-cache", "x-edge-pop", "x-edge-request-id", "server-timing"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """The response may be stored; everything about it but its body is decided."""

    key: str
    uri: str
    host: str
    status: int
    reason: str
    headers: Headers
    request_time_s: float
    response_time_s: float
    birth_s: float
    lifetime: Lifetime
    stale_while_revalidate_s: float
    stale_if_error_s: float | None
    no_cache: bool
    stale_prohibited: bool
    selectors: Selectors
    tags: tuple[str, ...]
    partial: PartialRange | None
    compress: bool

    @property
    def shareable(self) -> bool:
        """Return whether it may answer others who asked while it was fetched (RFC 9111, 4).

        What has to be validated before each use, or was stale on arrival, is stored for its validator only:
        who waited for it has to ask the origin.
        """
        return not self.no_cache and self.lifetime.seconds > self.response_time_s - self.birth_s

    def with_body(self, body: bytes | BodyFile, *, digest: bytes | None = None) -> StoredResponse:
        """Return the stored response; ``digest`` is computed for bytes when it is not given."""
        etag = self.headers.values("etag")
        modified = self.headers.values("last-modified")
        length_bytes = len(body) if isinstance(body, bytes) else body.length_bytes
        if digest is None:
            digest = body_digest(body) if isinstance(body, bytes) else b""
        return StoredResponse(
            key=self.key,
            uri=self.uri,
            host=self.host,
            status=self.status,
            reason=self.reason,
            headers=self.headers,
            body=body,
            request_time_s=self.request_time_s,
            response_time_s=self.response_time_s,
            birth_s=self.birth_s,
            lifetime_s=self.lifetime.seconds,
            stale_while_revalidate_s=self.stale_while_revalidate_s,
            stale_if_error_s=self.stale_if_error_s,
            no_cache=self.no_cache,
            stale_prohibited=self.stale_prohibited,
            heuristic=self.lifetime.heuristic,
            selectors=self.selectors,
            tags=self.tags,
            etag=etag[0] if etag else None,
            last_modified_s=parse_http_date(modified[0]) if modified else None,
            date_s=date_value(self.headers, self.response_time_s),
            partial=self.partial,
            digest=digest,
            compressible=self.compress and is_compressible(self.status, self.headers, length_bytes),
        )


@dataclass(frozen=True, slots=True)
class Pass:
    """The response goes to the viewer and is not stored.

    ``supersedes`` tells that it is newer truth about the URI, so that what is stored must not be used again.
    """

    reason: str
    supersedes: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """When the request went out and when the response's head came in, in Unix seconds."""

    request_time_s: float
    response_time_s: float


def storability(
    request: Request, response: Response, policy: CachePolicy, key: str, timing: Timing
) -> Store | Pass:
    """Decide what becomes of an origin's response to ``request``; only the head is looked at.

    ``request`` is the viewer's request as it stands after its functions: its method, its Authorization and
    the fields that Vary names decide.
    """
    directives = response_directives(response.headers)
    refusal = _refusal(request, response, policy, directives)
    if refusal is not None:
        return refusal
    arrived_s = timing.response_time_s
    lifetime = freshness_lifetime(response.status, response.headers, directives, policy, arrived_s)
    lenient = policy.min_ttl_s > 0  # CloudFront: with a minimum TTL, no-cache does not count
    no_cache = directives.no_cache and not lenient
    validator = _has_validator(response.headers)
    windows = bool(directives.stale_while_revalidate_s or directives.stale_if_error_s)
    if not validator and (no_cache or (lifetime.seconds <= 0 and not windows)):
        return Pass("no freshness and no validator", supersedes=response.status < _FIRST_SERVER_ERROR)
    partial = None
    if response.status == _PARTIAL_CONTENT:
        partial = _partial(response.headers)
        if partial is None:
            return Pass("partial content that cannot be reused")
    prohibited = not lenient and (
        directives.must_revalidate
        or directives.proxy_revalidate
        or directives.s_maxage_s is not None
        or directives.no_cache
    )
    names = vary_names(response.headers)
    age = corrected_initial_age_s(response.headers, timing.request_time_s, timing.response_time_s)
    return Store(
        key=key,
        uri=key.partition(SEPARATOR)[0],
        host=canonical_host(request.host, request.scheme),
        status=response.status,
        reason=response.reason,
        headers=stored_fields(response.headers, directives, timing.response_time_s),
        request_time_s=timing.request_time_s,
        response_time_s=timing.response_time_s,
        birth_s=timing.response_time_s - age,
        lifetime=lifetime,
        stale_while_revalidate_s=0.0 if prohibited else float(directives.stale_while_revalidate_s or 0),
        stale_if_error_s=None if directives.stale_if_error_s is None else float(directives.stale_if_error_s),
        no_cache=no_cache,
        stale_prohibited=prohibited,
        selectors=selectors_of(names, request.headers),
        tags=response_tags(response.headers),
        partial=partial,
        compress=policy.compress,
    )


def _refusal(
    request: Request, response: Response, policy: CachePolicy, directives: ResponseDirectives
) -> Pass | None:
    """Return why RFC 9111, 3 forbids storing, or None."""
    reason = _about_exchange(request, response.status)
    if reason is None and (name := unkeyed_override(request.headers, response.headers, policy)) is not None:
        reason = f"unkeyed {name}"
    if reason is None and request.method == "POST":
        reason = _about_post(request, response, directives)
    if reason is not None:
        return Pass(reason)
    reason = _about_response(request, response, policy, directives)
    if reason is None:
        return None
    newer = response.status < _FIRST_SERVER_ERROR and response.status != _PARTIAL_CONTENT
    return Pass(reason, supersedes=newer)


def _about_exchange(request: Request, status: int) -> str | None:
    """Return what in the request or the status makes the response unfit to be stored at all."""
    if request.method not in ("GET", "POST"):
        return f"method {request.method}"
    if request.method == "GET" and has_body(request):
        return "request with a body"
    if request_directives(request.headers.get("cache-control"), None).no_store:
        return "request no-store"
    if status < _FIRST_FINAL_STATUS or status in _NEVER_STORED:
        return f"status {status}"
    return None


def unkeyed_override(asked: Headers, answered: Headers, policy: CachePolicy) -> str | None:
    """Return the field by which a viewer may have been answered about something else than the key says.

    None when there is none, or when the policy or the response's Vary tells its values apart.
    """
    names = {lowered for name, _ in asked if (lowered := name.lower()) in OVERRIDES}
    if not names:
        return None
    unkeyed = names - policy.headers - frozenset(vary_names(answered))
    return min(unkeyed, default=None)


def _about_post(request: Request, response: Response, directives: ResponseDirectives) -> str | None:
    """Return why a POST's response is not a representation for later GETs (RFC 9110, 9.3.3), or None."""
    location = response.headers.get("content-location")
    explicit = (
        directives.max_age_s is not None
        or directives.s_maxage_s is not None
        or (not directives.targeted and "expires" in response.headers)
    )
    if response.status != _OK or not explicit or location is None:
        return "method POST"
    target = request_uri(request)
    return None if same_origin_uri(target, location) == target else "method POST"


def _about_response(
    request: Request, response: Response, policy: CachePolicy, directives: ResponseDirectives
) -> str | None:
    """Return which of the origin's words, or of the policy's, forbids storing."""
    if (reason := _about_words(response.status, policy, directives)) is not None:
        return reason
    grants = directives.public or directives.must_revalidate or directives.s_maxage_s is not None
    reasons = {
        "authorization": not grants and "authorization" in request.headers,
        "set-cookie": not policy.store_set_cookie and "set-cookie" in response.headers,
        "vary *": STAR in vary_names(response.headers),
        "no explicit freshness": not _has_ground(response.status, response.headers, directives, policy),
    }
    return next((reason for reason, holds in reasons.items() if holds), None)


def _about_words(status: int, policy: CachePolicy, directives: ResponseDirectives) -> str | None:
    """Return which directive forbids storing, whatever the other fields say."""
    lenient = policy.min_ttl_s > 0
    if directives.must_understand:
        if status not in UNDERSTOOD_STATUSES:
            return "must-understand"
    elif directives.no_store and not lenient:
        return "no-store"
    return "private" if directives.private and not lenient else None


def refused_by_words(status: int, policy: CachePolicy, directives: ResponseDirectives) -> bool:
    """Return whether ``storability`` refuses a final response to a GET for what its directives say alone."""
    return status >= _FIRST_FINAL_STATUS and _about_words(status, policy, directives) is not None


def _has_ground(status: int, headers: Headers, directives: ResponseDirectives, policy: CachePolicy) -> bool:
    """Return whether the last condition of RFC 9111, 3 holds: something says that this may be cached."""
    if status in HEURISTIC_STATUSES or directives.public:
        return True
    if directives.max_age_s is not None or directives.s_maxage_s is not None:
        return True
    if policy.error_ttl_s > 0 and status in ERROR_TTL_STATUSES:
        return True
    return not directives.targeted and "expires" in headers


def has_body(request: Request) -> bool:
    """Return whether a request carries content, by its framing (a "fat GET" must not touch the cache)."""
    if isinstance(request.body, bytes) and request.body:
        return True
    if "transfer-encoding" in request.headers:
        return True
    return request.headers.get("content-length") not in (None, "0")


def _has_validator(headers: Headers) -> bool:
    if "etag" in headers:
        return True
    lines = headers.values("last-modified")
    return bool(lines) and parse_http_date(lines[0]) is not None


def _partial(headers: Headers) -> PartialRange | None:
    """Return which octets a 206 holds; None when it has several parts, or says nothing usable."""
    found = parse_content_range(headers.get("content-range") or "")
    if found is None:
        return None
    length = headers.get("content-length")
    if length is not None and length != str(found.last - found.first + 1):
        return None
    return found


def stored_fields(headers: Headers, directives: ResponseDirectives, response_time_s: float) -> Headers:
    """Return the fields to store: without those of the connection and those the origin withholds.

    A missing Date is added (RFC 9110, 6.6.1).
    """
    dropped = nominated_fields(headers) | directives.no_cache_fields | directives.private_fields | _NOT_STORED
    kept = Headers((name, value) for name, value in headers if name.lower() not in dropped)
    if "date" not in kept:
        kept.add("Date", format_http_date(int(response_time_s)))
    return kept


def response_tags(headers: Headers) -> tuple[str, ...]:
    """Return the tags an origin gave: ``Cache-Tag`` by commas, ``Surrogate-Key`` by spaces; at most 1,000."""
    tags: dict[str, None] = {}
    for line in headers.values("cache-tag"):
        tags.update(dict.fromkeys(tag for part in line.split(",") if (tag := part.strip())))
    for line in headers.values("surrogate-key"):
        tags.update(dict.fromkeys(line.split()))
    return tuple(tags)[:_TAGS_MAX]
