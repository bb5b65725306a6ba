"""Let a function of kind ``http`` or ``cgi`` answer as the origin: request in, response out, both streaming."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace

from edgefaas.background import Background
from edgefaas.errors import FunctionValidationError
from edgefaas.failures import failure
from edgefaas.gateway import cgi, component
from edgefaas.gateway.answers import CONTINUE, LocalRedirection
from edgefaas.gateway.exchange import Exchange
from edgefaas.gateway.letters import GATEWAY_KINDS, cgi_event
from edgefaas.guests import Guests, Invocation, Loaded
from edgefaas.message import Request, Response
from edgefaas.recorder import read_all, rejoined
from sandbox.contract import Cancelled, Finished, Kind, Outcome, Threw

GATHER_S = 0.005  # so long an answer that is on its way is waited for, to go out whole


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """Runs guests that speak HTTP. ``background`` holds a task for each that outlives its first slice."""

    guests: Guests
    background: Background

    def serves(self, name: str, canaries: frozenset[str] | None = None) -> bool:
        """Return whether the function speaks HTTP itself; False when it is not live."""
        return name in self.guests and self.guests.find(name, canaries).function.kind in GATEWAY_KINDS

    async def answer(self, name: str, request: Request, pattern: str) -> Response:
        """Return the function's response; its body is bytes when it was already complete, else a stream.

        ``pattern`` is the behaviour's, for SCRIPT_NAME. A streamed body raises as this method does when the rest does
        not come; ``aclose`` on it ends the guest, as cancelling this call does.

        Raises:
            FunctionError: the guest failed, answered what it may not, or found no room.
            RequestError: the viewer broke the request's body.
            LocalRedirection: the answer is another object of the site.
        """
        loaded = self.guests.serving(name, request)
        function = loaded.function
        if function.kind is Kind.CGI:
            request = await measured(request)
            event = cgi_event(request, pattern)
        else:
            event = component.event_of(request, stream=True)
        run, exchange = self._begun(loaded, request, event)
        try:
            response = await self._response(name, request, exchange)
        except BaseException:
            run.cancel()
            raise
        self.guests.answered(loaded, response.status)
        return response

    async def _response(self, name: str, request: Request, exchange: Exchange) -> Response:
        """Return the answer once its head is there, and a moment later, so that a short one goes out whole."""
        head = await asyncio.shield(exchange.head)
        if head.local:
            raise LocalRedirection(head.local)
        if head.goes_on is not None:
            raise FunctionValidationError(
                f'function "{name}" is an origin and answered with {CONTINUE.title()}',
                remedy="Answer the request, or make it a trigger.",
            )
        assert exchange.flow is not None
        response = Response(status=head.status, reason=head.reason, headers=head.headers)
        if head.has_body(request.method):
            await exchange.flow.gathered(GATHER_S)
            whole = exchange.flow.whole()
            response.body = exchange.flow if whole is None else whole
        return response

    def _begun(self, loaded: Loaded, request: Request, event: bytes) -> tuple[Invocation, Exchange]:
        """Start the guest; return its run, and its exchange with the viewer, which learns of the end."""
        function = loaded.function
        run: Invocation | None = None

        def give_up() -> None:
            if run is not None:
                run.cancel()

        def ended(outcome: Outcome) -> None:
            self.guests.ended(function, outcome, span)
            self._ended(loaded, request, exchange, outcome)

        exchange = Exchange(function.kind, request, give_up)
        span = None if request.trace is None else request.trace.child(f"origin-request {function.name}")
        run = self.guests.start(loaded, event, request.id, None, span, exchange.operations)
        if run.outcome is not None:
            ended(run.outcome)
        else:
            self.background.start(_follow(run, ended), name=f"function {function.name}")
        return run, exchange

    def _ended(self, loaded: Loaded, request: Request, exchange: Exchange, outcome: Outcome) -> None:
        """Tell the exchange, and the function's log, how the guest ended."""
        if isinstance(outcome, Finished):
            exchange.ended(None)
        else:
            error = failure(loaded.function, outcome)
            exchange.ended(error)
            if not isinstance(outcome, Cancelled):
                detail = outcome.detail if isinstance(outcome, Threw) else ""
                told = f"{error}\n{detail}" if detail else str(error)
                self.guests.note(loaded.function, request.id, "error", told)
        if (refusal := exchange.refusal) is not None:
            self.guests.refuse(loaded, request.id, refusal.advice)


async def _follow(run: Invocation, ended: Callable[[Outcome], None]) -> None:
    ended(await run.wait())


async def measured(request: Request) -> Request:
    """Return the request with its body as bytes where its length is unknown and it is not long.

    Commands read CONTENT_LENGTH bytes, and a body that comes in chunks names no length.
    """
    body = request.body
    if isinstance(body, bytes) or request.headers.get("content-length") is not None:
        return request
    taken = await read_all(body, limit_bytes=cgi.WHOLE_BODY_BYTES)
    return replace(request, body=taken if isinstance(taken, bytes) else rejoined(taken, body))
