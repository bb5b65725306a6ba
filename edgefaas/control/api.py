"""The admin API's frame: tokens, request ids, body limits, errors as JSON, the audit log.

What the endpoints do is in ``endpoints``; their description for tools in ``openapi``. No traceback, no path
of this machine and no token ever goes into an answer.
"""

import asyncio
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from edgefaas.background import Background
from edgefaas.console.serving import console_routes
from edgefaas.control.access import (
    Access,
    AuditEntry,
    ForbiddenError,
    Scope,
    Token,
    TooManyFailuresError,
    write_audit,
)
from edgefaas.control.store import Store
from edgefaas.control.thread import DiskThread
from edgefaas.errors import EdgeError

log = logging.getLogger("edgefaas.admin")

SMALL_BODY_BYTES = 64 * 1024
_DIGITS_MAX = 18  # of a number that is looked at; int() refuses 4,301
REQUEST_ID_HEADER = "X-Request-Id"
FLAGS = {"0": False, "1": True, "false": False, "true": True, "no": False, "yes": True}
_PLAIN_ERRORS = {
    404: ("There is nothing at this address", "See /v1/openapi.json for what there is."),
    405: ("This address does not take this method", "See /v1/openapi.json for what it takes."),
}


class BadRequestError(EdgeError):
    """The request itself is malformed."""

    status = 400


class BodyTooLargeError(EdgeError):
    """The body is over the endpoint's limit."""

    status = 413


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One authenticated request, its body read and bounded."""

    request: Request
    request_id: str
    token: Token | None = None
    body: bytes = b""

    @property
    def actor(self) -> str:
        """Return who asks, for the history."""
        return self.token.name if self.token else "anybody"

    def may(self, scope: Scope) -> bool:
        """Say whether the asker's token has ``scope`` too."""
        return self.token is not None and self.token.allows(scope)

    def about(self, target: str) -> None:
        """Say what is changed, for the audit log, where the path does not name it."""
        self.request.state.target = target

    @property
    def name(self) -> str:
        """Return the function (or token) that the path names."""
        return str(self.request.path_params.get("name", ""))

    def json(self) -> Any:
        """Return the body's JSON value. Raises BadRequestError."""
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError as error:
            raise BadRequestError(f"The body is not JSON: {error}", remedy="Send a JSON document.") from None

    def object(self) -> dict[str, Any]:
        """Return the body's JSON object, empty when there is no body. Raises BadRequestError."""
        value = self.json() if self.body else {}
        if not isinstance(value, dict):
            raise BadRequestError("The body is not a JSON object", remedy="Send a JSON object.")
        return value

    def query(self, key: str, default: str = "") -> str:
        """Return a query parameter."""
        return self.request.query_params.get(key, default)

    def flag(self, key: str) -> bool:
        """Return whether a query parameter is set to 1 or true. Raises BadRequestError: neither yes nor no."""
        text = self.query(key, "0")
        if text not in FLAGS:
            raise BadRequestError(f'{key} is "{text[:80]}"', remedy="Use 1 or 0.")
        return FLAGS[text]

    def count(self, key: str, default: int, *, high: int) -> int:
        """Return a query parameter that is a number from 1 to ``high``. Raises BadRequestError."""
        text = self.query(key, str(default))
        if not text.isascii() or not text.isdigit() or len(text) > _DIGITS_MAX or not 1 <= int(text) <= high:
            raise BadRequestError(f'{key} is "{text[:80]}"', remedy=f"Use a whole number from 1 to {high}.")
        return int(text)


@dataclass(frozen=True, slots=True)
class Parameter:
    """One query parameter: what it says, and which values it takes (JSON Schema)."""

    about: str
    schema: Mapping[str, Any]
    required: bool = False


def flag(about: str) -> Parameter:
    """Return a parameter for ``Call.flag``."""
    return Parameter(f"1: {about}", {"enum": list(FLAGS)})


def count(about: str, *, high: int) -> Parameter:
    """Return a parameter for ``Call.count``."""
    return Parameter(f"{about}, 1 to {high}", {"type": "integer", "minimum": 1, "maximum": high})


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One method of one address. ``scope`` None: no token needed. ``body_max`` is bytes."""

    method: str
    path: str
    summary: str
    answer: Callable[[Call], Awaitable[Any]]
    scope: Scope | None = Scope.READ
    body_max: int = 0
    body_schema: str = ""
    body_type: str = "application/json"
    query: Mapping[str, str | Parameter] = field(default_factory=dict)  # text alone: any value
    asks_only: bool = (
        False  # not a GET, and yet it changes nothing that anybody gets: no audit log tells of it
    )

    @property
    def changes(self) -> bool:
        """Say whether it changes anything, and so goes into the audit log."""
        return self.method != "GET" and not self.asks_only


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """Who may call, and where calls are noted."""

    access: Access
    store: Store
    disk: DiskThread
    background: Background


def make_app(endpoints: Sequence[Endpoint], guard: Guard) -> Starlette:
    """Return the ASGI application."""
    by_path: dict[str, dict[str, _Handler]] = {}
    for endpoint in endpoints:
        by_path.setdefault(endpoint.path, {})[endpoint.method] = _Handler(endpoint, guard)
    # One route for each path: so Allow names all of its methods (RFC 9110, 15.5.6).
    routes = [
        Route(path, partial(_respond, handlers), methods=list(handlers)) for path, handlers in by_path.items()
    ]
    return Starlette(
        routes=[*routes, *console_routes(_nothing_here)], exception_handlers={HTTPException: _plain_error}
    )


async def _respond(handlers: "Mapping[str, _Handler]", request: Request) -> Response:
    return await handlers["GET" if request.method == "HEAD" else request.method].respond(request)


class _Handler:
    """Answers one endpoint's requests."""

    def __init__(self, endpoint: Endpoint, guard: Guard) -> None:
        self._endpoint = endpoint
        self._guard = guard

    async def respond(self, request: Request) -> Response:
        """Answer; every error becomes JSON here."""
        request_id = secrets.token_hex(8)
        token: Token | None = None
        try:
            token = self._check(request)
            body = await _read_body(request, self._endpoint.body_max)
            call = Call(request=request, request_id=request_id, token=token, body=body)
            response = await self._perform(call)
        except EdgeError as error:
            response = _error(error.status, str(error), error.remedy, request_id)
            if error.status == 401:  # noqa: PLR2004  # RFC 9110, 15.5.2
                response.headers["WWW-Authenticate"] = 'Bearer realm="edgefaas"'
            if isinstance(error, TooManyFailuresError):
                response.headers["Retry-After"] = f"{error.retry_after_s:.0f}"
            actor = error.actor if isinstance(error, ForbiddenError) else token.name if token else ""
            if actor and self._endpoint.changes:
                await self._note(request, request_id, actor, error.status, str(error))
        except ClientDisconnect:
            response = Response(status_code=400)  # nobody reads it
        except Exception:
            log.exception("request %s to the admin API failed", request_id)
            response = _error(500, "The POP failed to answer", "See its log for this request id.", request_id)
        else:
            if token and self._endpoint.changes:
                await self._note(request, request_id, token.name, response.status_code, "")
        response.headers[REQUEST_ID_HEADER] = request_id
        return response

    async def _perform(self, call: Call) -> Response:
        if self._endpoint.changes:
            # A change that has begun is carried to its end, whether or not the asker still waits for it.
            task = self._guard.background.start(_caught(self._endpoint.answer(call)))
            result, error = await asyncio.shield(task)
            if error is not None:
                raise error
        else:
            result = await self._endpoint.answer(call)
        if isinstance(result, Response):
            return result
        return Response(orjson.dumps(result), media_type="application/json")

    def _check(self, request: Request) -> Token | None:
        if self._endpoint.scope is None:
            return None
        return self._guard.access.check(
            request.headers.get("authorization"),
            scope=self._endpoint.scope,
            address=request.client.host if request.client else "",
            now_s=wall_s(),
        )

    async def _note(self, request: Request, request_id: str, actor: str, status: int, detail: str) -> None:
        entry = AuditEntry(
            at_s=wall_s(),
            request_id=request_id,
            actor=actor,
            action=f"{self._endpoint.method} {self._endpoint.path.replace(':path}', '}')}",
            target=str(getattr(request.state, "target", "") or request.path_params.get("name", "")),
            status=status,
            detail=detail,
        )
        try:
            await self._guard.disk.run(write_audit, self._guard.store, entry)
        except EdgeError as error:
            log.error("the audit log cannot be written: %s", error)  # noqa: TRY400  # no traceback to users


async def _caught(answer: Awaitable[Any]) -> tuple[Any, Exception | None]:
    try:
        return await answer, None
    except Exception as error:
        return None, error


async def _read_body(request: Request, limit: int) -> bytes:
    """Return the body. Raises BodyTooLargeError as soon as it is known to be over ``limit``."""
    declared = request.headers.get("content-length", "0")
    parts: list[bytes] = []
    size = 0
    if not declared.isdigit() or int(declared) <= limit:
        async for part in request.stream():
            size += len(part)
            if size > limit:
                break
            parts.append(part)
        else:
            return b"".join(parts)
    raise BodyTooLargeError(
        f"The body is larger than the {limit} bytes that this address takes",
        remedy="Send less: leave out what the function does not need at run time.",
    )


async def _nothing_here(request: Request) -> Response:
    return await _plain_error(request, HTTPException(404))


async def _plain_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    message, remedy = _PLAIN_ERRORS.get(error.status_code, (error.detail, "See /v1/openapi.json."))
    response = _error(error.status_code, message, remedy, secrets.token_hex(8))
    response.headers.update(error.headers or {})
    return response


def _error(status: int, message: str, remedy: str, request_id: str) -> JSONResponse:
    body = {"error": message, "remedy": remedy, "request_id": request_id}
    return JSONResponse(body, status_code=status)


def wall_s() -> float:
    """Return the time that answers and entries are dated with (Unix seconds)."""
    return time.time()  # noqa: TID251  # the clock's edge of the admin API
