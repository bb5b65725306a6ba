"""What functions see: events exact to the field."""

import base64

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefaas.events import CustomOrigin, EventContext, S3Origin, ShownBody, encode_event
from edgefaas.events.header_rules import FORBIDDEN
from edgefaas.message import Headers, Request
from edgefaas.site import Trigger
from tests.edgefaas.events.builders import (
    BOTH_APIS,
    FUNCTIONS,
    LAMBDA,
    REQUEST_TRIGGERS,
    event_of,
    message_of,
    request,
    response,
    sent,
)

CONTEXT = EventContext(distribution_id="EDFDVBD6EXAMPLE", distribution_domain="d111111abcdef8.cloudfront.net")


def test_a_lambda_viewer_request_event_has_exactly_the_documented_fields() -> None:
    event = sent(
        LAMBDA,
        Trigger.VIEWER_REQUEST,
        request(("User-Agent", "curl/7.66.0"), ("accept", "*/*"), query="a=1"),
        context=CONTEXT,
    )
    assert orjson.loads(event.payload) == {
        "Records": [
            {
                "cf": {
                    "config": {
                        "distributionDomainName": "d111111abcdef8.cloudfront.net",
                        "distributionId": "EDFDVBD6EXAMPLE",
                        "eventType": "viewer-request",
                        "requestId": "req-1",
                    },
                    "request": {
                        "clientIp": "203.0.113.178",
                        "headers": {
                            "host": [{"key": "Host", "value": "www.example.com"}],
                            "user-agent": [{"key": "User-Agent", "value": "curl/7.66.0"}],
                            "accept": [{"key": "accept", "value": "*/*"}],
                        },
                        "method": "GET",
                        "querystring": "a=1",
                        "uri": "/a.html",
                    },
                }
            }
        ]
    }


def test_a_lambda_origin_request_event_shows_a_custom_origin() -> None:
    origin = CustomOrigin(
        domain_name="example.org",
        port=443,
        protocol="https",
        path="/v1",
        custom_headers={"X-Secret": "s"},
        ssl_protocols=("TLSv1.2",),
    )
    event = sent(LAMBDA, Trigger.ORIGIN_REQUEST, context=EventContext(origin=origin))
    assert message_of(event)["origin"] == {
        "custom": {
            "customHeaders": {"x-secret": [{"key": "X-Secret", "value": "s"}]},
            "domainName": "example.org",
            "keepaliveTimeout": 5,
            "path": "/v1",
            "port": 443,
            "protocol": "https",
            "readTimeout": 30,
            "sslProtocols": ["TLSv1.2"],
        }
    }


def test_a_lambda_origin_response_event_shows_request_with_origin_and_response_without_body() -> None:
    event = sent(
        LAMBDA,
        Trigger.ORIGIN_RESPONSE,
        None,
        response(("Content-Type", "text/plain"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")),
        EventContext(origin=S3Origin(domain_name="bucket.s3.amazonaws.com", region="eu-central-1")),
    )
    seen = event_of(event)
    assert seen["request"]["origin"] == {
        "s3": {
            "authMethod": "none",
            "customHeaders": {},
            "domainName": "bucket.s3.amazonaws.com",
            "path": "",
            "region": "eu-central-1",
        }
    }
    assert seen["response"] == {
        "headers": {
            "content-type": [{"key": "Content-Type", "value": "text/plain"}],
            "set-cookie": [{"key": "Set-Cookie", "value": "a=1"}, {"key": "Set-Cookie", "value": "b=2"}],
        },
        "status": "200",
        "statusDescription": "OK",
    }


def test_a_cloudfront_functions_viewer_request_event_has_exactly_the_documented_fields() -> None:
    event = sent(
        FUNCTIONS,
        Trigger.VIEWER_REQUEST,
        request(
            ("Accept", "text/html"),
            ("accept", "application/xml"),
            ("Cookie", "loggedIn=false; id=7; id=8"),
            query="test=true&arg=val1&arg=val2&NoValue&x=a%20b",
        ),
        context=CONTEXT,
    )
    assert orjson.loads(event.payload) == {
        "version": "1.0",
        "context": {
            "distributionDomainName": "d111111abcdef8.cloudfront.net",
            "distributionId": "EDFDVBD6EXAMPLE",
            "eventType": "viewer-request",
            "requestId": "req-1",
        },
        "viewer": {"ip": "203.0.113.178"},
        "request": {
            "method": "GET",
            "uri": "/a.html",
            "querystring": {
                "test": {"value": "true"},
                "arg": {"value": "val1", "multiValue": [{"value": "val1"}, {"value": "val2"}]},
                "NoValue": {"value": ""},
                "x": {"value": "a%20b"},
            },
            "headers": {
                "host": {"value": "www.example.com"},
                "accept": {
                    "value": "text/html",
                    "multiValue": [{"value": "text/html"}, {"value": "application/xml"}],
                },
            },
            "cookies": {
                "loggedIn": {"value": "false"},
                "id": {"value": "7", "multiValue": [{"value": "7"}, {"value": "8"}]},
            },
        },
    }


def test_a_cloudfront_functions_viewer_response_event_shows_cookies_with_attributes() -> None:
    event = sent(
        FUNCTIONS,
        Trigger.VIEWER_RESPONSE,
        None,
        response(
            ("Content-Type", "text/html"),
            ("Set-Cookie", "id=1; Secure; Path=/"),
            ("Set-Cookie", "plain=x=y"),
            ("Set-Cookie", "id=2"),
        ),
    )
    assert event_of(event)["response"] == {
        "statusCode": 200,
        "statusDescription": "OK",
        "headers": {"content-type": {"value": "text/html"}},
        "cookies": {
            "id": {
                "value": "1",
                "attributes": "Secure; Path=/",
                "multiValue": [{"value": "1", "attributes": "Secure; Path=/"}, {"value": "2"}],
            },
            "plain": {"value": "x=y"},
        },
    }


def test_the_querystring_of_a_lambda_event_is_empty_when_there_is_none() -> None:
    assert message_of(sent(LAMBDA, Trigger.VIEWER_REQUEST))["querystring"] == ""


def test_a_body_is_shown_as_base64_only_when_included_and_says_whether_it_is_cut() -> None:
    without = message_of(sent(LAMBDA, Trigger.VIEWER_REQUEST))
    assert "body" not in without
    shown = EventContext(body=ShownBody(b"a=1", truncated=True))
    assert message_of(sent(LAMBDA, Trigger.VIEWER_REQUEST, context=shown))["body"] == {
        "inputTruncated": True,
        "action": "read-only",
        "encoding": "base64",
        "data": base64.b64encode(b"a=1").decode(),
    }


def test_the_status_description_is_the_standard_phrase_when_the_origin_gave_none() -> None:
    seen = event_of(sent(LAMBDA, Trigger.VIEWER_RESPONSE, None, response(status=404)))
    assert seen["response"]["statusDescription"] == "Not Found"


@BOTH_APIS
@pytest.mark.parametrize("name", [*sorted(FORBIDDEN), "x-edge-pop", "x-amz-cf-id"])
def test_forbidden_fields_are_never_shown(api: str, name: str) -> None:
    event = encode_event(
        api, Trigger.VIEWER_REQUEST, request((name.title(), "1"), ("X-Other", "2")), None, EventContext()
    )
    assert set(message_of(event)["headers"]) == {"host", "x-other"}


@BOTH_APIS
@pytest.mark.parametrize("trigger", list(Trigger))
def test_the_event_names_its_trigger(api: str, trigger: Trigger) -> None:
    the_response = None if trigger in REQUEST_TRIGGERS else response()
    event = encode_event(api, trigger, request(), the_response, EventContext())
    assert f'"eventType":"{trigger.value}"'.encode() in event.payload


names = st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,12}", fullmatch=True).filter(
    lambda name: not name.lower().startswith(("x-edge", "x-amz")) and name.lower() not in FORBIDDEN
)
values = st.text(
    st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=12
)


@given(st.lists(st.tuples(names, values), max_size=12))
def test_a_lambda_event_has_every_line_once_in_order_under_its_lower_case_name(
    lines: list[tuple[str, str]],
) -> None:
    the_request = Request(method="GET", path="/", headers=Headers(lines))
    shown = message_of(encode_event(LAMBDA, Trigger.VIEWER_REQUEST, the_request, None, EventContext()))[
        "headers"
    ]
    assert {name: [(item["key"], item["value"]) for item in items] for name, items in shown.items()} == {
        name.lower(): [line for line in lines if line[0].lower() == name.lower()] for name, _ in lines
    }
