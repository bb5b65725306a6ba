"""What a deploy asks for is read strictly, and a test event's result is compared as its author means it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefaas.control.bundle_json import to_json
from edgefaas.control.healthcheck import Check, failed_check, missing
from edgefaas.control.orders import FUNCTIONS_MAX, read_delivery
from edgefaas.control.rollout import Rule
from edgefaas.errors import DeployError
from edgefaas.split import Affinity
from tests.edgefaas.control.making import bundle

HELLO = to_json(bundle())
json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


@given(value=json_values)
def test_whatever_is_expected_of_itself_is_there(value: Any) -> None:
    assert missing(value, value) is None


@given(value=st.dictionaries(st.text(max_size=3), json_values, max_size=4), more=json_values)
def test_a_result_may_hold_more_than_is_expected(value: dict[str, Any], more: Any) -> None:
    assert missing(value, {**value, "more keys than three": more}) is None
    for key in value:
        assert missing(value, {name: item for name, item in value.items() if name != key}) == key


@pytest.mark.parametrize(
    ("expected", "found", "where"),
    [
        ({"a": {"b": 1}}, {"a": {"b": 2}}, "a.b"),
        ({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}]}, "a[1].b"),
        ([1], [1, 2], ""),
        ({"a": 1}, {"a": True}, "a"),
        ({"a": 1}, {"a": "1"}, "a"),
        (None, {}, ""),
    ],
)
def test_where_a_result_differs_is_told(expected: Any, found: Any, where: str) -> None:
    assert missing(expected, found) == where


@pytest.mark.parametrize(
    ("result", "fails"),
    [
        ({"status": "200"}, False),
        ({"status": "499"}, False),
        ({"status": "500"}, True),
        ({"statusCode": 503}, True),
        ({"uri": "/"}, False),
        ("text", False),
        (None, False),
    ],
)
def test_a_server_error_is_no_success(result: Any, fails: bool) -> None:
    assert bool(failed_check({"outcome": "finished", "result": result}, Check(event={}))) is fails


def test_a_function_alone_goes_out_to_everybody() -> None:
    delivery = read_delivery(HELLO)
    assert [item.name for item in delivery.bundles] == ["hello"]
    assert (delivery.terms.share, delivery.terms.rule, delivery.terms.checks) == (None, None, {})


def test_a_canary_is_watched_even_when_nobody_asks() -> None:
    terms = read_delivery(
        {"functions": [HELLO], "canary": {"percent": 12.5, "affinity": "cookie:session"}}
    ).terms
    assert (terms.share, terms.affinity, terms.rule) == (1_250, Affinity("cookie", "session"), Rule())


def test_a_check_is_no_part_of_a_version() -> None:
    checked = HELLO | {"health": {"event": {"a": 1}, "expect": {"b": 2}}}
    delivery = read_delivery({"functions": [checked]})
    assert delivery.terms.checks == {"hello": Check(event={"a": 1}, expect={"b": 2})}
    assert delivery.bundles[0].version == bundle().version


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        "text",
        {"functions": []},
        {"functions": [HELLO] * (FUNCTIONS_MAX + 1)},
        {"functions": [HELLO], "more": 1},
        {"functions": [HELLO], "canary": 10},
        {"functions": [HELLO], "canary": {}},
        {"functions": [HELLO], "canary": {"percent": True}},
        {"functions": [HELLO], "canary": {"percent": 100}},
        {"functions": [HELLO], "canary": {"percent": 10, "affinity": 3}},
        {"functions": [HELLO], "canary": {"percent": 10, "by": "address"}},
        {"functions": [HELLO], "watch": 3},
        {"functions": [HELLO], "watch": {"window_s": 0}},
        {"functions": [HELLO | {"health": 1}]},
        {"functions": [HELLO | {"health": {"expect": 1}}]},
        {"functions": [HELLO | {"health": {"event": 1, "more": 1}}]},
    ],
)
def test_what_is_no_deploy_is_refused(body: Any) -> None:
    with pytest.raises(DeployError):
        read_delivery(body)
