"""Run the function of a trigger and return what it wants done.

A thin shell: the event and its rules are ``edgefaas.events``, the run is ``guests``. A behaviour without a
function for a trigger costs one dictionary look-up.
"""

from dataclasses import dataclass, field
from time import perf_counter

from edgefaas.ahead import HeadStart
from edgefaas.eager import in_task
from edgefaas.errors import (
    FunctionError,
    FunctionExecutionError,
    FunctionValidationError,
    UnknownFunctionError,
)
from edgefaas.events import (
    Api,
    Continue,
    EventContext,
    GeneratedResponse,
    ModifiedResponse,
    Result,
    Rules,
    SentEvent,
    ShownBody,
    decode_result,
    encode_event,
)
from edgefaas.events.origins import OriginDescription
from edgefaas.gateway.letters import GATEWAY_KINDS, trigger_letter
from edgefaas.guests import Guests, Loaded
from edgefaas.made import Made, MadeMemo
from edgefaas.message import Body, Request, Response
from edgefaas.recorder import rejoined
from edgefaas.site import Behaviour, Trigger
from edgefaas.tracing.spans import Span

NO_CONTEXT = EventContext()


@dataclass(frozen=True, slots=True, kw_only=True)
class Triggers:
    """The four triggers of a site's behaviours."""

    guests: Guests
    rules: Rules
    made: MadeMemo = field(default_factory=MadeMemo)

    def api(self, behaviour: Behaviour, trigger: Trigger, canaries: frozenset[str] | None = None) -> str:
        """Return which event API the trigger's function speaks; Lambda@Edge's when it is gone by now."""
        name = behaviour.triggers.get(trigger, "")
        facts = self.guests.find(name, canaries).function.facts if name in self.guests else {}
        return str(facts.get("api", Api.LAMBDA_EDGE))

    async def viewer_request(self, request: Request, behaviour: Behaviour) -> Continue | Made:
        """Return what the viewer-request function wants; without one, go on with ``request``."""
        name = behaviour.triggers.get(Trigger.VIEWER_REQUEST)
        if name is None:
            return Continue(request)
        started = request.begun
        loaded, sent, output = await self._asked(Trigger.VIEWER_REQUEST, name, request, behaviour, None)
        made = self.made.get(sent.api, output)
        if made is None:
            result = self._decoded(loaded, sent, output)
            assert not isinstance(result, ModifiedResponse)
            if isinstance(result, Continue):
                if isinstance(started, HeadStart):
                    result.passage = started.passage
                return result
            made = Made(result.response, sent.api)
            self.made.put(output, made)
        self.guests.answered(loaded, made.response.status)
        return made

    async def origin_request(
        self, request: Request, behaviour: Behaviour, origin: OriginDescription | None
    ) -> Continue | GeneratedResponse:
        """Return what the origin-request function wants; without one, go on with ``request``."""
        name = behaviour.triggers.get(Trigger.ORIGIN_REQUEST)
        if name is None:
            return Continue(request)
        return await self._request_trigger(Trigger.ORIGIN_REQUEST, name, request, behaviour, origin)

    async def origin_response(
        self, request: Request, response: Response, behaviour: Behaviour, origin: OriginDescription | None
    ) -> Response:
        """Return the response as the origin-response function left it."""
        name = behaviour.triggers.get(Trigger.ORIGIN_RESPONSE)
        if name is None:
            return response
        context = EventContext(origin=origin)
        return await self._response_trigger(Trigger.ORIGIN_RESPONSE, name, request, response, context)

    async def viewer_response(self, request: Request, response: Response, behaviour: Behaviour) -> Response:
        """Return the response as the viewer-response function left it."""
        name = behaviour.triggers.get(Trigger.VIEWER_RESPONSE)
        if name is None:
            return response
        return await self._response_trigger(Trigger.VIEWER_RESPONSE, name, request, response, EventContext())

    async def as_origin(self, name: str, request: Request, behaviour: Behaviour) -> Response:
        """Let a function answer as the origin: an origin-request function that must answer by itself.

        Raises FunctionValidationError when it returns a request instead.
        """
        result = await self._request_trigger(Trigger.ORIGIN_REQUEST, name, request, behaviour, None)
        if isinstance(result, Continue):
            error = FunctionValidationError(
                f'function "{name}" is an origin and returned no response',
                remedy="Return a response with a status.",
            )
            self.guests.refuse(self.guests.find(name, request.canaries), request.id, error.advice)
            raise error
        return result.response

    async def _request_trigger(
        self,
        trigger: Trigger,
        name: str,
        request: Request,
        behaviour: Behaviour,
        origin: OriginDescription | None,
    ) -> Continue | GeneratedResponse:
        loaded, sent, output = await self._asked(trigger, name, request, behaviour, origin)
        result = self._decoded(loaded, sent, output)
        assert not isinstance(result, ModifiedResponse)
        if isinstance(result, GeneratedResponse):
            self.guests.answered(loaded, result.response.status)
        return result

    async def _asked(
        self,
        trigger: Trigger,
        name: str,
        request: Request,
        behaviour: Behaviour,
        origin: OriginDescription | None,
    ) -> tuple[Loaded, SentEvent, bytes]:
        shown = None
        if behaviour.include_body:
            shown, request.body = await show_body(request.body, self.rules.body_shown_bytes(trigger))
        context = NO_CONTEXT if shown is None and origin is None else EventContext(body=shown, origin=origin)
        return await self._run(trigger, name, request, None, context)

    async def _response_trigger(
        self, trigger: Trigger, name: str, request: Request, response: Response, context: EventContext
    ) -> Response:
        status = response.status
        loaded, sent, output = await self._run(trigger, name, request, response, context)
        result = self._decoded(loaded, sent, output)
        assert isinstance(result, ModifiedResponse)
        if result.response.status != status:
            self.guests.answered(loaded, result.response.status)
        return result.response

    async def _run(
        self, trigger: Trigger, name: str, request: Request, response: Response | None, context: EventContext
    ) -> tuple[Loaded, SentEvent, bytes]:
        started, span = request.begun, None
        try:
            loaded = self.guests.serving(
                name, request, started.loaded if isinstance(started, HeadStart) else None
            )
        except UnknownFunctionError as error:  # named by the site, not deployed yet
            raise FunctionExecutionError(str(error), remedy=error.remedy) from error
        function = loaded.function
        api = str(function.facts.get("api", Api.LAMBDA_EDGE))
        sent = encode_event(api, trigger, request, response, context)
        began_s = perf_counter() if request.timings is not None else 0.0
        try:
            if isinstance(started, HeadStart):
                request.begun = None
                outcome = await self.guests.rest(function, started.invocation)
                output = self.guests.told(function, outcome, request.id)
            else:
                if request.trace is not None:
                    span = request.trace.child(f"{trigger.value} {name}")
                if function.kind in GATEWAY_KINDS:
                    output = await self._told_by_http(loaded, sent, context, span)
                else:
                    output = await self.guests.output(loaded, sent.payload, request.id, span)
        except FunctionError as error:
            error.api = sent.api
            raise
        if request.timings is not None:
            request.timings.append((trigger.value, (perf_counter() - began_s) * 1000))
        return loaded, sent, output

    async def _told_by_http(
        self, loaded: Loaded, sent: SentEvent, context: EventContext, span: Span | None
    ) -> bytes:
        """Ask a function that speaks HTTP; return its answer as a Lambda@Edge function would give it."""
        function = loaded.function
        if sent.response is not None:
            error = FunctionValidationError(
                f'function "{function.name}" is of kind {function.kind.value}, which answers requests, and cannot '
                f"act in {sent.trigger.value}",
                remedy="Name it in viewer_request or origin_request, or as an origin.",
            )
            self.guests.refuse(loaded, sent.request.id, error.advice)
            raise error
        body = b"" if context.body is None else context.body.data
        letter = trigger_letter(function.kind, sent.request, sent.shown, body)
        output = await self.guests.output(loaded, letter.payload, sent.request.id, span)
        try:
            return letter.result(output)
        except FunctionValidationError as error:
            self.guests.refuse(loaded, sent.request.id, error.advice)
            raise

    def _decoded(self, loaded: Loaded, sent: SentEvent, output: bytes) -> Result:
        try:
            return decode_result(sent, output, self.rules)
        except FunctionValidationError as error:
            error.api = sent.api
            self.guests.refuse(loaded, sent.request.id, f"{error}. {error.remedy}")
            raise


async def show_body(body: Body, limit_bytes: int) -> tuple[ShownBody, Body]:
    """Return the part of a body that a function may read, and a body that still holds all of it."""
    if isinstance(body, bytes):
        return ShownBody(body[:limit_bytes], truncated=len(body) > limit_bytes), body
    await in_task()
    taken: list[bytes] = []
    size = 0
    async for chunk in body:
        taken.append(chunk)
        size += len(chunk)
        if size > limit_bytes:
            return ShownBody(b"".join(taken)[:limit_bytes], truncated=True), rejoined(taken, body)
    whole = b"".join(taken)
    return ShownBody(whole), whole
