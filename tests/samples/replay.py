"""Make the POP's own event out of an event in a file: the file is right when both are equal."""

import base64
from typing import Any

from edgefaas.events import (
    Api,
    CustomOrigin,
    EventContext,
    OriginDescription,
    S3Origin,
    SentEvent,
    ShownBody,
    encode_event,
)
from edgefaas.events.origins import OriginReader
from edgefaas.message import Headers, Request, Response
from edgefaas.site import Trigger


def sent_from(event: dict[str, Any]) -> SentEvent:
    """Return the event that the POP encodes for the messages that ``event`` shows."""
    api = Api.LAMBDA_EDGE if "Records" in event else Api.CLOUDFRONT_FUNCTIONS
    whole = event["Records"][0]["cf"] if api is Api.LAMBDA_EDGE else event
    about = whole["config"] if api is Api.LAMBDA_EDGE else whole["context"]
    trigger = Trigger(about["eventType"])
    shown = whole["request"]
    if api is Api.LAMBDA_EDGE:
        address, query, headers = shown["clientIp"], shown["querystring"], _lambda_headers(shown)
    else:
        address, query = whole["viewer"]["ip"], "&".join(_pairs(shown["querystring"]))
        headers = _plain_headers(shown)
        if shown["cookies"]:
            headers.add("Cookie", "; ".join(_pairs(shown["cookies"])))
    request = Request(
        method=shown["method"],
        path=shown["uri"],
        query=query,
        headers=headers,
        viewer_ip=address,
        id=about["requestId"],
    )
    context = EventContext(
        distribution_id=about["distributionId"],
        distribution_domain=about["distributionDomainName"],
        body=_body(shown),
        origin=_origin(trigger, shown),
    )
    return encode_event(api, trigger, request, _response(api, whole.get("response")), context)


def _lambda_headers(message: dict[str, Any]) -> Headers:
    return Headers([(line["key"], line["value"]) for lines in message["headers"].values() for line in lines])


def _plain_headers(message: dict[str, Any]) -> Headers:
    return Headers(
        [
            (name, item["value"])
            for name, entry in message["headers"].items()
            for item in entry.get("multiValue", [entry])
        ]
    )


def _pairs(members: dict[str, Any]) -> list[str]:
    return [
        f"{name}={item['value']}"
        for name, entry in members.items()
        for item in entry.get("multiValue", [entry])
    ]


def _response(api: Api, shown: dict[str, Any] | None) -> Response | None:
    if shown is None:
        return None
    if api is Api.LAMBDA_EDGE:
        headers = _lambda_headers(shown)
        return Response(
            status=int(shown["status"]), reason=shown["statusDescription"], headers=headers, body=b"origin"
        )
    headers = _plain_headers(shown)
    for name, entry in shown["cookies"].items():
        for item in entry.get("multiValue", [entry]):
            attributes = f"; {item['attributes']}" if "attributes" in item else ""
            headers.add("Set-Cookie", f"{name}={item['value']}{attributes}")
    return Response(
        status=shown["statusCode"], reason=shown["statusDescription"], headers=headers, body=b"origin"
    )


def _body(shown: dict[str, Any]) -> ShownBody | None:
    body = shown.get("body")
    return (
        None if body is None else ShownBody(base64.b64decode(body["data"]), truncated=body["inputTruncated"])
    )


def _origin(trigger: Trigger, shown: dict[str, Any]) -> OriginDescription | None:
    origin = shown.get("origin")
    if origin is None:
        return None
    read = OriginReader(trigger, aws=False).read(origin)
    assert isinstance(read, CustomOrigin | S3Origin)
    return read
