"""Managed policies, and what they let through to the origin."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefaas.message import Headers
from edgefaas.policies import (
    ALL,
    CACHE_POLICIES,
    CACHE_POLICY_IDS,
    NONE,
    ORIGIN_REQUEST_POLICIES,
    ORIGIN_REQUEST_POLICY_IDS,
    cache_policy,
    origin_headers,
    origin_query,
    origin_request_policy,
    selects,
    with_cookies,
)
from edgefaas.site import CachePolicy, OriginRequestPolicy, Selection

OPTIMIZED = CACHE_POLICIES["CachingOptimized"]


@pytest.mark.parametrize(
    ("name", "ttls"),
    [
        ("CachingOptimized", (1, 86_400, 31_536_000)),
        ("CachingOptimizedForUncompressedObjects", (1, 86_400, 31_536_000)),
        ("CachingDisabled", (0, 0, 0)),
        ("UseOriginCacheControlHeaders", (0, 0, 31_536_000)),
        ("UseOriginCacheControlHeaders-QueryStrings", (0, 0, 31_536_000)),
        ("Amplify", (2, 2, 600)),
        ("Elemental-MediaPackage", (0, 86_400, 31_536_000)),
    ],
)
def test_a_managed_cache_policy_has_cloudfronts_ttls(name: str, ttls: tuple[float, float, float]) -> None:
    policy = cache_policy(name)
    assert policy is not None
    assert (policy.min_ttl_s, policy.default_ttl_s, policy.max_ttl_s) == ttls
    assert cache_policy(f"Managed-{name}") == policy


def test_an_unknown_policy_has_no_value() -> None:
    assert cache_policy("Nope") is None
    assert origin_request_policy("Nope") is None


def test_every_id_names_a_policy_and_every_policy_has_an_id() -> None:
    assert set(CACHE_POLICY_IDS.values()) == set(CACHE_POLICIES)
    assert set(ORIGIN_REQUEST_POLICY_IDS.values()) == set(ORIGIN_REQUEST_POLICIES)


HEADERS = Headers(
    [
        ("Host", "www.example.com"),
        ("User-Agent", "curl"),
        ("Referer", "https://a.example/"),
        ("Origin", "https://b.example"),
        ("If-None-Match", '"1"'),
        ("Cookie", "a=1; b=2"),
        ("CloudFront-Viewer-Country", "DE"),
    ]
)


def names_under(policy: str, cache: CachePolicy = OPTIMIZED) -> set[str]:
    chosen = ORIGIN_REQUEST_POLICIES[policy]
    return {name.lower() for name, _ in origin_headers(HEADERS, cache, chosen)}


def test_all_viewer_forwards_every_field() -> None:
    assert list(origin_headers(HEADERS, OPTIMIZED, ORIGIN_REQUEST_POLICIES["AllViewer"])) == list(HEADERS)


def test_all_viewer_except_host_leaves_the_host_to_the_origin() -> None:
    assert names_under("AllViewerExceptHostHeader") == {name.lower() for name, _ in HEADERS} - {"host"}


def test_cors_policies_forward_the_origin_field_and_no_cookies() -> None:
    assert names_under("CORS-S3Origin") == {"origin", "if-none-match", "user-agent"}
    assert names_under("CORS-CustomOrigin") == {"origin", "if-none-match", "user-agent"}


def test_a_user_agent_that_is_not_forwarded_becomes_cloudfronts() -> None:
    sent = origin_headers(HEADERS, OPTIMIZED, ORIGIN_REQUEST_POLICIES["HostHeaderOnly"])
    assert sent.get("user-agent") == "Amazon CloudFront"
    assert sent.get("host") == "www.example.com"
    kept = origin_headers(HEADERS, OPTIMIZED, ORIGIN_REQUEST_POLICIES["UserAgentRefererHeaders"])
    assert (kept.get("user-agent"), kept.get("referer")) == ("curl", "https://a.example/")


def test_fields_of_the_cache_key_always_go_to_the_origin() -> None:
    assert "cloudfront-viewer-country" in names_under("HostHeaderOnly", CACHE_POLICIES["Amplify"])


def test_location_fields_go_when_the_policy_names_them() -> None:
    named = OriginRequestPolicy(location_headers=("CloudFront-Viewer-Country",))
    assert origin_headers(HEADERS, OPTIMIZED, named).get("cloudfront-viewer-country") == "DE"
    assert origin_headers(HEADERS, OPTIMIZED, OriginRequestPolicy()).get("cloudfront-viewer-country") is None


def test_cookies_and_query_are_those_of_the_key_and_of_the_policy() -> None:
    cache = CachePolicy(
        cookies=Selection(mode="only", names=frozenset({"a"})),
        query=Selection(mode="only", names=frozenset({"x"})),
    )
    policy = OriginRequestPolicy(
        cookies=Selection(mode="except", names=frozenset({"a", "b"})),
        query=Selection(mode="only", names=frozenset({"y"})),
    )
    fields = Headers([("Cookie", "a=1; b=2"), ("cookie", "c=3")])
    assert origin_headers(fields, cache, policy).values("cookie") == ["a=1; c=3"]
    assert origin_query("x=1&z=2&y&x=3", cache, policy) == "x=1&y&x=3"
    assert origin_query("x=1&&z", cache, OriginRequestPolicy(query=ALL)) == "x=1&&z"


selections = st.builds(
    Selection,
    mode=st.sampled_from(["none", "all", "only", "except"]),
    names=st.frozensets(st.sampled_from("abc")),
)


@given(selections, selections, st.lists(st.sampled_from("abcd"), max_size=6))
def test_a_cookie_passes_exactly_when_one_selection_means_it(
    first: Selection, second: Selection, names: list[str]
) -> None:
    fields = Headers([("Cookie", "; ".join(f"{name}=1" for name in names))] if names else [])
    passed = with_cookies(fields, first, second).values("cookie")
    expected = [name for name in names if selects(first, name) or selects(second, name)]
    assert passed == (["; ".join(f"{name}=1" for name in expected)] if expected else [])


@given(selections, st.lists(st.sampled_from("abcd"), max_size=6))
def test_query_members_pass_in_their_order(selection: Selection, names: list[str]) -> None:
    query = "&".join(f"{name}={at}" for at, name in enumerate(names))
    passed = origin_query(query, CachePolicy(query=selection), OriginRequestPolicy(query=NONE))
    assert passed == "&".join(f"{name}={at}" for at, name in enumerate(names) if selects(selection, name))


@pytest.mark.parametrize("mode", ["all", "forward"])
def test_cookies_that_all_go_are_not_touched(mode: str) -> None:
    fields = Headers([("Cookie", "a=1;b=2;  c")])
    assert with_cookies(fields, NONE, Selection(mode=mode)) is fields
    assert with_cookies(Headers(), NONE) == Headers()
