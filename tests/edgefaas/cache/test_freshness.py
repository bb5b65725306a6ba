import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefaas.cache import Store, format_http_date
from edgefaas.site import CachePolicy
from tests.edgefaas.cache.builders import NOW_S, decide, stored


def date(offset_s: int = 0) -> str:
    return format_http_date(int(NOW_S) + offset_s)


def lifetime_s(*fields: tuple[str, str], status: int = 200, policy: CachePolicy | None = None) -> float:
    decided = decide(("ETag", '"v"'), *fields, status=status, policy=policy or CachePolicy())
    assert isinstance(decided, Store), decided
    return decided.lifetime.seconds


def test_s_maxage_wins_over_max_age_and_max_age_over_expires() -> None:
    expires = ("Expires", date(10))
    assert lifetime_s(("Cache-Control", "max-age=20, s-maxage=30"), expires) == 30
    assert lifetime_s(("Cache-Control", "max-age=20"), expires) == 20
    assert lifetime_s(expires) == 10


def test_expires_counts_from_the_date_of_the_origin_even_when_its_clock_is_fast() -> None:
    assert lifetime_s(("Date", date(500)), ("Expires", date(510))) == 10


def test_expires_that_equals_date_is_stale_at_once() -> None:
    entry = stored(("Date", date()), ("Expires", date()), ("ETag", '"v"'))
    assert not entry.is_fresh(NOW_S)


@pytest.mark.parametrize("expires", ["0", "-1", "", "Thu, 18 Aug 2050 02:01:18 UTC"])
def test_an_invalid_expires_is_in_the_past(expires: str) -> None:
    assert lifetime_s(("Expires", expires), ("Last-Modified", date(-10_000))) == 0


@pytest.mark.parametrize("status", [200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501])
def test_heuristic_freshness_is_a_tenth_of_the_time_since_modification(status: int) -> None:
    assert lifetime_s(("Last-Modified", date(-1000)), status=status) == pytest.approx(100)


def test_heuristic_freshness_is_at_most_a_day() -> None:
    assert lifetime_s(("Last-Modified", date(-86_400 * 1000))) == 86_400


@pytest.mark.parametrize("status", [201, 202, 302, 303, 307, 403, 500, 502, 503, 504, 599])
def test_other_statuses_get_no_heuristic_freshness(status: int) -> None:
    assert not isinstance(decide(("Last-Modified", date(-1000)), status=status), Store)
    public = decide(("Last-Modified", date(-1000)), ("Cache-Control", "public"), status=status)
    assert isinstance(public, Store)
    assert public.lifetime.seconds == pytest.approx(100)


@pytest.mark.parametrize("status", [200, 299, 302, 303, 307, 400, 403, 499, 500, 503, 599])
def test_any_status_may_have_explicit_freshness(status: int) -> None:
    assert lifetime_s(("Cache-Control", "max-age=60"), status=status) == 60


def test_the_policy_clamps_what_the_origin_says() -> None:
    policy = CachePolicy(min_ttl_s=10, default_ttl_s=100, max_ttl_s=1000)
    assert lifetime_s(("Cache-Control", "max-age=1"), policy=policy) == 10
    assert lifetime_s(("Cache-Control", "max-age=500"), policy=policy) == 500
    assert lifetime_s(("Cache-Control", "max-age=5000"), policy=policy) == 1000
    assert lifetime_s(policy=policy) == 100
    assert lifetime_s(policy=CachePolicy(min_ttl_s=10)) == 10


def test_an_error_ttl_is_the_least_for_the_errors_that_cloudfront_caches() -> None:
    policy = CachePolicy(error_ttl_s=10, default_ttl_s=1000)
    for status in (404, 414, 500, 501, 502, 503, 504):
        assert lifetime_s(status=status, policy=policy) == 10
        assert lifetime_s(("Cache-Control", "max-age=5"), status=status, policy=policy) == 10
        assert lifetime_s(("Cache-Control", "max-age=99"), status=status, policy=policy) == 99
    assert lifetime_s(("Cache-Control", "max-age=5"), policy=policy) == 5
    assert lifetime_s(policy=policy) == 1000
    for status in (400, 403):
        assert not isinstance(decide(("ETag", '"v"'), status=status, policy=policy), Store)
    for status in (405, 410):
        assert lifetime_s(status=status, policy=policy) == 0
        assert lifetime_s(("Cache-Control", "max-age=99"), status=status, policy=policy) == 99


def test_an_age_under_a_second_does_not_count_but_a_greater_one_does() -> None:
    assert stored(("Date", date()), ("Cache-Control", "max-age=9"), at_s=NOW_S + 0.9).birth_s == NOW_S + 0.9
    assert stored(("Date", date()), ("Cache-Control", "max-age=9"), at_s=NOW_S + 1).birth_s == NOW_S


def test_the_age_an_upstream_cache_reports_counts_against_the_lifetime() -> None:
    entry = stored(("Cache-Control", "max-age=60"), ("Age", "59"))
    assert entry.is_fresh(NOW_S + 0.9)
    assert not entry.is_fresh(NOW_S + 1)


def test_a_response_is_stale_at_the_very_second_its_lifetime_ends() -> None:
    entry = stored(("Cache-Control", "max-age=60"))
    assert entry.is_fresh(NOW_S + 59.999)
    assert not entry.is_fresh(NOW_S + 60)


@given(
    max_age_s=st.integers(0, 10**6),
    age_s=st.integers(0, 10**6),
    earlier_s=st.floats(0, 10**6),
    wait_s=st.floats(0, 10**6),
)
def test_a_response_never_becomes_fresher_or_younger_by_waiting(
    max_age_s: int, age_s: int, earlier_s: float, wait_s: float
) -> None:
    entry = stored(("Cache-Control", f"max-age={max_age_s}"), ("Age", str(age_s)), ("ETag", '"v"'))
    before, after = NOW_S + earlier_s, NOW_S + earlier_s + wait_s
    assert entry.age_s(before) <= entry.age_s(after)
    assert entry.is_fresh(before) or not entry.is_fresh(after)


@given(st.floats(-(10**6), 0))
def test_a_clock_that_was_set_back_makes_no_negative_age(offset_s: float) -> None:
    assert stored().age_s(NOW_S + offset_s) == 0
