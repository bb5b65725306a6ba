"""Ask the other POPs how they are. A thin shell: sockets and the clock here, the judgement in ``health``.

Each POP is asked ``GET <url><health_path>`` on a connection of its own, so that the handshake is measured
(one round trip) and a POP that cannot accept connections is seen. 2xx is healthy, 503 with ``X-Edge-State:
draining`` is on its way out, everything else and silence is a failure. ``fields`` adds header fields to each question.
"""

import asyncio
import contextlib
import random
import re
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from router.mesh import Pop
from router.tcp_info import read_rtt_ms

ANSWER_BYTES_MAX = 262_144
_STATUS = re.compile(rb"[1-5][0-9]{2}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbePolicy:
    """How often and how patiently.

    Seconds; the period is jittered by a tenth so that POPs do not march in step.
    """

    path: str = "/.edgefaas/health"
    period_s: float = 1.0
    deadline_s: float = 1.0


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """What one probe saw; ``rtt_ms`` is the handshake's, None when there was none.

    ``body`` is the answer's.
    """

    ok: bool
    draining: bool = False
    rtt_ms: float | None = None
    body: bytes = b""
    problem: str = ""


Probed = Callable[[Pop, ProbeResult, float], None]
"""Called on the loop with the POP, the result and the loop's time; must not raise and not block."""
Fields = Callable[[Pop], Mapping[str, str]]
"""Returns the header fields to ask a POP with; ASCII, and without line breaks."""


class Prober:
    """Probes a list of POPs until cancelled: ``await prober.run()`` inside a task group."""

    def __init__(
        self, pops: Sequence[Pop], policy: ProbePolicy, probed: Probed, fields: Fields | None = None
    ) -> None:
        self._pops = [pop for pop in pops if pop.url]
        self._policy = policy
        self._probed = probed
        self._fields = fields

    async def run(self) -> None:
        """Probe every POP in its own rhythm. Ends only by cancellation."""
        async with asyncio.TaskGroup() as group:
            for pop in self._pops:
                group.create_task(self._watch(pop), name=f"probe {pop.name}")

    async def _watch(self, pop: Pop) -> None:
        loop = asyncio.get_running_loop()
        while True:
            fields = self._fields(pop) if self._fields is not None else None
            result = await probe(pop.url, self._policy, fields)
            self._probed(pop, result, loop.time())
            jitter = random.uniform(0.9, 1.1)  # noqa: S311  a rhythm, not a secret
            await asyncio.sleep(self._policy.period_s * jitter)


async def probe(url: str, policy: ProbePolicy, fields: Mapping[str, str] | None = None) -> ProbeResult:
    """Ask one POP once. Never raises but for cancellation: every failure is a result."""
    loop = asyncio.get_running_loop()
    rtt_ms: float | None = None
    try:
        parts = urlsplit(url)
        tls = parts.scheme == "https"
        port = parts.port or (443 if tls else 80)
        async with asyncio.timeout(policy.deadline_s):
            started_s = loop.time()
            reader, writer = await asyncio.open_connection(parts.hostname, port)
            told_ms = read_rtt_ms(
                writer.get_extra_info("socket")
            )  # the loop's clock may tick in milliseconds
            rtt_ms = told_ms or (loop.time() - started_s) * 1000
            try:
                if tls:
                    await writer.start_tls(ssl.create_default_context(), server_hostname=parts.hostname)
                line = f"GET {parts.path}{policy.path} HTTP/1.1\r\n"
                line += "".join(f"{name}: {value}\r\n" for name, value in (fields or {}).items())
                writer.write(f"{line}Host: {parts.netloc}\r\nConnection: close\r\n\r\n".encode("ascii"))
                answer = await _read(reader)
            finally:
                writer.close()
                with contextlib.suppress(OSError, ssl.SSLError):
                    await writer.wait_closed()
    except TimeoutError:
        return ProbeResult(ok=False, rtt_ms=rtt_ms, problem=f"no answer within {policy.deadline_s:g} s")
    except (OSError, ValueError, EOFError, asyncio.LimitOverrunError) as error:
        return ProbeResult(ok=False, rtt_ms=rtt_ms, problem=str(error) or type(error).__name__)
    return read_answer(answer, rtt_ms)


def read_answer(answer: bytes, rtt_ms: float | None) -> ProbeResult:
    """Return what a whole HTTP/1.1 answer to a probe means. Pure."""
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    words = lines[0].split(b" ", 2)
    if len(words) < 2 or not words[0].startswith(b"HTTP/1.") or not _STATUS.fullmatch(words[1]):  # noqa: PLR2004  version, status
        return ProbeResult(ok=False, rtt_ms=rtt_ms, problem="the answer is not HTTP/1.1")
    status = int(words[1])
    fields = {
        name.strip().lower(): value.strip().lower()
        for name, colon, value in (line.partition(b":") for line in lines[1:])
        if colon
    }
    draining = fields.get(b"x-edge-state") == b"draining"
    if 200 <= status < 300 or (status == 503 and draining):  # noqa: PLR2004  HTTP status codes
        return ProbeResult(ok=True, draining=draining, rtt_ms=rtt_ms, body=body)
    return ProbeResult(ok=False, rtt_ms=rtt_ms, problem=f"it answered {status}")


async def _read(reader: asyncio.StreamReader) -> bytes:
    """Read until the peer closes; refuse an endless answer."""
    answer = bytearray()
    while chunk := await reader.read(65_536):
        answer += chunk
        if len(answer) > ANSWER_BYTES_MAX:
            raise ValueError(f"the answer has more than {ANSWER_BYTES_MAX} bytes")
    return bytes(answer)
