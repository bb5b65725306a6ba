"""What functions in request triggers may do to the request, for both APIs."""

import functools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefaas.events import AWS_RULES, OPEN_RULES, Api, Continue, EventContext, Rules, ShownBody
from edgefaas.events.header_rules import FORBIDDEN, READ_ONLY
from edgefaas.events.parts import TARGET_MAX_CHARS
from edgefaas.message import Headers
from edgefaas.site import Trigger
from tests.edgefaas.events.builders import (
    BOTH_APIS,
    BOTH_RULES,
    FUNCTIONS,
    LAMBDA,
    REQUEST_TRIGGERS,
    Edit,
    line,
    refused,
    request,
    returns,
    sent,
)
from tests.edgefaas.events.test_event_shapes import names, values

VIEWER = Trigger.VIEWER_REQUEST
ORIGIN = Trigger.ORIGIN_REQUEST


def going_on(event: Any, edit: Edit | None = None, rules: Rules = OPEN_RULES) -> Continue:
    result = returns(event, edit, rules)
    assert isinstance(result, Continue)
    return result


@BOTH_APIS
@BOTH_RULES
def test_a_request_returned_as_it_came_is_the_very_same_object(api: Api, rules: Rules) -> None:
    event = sent(api, VIEWER, request(("Cookie", "a=1; b"), ("X-Edge-Id", "7"), query="a&b=1&b=2&&"))
    assert going_on(event, rules=rules) == Continue(event.request)
    assert going_on(event, rules=rules).request is event.request


@BOTH_APIS
@given(lines=st.lists(st.tuples(names, values), max_size=8), query=st.text("abc=&%2", max_size=12))
def test_no_request_is_changed_by_a_function_that_returns_it(
    api: Api, lines: list[tuple[str, str]], query: str
) -> None:
    event = sent(api, VIEWER, request(*lines, query=query))
    assert going_on(event).request is event.request


@BOTH_APIS
@given(lines=st.lists(st.tuples(names, values), max_size=8))
def test_adding_a_field_leaves_every_other_line_as_it_was(api: Api, lines: list[tuple[str, str]]) -> None:
    event = sent(api, VIEWER, request(*[pair for pair in lines if pair[0].lower() not in ("x-new", "via")]))
    after = going_on(
        event, lambda message: message["headers"].update(line(api, "x-new", "1"))
    ).request.headers
    assert list(after)[:-1] == list(event.request.headers)
    assert list(after)[-1][1] == "1"


@BOTH_APIS
def test_a_changed_field_keeps_its_place_and_hidden_fields_stay(api: Api) -> None:
    event = sent(api, VIEWER, request(("X-A", "1"), ("X-Forwarded-Proto", "https"), ("X-B", "2")))
    after = going_on(event, lambda message: message["headers"].update(line(api, "x-a", "9"))).request.headers
    assert [(key.lower(), value) for key, value in after] == [
        ("host", "www.example.com"),
        ("x-a", "9"),
        ("x-forwarded-proto", "https"),
        ("x-b", "2"),
    ]


@BOTH_APIS
def test_a_deleted_field_is_gone_with_all_its_lines(api: Api) -> None:
    event = sent(api, VIEWER, request(("X-A", "1"), ("x-a", "2"), ("X-B", "3")))
    after = going_on(event, lambda message: message["headers"].pop("x-a")).request.headers
    assert list(after) == [("Host", "www.example.com"), ("X-B", "3")]


@BOTH_APIS
def test_several_values_become_several_lines(api: Api) -> None:
    event = sent(api, VIEWER)
    after = going_on(event, lambda message: message["headers"].update(line(api, "x-a", "1", "2"))).request
    assert after.headers.values("x-a") == ["1", "2"]


def test_a_missing_key_is_filled_with_the_title_case_of_the_name() -> None:
    event = sent(LAMBDA, VIEWER)
    after = going_on(event, lambda message: message["headers"].update({"x-my-id": [{"value": "1"}]})).request
    assert ("X-My-Id", "1") in list(after.headers)


def test_names_from_cloudfront_functions_go_out_in_title_case() -> None:
    event = sent(FUNCTIONS, VIEWER)
    after = going_on(event, lambda message: message["headers"].update({"x-my-id": {"value": "1"}})).request
    assert ("X-My-Id", "1") in list(after.headers)


@BOTH_APIS
@BOTH_RULES
@pytest.mark.parametrize("trigger", REQUEST_TRIGGERS)
@pytest.mark.parametrize("name", [*sorted(FORBIDDEN), "x-amz-cf-id", "x-edge-anything"])
def test_adding_a_forbidden_field_is_refused_by_name(
    api: Api, rules: Rules, trigger: Trigger, name: str
) -> None:
    with refused(f'header "{name}" may not be set'):
        returns(sent(api, trigger), lambda message: message["headers"].update(line(api, name, "1")), rules)


@BOTH_APIS
@pytest.mark.parametrize("trigger", REQUEST_TRIGGERS)
def test_adding_changing_or_deleting_a_read_only_field_is_refused_by_name(api: Api, trigger: Trigger) -> None:
    for name in READ_ONLY[trigger]:
        with_it = request() if name == "host" else request((name.title(), "1"))
        without = request()
        without.headers.remove("host")
        adds_or_changes = lambda message, name=name: message["headers"].update(line(api, name, "2"))  # noqa: E731
        for start, edit in (
            (without, adds_or_changes),
            (with_it, adds_or_changes),
            (with_it, lambda message, name=name: message["headers"].pop(name)),
        ):
            with refused(f'header "{name}" is read-only'):
                returns(sent(api, trigger, start), edit)


def test_a_read_only_field_with_the_same_value_under_another_key_is_no_change() -> None:
    event = sent(LAMBDA, VIEWER)
    edit = lambda message: message["headers"].update({"host": [{"value": "www.example.com"}]})  # noqa: E731
    assert going_on(event, edit).request is event.request


@BOTH_APIS
def test_host_may_be_changed_before_the_origin_and_is_reported(api: Api) -> None:
    event = sent(api, ORIGIN)
    result = going_on(event, lambda message: message["headers"].update(line(api, "host", "other.example")))
    assert result.host == "other.example"
    assert going_on(event).host is None


@BOTH_APIS
@BOTH_RULES
@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "\0", "a\x7f"])
def test_control_characters_in_a_value_are_refused(api: Api, rules: Rules, value: str) -> None:
    with refused('header "x-a" has a control character'):
        returns(sent(api, VIEWER), lambda message: message["headers"].update(line(api, "x-a", value)), rules)


@BOTH_APIS
@pytest.mark.parametrize("name", ["", "x y", "x:y", "x\r\ny", "é"])
def test_a_name_that_is_no_token_is_refused(api: Api, name: str) -> None:
    with refused("is not a token"):
        returns(sent(api, VIEWER), lambda message: message["headers"].update(line(api, name, "1")))


@BOTH_APIS
def test_characters_beyond_latin_1_go_out_as_utf_8(api: Api) -> None:
    after = going_on(
        sent(api, VIEWER), lambda message: message["headers"].update(line(api, "x-city", "Łódź"))
    ).request
    assert after.headers.get("x-city") == "Łódź".encode().decode("latin-1")


@BOTH_APIS
def test_numbers_as_values_are_taken_unless_aws_rules_hold(api: Api) -> None:
    number: Any = [{"value": 7}] if api is LAMBDA else {"value": 7}
    event = sent(api, VIEWER)
    assert going_on(event, lambda m: m["headers"].update({"x-n": number})).request.headers.get("x-n") == "7"
    with refused('header "x-n" has a value that is not a string'):
        returns(event, lambda message: message["headers"].update({"x-n": number}), AWS_RULES)


@BOTH_APIS
@pytest.mark.parametrize("field", ["method", "clientIp"])
def test_read_only_members_are_refused_by_name(api: Api, field: str) -> None:
    if api is FUNCTIONS and field == "clientIp":
        return
    with refused(f"{field} is read-only"):
        returns(sent(api, VIEWER), lambda message: message.update({field: "PUT"}))


@BOTH_APIS
def test_uri_is_rewritten(api: Api) -> None:
    event = sent(api, VIEWER, request(query="a=1"))
    result = going_on(event, lambda message: message.update(uri="/b/index.html"))
    assert (result.request.path, result.request.query) == ("/b/index.html", "a=1")
    assert event.request.path == "/a.html"


@BOTH_APIS
@pytest.mark.parametrize("uri", ["", "b.html", None, 7, "https://x/"])
def test_a_uri_that_does_not_start_with_a_slash_is_refused(api: Api, uri: object) -> None:
    with refused("uri is"):
        returns(sent(api, VIEWER), lambda message: message.update(uri=uri))


@BOTH_APIS
@BOTH_RULES
@pytest.mark.parametrize("uri", ["/a\r\nHost: evil", "/a\0", "/\x7f"])
def test_control_characters_in_a_uri_are_refused(api: Api, rules: Rules, uri: str) -> None:
    with refused("uri has a control character"):
        returns(sent(api, VIEWER), lambda message: message.update(uri=uri), rules)


@BOTH_APIS
def test_what_would_end_the_path_is_percent_encoded(api: Api) -> None:
    result = going_on(sent(api, VIEWER), lambda message: message.update(uri="/ü b?c#d%20"))
    assert result.request.path == "/%C3%BC%20b%3Fc%23d%20"
    assert result.request.query == ""


@BOTH_APIS
def test_aws_rules_refuse_a_space_in_a_uri(api: Api) -> None:
    with refused("uri has a space"):
        returns(sent(api, VIEWER), lambda message: message.update(uri="/a b"), AWS_RULES)


@BOTH_APIS
def test_uri_and_querystring_may_have_8191_characters_together_and_not_one_more(api: Api) -> None:
    def edit(size: int) -> Edit:
        query: Any = "b=" + "q" * 98 if api is LAMBDA else {"b": {"value": "q" * 98}}
        return lambda message: message.update(uri="/" + "u" * (size - 101), querystring=query)

    assert len(going_on(sent(api, VIEWER), edit(TARGET_MAX_CHARS)).request.target) == TARGET_MAX_CHARS + 1
    with refused("8192 characters; the limit is 8191"):
        returns(sent(api, VIEWER), edit(TARGET_MAX_CHARS + 1))


def test_a_lambda_querystring_is_taken_as_text() -> None:
    event = sent(LAMBDA, VIEWER, request(query="b=2&a=1"))
    result = going_on(event, lambda message: message.update(querystring="a=1&b=2"))
    assert result.request.query == "a=1&b=2"
    assert going_on(event, lambda message: message.update(querystring="")).request.query == ""


def test_members_of_a_changed_querystring_keep_their_spelling_when_they_are_unchanged() -> None:
    event = sent(FUNCTIONS, VIEWER, request(query="flag&a=%7e&b=1&b=2&utm=x"))

    def edit(message: dict[str, Any]) -> None:
        del message["querystring"]["utm"]
        message["querystring"]["new"] = {"value": "n"}

    assert going_on(event, edit).request.query == "flag&a=%7e&b=1&b=2&new=n"


@pytest.mark.parametrize("spelling", ["multiValue", "multivalue"])
def test_a_changed_multi_value_wins_over_value_in_either_spelling(spelling: str) -> None:
    event = sent(FUNCTIONS, VIEWER, request(query="a=1"))
    entry = {"value": "9", spelling: [{"value": "2"}, {"value": "3"}]}
    assert going_on(event, lambda m: m["querystring"].update(a=entry)).request.query == "a=2&a=3"


def test_a_changed_value_wins_over_a_multi_value_as_it_came() -> None:
    event = sent(FUNCTIONS, VIEWER, request(query="a=1&a=2"))
    assert going_on(event, lambda m: m["querystring"]["a"].update(value="9")).request.query == "a=9"


def test_cookies_are_changed_through_the_cookies_object() -> None:
    event = sent(FUNCTIONS, VIEWER, request(("Cookie", "a=1; b=2"), ("X", "y")))

    def edit(message: dict[str, Any]) -> None:
        del message["cookies"]["a"]
        message["cookies"]["c"] = {"value": "3"}

    after = going_on(event, edit).request.headers
    assert list(after) == [("Host", "www.example.com"), ("Cookie", "b=2; c=3"), ("X", "y")]
    assert "cookie" not in going_on(event, lambda message: message.update(cookies={})).request.headers


@pytest.mark.parametrize("value", ["a\r\nb", "a;b"])
def test_a_cookie_value_cannot_smuggle_a_line_or_an_attribute(value: str) -> None:
    with refused("cookie"):
        returns(sent(FUNCTIONS, VIEWER), lambda message: message["cookies"].update(a={"value": value}))


def test_a_cookie_among_the_headers_is_taken_unless_aws_rules_hold() -> None:
    event = sent(FUNCTIONS, VIEWER)
    edit = lambda message: message["headers"].update(cookie={"value": "a=1"})  # noqa: E731
    assert going_on(event, edit).request.headers.get("cookie") == "a=1"
    with refused('header "cookie" was added to headers'):
        returns(event, edit, AWS_RULES)


def with_body(data: bytes = b"old") -> Any:
    context = EventContext(body=ShownBody(data))
    return sent(LAMBDA, VIEWER, request(("Content-Length", "3"), method="POST"), context=context)


def test_a_body_is_replaced_only_when_its_action_says_so() -> None:
    event = with_body()
    assert going_on(event, lambda m: m["body"].update(data="bmV3")).request is event.request
    replaced = going_on(event, lambda m: m["body"].update(action="replace", encoding="text", data="neu!"))
    assert (replaced.request.body, replaced.body_replaced) == (b"neu!", True)
    assert replaced.request.headers.values("content-length") == ["4"]
    in_base64 = going_on(event, lambda m: m["body"].update(action="replace", data="bmV1"))
    assert in_base64.request.body == b"neu"


def test_a_body_cannot_be_replaced_where_bodies_are_not_included() -> None:
    with refused("bodies are not included"):
        returns(sent(LAMBDA, VIEWER), lambda m: m.update(body={"action": "replace", "data": "x"}))


def test_an_unknown_action_or_encoding_or_broken_base64_is_refused() -> None:
    with refused("body.action is 'write'"):
        returns(with_body(), lambda m: m["body"].update(action="write"))
    with refused("encoding is 'hex'"):
        returns(with_body(), lambda m: m["body"].update(action="replace", encoding="hex"))
    with refused("not valid base64"):
        returns(with_body(), lambda m: m["body"].update(action="replace", data="!"))


@pytest.mark.parametrize(
    ("trigger", "encoding", "allowed"),
    [
        (VIEWER, "text", 40_960),
        (VIEWER, "base64", 54_476),
        (ORIGIN, "text", 1_048_576),
        (ORIGIN, "base64", 1_394_606),
    ],
)
def test_aws_limits_hold_for_replaced_bodies_and_are_lifted_by_default(
    trigger: Trigger, encoding: str, allowed: int
) -> None:
    allowed -= allowed % 4 if encoding == "base64" else 0
    event = sent(LAMBDA, trigger, request(method="POST"), context=EventContext(body=ShownBody(b"")))

    def edit(size: int) -> Edit:
        return lambda m: m["body"].update(action="replace", encoding=encoding, data="A" * size)

    assert going_on(event, edit(allowed), AWS_RULES).body_replaced
    with refused(f"request.body has {allowed + 4} bytes; the limit is"):
        returns(event, edit(allowed + 4), AWS_RULES)
    assert going_on(event, edit(allowed + 4)).body_replaced


def test_as_much_of_a_body_is_shown_as_the_trigger_allows() -> None:
    assert AWS_RULES.body_shown_bytes(VIEWER) == 40 * 1024
    assert AWS_RULES.body_shown_bytes(ORIGIN) == 1024 * 1024
    assert OPEN_RULES.body_shown_bytes(VIEWER) > AWS_RULES.body_shown_bytes(VIEWER)


@BOTH_APIS
def test_a_request_without_headers_keeps_only_what_is_read_only(api: Api) -> None:
    event = sent(api, VIEWER, request(("X-A", "1"), ("X-Cache", "hidden")))
    after = going_on(event, lambda message: message.pop("headers")).request.headers
    assert after == Headers([("Host", "www.example.com"), ("X-Cache", "hidden")])
    with refused('header "host" is read-only'):
        returns(event, lambda message: message.pop("headers"), AWS_RULES)


def add_headers(headers: dict[str, Any], message: dict[str, Any]) -> None:
    message["headers"].update(headers)


def test_lenient_spellings_of_lambda_headers_are_taken_unless_aws_rules_hold() -> None:
    event = sent(LAMBDA, VIEWER)
    spellings: list[dict[str, Any]] = [
        {"X-A": [{"key": "X-A", "value": "1"}]},
        {"x-a": {"key": "X-A", "value": "1"}},
        {"x-a": "1"},
        {"x-a": ["1"]},
        {"x-a": [{"key": "Host", "value": "1"}]},
    ]
    for headers in spellings:
        edit = functools.partial(add_headers, headers)
        assert going_on(event, edit).request.headers.values("x-a") == ["1"]
        with refused("header"):
            returns(event, edit, AWS_RULES)


@BOTH_RULES
@pytest.mark.parametrize("query", ["a=1\r\nX: y", "\0", "a\x7f"])
def test_control_characters_in_a_querystring_are_refused(rules: Rules, query: str) -> None:
    with refused("querystring has a control character"):
        returns(sent(LAMBDA, VIEWER), lambda message: message.update(querystring=query), rules)


@pytest.mark.parametrize(("query", "encoded"), [("a=b c", "a=b%20c"), ("a=#", "a=%23"), ("a=ü", "a=%C3%BC")])
def test_what_a_querystring_cannot_hold_is_percent_encoded(query: str, encoded: str) -> None:
    event = sent(LAMBDA, VIEWER)
    assert going_on(event, lambda message: message.update(querystring=query)).request.query == encoded


@BOTH_APIS
@pytest.mark.parametrize("char", [" ", "#"])
def test_aws_rules_refuse_a_space_and_a_hash_in_both_parts_of_the_target(api: Api, char: str) -> None:
    query: Any = f"a={char}" if api is LAMBDA else {"a": {"value": char}}
    with refused("querystring has a space or a #"):
        returns(sent(api, VIEWER), lambda message: message.update(querystring=query), AWS_RULES)
    with refused("uri has a space or a #"):
        returns(sent(api, VIEWER), lambda message: message.update(uri=f"/{char}"), AWS_RULES)


def test_a_querystring_of_cloudfront_functions_may_be_text_or_nothing() -> None:
    event = sent(FUNCTIONS, VIEWER, request(query="a=1"))
    assert going_on(event, lambda message: message.update(querystring="b=2")).request.query == "b=2"
    assert going_on(event, lambda message: message.pop("querystring")).request.query == ""


@pytest.mark.parametrize(
    "entry", [None, True, ["x"], {"value": None}, {"value": {"a": 1}}, {"multiValue": 7}]
)
def test_a_member_without_a_value_is_refused_by_name(entry: object) -> None:
    for where in ("querystring", "cookies"):
        with refused('"odd"'):
            returns(sent(FUNCTIONS, VIEWER), functools.partial(add_member, where, entry))


def add_member(where: str, entry: object, message: dict[str, Any]) -> None:
    message[where]["odd"] = entry
