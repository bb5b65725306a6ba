import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefaas.cache import cache_key, request_uri, selected_query
from edgefaas.cache.key import same_origin_uri
from edgefaas.site import CachePolicy, Selection
from tests.edgefaas.cache.builders import RFC, request


def test_the_default_key_is_the_target_uri_in_normal_form() -> None:
    assert cache_key(request(path="/A%2f", query="b=1"), RFC) == "http://site.example/A%2f?b=1"
    for host in ("SITE.example", "site.example:80", "site.example."):
        assert cache_key(request(host=host), RFC) == cache_key(request(), RFC)
    assert cache_key(request(host="site.example:8080"), RFC) != cache_key(request(), RFC)


def test_get_and_head_share_a_key() -> None:
    assert cache_key(request(method="HEAD"), RFC) == cache_key(request(), RFC)


@pytest.mark.parametrize(
    ("selection", "kept"),
    [
        (Selection(mode="all"), "b=2&a=1&b&utm=x"),
        (Selection(mode="none"), ""),
        (Selection(mode="only", names=frozenset("b")), "b=2&b"),
        (Selection(mode="except", names=frozenset({"utm"})), "b=2&a=1&b"),
    ],
)
def test_a_policy_selects_query_parameters_in_their_order(selection: Selection, kept: str) -> None:
    assert selected_query("b=2&a=1&b&utm=x", selection) == kept


def test_an_unkeyed_field_does_not_change_the_key_and_a_keyed_one_does() -> None:
    policy = CachePolicy(headers=frozenset({"x-country"}))
    keys = {
        cache_key(request(*fields), policy)
        for fields in ([], [("X-Country", "")], [("X-Country", "DE")], [("X-Country", "FR")])
    }
    assert len(keys) == 4
    other = cache_key(request(("X-Country", "DE"), ("X-Forwarded-Host", "evil")), policy)
    assert other == cache_key(request(("x-country", " DE ")), policy)


def test_cookies_are_keyed_as_the_policy_says_whatever_their_order() -> None:
    one = request(("Cookie", "a=1; b=2; session=x"))
    two = request(("Cookie", "b=2; a=1; session=y"))
    only = CachePolicy(cookies=Selection(mode="only", names=frozenset("ab")))
    everything = CachePolicy(cookies=Selection(mode="all"))
    assert cache_key(one, only) == cache_key(two, only)
    assert cache_key(one, everything) != cache_key(two, everything)
    assert cache_key(one, RFC) == cache_key(request(), RFC)
    assert cache_key(one, CachePolicy(cookies=Selection(mode="none"))) == cache_key(request(), RFC)


def test_a_namespace_keeps_origins_apart() -> None:
    assert cache_key(request(), RFC, namespace="app") != cache_key(request(), RFC, namespace="assets")


targets = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=8)
values = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF), max_size=6).map(str.strip)


@given(values, values, values, values)
def test_two_keyed_fields_never_run_together(a: str, b: str, c: str, d: str) -> None:
    policy = CachePolicy(headers=frozenset({"x-a", "x-b"}))
    one = cache_key(request(("X-A", a), ("X-B", b)), policy)
    two = cache_key(request(("X-A", c), ("X-B", d)), policy)
    assert (one == two) == ((a, b) == (c, d))


@given(targets, targets)
def test_different_targets_have_different_keys(one: str, two: str) -> None:
    assume_paths = [text.replace("?", "") for text in (one, two)]
    keys = {cache_key(request(path="/" + path), RFC) for path in assume_paths}
    assert len(keys) == len(set(assume_paths))


@pytest.mark.parametrize(
    ("reference", "uri"),
    [
        ("/b?x=1", "http://site.example/b?x=1"),
        ("c", "http://site.example/a/c"),
        ("", "http://site.example/a/b?q"),
        ("http://SITE.example:80/z", "http://site.example/z"),
        ("http://site.example", "http://site.example/"),
        ("https://site.example/z", None),
        ("//other.example/z", None),
        ("http://[bad/z", None),
    ],
)
def test_a_reference_is_resolved_and_must_stay_on_its_origin(reference: str, uri: str | None) -> None:
    assert same_origin_uri("http://site.example/a/b?q", reference) == uri


def test_the_uri_of_a_request_is_canonical() -> None:
    assert request_uri(request(host="Site.Example:80", query="a")) == "http://site.example/a?a"
