"""Spans on their way to the collector: in the supervisor, from a bounded queue, by a thread of its own.

No worker and no viewer ever waits for a collector. While it is dead, the queue fills, and what comes then is dropped
and counted. Source: OpenTelemetry Protocol 1.5, "OTLP/HTTP response" (what may be sent again, and when).
"""

import asyncio
import gzip
import http.client
import logging
import socket
import threading
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from edgefaas import __version__
from edgefaas.background import Background
from edgefaas.config.telemetry import TRACES_PATH
from edgefaas.site import Site, TelemetryPolicy
from edgefaas.tracing.otlp import encode
from edgefaas.tracing.spans import Attribute, PlainSpan, is_plain_span

QUEUE_SPANS = 16_384
BATCH_SPANS = 512
GATHER_S = 1.0
TIMEOUT_S = 10.0
ATTEMPTS = 5
PAUSE_FIRST_S = 1.0
PAUSE_MAX_S = 30.0
CLOSE_S = 2.0
RETRYABLE = frozenset({429, 502, 503, 504})
_ANSWER_BYTES_MAX = 64 * 1024

log = logging.getLogger("edgefaas.tracing")


@dataclass(frozen=True, slots=True)
class Sent:
    """The collector took the spans."""


@dataclass(frozen=True, slots=True)
class Later:
    """It did not, and may the next time; ``after_s`` is how long it wants to be left alone, 0 if it did not say."""

    why: str
    after_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Never:
    """It will not take these spans."""

    why: str


Verdict = Sent | Later | Never


def judge_answer(status: int, retry_after: str | None) -> Verdict:
    """Say what an answer of the collector means."""
    if 200 <= status < 300:  # noqa: PLR2004  # RFC 9110, 15.3
        return Sent()
    if status in RETRYABLE:
        asked = float(retry_after) if retry_after is not None and retry_after.isdigit() else 0.0
        return Later(f"it answers {status}", min(asked, PAUSE_MAX_S))
    return Never(f"it answers {status}")


def pause_s(attempt: int, after_s: float) -> float:
    """Return how long to wait after failure number ``attempt`` (from 1)."""
    return max(after_s, min(PAUSE_MAX_S, PAUSE_FIRST_S * 2.0 ** (attempt - 1)))


class Exporter:
    """Sends the spans of all workers to the collector of the site, where it names one."""

    def __init__(self, site: Site) -> None:
        self._queue: deque[PlainSpan] = deque()
        self._news = asyncio.Event()
        self._closing = asyncio.Event()
        self._background = Background()
        self._connection: http.client.HTTPConnection | None = None
        self._failing = False
        self.exported = 0
        self.dropped = 0
        self.apply(site)

    def apply(self, site: Site) -> None:
        """Send to the collector of this site from now on."""
        before = getattr(self, "_policy", None)
        self._policy = site.telemetry
        self._resource = resource_of(site)
        if before is not None and before.otlp != site.telemetry.otlp:
            self._failing = False
            self._disconnect()
        if site.telemetry.otlp and not len(self._background):
            self._background.start(self._run(), name="trace exporter")

    def take(self, _worker: int, spans: Any, dropped: Any) -> None:
        """Take a worker's batch. What is not a span is left out: a worker runs strangers' code."""
        if type(dropped) is int and dropped > 0:
            self.dropped += dropped
        if not isinstance(spans, list):
            return
        good = [span for span in spans if is_plain_span(span)]
        room = max(0, QUEUE_SPANS - len(self._queue)) if self._policy.otlp else 0
        self._queue.extend(good[:room])
        self.dropped += len(good) - len(good[:room])
        if self._queue:
            self._news.set()

    async def _run(self) -> None:
        while not (self._closing.is_set() and not self._queue):
            await self._news.wait()
            if len(self._queue) < BATCH_SPANS:
                await self._rest(GATHER_S)
            batch = [self._queue.popleft() for _ in range(min(BATCH_SPANS, len(self._queue)))]
            if not self._queue and not self._closing.is_set():
                self._news.clear()
            if batch:
                await self._deliver(batch)

    async def _deliver(self, batch: list[PlainSpan]) -> None:
        for attempt in range(1, ATTEMPTS + 1):
            policy = self._policy
            verdict = await self._posted(policy, batch)
            match verdict:
                case Sent():
                    self._recovered()
                    self.exported += len(batch)
                    return
                case Never(why):
                    self._failed(why)
                    break
                case Later(why, after_s):
                    self._failed(why)
                    if self._closing.is_set() or attempt == ATTEMPTS:
                        break
                    await self._rest(pause_s(attempt, after_s))
        self.dropped += len(batch)

    async def _rest(self, wait_s: float) -> None:
        """Wait, unless the POP ends."""
        try:
            async with asyncio.timeout(wait_s):
                await self._closing.wait()
        except TimeoutError:
            pass

    def _failed(self, why: str) -> None:
        if not self._failing:
            log.warning(
                "traces cannot be sent to %s: %s; they are dropped until it does", self._policy.otlp, why
            )
        self._failing = True

    def _recovered(self) -> None:
        if self._failing:
            log.warning("traces are sent to %s again", self._policy.otlp)
        self._failing = False

    async def _posted(self, policy: TelemetryPolicy, batch: list[PlainSpan]) -> Verdict:
        """Send a batch in a thread that nobody waits for at the end of the process, however long it hangs."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Verdict] = loop.create_future()

        def work() -> None:
            verdict = self._post(policy, batch)
            with suppress(RuntimeError):  # the loop is closed: the process ends
                loop.call_soon_threadsafe(tell, verdict)

        def tell(verdict: Verdict) -> None:
            if not done.done():
                done.set_result(verdict)

        threading.Thread(target=work, name="edgefaas-otlp", daemon=True).start()
        return await done

    def _post(self, policy: TelemetryPolicy, batch: list[PlainSpan]) -> Verdict:
        """Send a batch; runs in the exporter's thread."""
        body = gzip.compress(encode(batch, self._resource), 1)
        fields = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
        fields["User-Agent"] = f"edgefaas/{__version__}"
        parts = urlsplit(policy.otlp)
        connection, self._connection = self._connection or _connect(policy.otlp), None
        try:
            connection.request("POST", parts.path + TRACES_PATH, body, fields | dict(policy.headers))
            answer = connection.getresponse()
            rest = answer.read(_ANSWER_BYTES_MAX)
            if answer.will_close or len(rest) == _ANSWER_BYTES_MAX or self._closing.is_set():
                connection.close()
            else:
                self._connection = connection
            return judge_answer(answer.status, answer.headers.get("Retry-After"))
        except (OSError, http.client.HTTPException, ValueError) as error:
            connection.close()
            return Later(str(getattr(error, "strerror", None) or error or type(error).__name__))

    def _disconnect(self) -> None:
        """Close the connection, unless it is in use: then whoever uses it does."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    async def close(self) -> None:
        """Send what is left, for at most ``CLOSE_S``."""
        self._closing.set()
        self._news.set()
        await self._background.drain(timeout_s=CLOSE_S)
        await self._background.close()
        self.dropped += len(self._queue)
        self._queue.clear()
        self._disconnect()


def _connect(url: str) -> http.client.HTTPConnection:
    parts = urlsplit(url)
    make = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    return make(parts.hostname or "", parts.port, timeout=TIMEOUT_S)


def resource_of(site: Site) -> dict[str, Attribute]:
    """Return what all spans of this POP have in common (Semantic Conventions, "Resource")."""
    known: dict[str, Attribute] = {
        "service.name": site.telemetry.service_name or site.name,
        "service.version": __version__,
        "service.instance.id": site.router.node or site.router.pop or socket.gethostname(),
        "host.name": socket.gethostname(),
        "telemetry.sdk.name": "edgefaas",
        "telemetry.sdk.language": "python",
        "telemetry.sdk.version": __version__,
    }
    if site.router.pop:
        known["edgefaas.pop"] = site.router.pop
    return known
