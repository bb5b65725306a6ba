"""``fetch`` for functions: only to hosts that function.toml allows, within limits of time, size and number.

A shell around the origin client; which hosts and addresses are allowed is decided by ``sandbox.outbound``.
Names are resolved here and connected to by the very addresses that were checked, so that a name cannot point
somewhere else between check and connect (DNS rebinding).

The guest's request and the answer are JSON: ``{"method", "url", "headers": [[name, value], …], "body": base64,
"redirect": "follow" | "manual" | "error"}`` and ``{"status", "statusText", "url", "headers", "body": base64}``.
"""

import asyncio
import base64
import binascii
from collections import Counter
from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import replace
from typing import Any
from urllib.parse import urljoin, urlsplit

import orjson

from edgefaas.contract import LiveFunction
from edgefaas.errors import EdgeError, OriginError
from edgefaas.message import Headers, Request, Response
from edgefaas.origin import OriginClient
from edgefaas.origin.dns import Resolver
from edgefaas.origins import release
from edgefaas.recorder import read_all
from edgefaas.redaction import redacted
from edgefaas.site import UrlOrigin
from edgefaas.tracing.semantics import end_client, ending, note_client
from edgefaas.tracing.spans import Kind, Span
from edgefaas.tracing.tracer import with_context
from sandbox.contract import HostCallError
from sandbox.outbound import OutboundRuleError, Refused, Rule, may_ask, may_connect, parse_rules, with_scheme

TIMEOUT_S = 30.0
RESPONSE_BYTES_MAX = 6 * 1024 * 1024
REQUEST_BYTES_MAX = 9 * 1024 * 1024  # as JSON: a body of 6 MiB, and its head
PIECE_BYTES = 3 * 64 * 1024  # of a body, between base64 and octets: others run in between
_PIECE_CHARACTERS = PIECE_BYTES // 3 * 4
_CUT = b"(the body, which is long)"
REDIRECTS_MAX = 5
CONCURRENT_MAX = 64  # of one function in one worker
REDIRECTS = frozenset({301, 302, 303, 307, 308})
SEE_OTHER = 303
FORBIDDEN_METHODS = frozenset({"CONNECT", "TRACE", "TRACK"})  # Fetch standard, 2.2.1
NOBODY = (
    "unknown"  # in X-Forwarded-For: a function asks on no viewer's behalf, and must not pass for loopback
)
_KEEPS_METHOD = frozenset({307, 308})
_NOT_FORWARDED = ("host", "content-length", "connection", "transfer-encoding", "upgrade", "te", "trailer")
_SECRETS = ("authorization", "cookie", "proxy-authorization")  # not for another origin (Fetch standard, 4.4)


class GuardedResolver(Resolver):
    """Resolves names for functions: addresses that lead inside are dropped unless they were named."""

    async def resolve(self, host: str) -> tuple[str, ...]:
        """Return the addresses that a function may connect to. Raises OriginError when there is none."""
        found = await super().resolve(host)
        rule = Rule("https", host.lower(), 443)
        allowed = tuple(a for a in found if not isinstance(may_connect(a, rule), Refused))
        if not allowed:
            raise OriginError(
                f"{host} leads to an address inside this network", remedy="Name the address itself in allow."
            )
        return allowed


class Outbound:
    """The ``fetch`` operation of one worker."""

    def __init__(self) -> None:
        self._client = OriginClient(resolver=GuardedResolver())
        self._running: Counter[str] = Counter()
        self._rules: dict[tuple[str, ...], tuple[Rule, ...]] = {}

    def fetch(self, function: LiveFunction, payload: bytes, span: Span | None = None) -> Awaitable[bytes]:
        """Do one request for ``function``. Raises HostCallError, with a reason for the function's author.

        ``span`` is the function's step of a trace: who is asked is told, unless the function does so itself.
        """
        rules = self._rules.get(function.allow)
        if rules is None:
            try:
                rules = self._rules[function.allow] = parse_rules(map(with_scheme, function.allow))
            except OutboundRuleError as error:
                raise HostCallError(f"allow of this function: {error}") from None
        return self._fetch(function, rules, payload, span)

    async def _fetch(
        self, function: LiveFunction, rules: tuple[Rule, ...], payload: bytes, span: Span | None
    ) -> bytes:
        request, url, redirect = await read_request(payload)
        name = function.name
        request.trace = span
        if self._running[name] >= CONCURRENT_MAX:
            raise HostCallError(
                f"{CONCURRENT_MAX} requests of this function are under way; the limit is reached"
            )
        self._running[name] += 1
        try:
            async with asyncio.timeout(TIMEOUT_S):
                return await self._follow(function, request, url, redirect, rules)
        except TimeoutError:
            raise HostCallError(f"{url} gave no whole answer within {TIMEOUT_S:g} s") from None
        except EdgeError as error:
            raise HostCallError(str(error)) from error
        finally:
            self._running[name] -= 1

    async def _follow(
        self, function: LiveFunction, request: Request, url: str, redirect: str, rules: tuple[Rule, ...]
    ) -> bytes:
        for _ in range(REDIRECTS_MAX + 1):
            response = await self._once(function, request, url, rules)
            location = response.headers.get("location")
            if response.status not in REDIRECTS or location is None or redirect == "manual":
                return await written(response, url)
            await release(response)
            if redirect == "error":
                raise HostCallError(f"{url} redirects to {location}")
            url = redirected(request, url, location, response.status)
        raise HostCallError(f"more than {REDIRECTS_MAX} redirects; the last was {url}")

    async def _once(
        self, function: LiveFunction, request: Request, url: str, rules: tuple[Rule, ...]
    ) -> Response:
        verdict = may_ask(url, rules)
        if isinstance(verdict, Refused):
            raise HostCallError(verdict.why)
        parts = urlsplit(url)
        request.path, request.query, request.host = parts.path or "/", parts.query, parts.netloc
        origin = UrlOrigin(name=f"{parts.scheme}://{parts.netloc}", url=f"{parts.scheme}://{parts.netloc}")
        if request.trace is None:
            return await self._client.fetch(origin, request)
        span = request.trace.child(request.method, Kind.CLIENT)
        note_client(span, request, origin.url)
        if function.secrets and "url.full" in span.attributes:
            span.attributes["url.full"] = redacted(function, str(span.attributes["url.full"]))
        with ending(span):
            told = "traceparent" in request.headers
            sent = request if told else replace(request, headers=with_context(request.headers, span))
            response = await self._client.fetch(origin, sent)
            end_client(span, response.status)
            return response

    async def close(self) -> None:
        """Close every connection."""
        await self._client.close()


async def read_request(payload: bytes) -> tuple[Request, str, str]:
    """Return a guest's request, its URL, and what to do about redirects. Raises HostCallError."""
    if len(payload) > REQUEST_BYTES_MAX:
        raise HostCallError(
            f"a request of {len(payload)} bytes, as JSON; at most {REQUEST_BYTES_MAX} are sent"
        )
    try:
        asked, text = _parted(payload)
        url, method = str(asked["url"]), str(asked.get("method") or "GET").upper()
        given = asked.get("headers") or []
        lines = list(given.items()) if isinstance(given, dict) else [(name, value) for name, value in given]
        body = await _decoded(asked.get("body") or "" if text is None else text)
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError, binascii.Error) as error:
        raise HostCallError(f"the request cannot be read: {error}") from None
    if method in FORBIDDEN_METHODS:
        raise HostCallError(f"the method {method} is not for functions")
    headers = Headers(
        (str(name), str(value)) for name, value in lines if str(name).lower() not in _NOT_FORWARDED
    )
    if body or method in ("POST", "PUT", "PATCH"):
        headers.set("Content-Length", str(len(body)))
    redirect = str(asked.get("redirect") or "follow")
    request = Request(method=method, path="/", headers=headers, body=body, viewer_ip=NOBODY)
    return request, url, redirect


def redirected(request: Request, url: str, location: str, status: int) -> str:
    """Return where a redirect leads, and make ``request`` the one to send there (Fetch standard, 4.4).

    Raises HostCallError where it leads nowhere.
    """
    try:
        target = urljoin(url, location)
        there = urlsplit(target)
    except ValueError as error:
        raise HostCallError(f"{url} redirects to what is no URL: {error}") from None
    if status == SEE_OTHER or (status not in _KEEPS_METHOD and request.method == "POST"):
        if request.method != "HEAD":
            request.method = "GET"
        request.body = b""
        request.headers.remove("content-length", "content-type")
    here = urlsplit(url)
    if (here.scheme, here.netloc) != (there.scheme, there.netloc):
        request.headers.remove(*_SECRETS)
    return target


async def written(response: Response, url: str) -> bytes:
    """Return an answer as the guest reads it. Raises HostCallError for one that is too long."""
    body = await read_all(response.body, limit_bytes=RESPONSE_BYTES_MAX)
    if not isinstance(body, bytes):
        await release(response)
        raise HostCallError(f"{url} answers with more than {RESPONSE_BYTES_MAX} bytes")
    head = orjson.dumps(
        {
            "status": response.status,
            "statusText": response.reason,
            "url": url,
            "headers": [[name, value] for name, value in response.headers],
        }
    )
    return b"".join((head[:-1], b',"body":"', *await _encoded(body), b'"}'))


async def _encoded(body: bytes) -> list[bytes]:
    """Return base64 in pieces; the loop is free between two."""
    made = [base64.b64encode(body[:PIECE_BYTES])]
    for at in range(PIECE_BYTES, len(body), PIECE_BYTES):
        await asyncio.sleep(0)
        made.append(base64.b64encode(body[at : at + PIECE_BYTES]))
    return made


def _parted(payload: bytes) -> tuple[dict[str, Any], bytes | None]:
    """Return a guest's request, and its body's text if that is long: reading it as JSON takes a millisecond a megabyte.

    Raises orjson.JSONDecodeError.
    """
    key = payload.find(b'"body"') if len(payload) > _PIECE_CHARACTERS else -1
    begin = payload.find(b'"', key + len(b'"body"')) + 1
    end = payload.find(b'"', begin)
    plain = 0 < begin <= end and payload.find(b"\\", begin, end) < 0
    if key >= 0 and plain and payload[key + len(b'"body"') : begin - 1].strip() == b":":
        with suppress(orjson.JSONDecodeError):
            asked: dict[str, Any] = orjson.loads(b"".join((payload[:begin], _CUT, payload[end:])))
            if asked["body"] == _CUT.decode():  # it was that of the request, not of something in it
                return asked, payload[begin:end]
    asked = orjson.loads(payload)
    return asked, None


async def _decoded(text: str | bytes) -> bytes:
    """Return what base64 stands for; the loop is free between two pieces. Raises ValueError."""
    if len(text) <= _PIECE_CHARACTERS:
        return base64.b64decode(text)
    made = []
    for at in range(0, len(text), _PIECE_CHARACTERS):
        made.append(binascii.a2b_base64(text[at : at + _PIECE_CHARACTERS], strict_mode=True))
        await asyncio.sleep(0)
    return b"".join(made)
