"""A worker: one process, one event loop, one POP application; the supervisor drives it over the channel.

Started as ``python -m edgefaas.worker`` with inherited descriptors: its end of the control channel and
its listening sockets. It serves when told to, drains when told to, and ends at once when its supervisor
is gone: it sees that itself, and the kernel sees to it where it cannot.
"""

import argparse
import asyncio
import contextlib
import faulthandler
import gc
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Protocol

import uvloop

from edgefaas.background import Background
from edgefaas.cache.purge import Purge
from edgefaas.channel import Channel, ChannelClosedError
from edgefaas.contract import AskSupervisor, Live, LogSink, PopSide, ViewerSide
from edgefaas.control.plain import from_plain, to_plain
from edgefaas.deadman import DeadManSwitch
from edgefaas.errors import EdgeError
from edgefaas.listeners import Inherited, Listeners
from edgefaas.logqueue import LogQueue, LogQueueHandler, PlainLine
from edgefaas.named import named
from edgefaas.processusage import ProcessUsage
from edgefaas.quiet import QuietServer, quiet_config
from edgefaas.site import Site
from edgefaas.tracing.spans import PlainSpan
from edgefaas.tracing.tracer import SpanSink
from sandbox.parent import end_with_parent

_HOLD_THE_LOOP = frozenset({"start", "activate", "reconfigure", "serve", "purge"})  # for as long as it takes
UNSENT_LOG_BYTES_MAX = 4 * 1024 * 1024
SUPERVISOR_TIMEOUT_S = 10.0  # of a write to disk

log = logging.getLogger("edgefaas.worker")

_STARTED_S = time.time()  # noqa: TID251  # the clock's edge


class Pop(PopSide, ViewerSide, Protocol):
    """A POP application: what ``edgefaas.app.PopApp`` is."""

    async def start(self) -> None:
        """Open what must be open before the first request. Raises EdgeError."""
        ...


class PopFactory(Protocol):
    """How a worker makes its application, inside the running loop."""

    def __call__(
        self,
        *,
        site: Site,
        artifacts: Path,
        data: Path,
        log: LogSink,
        spans: SpanSink,
        ask: AskSupervisor,
    ) -> Pop:
        """Return the application, not started. Raises EdgeError."""
        ...


class Worker:
    """Answers the supervisor's operations; see ``_operations``."""

    def __init__(self, make_pop: PopFactory, sockets: Inherited, *, http2: bool) -> None:
        self._make_pop = make_pop
        self._sockets = sockets
        self._http2 = http2
        self._site: Site
        self._listeners: Listeners | None = None
        self._channel: Channel
        self._logs: LogQueue
        self._pop: Pop | None = None
        self._server: QuietServer | None = None
        self._serving: asyncio.Task[None]
        self._background = Background()
        self._done = asyncio.Event()
        self._dead_man: DeadManSwitch
        self._usage = ProcessUsage()

    async def run(self, control: socket.socket) -> int:
        """Live until drained (0) or until the supervisor is gone (1); return the exit code."""
        loop = asyncio.get_running_loop()
        self._dead_man = DeadManSwitch(loop)
        self._dead_man.start()
        self._channel = await Channel.open(control, ask=self._answer, tell=_ignore, peer="supervisor")
        self._logs = LogQueue(self._send_logs, loop=loop, wall_s=time.time)  # noqa: TID251  # the clock's edge
        logging.getLogger("edgefaas").addHandler(LogQueueHandler(self._logs, loop=loop))
        serving = self._background.start(self._channel.serve(), name="control channel")
        done = self._background.start(self._done.wait(), name="drained")
        await asyncio.wait({serving, done}, return_when=asyncio.FIRST_COMPLETED)
        return 0 if self._done.is_set() else 1

    def _send_logs(self, lines: list[PlainLine]) -> bool:
        if self._channel.unsent_bytes > UNSENT_LOG_BYTES_MAX:
            return False
        with contextlib.suppress(ChannelClosedError):
            self._channel.tell("logs", {"lines": lines})
        return True

    def _send_spans(self, spans: list[PlainSpan], dropped: int) -> bool:
        if self._channel.unsent_bytes > UNSENT_LOG_BYTES_MAX:
            return False
        with contextlib.suppress(ChannelClosedError):
            self._channel.tell("spans", {"spans": spans, "dropped": dropped})
        return True

    async def _ask_supervisor(self, op: str, args: Mapping[str, Any]) -> Any:
        return await self._channel.ask(op, args, timeout_s=SUPERVISOR_TIMEOUT_S)

    async def _answer(self, op: str, args: Mapping[str, Any]) -> Any:
        operation = self._operations.get(op)
        if operation is None:
            raise EdgeError(
                f"A worker has no operation {op!r}", remedy="Start the POP again after an upgrade."
            )
        if op in _HOLD_THE_LOOP:
            with self._dead_man.patient():
                return await operation(self, **args)
        return await operation(self, **args)

    async def _start(self, *, site: Any, artifacts: str, data: str) -> None:
        self._site = from_plain(Site, site)
        pop = self._make_pop(
            site=self._site,
            artifacts=Path(artifacts),
            data=Path(data),
            log=self._logs,
            spans=self._send_spans,
            ask=self._ask_supervisor,
        )
        await pop.start()
        self._pop = pop

    async def _activate(self, *, functions: Mapping[str, Any]) -> None:
        live: dict[str, Live] = {
            name: from_plain(Live, item)  # type: ignore[arg-type]  # a union
            for name, item in functions.items()
        }
        self._live_pop.activate(live)

    async def _serve(self) -> None:
        listeners = Listeners(self._live_pop, self._sockets, self._site, http2=self._http2)
        self._server = QuietServer(quiet_config(_no_asgi, interface="asgi3"))
        self._serving = self._background.start(self._server.serve(sockets=[]), name="data server")
        while not self._server.started and not self._serving.done():  # noqa: ASYNC110  # uvicorn has no event
            await asyncio.sleep(0.002)
        if self._serving.done():
            await self._serving
        await listeners.open(self._server)
        self._listeners = listeners
        self._background.keep(listeners.watch, name="certificates")
        # What exists now lives as long as the process: the collector need not look at it again.
        gc.collect()
        gc.freeze()

    async def _reconfigure(self, *, site: Any) -> None:
        after: Site = from_plain(Site, site)
        if self._listeners is not None:
            self._listeners.apply(after)
        self._live_pop.reconfigure(after)
        self._site = after

    async def _purge(self, *, purge: Any) -> int:
        return await self._live_pop.purge(from_plain(Purge, purge))

    async def _count_shared(self, *, purge: Any) -> Any:
        return to_plain(await self._live_pop.count_shared(from_plain(Purge, purge)))

    async def _invoke(self, *, function: str, event: bytes) -> dict[str, object]:
        return await self._live_pop.invoke(function, event)

    async def _explain(self, *, address: str) -> dict[str, object]:
        return self._live_pop.explain(address)

    async def _stats(self) -> dict[str, object]:
        connections = len(self._server.server_state.connections) if self._server else 0
        process = self._usage.totals() | {"started_s": _STARTED_S, "connections": connections}
        return {"process": process, **self._live_pop.stats()}

    async def _live(self, *, told: Mapping[str, object]) -> dict[str, object]:
        return {**self._live_pop.live(told), "cpu_us": self._usage.cpu_us_since()}

    async def _ping(self) -> None:
        return None

    async def _drain(self, *, grace_s: float, timeout_s: float) -> None:
        """Say so while viewers still come, then take no more of them, then finish with those who are here."""
        if self._server is not None:
            self._live_pop.drain()
            await asyncio.sleep(grace_s)
            if self._listeners is not None:
                self._listeners.close()
            self._server.config.timeout_graceful_shutdown = max(1, round(timeout_s))
            self._server.should_exit = True
            await asyncio.wait({self._serving})
        if self._pop is not None:
            await self._pop.close()
        self._logs.flush()
        self._done.set()

    @property
    def _live_pop(self) -> Pop:
        if self._pop is None:
            raise EdgeError("The worker has not started yet", remedy="Start it first.")
        return self._pop

    _operations: ClassVar[Mapping[str, Callable[..., Awaitable[Any]]]] = {
        "start": _start,
        "activate": _activate,
        "serve": _serve,
        "reconfigure": _reconfigure,
        "purge": _purge,
        "count_shared": _count_shared,
        "invoke": _invoke,
        "explain": _explain,
        "stats": _stats,
        "live": _live,
        "ping": _ping,
        "drain": _drain,
    }


def _ignore(_op: str, _args: Mapping[str, Any]) -> None:
    """The supervisor tells nothing; it asks."""


async def _no_asgi(_scope: object, _receive: object, _send: object) -> None:
    """The wire answers by itself; uvicorn only wants to be given an application."""


def main() -> None:
    """Run one worker until it is drained or orphaned."""
    end_with_parent()  # a held worker would keep its socket, and with it the port, from the next supervisor
    faulthandler.enable()  # before the first engine: afterwards it would turn traps into crashes
    parser = argparse.ArgumentParser(prog="edgefaas.worker")
    parser.add_argument("--control", type=int, required=True)
    parser.add_argument("--listen", type=int, required=True)
    parser.add_argument("--listen-tls", type=int)
    parser.add_argument("--http2", action="store_true")
    parser.add_argument("--index", type=int, required=True)
    parser.add_argument("--app", required=True)
    options = parser.parse_args()
    logging.basicConfig(
        stream=sys.stderr, level=logging.WARNING, format=f"worker {options.index}: %(levelname)s %(message)s"
    )
    # Ctrl-C and a closed terminal reach the whole group; only the supervisor decides what they mean.
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)

    async def live() -> int:
        secure = None if options.listen_tls is None else socket.socket(fileno=options.listen_tls)
        sockets = Inherited(socket.socket(fileno=options.listen), secure)
        worker = Worker(named(options.app), sockets, http2=options.http2)
        return await worker.run(socket.socket(fileno=options.control))

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        code = runner.run(live())
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(
            code
        )  # the engine's own exit handlers can abort after callbacks (measured); nothing is left to do


if __name__ == "__main__":
    main()
