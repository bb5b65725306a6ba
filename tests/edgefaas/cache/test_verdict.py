import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefaas.cache import (
    Bypass,
    Fail,
    Fetch,
    Forward,
    GatewayTimeout,
    Revalidate,
    Serve,
    ServeAndRevalidate,
    ServeStale,
    collapsible,
    judge,
    on_origin_failure,
)
from edgefaas.site import CachePolicy
from tests.edgefaas.cache.builders import NOW_S, RFC, request, stored

FRESH = ("Cache-Control", "max-age=60")
TAG = ("ETag", '"v"')


def test_a_fresh_response_is_served_and_a_stale_one_is_validated() -> None:
    entry = stored(FRESH, TAG)
    assert judge(request(), [entry], NOW_S + 59.999) == Serve(entry)
    verdict = judge(request(), [entry], NOW_S + 60)
    assert isinstance(verdict, Revalidate)
    assert verdict.headers.get("if-none-match") == '"v"'


def test_without_a_validator_a_stale_response_is_fetched_anew() -> None:
    entry = stored(FRESH)
    assert judge(request(), [entry], NOW_S + 60) == Fetch(Forward.STALE, entry)


def test_nothing_stored_and_nothing_matching_are_told_apart() -> None:
    assert judge(request(), [], NOW_S) == Fetch(Forward.URI_MISS)
    entry = stored(FRESH, ("Vary", "Foo"), asked=request(("Foo", "1")))
    assert judge(request(("Foo", "2")), [entry], NOW_S) == Fetch(Forward.VARY_MISS)


def test_no_cache_asks_the_origin_every_time() -> None:
    entry = stored(("Cache-Control", "max-age=60, no-cache"), TAG)
    assert isinstance(judge(request(), [entry], NOW_S), Revalidate)


@pytest.mark.parametrize(
    "ask", [("Cache-Control", "no-cache"), ("Pragma", "no-cache"), ("Cache-Control", "max-age=0")]
)
def test_a_viewer_may_ask_for_validation(ask: tuple[str, str]) -> None:
    assert isinstance(judge(request(ask), [stored(FRESH, TAG)], NOW_S), Revalidate)


@pytest.mark.parametrize("ask", [("Cache-Control", "nothing-to-see-here"), ("Pragma", "foo")])
def test_words_that_are_no_directives_change_nothing(ask: tuple[str, str]) -> None:
    assert isinstance(judge(request(ask), [stored(FRESH, TAG)], NOW_S), Serve)


def test_the_viewers_max_age_and_min_fresh_have_both_sides() -> None:
    entry = stored(FRESH, TAG)
    assert isinstance(judge(request(("Cache-Control", "max-age=10")), [entry], NOW_S + 10), Serve)
    assert isinstance(judge(request(("Cache-Control", "max-age=10")), [entry], NOW_S + 10.1), Revalidate)
    assert isinstance(judge(request(("Cache-Control", "min-fresh=10")), [entry], NOW_S + 50), Serve)
    assert isinstance(judge(request(("Cache-Control", "min-fresh=10")), [entry], NOW_S + 50.1), Revalidate)


def test_max_stale_serves_stale_unless_the_origin_forbids() -> None:
    ask = request(("Cache-Control", "max-stale=10"))
    entry = stored(FRESH, TAG)
    assert judge(ask, [entry], NOW_S + 70) == Serve(entry, stale=True)
    assert isinstance(judge(ask, [entry], NOW_S + 70.1), Revalidate)
    for word in ("must-revalidate", "proxy-revalidate", "s-maxage=60", "no-cache"):
        strict = stored(("Cache-Control", f"max-age=60, {word}"), TAG)
        assert isinstance(judge(ask, [strict], NOW_S + 65), Revalidate)


def test_only_if_cached_never_reaches_the_origin() -> None:
    ask = request(("Cache-Control", "only-if-cached"))
    assert judge(ask, [], NOW_S) == GatewayTimeout()
    entry = stored(FRESH, TAG)
    assert judge(ask, [entry], NOW_S) == Serve(entry)
    assert judge(ask, [entry], NOW_S + 60) == GatewayTimeout()


def test_other_methods_bodies_and_no_store_pass_the_cache_by() -> None:
    entry = stored(FRESH)
    assert judge(request(method="POST"), [entry], NOW_S) == Bypass(Forward.METHOD)
    assert judge(request(body=b"x"), [entry], NOW_S) == Bypass(Forward.BYPASS)
    assert judge(request(("Content-Length", "5")), [entry], NOW_S) == Bypass(Forward.BYPASS)
    assert judge(request(("Cache-Control", "no-store")), [entry], NOW_S) == Bypass(Forward.REQUEST)


def test_stale_while_revalidate_serves_within_its_window() -> None:
    entry = stored(("Cache-Control", "max-age=60, stale-while-revalidate=10"), TAG)
    assert isinstance(judge(request(), [entry], NOW_S + 70), ServeAndRevalidate)
    assert isinstance(judge(request(), [entry], NOW_S + 70.1), Revalidate)


@pytest.mark.parametrize("word", ["must-revalidate", "proxy-revalidate", "s-maxage=60", "no-cache"])
def test_no_window_opens_what_the_origin_forbids(word: str) -> None:
    control = f"max-age=60, stale-while-revalidate=10, stale-if-error=10, {word}"
    entry = stored(("Cache-Control", control), TAG)
    assert isinstance(judge(request(), [entry], NOW_S + 65), Revalidate)
    assert on_origin_failure(entry, request(), RFC, status=None, now_s=NOW_S + 65) == Fail()
    assert on_origin_failure(entry, request(), RFC, status=503, now_s=NOW_S + 65) == Fail()


def test_a_soft_purge_makes_stale_but_leaves_the_windows() -> None:
    entry = stored(("Cache-Control", "max-age=60, stale-while-revalidate=10"), TAG)
    entry.soft_purged = True
    assert isinstance(judge(request(), [entry], NOW_S), ServeAndRevalidate)
    assert isinstance(judge(request(("Cache-Control", "max-stale")), [stored(FRESH, TAG)], NOW_S), Serve)


def test_a_head_goes_through_as_it_is_when_stale() -> None:
    entry = stored(FRESH, TAG)
    assert judge(request(method="HEAD"), [entry], NOW_S) == Serve(entry)
    assert judge(request(method="HEAD"), [entry], NOW_S + 60) == Fetch(Forward.STALE, entry)


def test_a_validation_carries_our_conditions_not_the_viewers() -> None:
    entry = stored(FRESH, TAG, ("Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT"))
    ask = request(("If-None-Match", '"old"'), ("Range", "bytes=0-1"), ("If-Range", '"old"'), ("Abc", "1"))
    verdict = judge(ask, [entry], NOW_S + 60)
    assert isinstance(verdict, Revalidate)
    assert list(verdict.headers) == [
        ("Abc", "1"),
        ("If-None-Match", '"v"'),
        ("If-Modified-Since", "Sun, 06 Nov 1994 08:49:37 GMT"),
    ]


def test_only_the_origin_decides_on_if_match() -> None:
    entry = stored(FRESH, TAG)
    assert judge(request(("If-Match", '"v"')), [entry], NOW_S) == Serve(entry)
    assert judge(request(("If-Match", "*")), [entry], NOW_S) == Serve(entry)
    assert judge(request(("If-Match", '"x"')), [entry], NOW_S) == Fetch(Forward.REQUEST)


def test_a_stored_part_serves_what_it_holds() -> None:
    entry = stored(FRESH, ("Content-Range", "bytes 4-9/10"), status=206, body=b"456789")
    for text in ("bytes=4-9", "bytes=-5", "bytes=6-8", "bytes=6-", "bytes=-1"):
        assert judge(request(("Range", text)), [entry], NOW_S) == Serve(entry)
    for text in ("bytes=3-9", "bytes=-7", "bytes=0-", "bytes=4-5,7-8", "bytes=x"):
        assert judge(request(("Range", text)), [entry], NOW_S) == Fetch(Forward.PARTIAL)
    assert judge(request(), [entry], NOW_S) == Fetch(Forward.PARTIAL)


def test_an_unreachable_origin_allows_stale_and_an_error_needs_permission() -> None:
    entry = stored(FRESH, TAG)
    later_s = NOW_S + 3600
    assert on_origin_failure(entry, request(), RFC, status=None, now_s=later_s) == ServeStale(entry)
    assert on_origin_failure(entry, request(), RFC, status=503, now_s=later_s) == Fail()
    cloudfront = CachePolicy(stale_on_error=True)
    assert on_origin_failure(entry, request(), cloudfront, status=503, now_s=later_s) == ServeStale(entry)


def test_stale_if_error_has_an_end() -> None:
    entry = stored(("Cache-Control", "max-age=60, stale-if-error=10"))
    for status in (None, 500, 502, 503, 504):
        assert on_origin_failure(entry, request(), RFC, status=status, now_s=NOW_S + 70) == ServeStale(entry)
        assert on_origin_failure(entry, request(), RFC, status=status, now_s=NOW_S + 70.1) == Fail()
    assert on_origin_failure(entry, request(), RFC, status=501, now_s=NOW_S + 65) == Fail()


def test_stale_if_error_of_zero_forbids_even_when_disconnected() -> None:
    entry = stored(("Cache-Control", "max-age=60, stale-if-error=0"))
    assert on_origin_failure(entry, request(), RFC, status=None, now_s=NOW_S + 61) == Fail()


def test_a_stored_error_never_stands_in() -> None:
    entry = stored(("Cache-Control", "max-age=60, stale-if-error=100"), status=503)
    assert on_origin_failure(entry, request(), RFC, status=None, now_s=NOW_S + 61) == Fail()
    assert on_origin_failure(None, request(), RFC, status=None, now_s=NOW_S) == Fail()


def test_a_viewer_who_insists_gets_the_error() -> None:
    ask = request(("Cache-Control", "no-cache"))
    assert on_origin_failure(stored(FRESH), ask, RFC, status=None, now_s=NOW_S) == Fail()


def test_requests_with_conditions_or_ranges_are_not_collapsed() -> None:
    assert collapsible(request(("Accept", "*/*")))
    for field in ("Range", "If-None-Match", "If-Range", "If-Match"):
        assert not collapsible(request((field, "x")))
    assert not collapsible(request(method="HEAD"))


RANK = {Serve: 0, ServeAndRevalidate: 1, Revalidate: 2}


@given(
    max_age_s=st.integers(0, 1000),
    swr_s=st.integers(0, 1000),
    earlier_s=st.floats(0, 3000),
    wait_s=st.floats(0, 3000),
)
def test_a_verdict_never_becomes_more_lenient_by_waiting(
    max_age_s: int, swr_s: int, earlier_s: float, wait_s: float
) -> None:
    entry = stored(("Cache-Control", f"max-age={max_age_s}, stale-while-revalidate={swr_s}"), TAG)
    before = judge(request(), [entry], NOW_S + earlier_s)
    after = judge(request(), [entry], NOW_S + earlier_s + wait_s)
    assert RANK[type(before)] <= RANK[type(after)]
