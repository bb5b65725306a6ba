"""Builders that name only what a test is about."""

from edgefaas.cache import Pass, Store, StoredResponse, Timing, cache_key, storability
from edgefaas.message import Headers, Request, Response
from edgefaas.site import CachePolicy

NOW_S = 1_790_000_000.0
RFC = CachePolicy()


def request(
    *fields: tuple[str, str],
    method: str = "GET",
    path: str = "/a",
    query: str = "",
    host: str = "site.example",
    body: bytes = b"",
) -> Request:
    return Request(
        method=method, path=path, query=query, host=host, headers=Headers(fields), body=body, id="req-1"
    )


def response(*fields: tuple[str, str], status: int = 200, body: bytes = b"hello") -> Response:
    return Response(status=status, headers=Headers(fields), body=body)


def timing(at_s: float = NOW_S, took_s: float = 0.0) -> Timing:
    return Timing(request_time_s=at_s - took_s, response_time_s=at_s)


def decide(
    *fields: tuple[str, str],
    status: int = 200,
    asked: Request | None = None,
    policy: CachePolicy = RFC,
    at_s: float = NOW_S,
) -> Store | Pass:
    viewer = request() if asked is None else asked
    answer = response(*fields, status=status)
    return storability(viewer, answer, policy, cache_key(viewer, policy), timing(at_s))


def stored(
    *fields: tuple[str, str],
    status: int = 200,
    body: bytes = b"hello",
    asked: Request | None = None,
    policy: CachePolicy = RFC,
    at_s: float = NOW_S,
) -> StoredResponse:
    """Store a response with these fields; ``Cache-Control: max-age=60`` when none are given."""
    decided = decide(
        *(fields or (("Cache-Control", "max-age=60"),)), status=status, asked=asked, policy=policy, at_s=at_s
    )
    assert isinstance(decided, Store), decided
    return decided.with_body(body)
