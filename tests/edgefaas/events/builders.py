"""Builders for messages, events and what functions return. A builder names only what its test is about."""

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from edgefaas.errors import FunctionValidationError
from edgefaas.events import (
    AWS_RULES,
    OPEN_RULES,
    Api,
    EventContext,
    Result,
    Rules,
    SentEvent,
    decode_result,
    encode_event,
)
from edgefaas.message import Headers, Request, Response
from edgefaas.site import Trigger

LAMBDA = Api.LAMBDA_EDGE
FUNCTIONS = Api.CLOUDFRONT_FUNCTIONS
BOTH_APIS = pytest.mark.parametrize("api", list(Api))
BOTH_RULES = pytest.mark.parametrize("rules", [OPEN_RULES, AWS_RULES], ids=["open", "aws"])
REQUEST_TRIGGERS = (Trigger.VIEWER_REQUEST, Trigger.ORIGIN_REQUEST)

Edit = Callable[[dict[str, Any]], object]


def request(*lines: tuple[str, str], method: str = "GET", path: str = "/a.html", query: str = "") -> Request:
    return Request(
        method=method,
        path=path,
        query=query,
        headers=Headers([("Host", "www.example.com"), *lines]),
        host="www.example.com",
        viewer_ip="203.0.113.178",
        id="req-1",
    )


def response(*lines: tuple[str, str], status: int = 200, body: bytes = b"hello") -> Response:
    return Response(status=status, headers=Headers(lines), body=body, reason="OK" if status == 200 else "")


def sent(
    api: Api,
    trigger: Trigger,
    the_request: Request | None = None,
    the_response: Response | None = None,
    context: EventContext | None = None,
) -> SentEvent:
    if trigger not in REQUEST_TRIGGERS and the_response is None:
        the_response = response()
    return encode_event(api, trigger, the_request or request(), the_response, context or EventContext())


def event_of(event: SentEvent) -> dict[str, Any]:
    """Return what the function sees: the ``cf`` object of Lambda@Edge, the event of CloudFront Functions."""
    whole: dict[str, Any] = orjson.loads(event.payload)
    if event.api is LAMBDA:
        cf: dict[str, Any] = whole["Records"][0]["cf"]
        return cf
    return whole


def message_of(event: SentEvent) -> dict[str, Any]:
    """Return the part of the event that the function may change and return."""
    message: dict[str, Any] = event_of(event)["request" if event.trigger in REQUEST_TRIGGERS else "response"]
    return message


def returns(event: SentEvent, edit: Edit | None = None, rules: Rules = OPEN_RULES) -> Result:
    """Decode the result of a function that changes its message with ``edit`` and returns it."""
    message = message_of(event)
    if edit is not None:
        edit(message)
    return decode_result(event, orjson.dumps(message), rules)


def answers(event: SentEvent, value: object, rules: Rules = OPEN_RULES) -> Result:
    """Decode the result of a function that returns ``value``."""
    return decode_result(event, orjson.dumps(value), rules)


def refused(match: str) -> Any:
    """Expect a refusal whose message has ``match`` and whose remedy is a sentence."""
    return pytest.raises(FunctionValidationError, match=match)


def line(api: Api, name: str, *values: str) -> dict[str, Any]:
    """Return a ``headers`` object with one name, as functions of ``api`` write it."""
    if api is LAMBDA:
        return {name: [{"key": name, "value": value} for value in values]}
    if len(values) == 1:
        return {name: {"value": values[0]}}
    return {name: {"value": values[0], "multiValue": [{"value": value} for value in values]}}
