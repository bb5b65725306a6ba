import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefaas.cache.directives import (
    DELTA_SECONDS_MAX,
    delta_seconds,
    parse_age,
    request_directives,
    response_directives,
)
from edgefaas.message import Headers


def directives(*lines: str, cdn: str | None = None):  # type: ignore[no-untyped-def]
    headers = Headers(("Cache-Control", line) for line in lines)
    if cdn is not None:
        headers.add("CDN-Cache-Control", cdn)
    return response_directives(headers)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("003600", 3600), ("2147483648", DELTA_SECONDS_MAX), ("9" * 400, DELTA_SECONDS_MAX)],
)
def test_delta_seconds_saturate(text: str, seconds: int) -> None:
    assert delta_seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "-1", "1.0", "1a", "a1", "'1'", " 1", "+1", "1_0", "\u0661"])
def test_only_digits_are_delta_seconds(text: str) -> None:
    assert delta_seconds(text) is None


@given(st.integers(min_value=0, max_value=10**30))
def test_delta_seconds_never_exceed_their_maximum(number: int) -> None:
    assert delta_seconds(str(number)) == min(number, DELTA_SECONDS_MAX)


@pytest.mark.parametrize(
    ("line", "max_age_s"),
    [
        ("max-age=3600", 3600),
        ("MaX-aGe=3600", 3600),
        ('max-age="3600"', 3600),
        ("max-age=1800, max-age=1", 1800),
        ('extension="max-age=3600", max-age=1', 1),
        ('max-age=1, extension="max-age=3600"', 1),
        ('extension="a\\", max-age=3600", max-age=2', 2),
        ("max-age=a100", 0),
        ("max-age=100.5", 0),
        ("max-age='100'", 0),
        ("max-age= 100", 0),
        ("max-age", 0),
        ("max-age =100", None),
        ("s-max-age=5", None),
        ("nothing-to-see-here", None),
    ],
)
def test_max_age_is_what_its_directive_says_and_an_invalid_one_is_stale(
    line: str, max_age_s: int | None
) -> None:
    assert directives(line).max_age_s == max_age_s


def test_directives_on_several_lines_are_one_list() -> None:
    both = directives('no-cache="a"', "max-age=3600, No-StOrE")
    assert (both.no_cache, both.no_cache_fields) == (False, frozenset({"a"}))
    assert (both.max_age_s, both.no_store) == (3600, True)


@pytest.mark.parametrize(
    ("line", "unqualified", "fields"),
    [
        ("private", True, set()),
        ('private="X-A, x-b"', False, {"x-a", "x-b"}),
        ("private=x-a", False, {"x-a"}),
        ('private=""', True, set()),
        ('private="a b"', True, set()),
        ('private="x', True, set()),
        ('private="a", private', True, set()),
        ('private="a", private="b"', False, {"a", "b"}),
    ],
)
def test_a_qualified_directive_names_fields_and_a_broken_one_counts_as_unqualified(
    line: str, unqualified: bool, fields: set[str]
) -> None:
    found = directives(line)
    assert (found.private, found.private_fields) == (unqualified, fields)


def test_a_valid_targeted_field_replaces_cache_control() -> None:
    found = directives("no-store", cdn="max-age=10")
    assert (found.targeted, found.max_age_s, found.no_store) == (True, 10, False)


@pytest.mark.parametrize(
    "cdn", ["", "max-age=10, &&&&&", 'max-age="10"', "max-age=-1", "max-age=1.5", "no-store=1", "max-age"]
)
def test_an_invalid_targeted_field_is_as_good_as_absent(cdn: str) -> None:
    found = directives("no-store", cdn=cdn)
    assert (found.targeted, found.no_store) == (False, True)


def test_a_targeted_field_of_unknown_directives_still_replaces() -> None:
    assert directives("max-age=60", cdn="foobar").max_age_s is None


def test_pragma_counts_only_without_cache_control() -> None:
    assert request_directives(None, "no-cache").no_cache
    assert not request_directives("max-stale=1", "no-cache").no_cache
    assert not request_directives(None, "foo").no_cache
    assert not request_directives("nothing-to-see-here", None).no_cache


def test_a_bare_max_stale_has_no_bound() -> None:
    assert request_directives("max-stale", None).max_stale_s == float("inf")
    assert request_directives("max-stale=5", None).max_stale_s == 5


@pytest.mark.parametrize(
    ("lines", "age_s"),
    [
        (["7200"], 7200),
        (["7200, 0"], 7200),
        (["0, 7200"], 0),
        (["7200", "0"], 7200),
        (["0", "7200"], 0),
        (["abc"], 0),
        (["-7200"], 0),
        (["7200.0"], 0),
        (["7200;foo=bar"], 0),
        (["99999999999"], DELTA_SECONDS_MAX),
        ([], 0),
    ],
)
def test_age_is_its_first_member_and_an_invalid_one_is_ignored(lines: list[str], age_s: int) -> None:
    assert parse_age(Headers(("Age", line) for line in lines)) == age_s


@given(st.text(st.characters(max_codepoint=255), max_size=60))
def test_no_field_value_makes_the_parsers_fail(text: str) -> None:
    response_directives(Headers([("Cache-Control", text), ("CDN-Cache-Control", text)]))
    request_directives(text, text)
    parse_age(Headers([("Age", text)]))
