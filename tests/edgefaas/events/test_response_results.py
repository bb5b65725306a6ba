"""What functions may answer by themselves, and do to responses, for both APIs."""

import base64
import functools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefaas.errors import FunctionValidationError
from edgefaas.events import (
    AWS_RULES,
    OPEN_RULES,
    Api,
    Continue,
    GeneratedResponse,
    ModifiedResponse,
    Result,
    Rules,
    SentEvent,
    decode_result,
)
from edgefaas.events.header_rules import FORBIDDEN, READ_ONLY
from edgefaas.message import Headers, Response
from edgefaas.site import Trigger
from tests.edgefaas.events.builders import (
    BOTH_APIS,
    BOTH_RULES,
    FUNCTIONS,
    LAMBDA,
    REQUEST_TRIGGERS,
    Edit,
    answers,
    line,
    message_of,
    refused,
    response,
    returns,
    sent,
)
from tests.edgefaas.events.test_event_shapes import names, values

RESPONSE_TRIGGERS = (Trigger.ORIGIN_RESPONSE, Trigger.VIEWER_RESPONSE)
ORIGIN = Trigger.ORIGIN_RESPONSE
VIEWER = Trigger.VIEWER_RESPONSE


def generated(
    api: Api, trigger: Trigger = Trigger.VIEWER_REQUEST, rules: Rules = OPEN_RULES, /, **fields: Any
) -> Response:
    result = answers(sent(api, trigger), {status_name(api): 200, **fields}, rules)
    assert isinstance(result, GeneratedResponse)
    return result.response


def modified(event: SentEvent, edit: Edit | None = None, rules: Rules = OPEN_RULES) -> ModifiedResponse:
    result = returns(event, edit, rules)
    assert isinstance(result, ModifiedResponse)
    return result


def status_name(api: Api) -> str:
    return "status" if api is LAMBDA else "statusCode"


@BOTH_APIS
@pytest.mark.parametrize("trigger", REQUEST_TRIGGERS)
def test_a_status_alone_is_a_whole_answer(api: Api, trigger: Trigger) -> None:
    assert generated(api, trigger) == Response(
        status=200, headers=Headers([("Content-Length", "0")]), body=b"", reason="OK"
    )


@BOTH_APIS
def test_status_description_headers_and_body_are_taken(api: Api) -> None:
    made = generated(
        api,
        statusDescription="Found it",
        headers={**line(api, "location", "/x"), **line(api, "x-a", "1", "2")},
        body="<p>ü</p>",
    )
    assert made.reason == "Found it"
    assert [(name.lower(), value) for name, value in made.headers] == [
        ("location", "/x"),
        ("x-a", "1"),
        ("x-a", "2"),
        ("content-length", "9"),
    ]
    assert made.body == "<p>ü</p>".encode()


@BOTH_APIS
@BOTH_RULES
@pytest.mark.parametrize("status", [200, 302, 599, "200", "404", 204.0])
def test_statuses_from_200_to_599_are_taken_as_text_or_number(api: Api, rules: Rules, status: Any) -> None:
    assert generated(api, Trigger.VIEWER_REQUEST, rules, **{status_name(api): status}).status == int(status)


@BOTH_APIS
@BOTH_RULES
@pytest.mark.parametrize(
    "status", [199, 600, 100, 0, -200, "abc", "", "20", "2000", None, True, 200.5, [200]]
)
def test_other_statuses_are_refused(api: Api, rules: Rules, status: Any) -> None:
    with refused(f"{status_name(api)} is "):
        generated(api, Trigger.VIEWER_REQUEST, rules, **{status_name(api): status})


def test_the_other_apis_name_of_the_status_is_refused_with_the_right_one() -> None:
    with refused("statusCode in place of status"):
        answers(sent(LAMBDA, Trigger.VIEWER_REQUEST), {"statusCode": 200})
    with refused("status in place of statusCode"):
        answers(sent(FUNCTIONS, Trigger.VIEWER_REQUEST), {"status": "200"})


@BOTH_APIS
@pytest.mark.parametrize("output", [b"null", b"", b"1", b'"x"', b"[]", b"true", b"{", b"\xff", b"undefined"])
@pytest.mark.parametrize("trigger", list(Trigger))
def test_what_is_no_object_is_refused(api: Api, output: bytes, trigger: Trigger) -> None:
    with refused("the result is"):
        decode_result(sent(api, trigger), output)


def test_returning_the_whole_event_or_the_wrong_part_is_named() -> None:
    event = sent(FUNCTIONS, Trigger.VIEWER_REQUEST)
    with refused("the result is the whole event"):
        decode_result(event, event.payload)
    with refused("the result is the request"):
        answers(sent(FUNCTIONS, VIEWER), message_of(event))


@BOTH_APIS
def test_a_204_with_a_body_is_refused_and_without_one_taken(api: Api) -> None:
    made: dict[str, Any] = {status_name(api): 204}
    assert generated(api, **made).status == 204
    with refused("status 204 comes with a body"):
        generated(api, body="x", **made)


def test_base64_bodies_are_decoded() -> None:
    data = base64.b64encode(b"\x00\xff").decode()
    assert generated(LAMBDA, body=data, bodyEncoding="base64").body == b"\x00\xff"
    assert generated(FUNCTIONS, body={"encoding": "base64", "data": data}).body == b"\x00\xff"
    assert generated(FUNCTIONS, body={"encoding": "text", "data": "x"}).body == b"x"


@BOTH_APIS
@pytest.mark.parametrize("body", [7, True, ["x"]])
def test_a_body_that_is_no_text_is_refused(api: Api, body: object) -> None:
    with refused("body is not a string"):
        generated(api, body=body)


@BOTH_APIS
@pytest.mark.parametrize(
    ("trigger", "allowed"), [(Trigger.VIEWER_REQUEST, 40_960), (Trigger.ORIGIN_REQUEST, 1_048_576)]
)
def test_aws_limits_hold_for_generated_bodies_and_are_lifted_by_default(
    api: Api, trigger: Trigger, allowed: int
) -> None:
    assert len(generated(api, trigger, AWS_RULES, body="x" * allowed).body) == allowed  # type: ignore[arg-type]
    with refused(f"body has {allowed + 1} bytes; the limit is {allowed}"):
        generated(api, trigger, AWS_RULES, body="x" * (allowed + 1))
    assert len(generated(api, trigger, body="x" * (allowed + 1)).body) == allowed + 1  # type: ignore[arg-type]


@BOTH_APIS
@pytest.mark.parametrize("name", [*sorted(FORBIDDEN), "via", "transfer-encoding", "x-edge-a"])
def test_a_generated_response_has_no_forbidden_field(api: Api, name: str) -> None:
    with refused(f'header "{name}" may not be set'):
        generated(api, headers=line(api, name, "1"))


@BOTH_APIS
def test_the_length_of_a_generated_response_is_its_bodys_whatever_the_function_says(api: Api) -> None:
    made = generated(api, headers=line(api, "content-length", "7"), body="ü")
    assert made.headers.values("content-length") == ["2"]
    for status in (204, 304):
        bodiless: dict[str, Any] = {status_name(api): status}
        assert "content-length" not in generated(api, **bodiless).headers


def test_cookies_of_a_generated_response_become_set_cookie_lines() -> None:
    made = generated(
        FUNCTIONS,
        cookies={
            "a": {"value": "1", "attributes": "Secure; HttpOnly"},
            "b": {"value": "2", "multiValue": [{"value": "2"}, {"value": "3", "attributes": "Path=/"}]},
        },
    )
    assert made.headers.values("set-cookie") == ["a=1; Secure; HttpOnly", "b=2", "b=3; Path=/"]


@BOTH_APIS
@BOTH_RULES
@pytest.mark.parametrize("trigger", RESPONSE_TRIGGERS)
def test_a_response_returned_as_it_came_is_the_very_same_object(
    api: Api, rules: Rules, trigger: Trigger
) -> None:
    event = sent(
        api, trigger, None, response(("Via", "1.1 a"), ("Set-Cookie", "a=1; Path=/"), ("X-Cache", "h"))
    )
    assert modified(event, rules=rules) == ModifiedResponse(event.response)  # type: ignore[arg-type]
    assert modified(event, rules=rules).response is event.response


@BOTH_APIS
@given(lines=st.lists(st.tuples(names, values), max_size=8), status=st.integers(200, 599))
def test_no_response_is_changed_by_a_function_that_returns_it(
    api: Api, lines: list[tuple[str, str]], status: int
) -> None:
    event = sent(api, VIEWER, None, response(*lines, status=status))
    assert modified(event).response is event.response


@BOTH_APIS
@pytest.mark.parametrize("trigger", RESPONSE_TRIGGERS)
def test_fields_of_a_response_are_added_changed_and_deleted(api: Api, trigger: Trigger) -> None:
    event = sent(api, trigger, None, response(("Server", "x"), ("ETag", '"1"'), ("X-Amz-Cf-Id", "h")))

    def edit(message: dict[str, Any]) -> None:
        del message["headers"]["server"]
        message["headers"].update(line(api, "etag", '"2"'))
        message["headers"].update(line(api, "strict-transport-security", "max-age=1"))

    result = modified(event, edit).response
    assert [(name.lower(), value) for name, value in result.headers] == [
        ("etag", '"2"'),
        ("x-amz-cf-id", "h"),
        ("strict-transport-security", "max-age=1"),
    ]
    assert (result.status, result.body) == (200, b"hello")


@BOTH_APIS
@pytest.mark.parametrize("trigger", RESPONSE_TRIGGERS)
def test_adding_changing_or_deleting_a_read_only_field_of_a_response_is_refused(
    api: Api, trigger: Trigger
) -> None:
    for name in READ_ONLY[trigger]:
        change = lambda message, name=name: message["headers"].update(line(api, name, "2"))  # noqa: E731
        for start, edit in (
            (response(), change),
            (response((name.title(), "1")), change),
            (response((name.title(), "1")), lambda message, name=name: message["headers"].pop(name)),
        ):
            with refused(f'header "{name}" is read-only'):
                returns(sent(api, trigger, None, start), edit)


@BOTH_APIS
@pytest.mark.parametrize("trigger", RESPONSE_TRIGGERS)
def test_a_forbidden_field_of_a_response_is_refused(api: Api, trigger: Trigger) -> None:
    with refused('header "x-cache" may not be set'):
        returns(sent(api, trigger), lambda message: message["headers"].update(line(api, "x-cache", "Hit")))


def without_description(message: dict[str, Any]) -> None:
    message["status"] = "503"
    del message["statusDescription"]


def test_origin_response_may_change_status_and_description() -> None:
    event = sent(LAMBDA, ORIGIN, None, response(status=404))
    result = modified(event, lambda m: m.update(status=200, statusDescription="Fine")).response
    assert (result.status, result.reason) == (200, "Fine")
    standard = modified(event, without_description).response
    assert (standard.status, standard.reason) == (503, "Service Unavailable")


@BOTH_RULES
def test_a_lambda_viewer_response_cannot_change_the_status(rules: Rules) -> None:
    with refused("status was changed from 200 to 404"):
        returns(sent(LAMBDA, VIEWER), lambda message: message.update(status="404"), rules)


def test_a_cloudfront_function_changes_the_status_of_a_viewer_response() -> None:
    result = modified(sent(FUNCTIONS, VIEWER), lambda m: m.update(statusCode=404, statusDescription="Gone"))
    assert (result.response.status, result.response.reason) == (404, "Gone")


def set_body(body: str, message: dict[str, Any]) -> None:
    message["body"] = body


@BOTH_APIS
def test_a_body_replaces_an_empty_one_removes_and_an_absent_one_keeps(api: Api) -> None:
    event = sent(api, ORIGIN, None, response(("Content-Length", "5"), ("Content-Type", "a/b")))
    kept = modified(event, lambda message: message["headers"].update(line(api, "x-a", "1")))
    assert (kept.response.body, kept.body_replaced) == (b"hello", False)
    assert kept.response.headers.get("content-length") == "5"
    for body, octets in (("new", b"new"), ("", b"")):
        result = modified(event, functools.partial(set_body, body))
        assert (result.response.body, result.body_replaced) == (octets, True)
        length = ("Content-Length", str(len(octets)))
        assert list(result.response.headers) == [("Content-Type", "a/b"), length]
    assert event.response is not None
    assert event.response.headers.get("content-length") == "5"


def test_a_body_in_base64_replaces_the_origins() -> None:
    result = modified(sent(LAMBDA, ORIGIN), lambda m: m.update(body="AP8=", bodyEncoding="base64"))
    assert result.response.body == b"\x00\xff"


def test_aws_rules_refuse_a_body_from_a_lambda_viewer_response() -> None:
    event = sent(LAMBDA, VIEWER)
    assert modified(event, lambda message: message.update(body="x")).response.body == b"x"
    with refused("body was set"):
        returns(event, lambda message: message.update(body="x"), AWS_RULES)


def test_a_new_response_object_without_headers_loses_the_origins_but_not_read_only_ones() -> None:
    event = sent(LAMBDA, ORIGIN, None, response(("Via", "1.1 a"), ("Content-Encoding", "gzip")))
    result = answers(event, {"status": "200", "body": "plain"})
    assert isinstance(result, ModifiedResponse)
    assert list(result.response.headers) == [("Via", "1.1 a"), ("Content-Length", "5")]


def test_set_cookie_lines_change_through_the_cookies_object() -> None:
    event = sent(
        FUNCTIONS,
        VIEWER,
        None,
        response(
            ("Set-Cookie", "a=1; expires=Wed, 05 Apr 2026 07:28:00 GMT"), ("X", "y"), ("Set-Cookie", "b=2")
        ),
    )

    def edit(message: dict[str, Any]) -> None:
        del message["cookies"]["b"]
        message["cookies"]["c"] = {"value": "3", "attributes": "Secure"}

    assert list(modified(event, edit).response.headers) == [
        ("Set-Cookie", "a=1; expires=Wed, 05 Apr 2026 07:28:00 GMT"),
        ("Set-Cookie", "c=3; Secure"),
        ("X", "y"),
    ]


@BOTH_APIS
def test_a_status_description_cannot_smuggle_a_line(api: Api) -> None:
    with refused("statusDescription is"):
        generated(api, statusDescription="OK\r\nX-Evil: 1")


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**40), 2**40)
    | st.floats(allow_nan=False)
    | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
FIELDS = [
    *["status", "statusCode", "statusDescription", "headers", "body", "bodyEncoding", "cookies", "uri"],
    *["querystring", "method", "clientIp"],
]
ORIGIN_FIELDS = [
    *["customHeaders", "domainName", "keepaliveTimeout", "path", "port", "protocol", "readTimeout"],
    *["sslProtocols", "authMethod", "region"],
]
origin_objects = json_values | st.dictionaries(
    st.sampled_from(["custom", "s3"]),
    st.dictionaries(st.sampled_from(ORIGIN_FIELDS), json_values),
    max_size=2,
)
HELPER_FIELDS = [
    *["domainName", "hostHeader", "originPath", "customHeaders", "customOriginConfig", "timeouts"],
    *["originId", "originIds", "failoverCriteria"],
]
helper_objects = json_values | st.dictionaries(
    st.sampled_from(["update", "select", "group"]),
    st.dictionaries(st.sampled_from(HELPER_FIELDS), json_values),
    min_size=1,
    max_size=1,
)
all_changes = st.builds(
    lambda plain, others: {**plain, **others},
    st.dictionaries(st.sampled_from(FIELDS), json_values, max_size=4),
    st.fixed_dictionaries({}, optional={"origin": origin_objects, "edgefaas:origin": helper_objects}),
)


@BOTH_APIS
@given(
    trigger=st.sampled_from(list(Trigger)),
    changes=all_changes,
    rules=st.sampled_from([OPEN_RULES, AWS_RULES]),
)
def test_whatever_a_function_returns_is_a_valid_result_or_a_refusal(
    api: Api, trigger: Trigger, changes: dict[str, Any], rules: Rules
) -> None:
    try:
        result = returns(sent(api, trigger), lambda message: message.update(changes), rules)
    except FunctionValidationError as refusal:
        remedy = refusal.remedy
    else:
        assert_can_be_sent(result)
        remedy = "None needed."
    assert remedy.endswith(".")


def assert_can_be_sent(result: Result) -> None:
    if isinstance(result, Continue):
        assert result.request.path.startswith("/")
        assert result.request.target.isascii()
        headers = result.request.headers
    else:
        assert 200 <= result.response.status <= 599
        assert "\n" not in result.response.reason
        headers = result.response.headers
    for name, value in headers:
        assert "\n" not in name + value
        assert (name + value).encode("latin-1")


def test_cookies_that_are_not_touched_keep_their_spelling() -> None:
    lines = [("Set-Cookie", "a=1;Secure;  Path=/"), ("Set-Cookie", "b=2"), ("Set-Cookie", "c=3;HttpOnly")]
    event = sent(FUNCTIONS, VIEWER, None, response(*lines))
    after = modified(event, lambda message: message["cookies"].pop("b")).response.headers
    assert after.values("set-cookie") == ["a=1;Secure;  Path=/", "c=3;HttpOnly"]


def test_attributes_of_a_cookie_are_text() -> None:
    with refused('cookie "a" has attributes that are no string'):
        generated(FUNCTIONS, cookies={"a": {"value": "1", "attributes": {"Secure": True}}})


def test_a_response_trigger_may_leave_the_status_out_but_not_return_the_request() -> None:
    event = sent(FUNCTIONS, VIEWER)
    assert modified(event, lambda message: message.pop("statusCode")).response is event.response
    assert modified(event, lambda message: message.update(uri="/x")).response is event.response


@BOTH_APIS
def test_a_lone_surrogate_becomes_the_replacement_character(api: Api) -> None:
    output = f'{{"{status_name(api)}": 200, "body": "a\\ud83db", "statusDescription": "\\u00fc"}}'.encode()
    result = decode_result(sent(api, Trigger.VIEWER_REQUEST), output)
    assert isinstance(result, GeneratedResponse)
    assert result.response.body == "a\N{REPLACEMENT CHARACTER}b".encode()


@BOTH_APIS
@pytest.mark.parametrize(
    "output", [b'{"a": "\\ud83d", "b": NaN}', b"[" * 5000 + b'"\\ud83d"', b'"\\ud83d"', b'"\\u12"']
)
def test_other_broken_json_is_refused(api: Api, output: bytes) -> None:
    with refused("the result is"):
        decode_result(sent(api, Trigger.VIEWER_REQUEST), output)
