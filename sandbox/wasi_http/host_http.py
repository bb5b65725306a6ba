"""wasi:http/types and wasi:http/outgoing-handler, version 0.2, as host interfaces.

What a guest sends out goes to ``Host.call("fetch", …)`` as JSON ``{"method", "url", "headers": [[name, value]],
"body": base64, "redirect": "manual"}``, answered by ``{"status", "headers", "body": base64}``.
"""

import asyncio
import base64
import json
import re
from typing import cast

from sandbox.capi.component import HostFunction, Interface
from sandbox.capi.values import Err, Number, Ok, Own, Some, Variant
from sandbox.contract import HostCallError
from sandbox.wasi_http.host_io import resources
from sandbox.wasi_http.messages import (
    Fields,
    FutureResponse,
    IncomingBody,
    IncomingMessage,
    OutgoingBody,
    OutgoingRequest,
    OutgoingResponse,
)
from sandbox.wasi_http.streams import BodySink, InputStream, OutputStream, Pollable
from sandbox.wasi_http.world import world

Functions = dict[str, HostFunction]
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2
_VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")  # RFC 9110, 5.5
_FORBIDDEN = frozenset(
    ("connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "host", "http2-settings")
)
_METHODS = ("get", "head", "post", "put", "delete", "connect", "options", "trace", "patch")
_STATUS_MIN, _STATUS_MAX = 100, 999


def fields(rep: int) -> Fields:
    """Return the fields of that number."""
    return cast("Fields", world().get(rep))


def _check(name: str, values: list[bytes]) -> Err | None:
    if not _TOKEN.fullmatch(name) or not all(_VALUE.fullmatch(bytes(value)) for value in values):
        return Err(Variant("invalid-syntax"))
    return Err(Variant("forbidden")) if name.lower() in _FORBIDDEN else None


def _from_list(entries: list[tuple[str, bytes]]) -> object:
    made = Fields([])
    for name, value in entries:
        wrong = _check(name, [value])
        if wrong:
            return wrong
        made.add(name, [bytes(value)])
    return Ok(world().own("fields", made))


def _set(rep: int, name: str, values: list[bytes]) -> object:
    found = fields(rep)
    wrong = _check(name, list(values)) if found.mutable else Err(Variant("immutable"))
    if wrong:
        return wrong
    found.remove(name)
    found.add(name, [bytes(value) for value in values])
    return Ok()


def _append(rep: int, name: str, value: bytes) -> object:
    found = fields(rep)
    wrong = _check(name, [value]) if found.mutable else Err(Variant("immutable"))
    if wrong:
        return wrong
    found.add(name, [bytes(value)])
    return Ok()


def _delete(rep: int, name: str) -> object:
    found = fields(rep)
    if not found.mutable:
        return Err(Variant("immutable"))
    found.remove(name)
    return Ok()


def _clone(rep: int) -> Own:
    return world().own("fields", Fields(list(fields(rep).lines)))


def _incoming(rep: int) -> IncomingMessage:
    return cast("IncomingMessage", world().get(rep))


def method_value(method: str) -> Variant:
    """Return a method as the guest sees it."""
    lower = method.lower()
    return Variant(lower) if lower in _METHODS and method.isupper() else Variant("other", method)


def _scheme_value(scheme: str) -> Variant:
    return Variant(scheme.upper()) if scheme in ("http", "https") else Variant("other", scheme)


def _headers(rep: int) -> Own:
    return world().own("fields", Fields(list(_incoming(rep).headers), mutable=False))


def _consume(rep: int) -> object:
    message = _incoming(rep)
    if message.consumed:
        return Err()
    message.consumed = True
    return Ok(world().own("incoming-body", IncomingBody(message.body)))


def _body_stream(rep: int) -> object:
    body = cast("IncomingBody", world().get(rep))
    if body.taken:
        return Err()
    body.taken = True
    return Ok(world().own("input-stream", body.stream))


def _finish_incoming(rep: int) -> Own:
    world().take(rep)
    return world().own("future-trailers", None)


def _response(rep: int) -> OutgoingResponse:
    return cast("OutgoingResponse", world().get(rep))


def _set_status(rep: int, status: int) -> object:
    if not _STATUS_MIN <= status <= _STATUS_MAX:
        return Err()
    _response(rep).status = status
    return Ok()


def _outgoing_body(rep: int) -> object:
    """The body of an outgoing response or request."""
    message = world().get(rep)
    assert isinstance(message, OutgoingResponse | OutgoingRequest)
    if message.body is not None:
        return Err()
    if message.sink is None:
        message.sink = BodySink(world().keep)
    message.body = OutgoingBody(OutputStream(message.sink))
    return Ok(world().own("outgoing-body", message.body))


def _write(rep: int) -> object:
    body = cast("OutgoingBody", world().get(rep))
    if body.taken:
        return Err()
    body.taken = True
    return Ok(world().own("output-stream", body.stream))


def _finish_outgoing(rep: int, _trailers: int | None) -> object:
    body = cast("OutgoingBody", world().take(rep))
    body.done = True
    body.finished()
    return Ok()


def _answer(rep: int, result: object) -> None:
    here = world()
    here.take(rep)
    if isinstance(result, Err):
        here.error = cast("Variant", result.payload).case
        return
    assert isinstance(result, Ok)
    here.respond(cast("OutgoingResponse", here.take(cast("int", result.payload))))


def _request(rep: int) -> OutgoingRequest:
    return cast("OutgoingRequest", world().get(rep))


def _setter(name: str) -> HostFunction:
    def setter(rep: int, value: object) -> object:
        setattr(_request(rep), name, value)
        return Ok()

    return setter


def _getter(name: str, *, optional: bool = True) -> HostFunction:
    def getter(rep: int) -> object:
        value = getattr(_request(rep), name)
        return Some(value) if optional and value is not None else value

    return getter


def _handle(rep: int, _options: int | None) -> object:
    """Send a request once its body is complete."""
    here = world()
    request = cast("OutgoingRequest", here.take(rep))
    loop = asyncio.get_running_loop()
    future: asyncio.Future[bytes] = loop.create_future()
    waiting = FutureResponse(future)

    def send() -> None:
        try:
            answer = here.guest.call_host("fetch", _wire(request))
        except HostCallError as error:
            future.set_exception(error)
            return
        if isinstance(answer, bytes):
            future.set_result(answer)
        else:
            sent = asyncio.ensure_future(answer)
            waiting.under_way.append(sent)
            sent.add_done_callback(lambda done: _pass_on(done, future))

    if request.body is None:
        send()
    else:
        request.body.finished = send
    return Ok(here.own("future-incoming-response", waiting))


def _pass_on(done: "asyncio.Future[bytes]", future: "asyncio.Future[bytes]") -> None:
    if done.cancelled():
        future.cancel()
        return
    error = done.exception()
    if not future.done():
        if error is None:
            future.set_result(done.result())
        else:
            future.set_exception(error)


def _wire(request: OutgoingRequest) -> bytes:
    method = request.method
    scheme = request.scheme.case.lower() if request.scheme else "https"
    text = str(method.payload) if method.case == "other" else method.case.upper()
    told = {
        "method": text,
        "url": f"{scheme}://{request.authority or ''}{request.path or '/'}",
        "headers": [[name, value.decode("latin-1")] for name, value in request.headers.lines],
        "body": base64.b64encode(request.sink.value() if request.sink else b"").decode(),
        "redirect": "manual",  # to follow one is the guest's own business
    }
    return json.dumps(told).encode()


def _get_response(rep: int) -> object:
    waiting = cast("FutureResponse", world().get(rep))
    if waiting.future() is not None:
        return None
    if waiting.taken:
        return Some(Err())
    waiting.taken = True
    found = waiting.outcome()
    if isinstance(found, HostCallError):
        return Some(Ok(Err(Variant("internal-error", Some(str(found))))))
    answer = json.loads(found)
    lines = [(name, value.encode("latin-1")) for name, value in answer["headers"]]
    body = InputStream(base64.b64decode(answer.get("body") or ""))
    message = IncomingMessage(headers=lines, body=body, status=answer["status"])
    return Some(Ok(Ok(world().own("incoming-response", message))))


def _option_set(_rep: int, _value: object) -> object:
    return Err()  # this timeout is not supported: the function's own limits hold


def _ready(_rep: int) -> Own:
    return world().own("pollable", Pollable(lambda: None))


def _future_pollable(rep: int) -> Own:
    return world().own("pollable", Pollable(cast("FutureResponse", world().get(rep)).future))


def _nothing(_rep: int) -> None:
    return None


_FIELDS: Functions = {
    "[constructor]fields": lambda: world().own("fields", Fields([])),
    "[static]fields.from-list": _from_list,
    "[method]fields.get": lambda rep, name: fields(rep).values(name),
    "[method]fields.has": lambda rep, name: bool(fields(rep).values(name)),
    "[method]fields.set": _set,
    "[method]fields.delete": _delete,
    "[method]fields.append": _append,
    "[method]fields.entries": lambda rep: list(fields(rep).lines),
    "[method]fields.clone": _clone,
}
_INCOMING: Functions = {
    "[method]incoming-request.method": lambda rep: method_value(_incoming(rep).method),
    "[method]incoming-request.path-with-query": lambda rep: Some(_incoming(rep).path),
    "[method]incoming-request.scheme": lambda rep: Some(_scheme_value(_incoming(rep).scheme)),
    "[method]incoming-request.authority": lambda rep: Some(_incoming(rep).authority),
    "[method]incoming-request.headers": _headers,
    "[method]incoming-request.consume": _consume,
    "[method]incoming-response.status": lambda rep: Number("u16", _incoming(rep).status),
    "[method]incoming-response.headers": _headers,
    "[method]incoming-response.consume": _consume,
    "[method]incoming-body.stream": _body_stream,
    "[static]incoming-body.finish": _finish_incoming,
    "[method]future-trailers.subscribe": _ready,
    "[method]future-trailers.get": lambda _rep: Some(Ok(Ok(None))),
}
_OUTGOING: Functions = {
    "[constructor]outgoing-response": lambda rep: world().own(
        "outgoing-response", OutgoingResponse(cast("Fields", world().take(rep)))
    ),
    "[method]outgoing-response.status-code": lambda rep: Number("u16", _response(rep).status),
    "[method]outgoing-response.set-status-code": _set_status,
    "[method]outgoing-response.headers": lambda rep: world().own("fields", _response(rep).headers),
    "[method]outgoing-response.body": _outgoing_body,
    "[method]outgoing-body.write": _write,
    "[static]outgoing-body.finish": _finish_outgoing,
    "[static]response-outparam.set": _answer,
    "[constructor]outgoing-request": lambda rep: world().own(
        "outgoing-request", OutgoingRequest(cast("Fields", world().take(rep)))
    ),
    "[method]outgoing-request.body": _outgoing_body,
    "[method]outgoing-request.method": _getter("method", optional=False),
    "[method]outgoing-request.set-method": _setter("method"),
    "[method]outgoing-request.path-with-query": _getter("path"),
    "[method]outgoing-request.set-path-with-query": _setter("path"),
    "[method]outgoing-request.scheme": _getter("scheme"),
    "[method]outgoing-request.set-scheme": _setter("scheme"),
    "[method]outgoing-request.authority": _getter("authority"),
    "[method]outgoing-request.set-authority": _setter("authority"),
    "[method]outgoing-request.headers": lambda rep: world().own("fields", _request(rep).headers),
    "[method]future-incoming-response.subscribe": _future_pollable,
    "[method]future-incoming-response.get": _get_response,
}
_OPTIONS: Functions = {
    "[constructor]request-options": lambda: world().own("request-options", None),
    **{
        f"[method]request-options.{name}": _nothing
        for name in ("connect-timeout", "first-byte-timeout", "between-bytes-timeout")
    },
    **{
        f"[method]request-options.set-{name}": _option_set
        for name in ("connect-timeout", "first-byte-timeout", "between-bytes-timeout")
    },
}

HTTP = {
    "wasi:http/types": Interface(
        functions={
            "http-error-code": _nothing,
            **_FIELDS,
            **_INCOMING,
            **_OUTGOING,
            **_OPTIONS,
        },
        resources=resources(
            "fields", "incoming-request", "incoming-body", "future-trailers", "outgoing-response", "outgoing-body",
            "response-outparam", "outgoing-request", "request-options", "incoming-response",
            "future-incoming-response",
        ),
    ),
    "wasi:http/outgoing-handler": Interface(functions={"handle": _handle}),
}  # fmt: skip
