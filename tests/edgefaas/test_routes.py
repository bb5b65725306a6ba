"""Behaviours by path pattern."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefaas.errors import RequestError
from edgefaas.routes import MEMO_CHARS_MAX, MEMO_MAX, Routes, compile_pattern, meaning
from edgefaas.site import Behaviour

segments = st.text(alphabet="ab/*?.", max_size=8)


def routes(*patterns: str) -> Routes:
    return Routes(tuple(Behaviour(pattern=pattern, origin=pattern) for pattern in patterns))


def origin_of(table: Routes, path: str) -> str | None:
    found = table.match(path)
    return found.origin if found else None


def slow_match(pattern: str, path: str) -> bool:
    """The obvious way: recursion over the pattern."""
    if not pattern:
        return not path
    if pattern[0] == "*":
        return slow_match(pattern[1:], path) or (bool(path) and slow_match(pattern, path[1:]))
    return bool(path) and pattern[0] in ("?", path[0]) and slow_match(pattern[1:], path[1:])


def test_the_first_match_wins() -> None:
    table = routes("/assets/*", "/assets/special", "*")
    assert origin_of(table, "/assets/special") == "/assets/*"
    assert origin_of(table, "/other") == "*"


def test_a_path_that_no_behaviour_covers_has_none() -> None:
    assert origin_of(routes("/assets/*"), "/other") is None


def test_a_leading_slash_is_optional_and_case_matters() -> None:
    table = routes("images/*.jpg")
    assert origin_of(table, "/images/a.jpg") == "images/*.jpg"
    assert origin_of(table, "/Images/a.jpg") is None


def test_a_question_mark_is_exactly_one_character() -> None:
    table = routes("/a?c")
    assert origin_of(table, "/abc") == "/a?c"
    assert origin_of(table, "/ac") is None
    assert origin_of(table, "/abbc") is None


@given(pattern=segments.map(lambda text: "/" + text), path=segments.map(lambda text: "/" + text))
def test_patterns_agree_with_the_slow_and_obvious_matcher(pattern: str, path: str) -> None:
    plain = meaning(path)
    assert bool(compile_pattern(pattern).match(plain)) == slow_match(re.sub("/+", "/", pattern), plain)


@pytest.mark.parametrize("stars", [1, 2, 8])
def test_no_path_makes_a_pattern_of_many_stars_try_all_ways_to_fit(stars: int) -> None:
    """With backtracking, eight stars over 3,000 places would take longer than the universe has lasted."""
    pattern = "/" + "*a/" * stars + "*/end/*?z"
    path = "/" + "a/" * 3_000
    assert compile_pattern(pattern).match(path) is None
    assert compile_pattern(pattern).match(path + "end/xyz") is not None


@given(
    patterns=st.lists(segments.map(lambda text: text or "*"), max_size=12),
    path=segments.map(lambda text: "/" + text),
)
def test_among_many_the_first_of_those_that_match_is_found(patterns: list[str], path: str) -> None:
    try:
        plain = meaning(path)
    except RequestError:
        return
    obvious = next((pattern for pattern in patterns if compile_pattern(pattern).match(plain)), None)
    assert origin_of(routes(*patterns), path) == obvious


spellings = st.text(alphabet="ab./\\", max_size=8).map(lambda text: "/" + text)


def spelt(path: str, choices: list[bool]) -> str:
    """Return the path with some of its characters percent-encoded, but no slash."""
    return "".join(
        f"%{ord(char):02x}" if chosen and char not in "/\\" else char
        for char, chosen in zip(path, choices, strict=True)
    )


@given(path=spellings, data=st.data())
def test_every_spelling_of_a_path_falls_under_the_same_behaviour(path: str, data: st.DataObject) -> None:
    choices = data.draw(st.lists(st.booleans(), min_size=len(path), max_size=len(path)))
    assert meaning(spelt(path, choices)) == meaning(path)


@given(path=st.text(alphabet="ab./%2fF5cC?*#é\\", max_size=12).map(lambda text: "/" + text))
def test_what_a_path_means_is_absolute_without_dots_and_means_itself(path: str) -> None:
    try:
        plain = meaning(path)
    except RequestError:
        return
    assert plain.startswith("/")
    assert meaning(plain) == plain
    assert not re.search(r"//|\\|/\.\.?(/|\Z)", plain)


@pytest.mark.parametrize(
    "path",
    [
        *("/%70rivate/a", "//private/a", "/x/../private/a", "/x/%2e%2E/private/a", "/./private/a"),
        *("/private%2Fa", "/private%5ca", "\\private\\a", "/private/./a", "/x//..//private/a"),
    ],
)
def test_no_spelling_of_a_path_escapes_the_behaviour_that_guards_it(path: str) -> None:
    assert origin_of(routes("/private/*", "*"), path) == "/private/*"


@pytest.mark.parametrize("path", ["/a%2f..%2fprivate", "/a/..%2fprivate", "/a%5c../private", "/%2e%2e%2fa"])
def test_a_dot_segment_behind_an_encoded_slash_is_refused(path: str) -> None:
    with pytest.raises(RequestError) as refused:
        routes("*").match(path)
    assert refused.value.status_code == 400


def test_patterns_may_be_written_as_text_or_encoded() -> None:
    for pattern in ("/café/*", "/caf%C3%A9/*", "/caf%c3%a9/*", "/%63af%c3%a9/*"):
        assert origin_of(routes(pattern), "/caf%c3%A9/a") == pattern
    assert origin_of(routes("/a%2Ab"), "/a%2ab") == "/a%2Ab"
    assert origin_of(routes("/a%2Ab"), "/axb") is None


def test_remembering_paths_is_bounded_and_changes_no_answer() -> None:
    table = routes("/a*", "*")
    for number in range(MEMO_MAX + 10):
        assert origin_of(table, f"/a{number}") == "/a*"
    assert len(table._memo) <= MEMO_MAX
    before = len(table._memo)
    assert origin_of(table, "/a" + "b" * MEMO_CHARS_MAX) == "/a*"
    assert len(table._memo) == before
    assert origin_of(table, "/b") == "*"
