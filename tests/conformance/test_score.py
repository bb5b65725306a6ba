"""How a run of the suite is counted and compared."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.conformance.__main__ import EXPECTED, EXPECTED_NEWER, INCOMPLETE, REGRESSION, judge
from benchmarks.conformance.contested import CONTESTED, STILL_CONTESTED
from benchmarks.conformance.score import Case, Count, Kind, Outcome, Score, outcome_of, score

names = st.sampled_from("abcdef")
cases = st.dictionaries(names, st.tuples(st.sampled_from(Kind), st.lists(names, max_size=3), st.booleans()))


def scored(tests: dict[str, tuple[Kind, list[str], bool]], contested: set[str]) -> Score:
    return score(
        [Case(id_, kind, tuple(needs)) for id_, (kind, needs, _) in tests.items()],
        {id_: Outcome(passed=passed) for id_, (_, _, passed) in tests.items()},
        contested,
    )


def test_a_test_does_not_pass_when_what_it_depends_on_fails() -> None:
    tests = [Case("a", Kind.REQUIRED), Case("b", Kind.REQUIRED, ("a",)), Case("c", Kind.OPTIMAL, ("b",))]
    passed, failed = Outcome(passed=True), Outcome(passed=False, why="Assertion: no")
    assert score(tests, {"a": passed, "b": passed, "c": passed}, ()).passing == ["a", "b", "c"]
    found = score(tests, {"a": failed, "b": passed, "c": passed}, ())
    assert found.passing == []
    assert found.failing == {
        "a": "Assertion: no",
        "b": "depends on a, which does not pass",
        "c": "depends on b, which does not pass",
    }


@given(cases, st.sets(names))
def test_only_what_passed_passes_and_all_is_counted(
    tests: dict[str, tuple[Kind, list[str], bool]], contested: set[str]
) -> None:
    found = scored(tests, contested)
    assert all(tests[id_][2] for id_ in found.passing)
    assert set(found.passing) | set(found.failing) == set(tests)
    assert not set(found.passing) & set(found.failing)
    assert sum(count.run for count in found.all.values()) == len(tests)
    assert sum(count.passed for count in found.all.values()) == len(found.passing)
    assert sum(count.run for count in found.uncontested.values()) == len(set(tests) - contested)


@given(cases)
def test_without_dependencies_exactly_what_passed_passes(
    tests: dict[str, tuple[Kind, list[str], bool]],
) -> None:
    free = {id_: (kind, list[str](), passed) for id_, (kind, _, passed) in tests.items()}
    assert scored(free, set()).passing == sorted(id_ for id_, (_, _, passed) in free.items() if passed)


@pytest.mark.parametrize("result", [None, False, ["Setup", "no"], "no"])
def test_only_true_is_a_pass(result: object) -> None:
    assert not outcome_of(result).passed
    assert outcome_of(True).passed


def whole(required: int, optimal: int, passing: list[str]) -> Score:
    counts = {
        Kind.REQUIRED: Count(required, 139),
        Kind.OPTIMAL: Count(optimal, 79),
        Kind.CHECK: Count(0, 86),
    }
    return Score(all=counts, uncontested=counts, passing=passing)


def test_a_lost_test_is_a_regression_and_a_missing_one_makes_it_incomplete() -> None:
    assert EXPECTED == {Kind.REQUIRED: 139, Kind.OPTIMAL: 79}
    assert judge(whole(139, 79, ["a", "b"]), ["a"]) == (0, [])
    assert judge(whole(139, 79, ["b"]), ["a", "b"]) == (REGRESSION, ["a"])
    assert judge(whole(138, 79, ["a"]), ["a"]) == (INCOMPLETE, [])
    assert judge(whole(139, 78, ["a"]), ["a"]) == (INCOMPLETE, [])


def test_a_newer_edition_is_held_to_its_own_number_of_tests() -> None:
    assert STILL_CONTESTED.items() < CONTESTED.items()
    assert judge(whole(159, 98, []), [], EXPECTED_NEWER) == (0, [])
    assert judge(whole(158, 98, []), [], EXPECTED_NEWER) == (INCOMPLETE, [])
