"""One worker's POP: builds the parts once, answers viewers, obeys the supervisor.

The outermost layer: whatever goes wrong becomes a response here, and nowhere else is ``Exception`` caught.
Implements ``ViewerSide`` (called by the wire) and ``PopSide`` (called by the worker process).
"""

import asyncio
import logging
import secrets
import time
from collections.abc import Mapping
from pathlib import Path

from edgefaas.ahead import HeadStart
from edgefaas.answers import as_response
from edgefaas.cache import Counted, Purge, problem_with
from edgefaas.contract import AskSupervisor, Exchange, Live, LiveFunction, LiveRelease, LogLine, LogSink
from edgefaas.deltas import Deltas
from edgefaas.eager import Suspended, in_task, start
from edgefaas.errors import EdgeError, FunctionError, UsageError
from edgefaas.exchanges import HIT, Exchanges
from edgefaas.express import Conditions, Place
from edgefaas.invoking import invoke_once
from edgefaas.message import Headers, Prepared, Request, Response
from edgefaas.pages import error_page, page_for
from edgefaas.paths import follow
from edgefaas.pretence import pretend_viewer
from edgefaas.resources import gather, time_now
from edgefaas.serving import front_of, put_together, serves_host
from edgefaas.site import Pretence, Site
from edgefaas.tracing.tracer import SpanSink, Tracer, no_spans
from edgefaas.transit import Transit, Viewer
from edgefaas.wire import http_date, prepare
from edgefaas.wire.heads import Facts
from edgefaas.wire.requests import make_request

logger = logging.getLogger("edgefaas.app")


class PopApp:
    """The POP in one worker process. Make it inside the worker's running loop."""

    def __init__(
        self,
        *,
        site: Site,
        artifacts: Path,
        data: Path,
        log: LogSink,
        spans: SpanSink = no_spans,
        ask: AskSupervisor | None = None,
    ) -> None:
        self._log = log
        self._spans = spans
        self._resources = gather(site.cache_sizes, artifacts=artifacts, data=data, log=log, ask=ask)
        self._deltas = Deltas(self._resources.meter)
        self._exchanges = Exchanges(
            meter=self._resources.meter, log=log, background=self._resources.background, wall_s=time_now
        )
        self._id_prefix = secrets.token_hex(6)
        self._ids = 0
        self._front_task: asyncio.Task[None] | None = None
        self._tracer: Tracer | None = None
        self.draining = False
        self._serve_site(site)

    def _serve_site(self, site: Site) -> None:
        """Put ``site`` in force. Raises ConfigError, and leaves the one before in force, whole."""
        before = getattr(self, "_front", None)
        front = front_of(site, self._resources, before)
        tracer = Tracer(site.telemetry, self._spans) if site.telemetry.otlp else None
        now = put_together(site, self._resources, next_id=self._next_id, tracer=tracer, front=front)
        if self._tracer is not None:
            self._tracer.close()  # what was recorded before is handed on
        self._site, self._now, self._front, self._tracer = site, now, front, tracer
        self._express, self._answers = now.express, now.answers
        self._any_host = "*" in site.hosts
        self._exchanges.serve(site)
        self._resources.pairs.configure(site.kv)
        self._resources.arms.serve(site.origins)

    def _next_id(self) -> str:
        self._ids += 1
        return f"{self._id_prefix}{self._ids:x}"

    async def start(self) -> None:
        """Begin the background work (probing other POPs, reloading GeoIP files)."""
        await self._front.listen()
        self._front_task = self._resources.background.keep(self._front.run, name="front")
        self._resources.vacuum()

    # -- ViewerSide ----------------------------------------------------------------------------------------

    def inline(self, request: Request) -> Prepared | None:
        """Answer at once, or keep what was begun for ``answer``."""
        request.id = request.begun.id if isinstance(request.begun, HeadStart) else self._next_id()
        try:
            result: Response | Prepared | Suspended[Response | Prepared] = start(self._serve(request))
            if isinstance(result, Response) and isinstance(result.body, bytes):
                request.begun = result.headers.get("x-cache")
                return prepare(result, method=request.method, date=http_date())
        except Exception as error:  # the outermost layer
            if isinstance(request.begun, HeadStart):
                request.begun.invocation.cancel()
            return prepare(self._failed(error, request), method=request.method, date=http_date())
        if isinstance(result, Prepared):
            if request.begun is None:
                request.begun = HIT
            return result
        request.begun = result if isinstance(result, Suspended) else start_with(result)
        return None

    def express(self, place: Place, conditions: Conditions, traced: bool = False) -> Prepared | None:  # noqa: FBT001, FBT002  # by position: it costs less
        """Answer a plain GET that was answered from the store before; see ``express``."""
        tracer = self._tracer
        if tracer is not None and tracer.draws(traced=traced):
            return None
        self._ids += 1
        hit = self._express.answer(place, time_now(), f"{self._id_prefix}{self._ids:x}", conditions)
        if hit is not None and tracer is not None:
            tracer.undraw()
        return hit

    def ahead(self, target: bytes, facts: Facts, scheme: str, peer: tuple[str, int]) -> HeadStart | None:
        """Start the function of a plain GET, and answer it where that is all; see ``ahead``. Never raises."""
        if not self._now.shortcuts.functions:
            return None
        tracer = self._tracer
        if tracer is not None and tracer.wants_next(traced=facts.traced):
            return None
        began_s = time.perf_counter()
        try:
            started = self._now.ahead.start(target, facts.block, scheme, peer[0])
        except Exception:  # the outermost layer; the journey begins anew
            logger.exception("a request for %r failed ahead of its journey", target)
            return None
        if started is None or (prepared := started.prepared) is None:
            return started
        if tracer is not None:
            tracer.undraw()
        status, took_s = int(prepared.head[9:12]), time.perf_counter() - began_s
        if self._exchanges.unlogged:
            self._exchanges.count(status, len(prepared.body), took_s, started.word)
        else:
            request = make_request(b"GET", target, facts, is_1_1=True, scheme=scheme, peer=peer)
            request.id, request.begun = started.id, started.word
            function = started.loaded.function
            request.ran = {function.name: function.version}
            body_bytes = len(prepared.body)
            self._exchanges.note(
                Exchange(request=request, status=status, body_bytes=body_bytes, took_s=took_s)
            )
        return started

    def through(
        self, target: bytes, facts: Facts, scheme: str, peer: tuple[str, int], viewer: Viewer
    ) -> Transit | None:
        """Send a plain GET through to its origin, where that is all; see ``through``. Never raises."""
        if not self._now.shortcuts.misses:
            return None
        try:
            return self._now.through.start(target, facts, scheme, peer, viewer)
        except Exception:  # the outermost layer; the journey begins anew
            logger.exception("a request for %r was not passed through", target)
            return None

    def set_aside(self) -> bool | None:
        """Return what ``express`` found out about a request that has to wait, for ``bring_back``."""
        return None if self._tracer is None else self._tracer.set_aside()

    def bring_back(self, kept: bool | None) -> None:  # noqa: FBT001 # a value, not a switch
        """Take it again: the request goes on now."""
        if self._tracer is not None:
            self._tracer.bring_back(kept)

    def connected(self, peer: str, sock: object) -> None:
        """Take note of a viewer's connection that was just opened: its round trip is known by now."""
        self._front.connected(peer, sock)

    async def answer(self, request: Request) -> Response:
        """Answer in a task: finish what ``inline`` began, or begin here (requests with a body)."""
        journey, request.begun = request.begun, None
        began_s = time.perf_counter()
        front = None if isinstance(journey, Transit) else self._front  # which was told already
        if front is not None:
            front.began()
        try:
            if isinstance(journey, Transit):
                result = await journey.answer()
            elif isinstance(journey, Suspended):
                result = await journey
            else:
                request.id = self._next_id()
                result = await self._serve(request)
        except Exception as error:  # the outermost layer
            result = self._failed(error, request)
        finally:
            if front is not None:
                front.ended(time.perf_counter() - began_s)
        response = as_response(result) if isinstance(result, Prepared) else result
        request.begun = response.headers.get("x-cache")
        return response

    async def _serve(self, request: Request) -> Response | Prepared:
        site = self._site
        if self._tracer is not None:
            self._begin_trace(self._tracer, request)
        if request.path == site.router.health_path:
            return self._health(request)
        if site.pretence is not None:
            await self._from_afar(request, site.pretence)
        if site.server_timing != "never" and (
            site.server_timing == "always" or "x-edge-server-timing" in request.headers
        ):
            return await self._timed(request)
        return await self._received(request)

    async def _from_afar(self, request: Request, pretence: Pretence) -> None:
        """Let a request take as long as its viewer's round trip takes, and keep what happens on its way."""
        follow(request, time.perf_counter_ns)
        if pretence.round_trip_ms:  # all of it before: the viewer cannot tell
            await in_task()
            await asyncio.sleep(pretence.round_trip_ms / 1000)

    def _begin_trace(self, tracer: Tracer, request: Request) -> None:
        if request.path == self._site.router.health_path:  # asked every second by every other POP
            tracer.undraw()
        else:
            request.trace = tracer.begin(request)

    async def _timed(self, request: Request) -> Response:
        """Answer, and say what took how long (W3C Server-Timing)."""
        began_s = time.perf_counter()
        request.timings = []
        response = self._answers.unprepared(await self._received(request))
        parts = [*request.timings, ("total", (time.perf_counter() - began_s) * 1000)]
        response.headers.add("Server-Timing", ", ".join(f"{name};dur={ms:.3f}" for name, ms in parts))
        return response

    async def _received(self, request: Request) -> Response | Prepared:
        site, front = self._site, self._front  # another site may come into force while this waits
        received = front.receive(request)
        if site.pretence is not None:
            pretend_viewer(request, site.pretence)
        if not self._any_host and not serves_host(site, request.host):
            return self._answers.sign(request, error_page(421, request), "Error")
        routed = front.route(request, received)
        if routed is None:
            return await self._now.journey.answer(request)
        await in_task()
        response = await front.follow(routed, request)
        if response is None:
            response = self._answers.unprepared(await self._now.journey.answer(request))
            response = front.ask_viewer(routed, response)
        return response

    def _health(self, request: Request) -> Response:
        headers = Headers([("Content-Type", "application/json"), ("Cache-Control", "no-store")])
        if self.draining:
            headers.add("X-Edge-State", "draining")
        body = self._front.health(request).encode()
        return Response(status=503 if self.draining else 200, headers=headers, body=body)

    def _failed(self, error: Exception, request: Request) -> Response:
        """Turn an error into what the viewer sees, and tell the operator the rest."""
        if not isinstance(error, EdgeError):
            logger.error(
                "request %s (%s %s) failed", request.id, request.method, request.path, exc_info=error
            )
            response = error_page(500, request)
        else:
            response = page_for(error, request)
            if not isinstance(error, FunctionError):  # those are in the function's own log
                fields = {"method": request.method, "path": request.path, "remedy": error.remedy}
                self._log(
                    LogLine(
                        at_s=time_now(), request_id=request.id, level="error", text=str(error), fields=fields
                    )
                )
        response.headers.set("X-Edge-Request-Id", request.id)
        if self._answers.pop:
            response.headers.set("X-Edge-Pop", self._answers.pop)
        return response

    def finished(self, exchange: Exchange) -> None:
        """Count a finished exchange, and write its line into the log."""
        self._exchanges.note(exchange)

    # -- PopSide -------------------------------------------------------------------------------------------

    def activate(self, functions: Mapping[str, Live]) -> None:
        """Make exactly these versions live. Raises DeployError and keeps the old ones."""
        releases = {name: item for name, item in functions.items() if isinstance(item, LiveRelease)}
        self._resources.releases.check(releases)
        self._resources.guests.activate(
            {name: item for name, item in functions.items() if isinstance(item, LiveFunction)}
        )
        self._resources.releases.activate(releases)
        self._resources.arms.activate(functions)
        self._express.forget()  # remembered under other splits

    def reconfigure(self, site: Site) -> None:
        """Serve ``site`` from the next request on; what is in flight ends as it began."""
        front = self._front
        self._serve_site(site)
        if self._front_task is not None:
            self._front_task.cancel()
            self._front_task = self._resources.background.keep(self._front.run, name="front")
        front.close()

    async def purge(self, purge: Purge) -> int:
        """Drop what matches; in force on return. Raises UsageError for a purge that means nothing."""
        if problem := problem_with(purge):
            raise UsageError(problem, remedy="See edgefaas purge --help.")
        return await self._resources.store.purge_everywhere(purge)

    async def count_shared(self, purge: Purge) -> Counted:
        """Return how many responses on disk ``purge`` would hit; in a large cache, at least so many."""
        return await self._resources.store.count_shared(purge)

    async def invoke(self, function: str, event: bytes) -> dict[str, object]:
        """Run a function once; see ``invoking.invoke_once``."""
        return await invoke_once(self._resources.guests, function, event)

    def explain(self, address: str) -> dict[str, object]:
        """Return where a viewer would be served, and why. Raises ConfigError."""
        return self._front.explain(address)

    def stats(self) -> dict[str, object]:
        """Return counters and gauges."""
        return {**self._resources.stats(), "peers": self._front.peers(), **self._exchanges.stats()}

    def live(self, told: Mapping[str, object]) -> dict[str, object]:
        """Return what this worker has done since it was last asked; ``told`` is for the other POPs."""
        self._front.tell(told)
        return self._deltas.take()

    def drain(self) -> None:
        """Say in the answer to the health path that this POP ends, so that others steer nobody here."""
        self.draining = True

    async def close(self) -> None:
        """Finish background work and let go of everything."""
        await self._resources.background.close()
        if self._tracer is not None:
            self._tracer.close()
        await self._exchanges.close()
        await self._resources.close()
        self._front.close()


def start_with(response: Response) -> Suspended[Response | Prepared]:
    """Return ``response`` in the shape of a journey that waits for a task (its body streams)."""

    async def finished() -> Response | Prepared:
        await in_task()
        return response

    rest = start(finished())
    assert isinstance(rest, Suspended)
    return rest
