import pytest

from edgefaas.cache import Purge, freshen, freshen_from_head, invalidated_by, matches
from edgefaas.message import Response
from edgefaas.site import CachePolicy, Selection
from tests.edgefaas.cache.builders import NOW_S, RFC, request, response, stored, timing

FRESH = ("Cache-Control", "max-age=60")
TAG = ("ETag", '"v"')


def not_modified(*fields: tuple[str, str]) -> Response:
    return response(*fields, status=304, body=b"")


def test_a_304_makes_the_stored_response_fresh_again_and_updates_its_fields() -> None:
    entry = stored(FRESH, TAG, ("A", "1"), ("B", "1"), ("B", "2"), ("C", "1"))
    newer = not_modified(("Cache-Control", "max-age=10"), ("A", "2"), ("B", "3"), TAG)
    result = freshen(request(), entry, newer, RFC, timing(NOW_S + 100))
    assert result.keep
    fresh = result.stored
    assert (fresh.lifetime_s, fresh.birth_s, fresh.body) == (10, NOW_S + 100, entry.body)
    assert [fresh.headers.values(name) for name in "abc"] == [["2"], ["3"], ["1"]]
    assert b"A: 2\r\n" in fresh.head


def test_a_304_without_directives_renews_the_old_lifetime() -> None:
    result = freshen(request(), stored(FRESH, TAG), not_modified(), RFC, timing(NOW_S + 100))
    assert result.stored.is_fresh(NOW_S + 159)
    assert not result.stored.is_fresh(NOW_S + 160)


def test_a_304_never_changes_length_framing_or_range() -> None:
    entry = stored(FRESH, TAG, ("Content-Length", "5"))
    newer = not_modified(
        ("Content-Length", "9"), ("Transfer-Encoding", "chunked"), ("Connection", "A"), ("A", "1")
    )
    fresh = freshen(request(), entry, newer, RFC, timing()).stored
    assert fresh.headers.get("content-length") == "5"
    assert fresh.headers.get("transfer-encoding") is None
    assert fresh.headers.get("a") is None
    assert fresh.length_bytes == 5


def test_a_304_for_another_strong_validator_updates_nothing() -> None:
    entry = stored(FRESH, TAG)
    result = freshen(
        request(), entry, not_modified(("ETag", '"other"'), ("A", "1")), RFC, timing(NOW_S + 100)
    )
    assert result.stored is entry


def test_a_304_that_forbids_storing_is_used_once() -> None:
    entry = stored(FRESH, TAG)
    result = freshen(request(), entry, not_modified(("Cache-Control", "no-store")), RFC, timing(NOW_S + 100))
    assert not result.keep
    assert result.stored.body == entry.body
    assert b"no-store" in result.stored.head


def test_a_head_that_agrees_freshens_and_one_that_differs_removes() -> None:
    entry = stored(FRESH, TAG)
    head = request(method="HEAD")
    agrees = freshen_from_head(
        head, entry, response(FRESH, TAG, ("Content-Length", "5")), RFC, timing(NOW_S + 99)
    )
    assert agrees is not None
    assert agrees.keep
    assert agrees.stored.is_fresh(NOW_S + 100)
    for field in (
        ("ETag", '"w"'),
        ("Content-Length", "6"),
        ("Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT"),
    ):
        differs = freshen_from_head(head, entry, response(FRESH, field), RFC, timing())
        assert differs is not None
        assert not differs.keep
    assert freshen_from_head(head, entry, response(FRESH, status=404), RFC, timing()) is None


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "M-SEARCH"])
def test_a_successful_unsafe_request_invalidates_its_uri_and_what_it_names(method: str) -> None:
    got = invalidated_by(
        request(method=method, path="/a/b"),
        response(("Location", "c"), ("Content-Location", "http://site.example/d"), status=201),
    )
    assert got == ("http://site.example/a/b", "http://site.example/a/c", "http://site.example/d")


@pytest.mark.parametrize(("method", "status"), [("POST", 500), ("POST", 404), ("GET", 200), ("OPTIONS", 200)])
def test_a_failed_or_safe_request_invalidates_nothing(method: str, status: int) -> None:
    assert invalidated_by(request(method=method), response(status=status)) == ()


def test_nobody_invalidates_what_belongs_to_another_origin() -> None:
    got = invalidated_by(request(method="POST"), response(("Location", "http://other.example/x"), status=303))
    assert got == ("http://site.example/a",)


def test_what_is_not_keyed_does_not_hide_from_an_invalidation() -> None:
    policy = CachePolicy(query=Selection(mode="only", names=frozenset({"id"})))
    post = request(method="POST", query="utm=1&id=2")
    (uri,) = invalidated_by(post, response(), policy)
    held = stored(FRESH, asked=request(query="id=2&utm=7"), policy=policy)
    assert held.uri == uri == "http://site.example/a?id=2"
    assert matches(Purge(kind="url", value="/a?id=2"), held)
