"""One worker's POP: builds the parts once, answers viewers, obeys the supervisor.

The outermost layer: whatever goes wrong becomes a response here, and nowhere else is ``Exception`` caught.
Implements ``ViewerSide`` (called by the wire) and ``PopSide`` (called by the worker process).
"""

import asyncio
import logging
import secrets
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from edgefaas.accesslog import AccessLog
from edgefaas.admission import Admission
from edgefaas.ahead import Ahead, HeadStart
from edgefaas.answers import Answers, as_response
from edgefaas.arms import Arms
from edgefaas.background import Background
from edgefaas.cache import (
    Counted,
    Flights,
    FormMaker,
    MemoryStore,
    Purge,
    TieredStore,
    open_tiers,
    problem_with,
)
from edgefaas.contract import AskSupervisor, Exchange, Live, LiveFunction, LiveRelease, LogLine, LogSink
from edgefaas.deltas import Deltas
from edgefaas.directory import ReleasedFiles, Releases
from edgefaas.eager import Suspended, in_task, start
from edgefaas.errors import EdgeError, FunctionError, UsageError
from edgefaas.events import AWS_RULES, OPEN_RULES
from edgefaas.express import Conditions, Express, Place
from edgefaas.front import Front
from edgefaas.gateway import Gateway
from edgefaas.guests import Guests
from edgefaas.invoking import invoke_once
from edgefaas.journey import FromOrigin, FromStore, Journey
from edgefaas.keeping import Keeper
from edgefaas.kv.worker import WorkerPairs
from edgefaas.message import Headers, Prepared, Request, Response
from edgefaas.origin import OriginClient
from edgefaas.origins import Origins
from edgefaas.outbound import Outbound
from edgefaas.pages import error_page, page_for
from edgefaas.paths import follow, path_of
from edgefaas.pretence import pretend_viewer
from edgefaas.routes import Routes
from edgefaas.shortcuts import shortcuts_of
from edgefaas.site import CacheSizes, DirectoryOrigin, Pretence, Site
from edgefaas.telemetry import Meter
from edgefaas.through import Through
from edgefaas.tracing.semantics import finish_exchange
from edgefaas.tracing.spans import Span
from edgefaas.tracing.tracer import SpanSink, Tracer, no_spans
from edgefaas.transit import Means, Transit, Viewer
from edgefaas.triggers import Triggers
from edgefaas.wire import http_date, prepare
from edgefaas.wire.heads import Facts
from edgefaas.wire.requests import make_request
from sandbox import Sandbox

logger = logging.getLogger("edgefaas.app")

HIT = "Hit from edgefaas"
SPOOLED_AN_HOUR_AGO_S = 3600.0  # a body file of that age that nothing refers to was left behind by a crash
SPOOL_MEMORY_BYTES = 8 * 1024 * 1024  # of one body on its way from the origin, before it goes to a file
SPOOL_FILE_BYTES = 1024 * 1024 * 1024  # where there is no disk tier that says how large an object may be


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
        self._data = data
        self._log = log
        self._spans = spans
        self._tracer: Tracer | None = None
        self._access: AccessLog | None = None
        self._sandbox = Sandbox(artifacts=artifacts)
        self._meter = Meter()
        self._deltas = Deltas(self._meter)
        self._guests = Guests(
            load=self._sandbox.load,
            begin=self._sandbox.start,  # type: ignore[arg-type]  # programs are opaque to guests
            retire=self._sandbox.retire,  # type: ignore[arg-type]
            sink=log,
            clock=time_now,
            meter=self._meter,
        )
        self._store = open_store(site.cache_sizes, data / "cache")
        self._client = OriginClient()
        self._outbound = Outbound()
        self._guests.offer_outgoing("fetch", self._outbound.fetch)
        self._pairs = WorkerPairs(data.parent, ask=ask)
        for name, operation in self._pairs.operations().items():
            self._guests.offer(name, operation)
        self._arms = Arms()
        self._releases = Releases(artifacts)
        self._background = Background()
        self._refreshing: set[str] = set()
        spool = self._store.disk.bodies.path if isinstance(self._store, TieredStore) else data / "spool"
        spool.mkdir(parents=True, exist_ok=True)
        self._flights: Flights[FromStore | FromOrigin] = Flights(
            self._background.start,
            memory_bytes=SPOOL_MEMORY_BYTES,
            directory=spool,
            file_bytes_max=self._store.disk.object_bytes_max
            if isinstance(self._store, TieredStore)
            else SPOOL_FILE_BYTES,
        )
        self._forms = FormMaker(self._store, self._background.start)
        self._id_prefix = secrets.token_hex(6)
        self._ids = 0
        self._front_task: asyncio.Task[None] | None = None
        self.draining = False
        self._build(site)

    def _build(self, site: Site) -> None:
        place = site.router.pop.encode()
        self._guests.offer("edge.name", lambda _function, _payload: place)
        triggers = Triggers(
            guests=self._guests, rules=AWS_RULES if site.compatibility == "aws" else OPEN_RULES
        )
        files = {
            name: ReleasedFiles(origin, self._releases, self._meter)
            for name, origin in site.origins.items()
            if isinstance(origin, DirectoryOrigin)
        }
        origins = Origins(
            by_name=site.origins,
            groups=site.origin_groups,
            files=files,
            client=self._client,
            triggers=triggers,
            meter=self._meter,
            gateway=Gateway(guests=self._guests, background=self._background),
        )
        front = Front(
            site,
            fetch=self._client,
            wall_s=time_now,
            mono_s=time.monotonic,
            geo_folder=self._data.parent / "geo",
            before=getattr(self, "_front", None),
        )
        # Nothing below fails: a site that cannot be built leaves the old one in force, whole.
        self._site = site
        self._any_host = "*" in site.hosts
        self._pairs.configure(site.kv)
        self._front = front
        self._trace(site)
        self._log_access(site)
        self._arms.serve(site.origins)
        self._keeper = Keeper(store=self._store, keeps=site.pretence is None or site.pretence.caches)
        self._answers = Answers(keeper=self._keeper, pop=site.router.pop)
        self._express = Express(self._store, site.router.pop, {}, self._meter)
        self._shortcuts = shortcuts_of(site, front)
        express = self._express if self._shortcuts.hits else None
        routes = Routes(site.behaviours)
        self._ahead = Ahead(
            routes=routes,
            guests=self._guests,
            arms=self._arms,
            made=triggers.made,
            express=express,
            next_id=self._next_id,
            wall_s=time_now,
            never={site.router.health_path},
        )
        admission = Admission(public_keys=site.public_keys, locate=self._front.locate)
        self._journey = Journey(
            routes=routes,
            admission=admission,
            arms=self._arms,
            triggers=triggers,
            keeper=self._keeper,
            origins=origins,
            answers=self._answers,
            background=self._background,
            wall_s=time_now,
            flights=self._flights,
            forms=self._forms,
            refreshing=self._refreshing,
            error_pages=site.error_pages,
            default_root=site.default_root,
            express=express,
        )
        self._through = Through(
            site=site,
            routes=routes,
            admission=admission,
            arms=self._arms,
            client=self._client,
            answers=self._answers,
            tracer=self._tracer,
            means=Means(
                front=front,
                store=self._store,
                flights=self._flights,
                origins=origins,
                journey=self._journey,
                client=self._client,
                pages=site.error_pages,
                wall_s=time_now,
            ),
            next_id=self._next_id,
            never={site.router.health_path, *(("/",) if site.default_root else ())},
        )

    def _trace(self, site: Site) -> None:
        """Trace as the site says; what was recorded before is handed on."""
        if self._tracer is not None:
            self._tracer.close()
        self._tracer = Tracer(site.telemetry, self._spans) if site.telemetry.otlp else None

    def _log_access(self, site: Site) -> None:
        """Write the access log as the site says; one that stays as it is goes on."""
        if self._access is not None and self._access.wanted(site.access_file, site.router.pop):
            return
        if self._access is not None:
            self._background.start(self._access.close(), name="end of an access log")
        self._access = None
        if site.access_file.file is not None:
            self._access = AccessLog(site.access_file, pop=site.router.pop, wall_s=time_now)

    def _next_id(self) -> str:
        self._ids += 1
        return f"{self._id_prefix}{self._ids:x}"

    async def start(self) -> None:
        """Begin the background work (probing other POPs, reloading GeoIP files)."""
        await self._front.listen()
        self._front_task = self._background.keep(self._front.run, name="front")
        if isinstance(self._store, TieredStore):
            older_than_s = time_now() - SPOOLED_AN_HOUR_AGO_S
            vacuum = partial(self._store.disk.vacuum, older_than_s=older_than_s)
            self._background.start(asyncio.to_thread(vacuum), name="vacuum of the cache's folder")

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
        if not self._shortcuts.functions:
            return None
        tracer = self._tracer
        if tracer is not None and tracer.wants_next(traced=facts.traced):
            return None
        began_s = time.perf_counter()
        try:
            started = self._ahead.start(target, facts.block, scheme, peer[0])
        except Exception:  # the outermost layer; the journey begins anew
            logger.exception("a request for %r failed ahead of its journey", target)
            return None
        if started is None or (prepared := started.prepared) is None:
            return started
        if tracer is not None:
            tracer.undraw()
        status, took_s = int(prepared.head[9:12]), time.perf_counter() - began_s
        if self._site.access_log == "off":
            self._meter.exchanged(status, len(prepared.body), took_s, started.word)
        else:
            request = make_request(b"GET", target, facts, is_1_1=True, scheme=scheme, peer=peer)
            request.id, request.begun = started.id, started.word
            function = started.loaded.function
            request.ran = {function.name: function.version}
            body_bytes = len(prepared.body)
            self.finished(Exchange(request=request, status=status, body_bytes=body_bytes, took_s=took_s))
        return started

    def through(
        self, target: bytes, facts: Facts, scheme: str, peer: tuple[str, int], viewer: Viewer
    ) -> Transit | None:
        """Send a plain GET through to its origin, where that is all; see ``through``. Never raises."""
        if not self._shortcuts.misses:
            return None
        try:
            return self._through.start(target, facts, scheme, peer, viewer)
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
            return await self._journey.answer(request)
        await in_task()
        response = await front.follow(routed, request)
        if response is None:
            response = self._answers.unprepared(await self._journey.answer(request))
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
        request, kept = exchange.request, self._site.access_log
        word = request.begun if isinstance(request.begun, str) else ""
        self._meter.exchanged(exchange.status, exchange.body_bytes, exchange.took_s, word)
        if request.trace is not None:
            finish_exchange(request.trace, exchange, word, self._site.router.pop)
        if self._access is not None:
            self._access.note(exchange, word)
        if request.trace is not None and (steps := request.trace.trace.kept) is not None:
            self._log(self._path_line(exchange, steps, word))
        elif kept == "all" or (kept == "requests" and word != HIT):
            self._log(access_line(exchange, word, time_now()))

    def _path_line(self, exchange: Exchange, steps: list[Span], word: str) -> LogLine:
        """Return the log's line of a request whose path was kept."""
        line, pretence = access_line(exchange, word, time_now()), self._site.pretence or Pretence()
        path = path_of(exchange, steps, pop=self._site.router.pop, pretence=pretence)
        return replace(line, fields={**line.fields, "path": path})

    # -- PopSide -------------------------------------------------------------------------------------------

    def activate(self, functions: Mapping[str, Live]) -> None:
        """Make exactly these versions live. Raises DeployError and keeps the old ones."""
        releases = {name: item for name, item in functions.items() if isinstance(item, LiveRelease)}
        self._releases.check(releases)
        self._guests.activate(
            {name: item for name, item in functions.items() if isinstance(item, LiveFunction)}
        )
        self._releases.activate(releases)
        self._arms.activate(functions)
        self._express.forget()  # remembered under other splits

    def reconfigure(self, site: Site) -> None:
        """Serve ``site`` from the next request on; what is in flight ends as it began."""
        front = self._front
        self._build(site)
        if self._front_task is not None:
            self._front_task.cancel()
            self._front_task = self._background.keep(self._front.run, name="front")
        front.close()

    async def purge(self, purge: Purge) -> int:
        """Drop what matches; in force on return. Raises UsageError for a purge that means nothing."""
        if problem := problem_with(purge):
            raise UsageError(problem, remedy="See edgefaas purge --help.")
        return await self._store.purge_everywhere(purge)

    async def count_shared(self, purge: Purge) -> Counted:
        """Return how many responses on disk ``purge`` would hit; in a large cache, at least so many."""
        return await self._store.count_shared(purge)

    async def invoke(self, function: str, event: bytes) -> dict[str, object]:
        """Run a function once; see ``invoking.invoke_once``."""
        return await invoke_once(self._guests, function, event)

    def explain(self, address: str) -> dict[str, object]:
        """Return where a viewer would be served, and why. Raises ConfigError."""
        return self._front.explain(address)

    def stats(self) -> dict[str, object]:
        """Return counters and gauges."""
        return {
            **self._meter.stats(),
            "collapsed": self._flights.collapsed,
            **self._store.told(),
            "sandbox": self._sandbox.stats(),
            "origin_connections": self._client.stats(),
            "peers": self._front.peers(),
            **({"access_log": self._access.stats()} if self._access is not None else {}),
        }

    def live(self, told: Mapping[str, object]) -> dict[str, object]:
        """Return what this worker has done since it was last asked; ``told`` is for the other POPs."""
        self._front.tell(told)
        return self._deltas.take()

    def drain(self) -> None:
        """Say in the answer to the health path that this POP ends, so that others steer nobody here."""
        self.draining = True

    async def close(self) -> None:
        """Finish background work and let go of everything."""
        await self._background.close()
        if self._tracer is not None:
            self._tracer.close()
        if self._access is not None:
            await self._access.close()
        await self._client.close()
        await self._outbound.close()
        await self._sandbox.close()
        await asyncio.to_thread(self._store.stop)
        self._store.close()  # on the loop, where it is read: a map that goes under a reader is a SIGSEGV
        self._pairs.close()
        self._front.close()


def serves_host(site: Site, authority: str) -> bool:
    """Return whether the site answers for a host as the viewer gave it; a port is free unless the site names one."""
    if authority in site.hosts:
        return True
    host, colon, port = authority.rpartition(":")
    return bool(colon) and port.isdigit() and host in site.hosts


def access_line(exchange: Exchange, word: str, at_s: float) -> LogLine:
    """Return the access log's line of one exchange."""
    request = exchange.request
    took_ms = round(exchange.took_s * 1000, 3)
    level = "error" if exchange.status >= 500 else "info"  # noqa: PLR2004 - server errors
    ran = request.ran or {}
    by = "".join(f" {name}@{version[:7]}" for name, version in ran.items())
    traced = (
        {}
        if request.trace is None or not request.trace.recorded or not request.trace.trace.tells
        else {"trace_id": request.trace.trace.trace_id}
    )
    return LogLine(
        at_s=at_s,
        request_id=request.id,
        level=level,
        text=f"{request.method} {request.target} {exchange.status} {took_ms} ms{f' {word}' if word else ''}{by}",
        fields={
            "method": request.method,
            "host": request.host,
            "target": request.target,
            "status": exchange.status,
            "bytes": exchange.body_bytes,
            "took_ms": took_ms,
            "viewer": request.viewer_ip,
            "x_cache": word,
            "aborted": exchange.aborted,
            "versions": ran,
            **traced,
        },
    )


def open_store(sizes: CacheSizes, folder: Path) -> MemoryStore:
    """Return the worker's store: memory before the disk that all workers share, or memory alone."""
    if not sizes.disk_bytes:
        return MemoryStore(sizes.memory_bytes)
    return open_tiers(folder, memory_bytes=sizes.memory_bytes, disk_bytes=sizes.disk_bytes, clock=time_now)


def time_now() -> float:
    """Return Unix seconds: the one place where the POP reads the wall clock."""
    return time.time()  # noqa: TID251 - everything below takes it as an argument


def start_with(response: Response) -> Suspended[Response | Prepared]:
    """Return ``response`` in the shape of a journey that waits for a task (its body streams)."""

    async def finished() -> Response | Prepared:
        await in_task()
        return response

    rest = start(finished())
    assert isinstance(rest, Suspended)
    return rest
