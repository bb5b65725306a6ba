import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefaas.cache import Pass, Store
from edgefaas.cache.storability import OVERRIDES
from edgefaas.site import CachePolicy
from tests.edgefaas.cache.builders import NOW_S, decide, request, stored

FRESH = ("Cache-Control", "max-age=60")


def reason(*fields: tuple[str, str], **how: object) -> str | None:
    decided = decide(*fields, **how)  # type: ignore[arg-type]
    return decided.reason if isinstance(decided, Pass) else None


@pytest.mark.parametrize("word", ["no-store", "No-StOrE", "private", "max-age=60, no-store"])
def test_no_store_and_private_forbid_storing(word: str) -> None:
    assert reason(("Cache-Control", word), ("Cache-Control", "max-age=60")) is not None


def test_a_response_without_freshness_or_validator_is_not_stored() -> None:
    assert reason() == "no freshness and no validator"
    assert reason(("ETag", '"v"')) is None


def test_newer_truth_supersedes_what_is_stored_and_an_error_does_not() -> None:
    newer = decide(("Cache-Control", "no-store"))
    assert newer == Pass("no-store", supersedes=True)
    error = decide(("Cache-Control", "no-store"), status=500)
    assert error == Pass("no-store", supersedes=False)


def test_must_understand_overrules_no_store_for_a_known_status_and_forbids_unknown_ones() -> None:
    word = ("Cache-Control", "max-age=60, must-understand, no-store")
    assert reason(word) is None
    assert reason(word, status=599) == "must-understand"


@pytest.mark.parametrize("grant", ["public", "must-revalidate", "s-maxage=60"])
def test_authorization_needs_a_word_of_the_origin(grant: str) -> None:
    asked = request(("Authorization", "Basic eA=="))
    assert reason(FRESH, asked=asked) == "authorization"
    assert reason(("Cache-Control", f"max-age=60, {grant}"), asked=asked) is None
    assert reason(("Cache-Control", "max-age=60, proxy-revalidate"), asked=asked) == "authorization"


@pytest.mark.parametrize("status", [304, 412, 416])
def test_answers_to_conditions_and_ranges_are_never_stored(status: int) -> None:
    assert reason(FRESH, status=status) == f"status {status}"


@pytest.mark.parametrize("vary", ["*", "*, Foo", "Foo, *", ", *"])
def test_a_star_anywhere_in_vary_forbids_storing(vary: str) -> None:
    assert reason(FRESH, ("Vary", "Foo"), ("Vary", vary)) == "vary *"


def test_a_get_with_a_body_touches_nothing() -> None:
    assert reason(FRESH, asked=request(body=b"x")) == "request with a body"
    assert reason(FRESH, asked=request(("Content-Length", "1"))) == "request with a body"
    assert reason(FRESH, asked=request(("Transfer-Encoding", "chunked"))) == "request with a body"
    assert reason(FRESH, asked=request(("Content-Length", "0"))) is None


def test_what_a_viewer_does_not_want_stored_is_not_stored() -> None:
    assert reason(FRESH, asked=request(("Cache-Control", "no-store"))) == "request no-store"


@pytest.mark.parametrize("method", ["HEAD", "PUT", "DELETE", "OPTIONS", "M-SEARCH"])
def test_only_get_is_stored(method: str) -> None:
    assert reason(FRESH, asked=request(method=method)) == f"method {method}"


def test_a_post_is_stored_for_gets_when_it_names_its_own_uri_and_its_freshness() -> None:
    post = request(method="POST", body=b"x", path="/a", query="q=1")
    location = ("Content-Location", "/a?q=1")
    assert reason(FRESH, location, asked=post) is None
    assert reason(FRESH, ("Content-Location", "http://SITE.example:80/a?q=1"), asked=post) is None
    assert reason(FRESH, ("Content-Location", "/b"), asked=post) == "method POST"
    assert reason(FRESH, ("Content-Location", "//other.example/a?q=1"), asked=post) == "method POST"
    assert reason(("ETag", '"v"'), location, asked=post) == "method POST"
    assert reason(FRESH, location, asked=post, status=201) == "method POST"


def test_a_minimum_ttl_overrules_no_cache_no_store_and_private_as_in_cloudfront() -> None:
    policy = CachePolicy(min_ttl_s=5)
    for word in ("no-store", "private", "no-cache"):
        decided = decide(("Cache-Control", word), policy=policy)
        assert isinstance(decided, Store)
        assert (decided.lifetime.seconds, decided.no_cache) == (5, False)


def test_a_policy_may_refuse_set_cookie() -> None:
    cookie = ("Set-Cookie", "a=b")
    assert reason(FRESH, cookie) is None
    assert reason(FRESH, cookie, policy=CachePolicy(store_set_cookie=False)) == "set-cookie"


HOP_BY_HOP = [
    "Connection",
    "Keep-Alive",
    "Proxy-Authenticate",
    "Proxy-Connection",
    "TE",
    "Trailer",
    "Upgrade",
]


@given(st.sets(st.sampled_from(HOP_BY_HOP)), st.sets(st.sampled_from(["X-A", "X-B", "X-C"])))
def test_what_belongs_to_the_connection_is_never_stored(hop_by_hop: set[str], named: set[str]) -> None:
    fields = [(name, "x") for name in sorted(hop_by_hop) if name != "Connection"]
    others = [("X-A", "1"), ("X-B", "2"), ("X-C", "3")]
    entry = stored(
        ("Cache-Control", "max-age=60"), ("Connection", ", ".join(sorted(named))), *fields, *others
    )
    names = {name for name, _ in entry.headers}
    assert names == {"Cache-Control", "Date"} | ({"X-A", "X-B", "X-C"} - named)
    assert b"Keep-Alive" not in entry.head


def test_connection_cannot_remove_what_the_message_means() -> None:
    entry = stored(
        FRESH, ("Connection", "cache-control, vary, set-cookie"), ("Vary", "A"), ("Set-Cookie", "s=1")
    )
    assert {"cache-control", "vary", "set-cookie"} <= {name.lower() for name, _ in entry.headers}


def test_fields_the_origin_withholds_are_not_stored() -> None:
    entry = stored(
        ("Cache-Control", 'max-age=60, no-cache="a", private="B"'), ("A", "1"), ("b", "2"), ("c", "3")
    )
    assert [entry.headers.get(name) for name in "abc"] == [None, None, "3"]
    assert entry.is_fresh(NOW_S)


def test_a_missing_date_is_added() -> None:
    assert stored().headers.get("date") is not None
    assert stored(FRESH, ("Date", "Sun, 06 Nov 1994 08:49:37 GMT")).headers.values("date") == [
        "Sun, 06 Nov 1994 08:49:37 GMT"
    ]


def test_tags_come_from_both_fields() -> None:
    entry = stored(FRESH, ("Cache-Tag", "a, b c"), ("Surrogate-Key", "d  e"), ("Cache-Tag", "a"))
    assert entry.tags == ("a", "b c", "d", "e")


@pytest.mark.parametrize("content_range", ["bytes 4-9/10", "bytes 0-0/*", "BYTES 4-9/10"])
def test_a_part_that_says_what_it_is_is_stored(content_range: str) -> None:
    assert reason(FRESH, ("Content-Range", content_range), status=206) is None


@pytest.mark.parametrize("content_range", ["", "bytes */10", "bytes 9-4/10", "bytes 4-10/10", "items 0-1/2"])
def test_a_part_that_does_not_is_not(content_range: str) -> None:
    assert reason(FRESH, ("Content-Range", content_range), status=206) is not None


def test_a_part_whose_length_contradicts_its_range_is_not_stored() -> None:
    part = ("Content-Range", "bytes 4-9/10")
    assert reason(FRESH, part, ("Content-Length", "6"), status=206) is None
    assert reason(FRESH, part, ("Content-Length", "5"), status=206) is not None


LATER = ("Expires", "Thu, 18 Aug 2050 02:01:18 GMT")


@pytest.mark.parametrize(
    ("cdn", "others", "fresh_s"),
    [
        ("max-age=3600", [], 3600),
        ("max-age=2147483648", [], 2**31),
        ("max-age=99999999999", [], 2**31),
        ("foobar, max-age=3600", [], 3600),
        ("max-age=3600", [("Age", "7200")], None),
        ("max-age=3600", [("Expires", "0")], 3600),
        ("max-age=0", [LATER], None),
        ("max-age=3600", [("Cache-Control", "max-age=1")], 3600),
        ("max-age=1", [("Cache-Control", "max-age=3600")], 1),
        ("max-age=10000", [("Cache-Control", "no-store")], 10000),
        ("s-maxage=5, max-age=9", [], 5),
        ("private", [("Cache-Control", "max-age=10000"), LATER], None),
        ("no-cache", [("Cache-Control", "max-age=10000"), LATER], None),
        ("no-store", [("Cache-Control", "max-age=10000"), LATER], None),
        ("foo", [LATER], None),
        ("max-age=10000, &&&&&", [("Cache-Control", "no-store")], None),
        ('max-age="10000"', [("Cache-Control", "no-store")], None),
        ("max-age =100", [("Cache-Control", "max-age=1")], 1),
        ("MaX-aGe=3600", [("Cache-Control", "max-age=1")], 1),
    ],
)
def test_a_valid_cdn_cache_control_decides_alone(
    cdn: str, others: list[tuple[str, str]], fresh_s: float | None
) -> None:
    policy = CachePolicy(max_ttl_s=2**31)
    decided = decide(("CDN-Cache-Control", cdn), ("ETag", '"v"'), *others, policy=policy)
    if fresh_s is None:
        fresh = isinstance(decided, Store) and not decided.no_cache and decided.with_body(b"").is_fresh(NOW_S)
        assert not fresh
    else:
        assert isinstance(decided, Store)
        entry = decided.with_body(b"")
        assert entry.is_fresh(NOW_S + fresh_s - 1)
        assert not entry.is_fresh(NOW_S + fresh_s)
        assert ("CDN-Cache-Control", cdn) in list(entry.headers)


@pytest.mark.parametrize(
    ("fields", "shareable"),
    [
        ([FRESH], True),
        ([("Cache-Control", "max-age=60, no-cache"), ("ETag", '"v"')], False),
        ([("Cache-Control", "max-age=0"), ("ETag", '"v"')], False),
        ([("ETag", '"v"')], False),
        ([FRESH, ("Age", "60"), ("ETag", '"v"')], False),
        ([FRESH, ("Age", "59")], True),
        ([("Cache-Control", "max-age=0, stale-while-revalidate=60")], False),
    ],
)
def test_only_what_may_be_reused_at_once_is_shared_with_those_who_waited(
    fields: list[tuple[str, str]], shareable: bool
) -> None:
    """Pages made for one viewer often say no-cache or max-age=0 only, without private or Vary."""
    decided = decide(*fields)
    assert isinstance(decided, Store)
    assert decided.shareable is shareable
    assert decided.with_body(b"").is_shareable(NOW_S) is shareable


@pytest.mark.parametrize("name", sorted(OVERRIDES))
def test_what_an_unkeyed_override_shaped_is_not_stored(name: str) -> None:
    asked = request((name.title(), "evil"))
    refused = decide(("Cache-Control", "max-age=60"), asked=asked)
    assert isinstance(refused, Pass)
    assert not refused.supersedes, "nobody may drop what is stored for others by it"
    assert isinstance(decide(("Cache-Control", "max-age=60"), ("Vary", name), asked=asked), Store)
    keyed = CachePolicy(headers=frozenset({name}))
    assert isinstance(decide(("Cache-Control", "max-age=60"), asked=asked, policy=keyed), Store)
