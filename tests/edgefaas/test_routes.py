"""Behaviours by path pattern."""

from hypothesis import given
from hypothesis import strategies as st

from edgefaas.routes import MEMO_MAX, Routes, compile_pattern
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
    assert bool(compile_pattern(pattern).match(path)) == slow_match(pattern, path)


def test_remembering_paths_is_bounded_and_changes_no_answer() -> None:
    table = routes("/a*", "*")
    for number in range(MEMO_MAX + 10):
        assert origin_of(table, f"/a{number}") == "/a*"
    assert len(table._memo) <= MEMO_MAX
    assert origin_of(table, "/b") == "*"
