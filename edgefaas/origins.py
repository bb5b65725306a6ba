"""Ask whatever answers as the origin: a URL, a folder, a function, or what a function chose instead.

A thin shell that picks; the clients do the work. ``resolve`` is pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Protocol, assert_never

from edgefaas.errors import OriginError, RequestError
from edgefaas.events import (
    Continue,
    CustomOrigin,
    OriginChange,
    OriginDescription,
    OriginGroupChoice,
    OriginUpdate,
    S3Origin,
    describe_origin,
    describe_url,
)
from edgefaas.gateway import Gateway
from edgefaas.message import SWITCHING, Request, Response
from edgefaas.origin.client import Begun
from edgefaas.site import Behaviour, DirectoryOrigin, FunctionOrigin, Origin, OriginGroup, Trigger, UrlOrigin
from edgefaas.telemetry import Meter
from edgefaas.tracing.semantics import asking, end_client, ending
from edgefaas.tracing.spans import Span
from edgefaas.tracing.tracer import with_context
from edgefaas.triggers import Triggers
from edgefaas.wire.render import STATUSES

FRAMING = frozenset(
    {"content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer", "keep-alive", "expect"}
)
"""What only the POP itself may say to an origin."""

FAILOVER_METHODS = ("GET", "HEAD", "OPTIONS")  # CloudFront's rule: only these may be sent twice


class UrlClient(Protocol):
    """Fetches from HTTP origins."""

    async def fetch(self, origin: UrlOrigin, request: Request) -> Response:
        """Return head and streaming body. Raises OriginError, OriginTimeoutError."""
        ...

    async def finish(self, origin: UrlOrigin, request: Request, begun: Begun) -> Response:
        """Return the same of a request that was sent before."""
        ...


class Files(Protocol):
    """Serves one folder."""

    async def fetch(self, request: Request) -> Response:
        """Return the file's response; 404 is a response, too."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Origins:
    """The origins of a site, ready to be asked."""

    by_name: Mapping[str, Origin]
    groups: Mapping[str, OriginGroup]
    files: Mapping[str, Files]
    client: UrlClient
    triggers: Triggers
    meter: Meter
    gateway: Gateway

    def describe(self, behaviour: Behaviour) -> OriginDescription | None:
        """Return how the behaviour's origin looks in an event; None where nobody will look, or nothing shows."""
        if (
            Trigger.ORIGIN_REQUEST not in behaviour.triggers
            and Trigger.ORIGIN_RESPONSE not in behaviour.triggers
        ):
            return None
        name = behaviour.origin or ""
        group = self.groups.get(name)
        origin = self.by_name.get(group.origins[0] if group else name)
        return None if origin is None else describe_origin(origin)

    async def ask(self, turned: Continue, behaviour: Behaviour) -> Response:
        """Send the request to its origin, the behaviour's or the one that a function chose.

        Raises OriginError, OriginTimeoutError; FunctionError where a function is the origin, LocalRedirection where
        that says so; RequestError 404 where the behaviour has no origin and no function answered.
        """
        began_s = perf_counter() if turned.request.timings is not None else 0.0
        response = await self._choose(turned, behaviour)
        if turned.request.timings is not None:
            turned.request.timings.append(("origin", (perf_counter() - began_s) * 1000))
        return response

    async def finish(self, origin: UrlOrigin, request: Request, begun: Begun, began_s: float) -> Response:
        """Return the response to a request that was sent by ``OriginClient.begin`` at ``began_s`` (perf_counter).

        Raises as ``ask`` does.
        """
        status = 0
        try:
            response = await checked(origin, await self.client.finish(origin, request, begun))
            status = response.status
            return response
        finally:
            self.meter.asked(origin.name, status, perf_counter() - began_s)

    async def _choose(self, turned: Continue, behaviour: Behaviour) -> Response:
        choice = turned.origin
        group = self.groups.get(behaviour.origin or "")
        if choice is None and group is not None:
            choice = OriginGroupChoice(origin_ids=group.origins, status_codes=group.statuses)
        if isinstance(choice, OriginGroupChoice):
            return await self._first_that_answers(choice, turned, behaviour)
        origin = resolve(self.by_name, behaviour, turned.origin, turned.host)
        return await self._fetch(origin, turned.request, behaviour)

    async def _fetch(self, origin: Origin, request: Request, behaviour: Behaviour) -> Response:
        began_s = perf_counter()
        status = 0
        try:
            if request.trace is not None:
                response = await self._fetch_traced(request.trace, origin, request, behaviour)
            else:
                response = await self._ask_one(origin, request, behaviour)
            status = response.status
            return response
        finally:
            self.meter.asked(origin.name, status, perf_counter() - began_s)

    async def _fetch_traced(
        self, trace: Span, origin: Origin, request: Request, behaviour: Behaviour
    ) -> Response:
        """Do the same as a step of the request's trace; a URL origin is told which one."""
        if not isinstance(origin, UrlOrigin):
            span = trace.child(f"origin {origin.name}")
            span.attributes["edgefaas.origin"] = origin.name
            with ending(span):
                response = await self._ask_one(origin, request, behaviour)
                span.attributes["http.response.status_code"] = response.status
                return response
        span = asking(trace, request, origin)
        with ending(span):
            sent = replace(request, headers=with_context(request.headers, span))
            response = await self._ask_one(origin, sent, behaviour)
            end_client(span, response.status)
            return response

    async def _ask_one(self, origin: Origin, request: Request, behaviour: Behaviour) -> Response:
        match origin:
            case UrlOrigin():
                return await checked(origin, await self.client.fetch(origin, request))
            case DirectoryOrigin(name=name):
                return await self.files[name].fetch(request)
            case FunctionOrigin(function=function) if self.gateway.serves(function, request.canaries):
                return await self.gateway.answer(function, request, behaviour.pattern)
            case FunctionOrigin(function=function):
                return await self.triggers.as_origin(function, request, behaviour)
            case _:
                assert_never(origin)

    async def _first_that_answers(
        self, group: OriginGroupChoice, turned: Continue, behaviour: Behaviour
    ) -> Response:
        """Ask each origin of the group until one gives a status that is not listed."""
        *others, last = group.origin_ids
        if turned.request.method not in FAILOVER_METHODS:
            others, last = [], group.origin_ids[0]
        for name in others:
            origin = resolve(self.by_name, behaviour, OriginUpdate(origin_id=name), turned.host)
            try:
                response = await self._fetch(origin, turned.request, behaviour)
            except OriginError:
                continue
            if response.status not in group.status_codes:
                return response
            await release(response)
        origin = resolve(self.by_name, behaviour, OriginUpdate(origin_id=last), turned.host)
        return await self._fetch(origin, turned.request, behaviour)


async def release(response: Response) -> None:
    """Let go of a body that nobody will read."""
    close = getattr(response.body, "aclose", None)
    if close is not None:
        await close()


async def checked(origin: UrlOrigin, response: Response) -> Response:
    """Return the response. Raises OriginError for a status over 599, which is as good as a 5xx (RFC 9110, 15)."""
    if response.status in STATUSES:
        if response.status == SWITCHING:
            # Some send one, or several: nothing follows that it could measure (RFC 9110, 8.6).
            response.headers.remove("content-length")
        return response
    await release(response)
    raise OriginError(
        f"Origin {origin.name!r} answered with status {response.status}, and those of HTTP end at {STATUSES[-1]}",
        remedy="Let the origin answer with a status of 200 to 599.",
    )


def resolve(
    origins: Mapping[str, Origin], behaviour: Behaviour, change: OriginChange | None, host: str | None
) -> Origin:
    """Return the origin to ask. ``host`` is the Host field where a function set another one.

    Raises OriginError when the change names an origin that the site does not have, RequestError (404) when
    there is no origin at all.
    """
    name = behaviour.origin or ""
    if isinstance(change, OriginUpdate) and change.origin_id:
        name = change.origin_id
    origin = origins.get(name)
    _check_custom(change)
    if isinstance(change, CustomOrigin | S3Origin):
        timeout_s = float(change.read_timeout_s) if isinstance(change, CustomOrigin) else 30.0
        return UrlOrigin(
            name="chosen by a function",
            url=change.url,
            host_header=host,
            headers=change.custom_headers,
            first_byte_timeout_s=timeout_s,
        )
    if origin is None:
        if name:
            raise OriginError(
                f'origin "{name}" is not defined', remedy=f"Add [origins.{name}] to edgefaas.toml."
            )
        raise RequestError(
            f'the behaviour "{behaviour.pattern}" has no origin, and no function answered',
            remedy="Add an origin to the behaviour, or answer in its function.",
            status_code=404,
        )
    if not isinstance(origin, UrlOrigin):
        return origin
    if isinstance(change, OriginUpdate):
        origin = updated(origin, change)
    return replace(origin, host_header=host) if host is not None else origin


def _check_custom(change: OriginChange | None) -> None:
    """Refuse fields that would frame the request anew: the origin would read its rest as another request."""
    for name in getattr(change, "custom_headers", None) or ():
        if name.lower() in FRAMING:
            raise OriginError(
                f'a function set the field "{name}" for its origin', remedy="Remove it from customHeaders."
            )


def updated(origin: UrlOrigin, change: OriginUpdate) -> UrlOrigin:
    """Return the origin with what ``cf.updateRequestOrigin`` changed in it."""
    seen = describe_url(origin.url)
    url = replace(
        seen,
        domain_name=change.domain_name or seen.domain_name,
        port=change.port or seen.port,
        protocol=change.protocol or seen.protocol,
        path=seen.path if change.path is None else change.path,
    ).url
    return replace(
        origin,
        url=url,
        host_header=change.host_header or origin.host_header,
        headers=origin.headers if change.custom_headers is None else change.custom_headers,
        connect_timeout_s=change.connect_timeout_s or origin.connect_timeout_s,
        first_byte_timeout_s=change.read_timeout_s or origin.first_byte_timeout_s,
        idle_timeout_s=change.keepalive_timeout_s or origin.idle_timeout_s,
    )
