"""One request that is passed through to its origin without a task, and its answer back; see ``through``."""

import asyncio
import logging
from collections.abc import Callable, Container
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Protocol

from edgefaas.cache import Flight, Flights, Forward, MemoryStore, Timing
from edgefaas.errands import Errand, FromOrigin, FromStore, Question
from edgefaas.events import Continue
from edgefaas.front import Front
from edgefaas.glance import glance, passes_by, refused, written
from edgefaas.journey import Journey
from edgefaas.message import Headers, Prepared, Request, Response
from edgefaas.origin.client import Begun, OriginClient, OriginWay
from edgefaas.origin.connection import OriginConnection
from edgefaas.origin.pool import Place, none_became_free
from edgefaas.origins import Origins
from edgefaas.site import Behaviour, UrlOrigin
from edgefaas.tracing.semantics import end_client, ending
from edgefaas.tracing.spans import Span
from edgefaas.tracing.tracer import with_context
from edgefaas.wire import http_date

logger = logging.getLogger("edgefaas.transit")

MISS = "Miss from edgefaas"


class Viewer(Protocol):
    """The viewer's connection, as far as it is used here."""

    def passed(self, request: Request, prepared: Prepared, began_s: float) -> None:
        """Write the answer, note it as finished, and turn to the next request."""
        ...

    def taken_over(self, request: Request, began_s: float, ended: Callable[[], None]) -> None:
        """Have the request answered by a task, and tell of the end of that."""
        ...

    def departed(self, request: Request, began_s: float) -> None:
        """Note that the viewer left before there was an answer."""
        ...


@dataclass(slots=True, kw_only=True)
class Plan:
    """What is the same for all requests under one behaviour. ``signed`` are the POP's fields, up to the request id.

    ``plain_key`` tells that their keys are their URIs and ``namespace``.
    """

    behaviour: Behaviour
    origin: UrlOrigin
    namespace: str
    plain_key: bool
    way: OriginWay
    memo: str
    signed: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What every transit of a site uses. ``pages`` are the statuses that the site has error pages for."""

    front: Front
    store: MemoryStore
    flights: Flights[FromStore | FromOrigin]
    origins: Origins
    journey: Journey
    client: OriginClient
    pages: Container[int]
    wall_s: Callable[[], float]


class Transit:
    """What the wire has in hand for a request that was sent on, until it is answered or the journey takes it over.

    ``flight`` is what others who miss the same may board; None where answers are for one viewer each. ``stored_as``
    are the cache key, the purges done when it set out, and the name of the trip among flights. ``span`` is the step of
    asking the origin, where requests are traced.
    """

    __slots__ = (
        "_head",
        "_key",
        "_late",
        "_means",
        "_place",
        "_plan",
        "_token",
        "_trip",
        "at_s",
        "began_s",
        "begun",
        "flight",
        "request",
        "span",
        "taken",
        "viewer",
    )

    def __init__(
        self,
        means: Means,
        plan: Plan,
        request: Request,
        viewer: Viewer,
        head: bytes,
        stored_as: tuple[str, int, str],
    ) -> None:
        self.request = request
        self.began_s = perf_counter()
        self.at_s = means.wall_s()
        self.begun: Begun | None = None
        self.flight: Flight[FromStore | FromOrigin] | None = None
        self._means = means
        self._plan = plan
        self.viewer: Viewer | None = viewer
        self._head = head
        self.span: Span | None = None
        self._key, self._token, self._trip = stored_as
        self._place: Place | None = None
        self._late = False
        self.taken = False

    # -- what is sent --------------------------------------------------------------------------------------

    def send(self, connection: OriginConnection) -> None:
        """Ask the origin on a connection that is this request's from now on."""
        means = self._means
        self.at_s = means.wall_s()
        self.begun = means.client.begin(self._plan.origin, connection, self._head, self.look, self.interim)

    def stand_in_line(self) -> None:
        """Wait for a connection: all that the origin may have are in use."""
        origin, pool = self._plan.origin, self._plan.way.pool
        self._place = pool.stand_in_line(self._lent, self._was_late, timeout_s=origin.connect_timeout_s)

    def _lent(self, connection: OriginConnection | None) -> None:
        self._place = None
        if connection is None or connection.transport.is_closing():
            self._hand_over()
        else:
            self.send(connection)

    def _was_late(self) -> None:
        self._place, self._late = None, True
        self._hand_over()

    def _hand_over(self) -> None:
        """Leave the request to the journey, as it stands."""
        viewer, self.viewer = self.viewer, None
        assert viewer is not None
        self.request.begun = self
        viewer.taken_over(self.request, self.began_s, self.ended)

    # -- what comes ----------------------------------------------------------------------------------------

    def look(self, data: bytes) -> bool:
        """Answer with what came first from the origin, if that is all of it; else leave it to the journey."""
        viewer = self.viewer
        if viewer is None:
            return False
        request, means = self.request, self._means
        try:
            made = self._made(data)
        except Exception:  # the outermost layer; the journey looks for itself
            logger.exception("the answer to %s %s did not pass", request.id, request.path)
            made = None
        if made is None:
            self._hand_over()
            return False
        self.viewer = None
        status, prepared = made
        took_s = perf_counter() - self.began_s
        means.origins.meter.asked(self._plan.origin.name, status, took_s)
        if self.flight is None:
            means.flights.learn(self._trip, private=True)
        else:
            means.flights.return_alone(self.flight)
        if self.span is not None:
            end_client(self.span, status)
        means.front.ended(took_s)
        request.begun = MISS
        viewer.passed(request, prepared, self.began_s)
        return True

    def _made(self, data: bytes) -> tuple[int, Prepared] | None:
        """Return status and octets of the answer, where the response is whole and not to be stored."""
        means, plan, request = self._means, self._plan, self.request
        seen = glance(data)
        # What is stored by now may be outdated by this response: that is the journey's to see.
        if seen is None or seen.status in means.pages or self._key in means.store:
            return None
        policy = plan.behaviour.cache
        passes = refused(seen, policy)
        if passes is None:
            timing = Timing(request_time_s=self.at_s, response_time_s=means.wall_s())
            passes = passes_by(seen, request, policy, self._key, timing)
        if not passes:
            return None
        return seen.status, written(seen, plan.signed + request.id.encode("latin-1"), http_date())

    def interim(self, status: int, headers: Headers) -> None:
        """Pass a 1xx response on, while the viewer waits for this answer."""
        pass_on = self.request.interim
        if pass_on is not None:
            pass_on(status, headers)

    # -- the journey's part --------------------------------------------------------------------------------

    def question(self) -> Question:
        """Return the request as it stands."""
        errand = Errand(
            request=self.request,
            turned=Continue(self.request),
            behaviour=self._plan.behaviour,
            key=self._key,
            token=self._token,
            variants=(),
        )
        asked = self if self.begun is not None or self._late else None
        return Question(errand=errand, reason=Forward.URI_MISS, asked=asked, flight=self.flight)

    async def answer(self) -> Response | Prepared:
        """Answer as the journey does, from where this got to. In a task. Raises EdgeError."""
        self.taken = True
        return await self._means.journey.go_on(self.question())

    async def response(self) -> Response:
        """Return what the origin answers (``errands.Asked``). Raises OriginError."""
        span = self.span
        if span is None:
            return await self._response(self.request.headers)
        with ending(span):
            response = await self._response(with_context(self.request.headers, span))
            end_client(span, response.status)
            return response

    async def _response(self, headers: Headers) -> Response:
        origin = self._plan.origin
        if self.begun is None:
            self._means.origins.meter.asked(origin.name, 0, perf_counter() - self.began_s)
            raise none_became_free(self._plan.way.pool.name, origin.connect_timeout_s)
        request = replace(self.request, headers=headers, interim=self.interim)
        return await self._means.origins.finish(origin, request, self.begun, self.began_s)

    def ended(self) -> None:
        """Take note that the journey has ended, or that it did not begin: the viewer left at that moment."""
        self.request.interim = None
        self._means.front.ended(perf_counter() - self.began_s)
        if not self.taken:
            self._leave()

    def cancel(self) -> None:
        """End: the viewer left before anything came (called by the wire)."""
        viewer, self.viewer = self.viewer, None
        if viewer is not None:
            self._means.front.ended(perf_counter() - self.began_s)
            viewer.departed(self.request, self.began_s)
            self._leave()

    def _leave(self) -> None:
        """Give the answer up, unless others may wait for it."""
        if self._place is not None:
            self._place.leave()
        if self.flight is not None:
            self._means.journey.carry_on(self.question())
            return
        if self.begun is not None:
            self.begun.connection.give_up(self.begun.waiting)
        if self.span is not None:
            self.span.end(error=asyncio.CancelledError.__name__)
        self._means.origins.meter.asked(self._plan.origin.name, 0, perf_counter() - self.began_s)
