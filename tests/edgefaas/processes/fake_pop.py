"""A POP application and a builder that need no sandbox: what workers run in the tests of processes.

The fake "program" is the entry's text. The text ``refuse`` is refused by workers, ``crash`` ends them, ``hang`` stops
their loop; ``mute`` breaks their channel and holds on; ``throws`` ends every run; ``syntax error`` does not build. A
viewer's request is a run of every function.
"""

import asyncio
import hashlib
import os
import signal
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import orjson

from edgefaas.arms import Arms, canary_of
from edgefaas.cache.purge import Counted, Purge
from edgefaas.contract import AskSupervisor, Exchange, Live, LiveFunction, LogLine, LogSink
from edgefaas.control.workshop import Builder
from edgefaas.deadman import ENDINGS
from edgefaas.deltas import Deltas
from edgefaas.errors import ConfigError, DeployError
from edgefaas.foreground import BuilderFactory
from edgefaas.message import Headers, Prepared, Request, Response
from edgefaas.site import Site
from edgefaas.telemetry import Meter
from edgefaas.tracing.tracer import SpanSink, no_spans
from edgefaas.worker import Pop, PopFactory
from sandbox.contract import Built, Finished, Source, Threw
from sandbox.errors import CompileError


class FakePop:
    """Answers every request with what this worker runs."""

    def __init__(
        self,
        *,
        site: Site,
        artifacts: Path,
        data: Path,
        log: LogSink,
        spans: SpanSink = no_spans,
        ask: AskSupervisor,
    ) -> None:
        self._site = site
        self._artifacts = artifacts
        self._data = data
        self._log = log
        self._live: dict[str, tuple[LiveFunction, str]] = {}
        self._cached = 0
        self._purges: list[str] = []
        self._draining = False
        self._arms = Arms()
        self._meter = Meter()
        self._deltas = Deltas(self._meter)

    async def start(self) -> None:
        if self._site.name == "unstartable":
            raise ConfigError("The site is called unstartable", remedy="Call it otherwise.")

    def activate(self, functions: Mapping[str, Live]) -> None:
        live = {}
        for name, function in functions.items():
            if not isinstance(function, LiveFunction):
                continue
            text = (self._artifacts / function.artifact).read_text()
            if text == "refuse" or self._asked_to_refuse(name):
                raise DeployError(f'Function "{name}" is refused', remedy="Do not write refuse.")
            if text == "crash":
                os._exit(9)
            live[name] = (function, text)
        self._live = live
        self._arms.activate(functions)

    def _asked_to_refuse(self, name: str) -> bool:
        """Say whether a test has asked one worker, by its pid, to refuse a function from now on."""
        return (self._data / f"refuse-{name}-{os.getpid()}").exists()

    def reconfigure(self, site: Site) -> None:
        if site.name == "unwanted":
            raise ConfigError("The site is called unwanted", remedy="Call it otherwise.")
        self._site = site

    def explain(self, address: str) -> dict[str, object]:
        return {"address": address, "pop": "here", "pid": os.getpid()}

    async def count_shared(self, purge: Purge) -> Counted:
        return Counted(number=7, complete=False) if purge.value == "/shared" else Counted()

    async def purge(self, purge: Purge) -> int:
        if purge.value == "/crash":
            os._exit(9)
        dropped, self._cached = self._cached, 0
        self._purges.append(purge.value)
        return dropped

    async def invoke(self, function: str, event: bytes) -> dict[str, object]:
        live, text = self._live[function]
        if text == "hang":
            time.sleep(1_000)  # noqa: ASYNC251  # the point of the test
        if text == "mute":
            _break_off()
        if text == "throws":
            return {"outcome": "threw", "error": "it threw", "remedy": "Mend it.", "version": live.version}
        self._log(
            LogLine(
                at_s=datetime.now(UTC).timestamp(),
                request_id="r",
                level="info",
                text=f"invoked {function}",
                function=function,
            )
        )
        return {"outcome": "finished", "result": orjson.loads(event), "version": live.version, "text": text}

    def stats(self) -> dict[str, object]:
        return {"cached": self._cached, "purges": self._purges, **self._meter.stats()}

    def live(self, told: Mapping[str, object]) -> dict[str, object]:
        return self._deltas.take()

    def drain(self) -> None:
        self._draining = True

    async def close(self) -> None:
        (self._data / f"closed-{os.getpid()}").touch()

    def inline(self, request: Request) -> Prepared | None:
        return None

    async def answer(self, request: Request) -> Response:
        self._cached += 1
        while request.path == "/spin":  # the point of the test
            pass
        canaries = self._arms.choose(request)
        served = {}
        for name in [name for name in self._live if "@" not in name]:
            live, text = self._live[canary_of(name) if name in canaries else name]
            self._meter.ran(live, Threw(message="it threw") if text == "throws" else Finished(output=b""))
            served[name] = text
        body = orjson.dumps(
            {
                "pid": os.getpid(),
                "site": self._site.name,
                "draining": self._draining,
                "viewer": request.viewer_ip,
                "scheme": request.scheme,
                "served": served,
                "live": {name: text for name, (_, text) in self._live.items()},
            }
        )
        headers = Headers([("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
        return Response(status=200, headers=headers, body=body)

    def finished(self, exchange: Exchange) -> None:
        self._meter.exchanged(exchange.status, exchange.body_bytes, exchange.took_s)


def _break_off() -> None:
    """Send nonsense to the supervisor and end by nothing but its hand: what a program does that took a worker over."""
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDINGS)
    (control,) = [word.partition("=")[2] for word in sys.argv if word.startswith("--control=")]
    os.write(int(control), b"\xff" * 4)
    time.sleep(1_000)


class FakeBuilder:
    """Copies the entry."""

    def __init__(self, *, artifacts: Path) -> None:
        self._artifacts = artifacts

    async def build(self, source: Source) -> Built:
        content = source.files[source.entry]
        if b"syntax error" in content:
            raise CompileError("unexpected error", remedy="Correct the syntax.", line=3)
        if b"builds for ever" in content:
            (self._artifacts / "began").touch()
            await asyncio.Event().wait()
        name = hashlib.sha256(content).hexdigest()
        (self._artifacts / name).write_bytes(content)
        return Built(artifact=name, warnings=("it is fake",) if b"warn" in content else ())

    async def prepare(self) -> None:
        pass

    async def close(self) -> None:
        pass


_pop: PopFactory = FakePop
_pop_type: type[Pop] = FakePop
_builder: type[Builder] = FakeBuilder
_factory: BuilderFactory = FakeBuilder
