import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefaas.cache.vary import normalised, select_variant, vary_names
from edgefaas.message import Headers
from tests.edgefaas.cache.builders import NOW_S, request, stored


def form(name: str, *lines: str) -> str | None:
    return normalised(name, Headers((name, line) for line in lines))


@pytest.mark.parametrize(
    ("name", "one", "other"),
    [
        ("foo", ["1,2"], [" 1, 2 "]),
        ("foo", ["1, 2"], ["1", "2"]),
        ("accept-language", ["en, de"], ["de, en"]),
        ("accept-language", ["en, de"], ["eN, De"]),
        ("accept-language", ["en, de;q=0.5"], [" en;q=1.0 ,  de; q=0.50"]),
        ("accept-encoding", ["gzip, br"], ["br, x-gzip"]),
    ],
)
def test_equivalent_values_select_the_same_variant(name: str, one: list[str], other: list[str]) -> None:
    assert form(name, *one) == form(name, *other)


@pytest.mark.parametrize(
    ("name", "one", "other"),
    [
        ("foo", ["1, 2"], ["2, 1"]),
        ("foo", ["a"], ["A"]),
        ("foo", [""], []),
        ("foo", ['"a,b"'], ['"a, b"']),
        ("accept-language", ["en;q=0.9, de"], ["en, de;q=0.9"]),
        ("accept-language", ["en, de"], ["en"]),
    ],
)
def test_different_values_select_different_variants(name: str, one: list[str], other: list[str]) -> None:
    assert form(name, *one) != form(name, *other)


def test_vary_names_are_lower_case_sorted_and_a_star_swallows_them() -> None:
    assert vary_names(Headers([("Vary", "Foo, bar"), ("vary", "foo,, Baz")])) == ("bar", "baz", "foo")
    assert vary_names(Headers([("Vary", "Foo"), ("Vary", "x, *")])) == ("*",)
    assert vary_names(Headers()) == ()


def test_the_most_recent_of_several_matching_variants_is_selected() -> None:
    fields = [("Cache-Control", "max-age=60")]
    plain = stored(*fields, at_s=NOW_S)
    varied = stored(*fields, ("Vary", "Foo"), asked=request(("Foo", "1")), at_s=NOW_S + 1)
    assert select_variant(Headers([("Foo", "1")]), [varied, plain]) is varied
    assert select_variant(Headers([("Foo", "2")]), [varied, plain]) is plain
    assert select_variant(Headers(), [varied]) is None


names = st.sampled_from(["foo", "bar", "accept-language", "accept-encoding"])
texts = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF), max_size=12)
headers = st.lists(st.tuples(names, texts), max_size=5).map(Headers)


@given(headers, st.sets(names, min_size=1))
def test_a_response_is_always_selected_by_the_very_request_that_fetched_it(
    fields: Headers, varies: set[str]
) -> None:
    asked = request(*fields)
    entry = stored(("Cache-Control", "max-age=60"), ("Vary", ", ".join(varies)), asked=asked)
    assert select_variant(fields, [entry]) is entry


@given(headers)
def test_normalising_is_idempotent(fields: Headers) -> None:
    for name in ("foo", "accept-language", "accept-encoding"):
        once = normalised(name, fields)
        if once is not None:
            assert normalised(name, Headers([(name, once)])) == once
