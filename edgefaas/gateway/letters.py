"""Events of Lambda@Edge, and plain requests in JSON, for guests that speak HTTP; and their answers as results. Pure.

A trigger, ``edgefaas test`` and ``invoke`` hand a letter to the sandbox: whole bodies, nothing streams. A plain request
is ``{"method", "url", "headers", "body" or "body_base64"}``, answered by ``{"status", "headers", "body" or
"body_base64"}``; a Lambda@Edge event is answered by what a Lambda@Edge function would return, whose rules then hold.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import msgpack
import orjson

from edgefaas.errors import UsageError
from edgefaas.gateway import component
from edgefaas.gateway.answers import CONTINUE, SET_ON_REQUEST, Answer
from edgefaas.gateway.cgi import HeadReader, meta_variables
from edgefaas.message import Headers, Request
from sandbox.contract import Kind

GATEWAY_KINDS = frozenset({Kind.HTTP, Kind.CGI})
_NOT_FOR_RESULTS = frozenset({"content-length", CONTINUE})  # the first is the decoder's to write


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """``payload`` is for the sandbox; ``shown`` is the event's request, None where a plain request was handed in."""

    kind: Kind
    payload: bytes
    shown: Mapping[str, Any] | None

    def result(self, output: bytes) -> bytes:
        """Return what the guest answered, as JSON. Raises FunctionValidationError: it is no answer."""
        answer, body = _opened(self.kind, output)
        if self.shown is None:
            return orjson.dumps(_plain(answer, body))
        goes_on = answer.local or answer.goes_on
        if goes_on is not None:
            return orjson.dumps(_continued(self.shown, goes_on, answer.headers))
        return orjson.dumps(_generated(answer, body))


def cgi_event(request: Request, pattern: str) -> bytes:
    """Return the event of a command whose bodies stream."""
    event: bytes = msgpack.packb(
        {"env": meta_variables(request, pattern=pattern, length=_length(request)), "stream": True}
    )
    return event


def trigger_letter(kind: Kind, request: Request, shown: Mapping[str, Any], body: bytes) -> Letter:
    """Return what a guest sees of ``request`` in a trigger; ``body`` is as much of its body as it may read."""
    seen = Request(
        method=request.method,
        path=request.path,
        query=request.query,
        headers=request.headers,
        body=body,
        host=request.host,
        scheme=request.scheme,
        http_version=request.http_version,
        viewer_ip=request.viewer_ip,
        viewer_port=request.viewer_port,
    )
    return Letter(kind=kind, payload=_payload(kind, seen), shown=shown)


def read_letter(kind: Kind, event: bytes) -> Letter:
    """Return the letter that a developer's JSON stands for. Raises UsageError: it stands for none."""
    try:
        told = orjson.loads(event)
        if isinstance(told, dict) and "Records" in told:
            cf = told["Records"][0]["cf"]
            if "response" in cf:
                raise UsageError(
                    f"functions of kind {kind.value} answer requests, and this event has a response",
                    remedy="Use an event of viewer-request or origin-request.",
                )
            return Letter(kind=kind, payload=_payload(kind, _of_event(cf["request"])), shown=cf["request"])
        return Letter(kind=kind, payload=_payload(kind, _of_plain(told)), shown=None)
    except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
        raise UsageError(
            f"the event is no request: {type(error).__name__} {error}",
            remedy='Write a Lambda@Edge event, or {"method": "GET", "url": "https://host/path", "headers": {}}.',
        ) from None


def _payload(kind: Kind, request: Request) -> bytes:
    assert isinstance(request.body, bytes)
    if kind is Kind.HTTP:
        return component.event_of(request, body=request.body)
    variables = meta_variables(request, pattern="", length=_length(request))
    event: bytes = msgpack.packb({"env": variables, "stdin": request.body})
    return event


def _length(request: Request) -> int | None:
    if not isinstance(request.body, bytes):
        declared = request.headers.get("content-length")
        return int(declared) if declared is not None and declared.isdecimal() else None
    return len(request.body) if request.body or "content-length" in request.headers else None


def _of_event(shown: Mapping[str, Any]) -> Request:
    lines = [
        (line.get("key", name), line["value"]) for name, found in shown["headers"].items() for line in found
    ]
    headers = Headers(lines)
    body = shown.get("body") or {}
    data = body.get("data", "")
    return Request(
        method=shown["method"],
        path=shown["uri"],
        query=shown.get("querystring", ""),
        headers=headers,
        body=base64.b64decode(data) if body.get("encoding") == "base64" else data.encode(),
        host=headers.get("host") or "localhost",
        scheme=headers.get("cloudfront-forwarded-proto") or "https",
        viewer_ip=shown.get("clientIp", "127.0.0.1"),
    )


def _of_plain(told: Mapping[str, Any]) -> Request:
    url = urlsplit(told.get("url", "https://localhost/"))
    lines = []
    fields = told.get("headers", {})
    for name, value in fields.items() if isinstance(fields, dict) else fields:
        lines += [(name, str(each)) for each in (value if isinstance(value, list) else [value])]
    headers = Headers(lines)
    body = told.get("body", "")
    return Request(
        method=told.get("method", "GET"),
        path=url.path or "/",
        query=url.query,
        headers=headers,
        body=base64.b64decode(told["body_base64"]) if "body_base64" in told else body.encode(),
        host=url.netloc or headers.get("host") or "localhost",
        scheme=url.scheme or "https",
        viewer_ip=told.get("viewer_ip", "127.0.0.1"),
    )


def _opened(kind: Kind, output: bytes) -> tuple[Answer, bytes]:
    if kind is Kind.HTTP:
        told = msgpack.unpackb(output)
        return component.answer_of(told["status"], told["headers"]), told["body"]
    reader = HeadReader()
    found = reader.feed(output)
    if found is None:
        reader.finish()
        raise AssertionError("unreachable")
    return found


def _as_text(body: bytes) -> str | None:
    try:
        return body.decode()
    except UnicodeDecodeError:
        return None


def _plain(answer: Answer, body: bytes) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    for name, value in answer.headers:
        lower = name.lower()
        before = headers.get(lower)
        headers[lower] = (
            value if before is None else [*(before if isinstance(before, list) else [before]), value]
        )
    if answer.local:
        headers["location"] = answer.local
    text = _as_text(body)
    coded = {"body_base64": base64.b64encode(body).decode()} if text is None else {"body": text}
    return {"status": answer.status, "headers": headers, **coded}


def _generated(answer: Answer, body: bytes) -> dict[str, Any]:
    """Return the answer as the response of a Lambda@Edge function."""
    headers: dict[str, list[dict[str, str]]] = {}
    for name, value in answer.headers:
        if name.lower() not in _NOT_FOR_RESULTS:
            headers.setdefault(name.lower(), []).append({"key": name, "value": value})
    result: dict[str, Any] = {"status": str(answer.status), "headers": headers}
    if answer.reason:
        result["statusDescription"] = answer.reason
    text = _as_text(body)
    if text is None:
        return {**result, "body": base64.b64encode(body).decode(), "bodyEncoding": "base64"}
    return {**result, "body": text} if body else result


def _continued(shown: Mapping[str, Any], target: str, fields: Headers) -> dict[str, Any]:
    """Return the request that goes on, as a Lambda@Edge function would."""
    request = dict(shown)
    request["headers"] = headers = dict(shown["headers"])
    if target:
        request["uri"], _, request["querystring"] = target.partition("?")
    named = [line for line in fields if line[0].lower().startswith(SET_ON_REQUEST)]
    for name in {name.lower() for name, _ in named}:
        key = name.removeprefix(SET_ON_REQUEST)
        headers.pop(key, None)
    for name, value in named:
        if value:
            key = name[len(SET_ON_REQUEST) :]
            headers.setdefault(key.lower(), []).append({"key": key, "value": value})
    return request
