"""The admin API's frame: tokens, request ids, body limits, errors as JSON, the audit log.

What an endpoint is, ``endpoint`` says; ``catalogue`` lists them all. No traceback, no path of this machine and no
token ever goes into an answer.
"""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
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
    ForbiddenError,
    TooManyFailuresError,
)
from edgefaas.control.audit import AuditLog
from edgefaas.control.endpoint import Call, Endpoint
from edgefaas.control.tokens import Token
from edgefaas.errors import EdgeError

log = logging.getLogger("edgefaas.admin")

REQUEST_ID_HEADER = "X-Request-Id"
_PLAIN_ERRORS = {
    404: ("There is nothing at this address", "See /v1/openapi.json for what there is."),
    405: ("This address does not take this method", "See /v1/openapi.json for what it takes."),
}


class BodyTooLargeError(EdgeError):
    """The body is over the endpoint's limit."""

    status = 413


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """Who may call, and where calls are noted."""

    access: Access
    audit: AuditLog
    background: Background
    clock: Callable[[], float]  # Unix time


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
            call = Call(
                request=request, request_id=request_id, at_s=self._guard.clock(), token=token, body=body
            )
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
            now_s=self._guard.clock(),
        )

    async def _note(self, request: Request, request_id: str, actor: str, status: int, detail: str) -> None:
        try:
            await self._guard.audit.note(
                request_id=request_id,
                actor=actor,
                action=f"{self._endpoint.method} {self._endpoint.path.replace(':path}', '}')}",
                target=str(getattr(request.state, "target", "") or request.path_params.get("name", "")),
                status=status,
                detail=detail,
            )
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
