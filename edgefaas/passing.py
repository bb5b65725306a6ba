"""Pass a request on to another POP, or to another node of this one, and once more elsewhere if that fails.

A thin shell around the origin client: what may be sent twice is ``router.retry_elsewhere``'s to say, who may
be asked is the caller's. A request that waits at a POP that is found to be down is taken back and retried:
without that, a POP that is stuck would hold its requests until their deadlines.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from time import perf_counter
from typing import Protocol

from edgefaas.errors import OriginError, OriginTimeoutError
from edgefaas.message import Request, Response
from edgefaas.site import UrlOrigin
from edgefaas.tracing.semantics import end_client, ending, note_client
from edgefaas.tracing.spans import Kind, Span
from edgefaas.tracing.tracer import with_context
from router import HOP_HEADER, Hop, retry_elsewhere, sign_hop
from router import Pop as MeshPop

logger = logging.getLogger("edgefaas.passing")

CONNECT_TIMEOUT_S = 2.0


class Fetches(Protocol):
    """The origin client, as far as it is used here."""

    async def fetch(self, origin: UrlOrigin, request: Request) -> Response:
        """Return the response's head and its streaming body. Raises OriginError."""
        ...


class Ledger(Protocol):
    """Who keeps count of what is sent where."""

    def sent(self, pop: str) -> None:
        """Count a request that is sent there."""
        ...

    def finished(self, pop: str) -> None:
        """Count its end."""
        ...


class Passing:
    """Passes requests on for one POP, router or node."""

    def __init__(
        self,
        *,
        fetch: Fetches,
        ledger: Ledger,
        failed: Callable[[str], None],
        here: str,
        secret: bytes,
        wall_s: Callable[[], float],
    ) -> None:
        self._fetch = fetch
        self._ledger = ledger
        self._failed = failed
        self._here = here
        self._secret = secret
        self._wall_s = wall_s
        self._waiting: dict[str, set[asyncio.Timeout]] = {}
        self.sent: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()

    async def send(
        self, pop: MeshPop, request: Request, alternatives: Sequence[MeshPop], *, keep: str = ""
    ) -> Response | None:
        """Return the answer of ``pop``, or of the first alternative if it gave none.

        None when the next to be asked is the one called ``keep``: us. To be called in a task.

        Raises:
            OriginError: nobody answered, or the request must not be sent twice.
        """
        replayable = isinstance(request.body, bytes)
        tried = 0
        while True:
            tried += 1
            began_s = perf_counter()
            self.sent[pop.name] += 1
            try:
                response = await self._sent(pop, request, replayable=replayable)
            except OriginError as error:
                self.failed[pop.name] += 1
                self._failed(pop.name)
                names = [other.name for other in alternatives if other.name != pop.name]
                name = retry_elsewhere(
                    request.method, body_replayable=replayable, alternatives=names, tried=tried
                )
                if name is None and tried > 1 and keep:
                    name = keep  # that it was sent twice says that it may be answered here
                then = (
                    f"it goes to {name}"
                    if name and name != keep
                    else "answered here"
                    if name
                    else "the viewer gets that"
                )
                logger.warning("%s did not answer request %s: %s; %s", pop.name, request.id, error, then)
                if name is None:
                    raise
                if name == keep:
                    return None
                pop = next(other for other in alternatives if other.name == name)
            else:
                if request.timings is not None:
                    took_ms = (perf_counter() - began_s) * 1000
                    request.timings.append((f"pop;desc={_quoted(pop.name)}", took_ms))
                return response

    def take_back(self, pop: str) -> None:
        """End the wait of every request there that may be sent elsewhere."""
        loop = asyncio.get_running_loop()
        for timeout in tuple(self._waiting.get(pop, ())):
            if not timeout.expired():  # taken back a moment ago, and not woken yet
                timeout.reschedule(loop.time())

    async def _sent(self, pop: MeshPop, request: Request, *, replayable: bool) -> Response:
        origin = UrlOrigin(
            name=pop.name, url=pop.url, host_header=request.host, connect_timeout_s=CONNECT_TIMEOUT_S
        )
        if request.trace is not None:
            return await self._sent_traced(request.trace, origin, request, replayable=replayable)
        return await self._sent_on(origin, request, replayable=replayable)

    async def _sent_traced(
        self, trace: Span, origin: UrlOrigin, request: Request, *, replayable: bool
    ) -> Response:
        """Do the same as a step of the request's trace, under which the other POP's steps will be."""
        span = trace.child(f"{request.method} to {origin.name}", Kind.CLIENT)
        span.attributes["edgefaas.hop"] = origin.name
        note_client(span, request, origin.url)
        with ending(span):
            sent = replace(request, headers=with_context(request.headers, span))
            response = await self._sent_on(origin, sent, replayable=replayable)
            end_client(span, response.status)
            return response

    async def _sent_on(self, origin: UrlOrigin, request: Request, *, replayable: bool) -> Response:
        signed = self._signed(origin.name, request)
        self._ledger.sent(origin.name)
        try:
            again = retry_elsewhere(
                request.method, body_replayable=replayable, alternatives=(origin.name,), tried=1
            )
            if again is None:
                return await self._fetch.fetch(origin, signed)
            return await self._fetched(origin, signed)
        finally:
            self._ledger.finished(origin.name)

    async def _fetched(self, origin: UrlOrigin, request: Request) -> Response:
        waiting = self._waiting.setdefault(origin.name, set())
        timeout = asyncio.timeout(None)
        waiting.add(timeout)
        try:
            async with timeout:
                return await self._fetch.fetch(origin, request)
        except TimeoutError:
            raise OriginTimeoutError(
                f"{origin.name} went out of service while it had the request",
                remedy="See what happened to it.",
            ) from None
        finally:
            waiting.discard(timeout)

    def _signed(self, receiver: str, request: Request) -> Request:
        if not self._secret:
            return request
        hop = Hop(
            sender=self._here or "router",
            receiver=receiver,
            viewer=request.viewer_ip,
            request_id=request.id,
            sent_at_s=self._wall_s(),
            scheme=request.scheme,
        )
        headers = request.headers.copy()
        headers.add(HOP_HEADER, sign_hop(hop, self._secret))
        return replace(request, headers=headers)


def _quoted(name: str) -> str:
    """Return a name as a parameter's value: a token, else a quoted string (RFC 9110, 5.6)."""
    if name and all(c.isascii() and (c.isalnum() or c in "-._") for c in name):
        return name
    return '"' + name.replace("\\", "").replace('"', "") + '"'
