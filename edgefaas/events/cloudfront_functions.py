"""CloudFront Functions: encode the event of a trigger, decode and check what the function returned.

Pure. CloudFront has viewer triggers only; here the origin triggers show the same structure with their own
event type. Source: "CloudFront Functions event structure", "Restrictions on CloudFront Functions".
"""

import re
from typing import Any

import orjson

from edgefaas.events.event import (
    Api,
    Continue,
    EventContext,
    GeneratedResponse,
    ModifiedResponse,
    Result,
    Rules,
    SentEvent,
)
from edgefaas.events.field_changes import (
    Lines,
    changed_host,
    generated_fields,
    merged_fields,
    replaced_lines,
    returned_fields,
    with_length,
)
from edgefaas.events.header_rules import field_value, shown_name, title_case
from edgefaas.events.lambda_edge import changed_request
from edgefaas.events.origin_helpers import HELPER_FIELD, read_origin_helper
from edgefaas.events.pairs import (
    Entry,
    add_pair,
    cookie_pairs,
    members,
    query_pairs,
    raw_cookies,
    raw_query,
    raw_set_cookies,
    set_cookie_pairs,
    text_value,
    written,
)
from edgefaas.events.parts import (
    check_no_content,
    check_target,
    read_body,
    read_query,
    read_reason,
    read_result,
    read_status,
    read_uri,
)
from edgefaas.events.refusal import refuse
from edgefaas.message import Headers, Request, Response
from edgefaas.site import Trigger

_REQUEST_TRIGGERS = (Trigger.VIEWER_REQUEST, Trigger.ORIGIN_REQUEST)
_BAD_COOKIE_NAME = re.compile(r"[\x00-\x20;=,\x7f]|\A\Z")


def encode(trigger: Trigger, request: Request, response: Response | None, context: EventContext) -> SentEvent:
    """Return the event of a trigger; ``response`` is given exactly in the response triggers."""
    shown_request: dict[str, Any] = {
        **target_members(request.method, request.path, request.query),
        **field_members(request.headers),
    }
    event: dict[str, Any] = {
        "version": "1.0",
        "context": {
            "distributionDomainName": context.distribution_domain,
            "distributionId": context.distribution_id,
            "eventType": trigger.value,
            "requestId": request.id,
        },
        "viewer": {"ip": request.viewer_ip},
        "request": shown_request,
    }
    shown = shown_request
    if response is not None:
        shown = event["response"] = {
            "statusCode": response.status,
            "statusDescription": response.reason or read_reason(trigger, None, response.status),
            "headers": _shown_headers(response.headers, "set-cookie"),
            "cookies": set_cookie_pairs(response.headers.values("set-cookie")),
        }
    return SentEvent(Api.CLOUDFRONT_FUNCTIONS, trigger, orjson.dumps(event), request, response, shown)


def target_members(method: str, path: str, query: str) -> dict[str, Any]:
    """Return what a request line says in an event."""
    return {"method": method, "uri": path, "querystring": query_pairs(query)}


def field_members(headers: Headers) -> dict[str, Any]:
    """Return what a request's fields say in an event."""
    return {
        "headers": _shown_headers(headers, "cookie"),
        "cookies": cookie_pairs(headers.values("cookie")),
    }


def decode(sent: SentEvent, output: bytes, rules: Rules) -> Result:
    """Return what the function asks for.

    Raises:
        FunctionValidationError: the output breaks a rule of the trigger; the function's author is at fault.
    """
    trigger = sent.trigger
    returned = read_result(trigger, output)
    if "viewer" in returned and "request" in returned:
        wanted = "request" if trigger in _REQUEST_TRIGGERS else "response"
        refuse(trigger, "the result is the whole event", f"Return event.{wanted}.")
    if trigger not in _REQUEST_TRIGGERS:
        return _modified(sent, returned, rules)
    if "statusCode" in returned:
        return GeneratedResponse(_generated(trigger, returned, rules))
    if "status" in returned and "uri" not in returned:
        refuse(trigger, "the response has status in place of statusCode", 'Name the field "statusCode".')
    return _continued(sent, returned, rules)


def _shown_headers(headers: Headers, cookie_field: str) -> dict[str, Entry]:
    shown: dict[str, Entry] = {}
    for key, value in headers:
        name = shown_name(key)
        if name and name != cookie_field:
            if name in shown:
                add_pair(shown, name, {"value": value})
            else:
                shown[name] = {"value": value}
    return shown


def _line_reader(trigger: Trigger, rules: Rules, shown: dict[str, Entry]) -> Any:
    aws = rules.aws

    def read(name: str, entry: Any) -> Lines:
        lower = name.lower()
        if aws and not isinstance(entry, dict):
            refuse(trigger, f'header "{lower}" is not an object', "Give {value: …}.")
        if aws and lower in ("cookie", "set-cookie"):
            refuse(trigger, f'header "{lower}" was added to headers', "Put cookies into the cookies object.")
        return [
            (title_case(lower), field_value(trigger, lower, item.get("value"), aws=aws))
            for item in members(trigger, lower, entry, shown.get(lower), where="header")
        ]

    return read


def _cookie_filler(trigger: Trigger, rules: Rules, *, attributes: bool) -> Any:
    def fill(name: str, entry: Entry) -> str:
        if _BAD_COOKIE_NAME.search(name):
            refuse(trigger, f"cookie name {name!r} is not a token", "Use letters, digits, - and _ only.")
        value = text_value(trigger, name, entry, where="cookie", aws=rules.aws)
        if ";" in value:
            refuse(trigger, f'cookie "{name}" has a ; in its value', "Put attributes into attributes.")
        text = f"{name}={value}"
        extra = entry.get("attributes")
        if attributes and extra:
            if not isinstance(extra, str):
                refuse(trigger, f'cookie "{name}" has attributes that are no string', "Give one string.")
            text = f"{text}; {extra}"
        return field_value(trigger, "set-cookie" if attributes else "cookie", text, aws=rules.aws)

    return fill


def _generated(trigger: Trigger, returned: dict[str, Any], rules: Rules) -> Response:
    status = read_status(trigger, returned["statusCode"], "statusCode")
    body = _body(trigger, returned.get("body"), returned.get("bodyEncoding"), rules)
    check_no_content(trigger, status, body)
    headers = generated_fields(trigger, returned.get("headers"), _line_reader(trigger, rules, {}))
    cookies = returned.get("cookies")
    if cookies:
        fill = _cookie_filler(trigger, rules, attributes=True)
        for line in written(trigger, cookies, {}, {}, fill, where="cookies"):
            headers.add("Set-Cookie", line)
    return Response(
        status=status,
        reason=read_reason(trigger, returned.get("statusDescription"), status),
        headers=with_length(headers, status, body),
        body=body,
    )


def _body(trigger: Trigger, body: Any, encoding: Any, rules: Rules) -> bytes:
    """Return a body given as a string or as ``{encoding, data}``."""
    if isinstance(body, dict):
        return read_body(trigger, body.get("data"), body.get("encoding"), rules)
    return read_body(trigger, body, encoding, rules)


def _continued(sent: SentEvent, returned: dict[str, Any], rules: Rules) -> Continue:
    trigger, shown, request, aws = sent.trigger, sent.shown, sent.request, rules.aws
    if returned.get("method", request.method) != request.method:
        refuse(trigger, "method is read-only and was changed", "Return method as it came.")
    headers, host = request.headers, None
    if returned.get("headers") != shown["headers"]:
        fields = returned_fields(trigger, returned, shown["headers"], aws=aws)
        read = _line_reader(trigger, rules, shown["headers"])
        headers = merged_fields(trigger, headers, shown["headers"], fields, read)
        host = changed_host(request.headers, headers, shown["headers"], fields)
    cookies = returned.get("cookies") or {}
    if cookies != shown["cookies"]:
        raw = raw_cookies(request.headers.values("cookie"))
        fill = _cookie_filler(trigger, rules, attributes=False)
        segments = written(trigger, cookies, shown["cookies"], raw, fill, where="cookies")
        headers = replaced_lines(headers, {"cookie": [("Cookie", "; ".join(segments))] if segments else []})
    path, query = request.path, request.query
    if returned.get("uri", path) != path:
        path = read_uri(trigger, returned["uri"], aws=aws)
    members_returned = returned.get("querystring")
    if members_returned != shown["querystring"]:
        query = _query(sent, members_returned, rules)
    if path is not request.path or query is not request.query:
        check_target(trigger, path, query)
    helper = returned.get(HELPER_FIELD)
    origin = None if helper is None else read_origin_helper(trigger, helper, aws=aws)
    if headers is request.headers and path is request.path and query is request.query:
        return Continue(request, origin)
    return Continue(
        changed_request(request, path, query, headers, request.body),
        origin,
        host,
    )


def _query(sent: SentEvent, returned: Any, rules: Rules) -> str:
    """Return a changed query string: members that are as shown keep their spelling."""
    trigger = sent.trigger
    if returned is None or isinstance(returned, str):
        return read_query(trigger, returned, aws=rules.aws)

    def fill(name: str, entry: Entry) -> str:
        return f"{name}={text_value(trigger, name, entry, where='querystring', aws=rules.aws)}"

    raw = raw_query(sent.request.query)
    segments = written(trigger, returned, sent.shown["querystring"], raw, fill, where="querystring")
    return read_query(trigger, "&".join(segments), aws=rules.aws)


def _modified(sent: SentEvent, returned: dict[str, Any], rules: Rules) -> ModifiedResponse:
    trigger, shown, response = sent.trigger, sent.shown, sent.response
    assert response is not None
    if "statusCode" not in returned and "uri" in returned:
        refuse(trigger, "the result is the request", "Return event.response.")
    headers = response.headers
    if returned.get("headers") != shown["headers"]:
        fields = returned_fields(trigger, returned, shown["headers"], aws=rules.aws)
        read = _line_reader(trigger, rules, shown["headers"])
        headers = merged_fields(trigger, headers, shown["headers"], fields, read)
    cookies = returned.get("cookies") or {}
    if cookies != shown["cookies"]:
        raw = raw_set_cookies(response.headers.values("set-cookie"))
        fill = _cookie_filler(trigger, rules, attributes=True)
        lines = written(trigger, cookies, shown["cookies"], raw, fill, where="cookies")
        headers = replaced_lines(headers, {"set-cookie": [("Set-Cookie", line) for line in lines]})
    status, reason = response.status, response.reason
    if returned.get("statusCode", status) != status:
        status = read_status(trigger, returned["statusCode"], "statusCode")
    said = returned.get("statusDescription")
    if status != response.status or (said is not None and said != shown["statusDescription"]):
        reason = read_reason(trigger, said, status)
    body = response.body
    replaced = returned.get("body") is not None
    if replaced:
        body = _body(trigger, returned["body"], returned.get("bodyEncoding"), rules)
        check_no_content(trigger, status, body)
        headers = with_length(headers, status, body)
    if headers is response.headers and status == response.status and reason == response.reason:
        return ModifiedResponse(response)
    return ModifiedResponse(Response(status=status, headers=headers, body=body, reason=reason), replaced)
