"""Probes against real sockets: a POP that answers, drains, refuses, stays silent or talks nonsense."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.mesh import Pop
from router.probe import ANSWER_BYTES_MAX, ProbePolicy, Prober, ProbeResult, probe, read_answer

QUICK = ProbePolicy(period_s=0.01, deadline_s=5)
Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def answering(answer: bytes) -> Answer:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()

    return serve


def probed(serve: Answer, policy: ProbePolicy = QUICK) -> ProbeResult:
    async def run() -> ProbeResult:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            return await probe(f"http://127.0.0.1:{port}", policy)

    return asyncio.run(run())


def test_a_pop_that_answers_is_healthy_and_its_handshake_is_measured() -> None:
    result = probed(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"))
    assert result.ok
    assert not result.draining
    assert result.body == b"{}"
    assert result.rtt_ms is not None
    assert result.rtt_ms > 0


def test_a_pop_that_drains_says_so() -> None:
    result = probed(answering(b"HTTP/1.1 503 Service Unavailable\r\nX-Edge-State: Draining\r\n\r\n"))
    assert result.ok
    assert result.draining


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (b"HTTP/1.1 500 Oops\r\n\r\n", "it answered 500"),
        (b"HTTP/1.1 503 Busy\r\n\r\n", "it answered 503"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "not HTTP"),
        (b"HTTP/1.1 " + b"2" * 5_000 + b" OK\r\n\r\n", "not HTTP"),  # int() refuses so many digits
        (b"", "not HTTP"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + bytes(ANSWER_BYTES_MAX), "more than"),
    ],
)
def test_a_pop_that_answers_anything_else_is_not_healthy(answer: bytes, problem: str) -> None:
    result = probed(answering(answer))
    assert not result.ok
    assert problem in result.problem


def test_a_pop_that_stays_silent_fails_at_the_deadline() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    result = probed(silent, ProbePolicy(deadline_s=0.05))
    assert not result.ok
    assert "no answer within 0.05 s" in result.problem


def test_a_pop_that_is_not_there_is_not_healthy() -> None:
    async def run() -> ProbeResult:
        server = await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        server.close()
        await server.wait_closed()
        return await probe(f"http://127.0.0.1:{port}", QUICK)

    assert not asyncio.run(run()).ok


@pytest.mark.parametrize("url", ["http://127.0.0.1:99999", "http://[::", "nonsense"])
def test_a_url_that_is_none_is_a_failed_probe(url: str) -> None:
    assert not asyncio.run(probe(url, ProbePolicy(deadline_s=1))).ok


@given(st.binary(max_size=200))
def test_no_answer_makes_the_reader_fail(answer: bytes) -> None:
    assert isinstance(read_answer(answer, None), ProbeResult)


def test_every_pop_is_probed_again_and_again_until_the_prober_is_cancelled() -> None:
    async def run() -> dict[str, list[bool]]:
        server = await asyncio.start_server(answering(b"HTTP/1.1 204 No Content\r\n\r\n"), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        seen: dict[str, list[bool]] = {"up": [], "down": []}
        enough = asyncio.Event()

        def note(pop: Pop, result: ProbeResult, at_s: float) -> None:
            assert at_s > 0
            seen[pop.name].append(result.ok)
            if all(len(results) >= 3 for results in seen.values()):
                enough.set()

        pops = [
            Pop(name="up", latitude=0, longitude=0, url=f"http://127.0.0.1:{port}"),
            Pop(name="down", latitude=0, longitude=0, url="http://127.0.0.1:1"),
            Pop(name="without url", latitude=0, longitude=0),
        ]
        async with server, asyncio.timeout(60), asyncio.TaskGroup() as group:
            task = group.create_task(Prober(pops, QUICK, note).run())
            await enough.wait()
            task.cancel()
        return seen

    seen = asyncio.run(run())
    assert all(seen["up"])
    assert not any(seen["down"])
