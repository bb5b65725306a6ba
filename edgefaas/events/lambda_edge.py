"""Lambda@Edge: encode the event of a trigger, decode and check what the function returned.

Pure. Source: "Lambda@Edge event structure", "Restrictions on Lambda@Edge" (CloudFront developer guide).
"""

import base64
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
    returned_fields,
    with_length,
)
from edgefaas.events.header_rules import field_value, shown_name, title_case
from edgefaas.events.origins import OriginChange, OriginReader, encode_origin
from edgefaas.events.parts import (
    check_no_content,
    check_target,
    expect_object,
    read_body,
    read_query,
    read_reason,
    read_result,
    read_status,
    read_uri,
)
from edgefaas.events.refusal import refuse
from edgefaas.message import Body, Headers, Request, Response
from edgefaas.site import Trigger

_REQUEST_TRIGGERS = (Trigger.VIEWER_REQUEST, Trigger.ORIGIN_REQUEST)


def encode(trigger: Trigger, request: Request, response: Response | None, context: EventContext) -> SentEvent:
    """Return the event of a trigger; ``response`` is given exactly in the response triggers."""
    shown_request: dict[str, Any] = {
        "clientIp": request.viewer_ip,
        **field_members(request.headers),
        **target_members(request.method, request.path, request.query),
    }
    if context.body is not None:
        shown_request["body"] = {
            "inputTruncated": context.body.truncated,
            "action": "read-only",
            "encoding": "base64",
            "data": base64.b64encode(context.body.data).decode("ascii"),
        }
    if context.origin is not None:
        shown_request["origin"] = encode_origin(context.origin)
    cf: dict[str, Any] = {
        "config": {
            "distributionDomainName": context.distribution_domain,
            "distributionId": context.distribution_id,
            "eventType": trigger.value,
            "requestId": request.id,
        },
        "request": shown_request,
    }
    shown = shown_request
    if response is not None:
        shown = cf["response"] = {
            "headers": _shown_headers(response.headers),
            "status": str(response.status),
            "statusDescription": response.reason or read_reason(trigger, None, response.status),
        }
    payload = orjson.dumps({"Records": [{"cf": cf}]})
    return SentEvent(Api.LAMBDA_EDGE, trigger, payload, request, response, shown)


def target_members(method: str, path: str, query: str) -> dict[str, Any]:
    """Return what a request line says in an event."""
    return {"method": method, "querystring": query, "uri": path}


def field_members(headers: Headers) -> dict[str, Any]:
    """Return what a request's fields say in an event."""
    return {"headers": _shown_headers(headers)}


def decode(sent: SentEvent, output: bytes, rules: Rules) -> Result:
    """Return what the function asks for.

    Raises:
        FunctionValidationError: the output breaks a rule of the trigger; the function's author is at fault.
    """
    trigger = sent.trigger
    returned = read_result(trigger, output)
    if trigger in _REQUEST_TRIGGERS:
        if "status" in returned:
            return GeneratedResponse(_generated(trigger, returned, rules))
        if "statusCode" in returned:
            refuse(trigger, "the response has statusCode in place of status", 'Name the field "status".')
        return _continued(sent, returned, rules)
    return _modified(sent, returned, rules)


def _shown_headers(headers: Headers) -> dict[str, list[dict[str, str]]]:
    shown: dict[str, list[dict[str, str]]] = {}
    for key, value in headers:
        name = shown_name(key)
        if name:
            line = {"key": key, "value": value}
            if name in shown:
                shown[name].append(line)
            else:
                shown[name] = [line]
    return shown


def _line_reader(trigger: Trigger, rules: Rules) -> Any:
    aws = rules.aws

    def read(name: str, value: Any) -> Lines:
        lower = name.lower()
        if aws and lower != name:
            refuse(
                trigger, f'header "{name}" is not in lower case', f'Name it "{lower}"; case goes into "key".'
            )
        if not isinstance(value, list):
            if aws or not isinstance(value, (dict, str, int, float)):
                refuse(trigger, f'header "{lower}" is not a list', "Give a list of {key, value}.")
            value = [value]
        lines: Lines = []
        for item in value:
            if not isinstance(item, dict) and (aws or isinstance(item, (list, bool))):
                refuse(trigger, f'header "{lower}" has an item that is no object', "Give {key, value}.")
            line = item if isinstance(item, dict) else {"value": item}
            key = line.get("key")
            if not isinstance(key, str) or key.lower() != lower:
                if aws and key is not None:
                    refuse(trigger, f'header "{lower}" has the key {key!r}', "Use one name in both places.")
                key = title_case(lower)
            lines.append((key, field_value(trigger, lower, line.get("value"), aws=aws)))
        return lines

    return read


def _generated(trigger: Trigger, returned: dict[str, Any], rules: Rules) -> Response:
    status = read_status(trigger, returned["status"], "status")
    body = read_body(trigger, returned.get("body"), returned.get("bodyEncoding"), rules)
    check_no_content(trigger, status, body)
    return Response(
        status=status,
        reason=read_reason(trigger, returned.get("statusDescription"), status),
        headers=with_length(
            generated_fields(trigger, returned.get("headers"), _line_reader(trigger, rules)), status, body
        ),
        body=body,
    )


def _continued(sent: SentEvent, returned: dict[str, Any], rules: Rules) -> Continue:
    trigger, shown, request, aws = sent.trigger, sent.shown, sent.request, rules.aws
    if returned.get("method", request.method) != request.method:
        refuse(trigger, "method is read-only and was changed", "Return method as it came.")
    if returned.get("clientIp", request.viewer_ip) != request.viewer_ip:
        refuse(trigger, "clientIp is read-only and was changed", "Return clientIp as it came.")
    headers, host = request.headers, None
    if returned.get("headers") != shown["headers"]:
        fields = returned_fields(trigger, returned, shown["headers"], aws=aws)
        headers = merged_fields(trigger, headers, shown["headers"], fields, _line_reader(trigger, rules))
        host = changed_host(request.headers, headers, shown["headers"], fields)
    path, query = request.path, request.query
    if returned.get("uri", path) != path:
        path = read_uri(trigger, returned["uri"], aws=aws)
    if returned.get("querystring", query) != query:
        query = read_query(trigger, returned["querystring"], aws=aws)
    if path is not request.path or query is not request.query:
        check_target(trigger, path, query)
    body, body_replaced = (
        _replaced_body(sent, returned, rules) if "body" in returned else (request.body, False)
    )
    origin = _chosen_origin(sent, returned, aws=aws) if "origin" in returned else None
    if headers is request.headers and path is request.path and query is request.query and not body_replaced:
        return Continue(request, origin)
    if body_replaced:
        headers = headers.copy() if headers is request.headers else headers
        headers.remove("content-length", "transfer-encoding")
        headers.add("Content-Length", str(len(body) if isinstance(body, bytes) else 0))
    return Continue(
        changed_request(request, path, query, headers, body),
        origin,
        host,
        body_replaced,
    )


def changed_request(request: Request, path: str, query: str, headers: Headers, body: Body) -> Request:
    """Return a copy of ``request`` with these parts (``dataclasses.replace`` takes three times as long)."""
    return Request(
        method=request.method,
        path=path,
        query=query,
        headers=headers,
        body=body,
        host=request.host,
        scheme=request.scheme,
        http_version=request.http_version,
        viewer_ip=request.viewer_ip,
        viewer_port=request.viewer_port,
        id=request.id,
        interim=request.interim,
        timings=request.timings,
        trace=request.trace,
        canaries=request.canaries,
        ran=request.ran,
    )


def _replaced_body(sent: SentEvent, returned: dict[str, Any], rules: Rules) -> tuple[Body, bool]:
    """Return the request's body and whether it is the function's; only ``action: replace`` replaces it."""
    body = returned.get("body")
    if body is None or body == sent.shown.get("body"):
        return sent.request.body, False
    trigger = sent.trigger
    action = expect_object(trigger, body, "request.body").get("action", "read-only")
    if action not in ("read-only", "replace"):
        refuse(trigger, f"body.action is {action!r}", 'Use "read-only" or "replace".')
    if action == "read-only":
        return sent.request.body, False
    if "body" not in sent.shown:
        refuse(trigger, "body.action is replace but bodies are not included", "Set include_body = true.")
    encoding = body.get("encoding", "text")
    return read_body(trigger, body.get("data"), encoding, rules, name="request.body"), True


def _chosen_origin(sent: SentEvent, returned: dict[str, Any], *, aws: bool) -> OriginChange | None:
    """Return the other origin. Viewer-request functions may choose one too, but not under AWS's rules."""
    origin = returned.get("origin")
    if origin is None or origin == sent.shown.get("origin"):
        return None
    if aws and sent.trigger is not Trigger.ORIGIN_REQUEST:
        return None
    return OriginReader(sent.trigger, aws=aws).read(origin)


def _modified(sent: SentEvent, returned: dict[str, Any], rules: Rules) -> ModifiedResponse:
    trigger, shown, response = sent.trigger, sent.shown, sent.response
    assert response is not None
    headers = response.headers
    if returned.get("headers") != shown["headers"]:
        fields = returned_fields(trigger, returned, shown["headers"], aws=rules.aws)
        headers = merged_fields(trigger, headers, shown["headers"], fields, _line_reader(trigger, rules))
    status, reason = response.status, response.reason
    if returned.get("status", shown["status"]) != shown["status"]:
        status = read_status(trigger, returned["status"], "status")
    if trigger is Trigger.VIEWER_RESPONSE and status != response.status:
        refuse(
            trigger,
            f"status was changed from {response.status} to {status}",
            "Change the status in an origin-response function.",
        )
    said = returned.get("statusDescription")
    if status != response.status or (said is not None and said != shown["statusDescription"]):
        reason = read_reason(trigger, said, status)
    body = response.body
    replaced = returned.get("body") is not None
    if replaced:
        if trigger is Trigger.VIEWER_RESPONSE and rules.aws:
            refuse(trigger, "body was set", "Replace the body in an origin-response function.")
        body = read_body(trigger, returned["body"], returned.get("bodyEncoding"), rules)
        check_no_content(trigger, status, body)
        headers = with_length(headers, status, body)
    if headers is response.headers and status == response.status and reason == response.reason:
        return ModifiedResponse(response)
    return ModifiedResponse(Response(status=status, headers=headers, body=body, reason=reason), replaced)
