"""When a version is taken back by itself."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefaas.control.rollout import Counted, Rule, counted, grown, judge, rule_from_json, rule_to_json
from edgefaas.errors import DeployError


@st.composite
def counts(draw: st.DrawFn) -> Counted:
    runs = draw(st.integers(0, 1_000))
    return Counted(runs, draw(st.integers(0, runs)))


rules = st.builds(
    Rule,
    window_s=st.floats(1, 3_600),
    max_errors=st.floats(0, 1),
    min_runs=st.integers(1, 1_000),
)


@given(runs=st.integers(0, 1_000), beside=counts(), rule=rules, final=st.booleans())
def test_a_version_without_errors_always_stays(runs: int, beside: Counted, rule: Rule, final: bool) -> None:
    assert judge(Counted(runs, 0), beside, rule, final=final) == ""


@given(new=counts(), beside=counts(), rule=rules, final=st.booleans())
def test_more_errors_never_help_and_errors_elsewhere_never_harm(
    new: Counted, beside: Counted, rule: Rule, final: bool
) -> None:
    if judge(new, beside, rule, final=final):
        worse = replace(new, errors=min(new.runs, new.errors + 1))
        assert judge(worse, beside, rule, final=final)
    elif beside.errors < beside.runs:
        assert not judge(new, replace(beside, errors=beside.errors + 1), rule, final=final)


def test_both_sides_of_the_share_and_of_the_number_of_runs() -> None:
    rule = Rule(max_errors=0.1, min_runs=20)
    nothing = Counted()
    assert judge(Counted(20, 2), nothing, rule, final=False) == ""
    assert "3 of 20 runs" in judge(Counted(20, 3), nothing, rule, final=False)
    assert judge(Counted(19, 19), nothing, rule, final=False) == ""
    assert "19 of 19 runs" in judge(Counted(19, 19), nothing, rule, final=True)
    assert judge(Counted(), nothing, rule, final=True) == ""


def test_what_fails_on_both_sides_is_no_canary_s_fault() -> None:
    rule = Rule(max_errors=0.05)
    assert judge(Counted(100, 50), Counted(1_000, 500), rule, final=False) == ""
    assert "beside it had 40.0%" in judge(Counted(100, 50), Counted(1_000, 400), rule, final=False)


@pytest.mark.parametrize(
    ("key", "good", "bad"),
    [
        ("window_s", (1, 3_600), (0.9, 3_601, "1", True, float("nan"))),
        ("max_errors", (0, 1), (-0.01, 1.01, None)),
        ("min_runs", (1, 1_000_000), (0, 1_000_001, 1.5)),
    ],
)
def test_limits_of_a_rule(key: str, good: tuple[Any, ...], bad: tuple[Any, ...]) -> None:
    for value in good:
        rule = rule_from_json({key: value})
        assert rule_from_json(rule_to_json(rule)) == rule
    for value in bad:
        with pytest.raises(DeployError):
            rule_from_json({key: value})


def test_an_unknown_key_of_a_rule_is_refused() -> None:
    with pytest.raises(DeployError, match="rules"):
        rule_from_json({"windows_s": 1})


def test_runs_without_room_are_nobody_s_errors_and_server_errors_are() -> None:
    row = {"name": "a", "version": "v", "runs": 10, "errors": 4, "throttled": 3, "server_errors": 2}
    assert counted([row]) == {("a", "v"): Counted(7, 3)}


@given(before=counts(), more=counts())
def test_what_has_grown_is_what_came_on_top_and_a_new_worker_s_count_is_whole(
    before: Counted, more: Counted
) -> None:
    after = Counted(before.runs + more.runs, before.errors + more.errors)
    assert grown(before, after) == more
    if more.runs < before.runs:
        assert grown(before, more) == more
