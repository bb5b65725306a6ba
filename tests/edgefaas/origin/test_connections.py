"""When connections are kept, opened, given up, and when a request is sent again."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import uvloop
from hypothesis import given
from hypothesis import strategies as st

from edgefaas import eager
from edgefaas.errors import OriginBusyError, OriginError, OriginTimeoutError, RequestError
from edgefaas.message import Headers, Request
from edgefaas.origin import OriginClient, PoolLimits
from edgefaas.origin.pool import Checkout, plan_checkout
from edgefaas.pages import page_for
from edgefaas.site import UrlOrigin
from tests.edgefaas.origin.scripted import OK, OriginSide, body_of, scripted


async def keep_answering(side: OriginSide) -> None:
    while True:
        await side.answer(OK)


def test_a_connection_serves_one_request_after_the_other() -> None:
    async def main() -> None:
        async with scripted(keep_answering) as origin:
            for _ in range(5):
                assert await origin.get() == b"ok"
            assert origin.connections_count == 1

    uvloop.run(main())


@pytest.mark.parametrize(
    "octets",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    ],
)
def test_a_connection_that_the_origin_will_close_is_not_used_again(octets: bytes) -> None:
    async def script(side: OriginSide) -> None:
        await side.answer(octets)
        await side.closed()

    async def main() -> None:
        async with scripted(script) as origin:
            for count in range(1, 4):
                assert await origin.get() == b"ok"
                assert origin.connections_count == count

    uvloop.run(main())


def test_who_leaves_when_the_answer_is_complete_takes_the_connection_from_nobody() -> None:
    """The connection is somebody else's by then, whose request may not be one that can be sent again."""

    async def main() -> None:
        async with scripted(keep_answering) as origin, asyncio.TaskGroup() as group:
            leaving = group.create_task(origin.fetch())
            while not any(counts["idle"] for counts in origin.client.stats().values()):
                await asyncio.sleep(0)
            assert not leaving.done()  # all has come, and who asked has not been told yet
            leaving.cancel()
            following = eager.start(origin.fetch(Request(method="POST", path="/")))
            assert isinstance(following, eager.Suspended)
            response = await following
            assert await body_of(response) == b"ok"
            assert leaving.cancelled()
            assert origin.connections_count == 1

    uvloop.run(main())


def script_dying_when_reused(heads: list[bytes]) -> "object":
    async def script(side: OriginSide) -> None:
        heads.append(await side.answer(OK))
        heads.append(await side.head())  # read the second request, answer nothing

    return script


@pytest.mark.parametrize(("method", "sent"), [("GET", 3), ("PUT", 3), ("POST", 2), ("PATCH", 2)])
def test_only_an_idempotent_request_is_sent_again_when_a_reused_connection_dies(
    method: str, sent: int
) -> None:
    heads: list[bytes] = []

    async def main() -> None:
        async with scripted(script_dying_when_reused(heads)) as origin:  # type: ignore[arg-type]
            await origin.get()
            request = Request(method=method, path="/again")
            if sent == 3:
                assert await body_of(await origin.fetch(request)) == b"ok"
            else:
                with pytest.raises(OriginError):
                    await origin.fetch(request)
            assert len(heads) == sent

    uvloop.run(main())


def test_a_request_is_not_sent_again_when_a_new_connection_dies() -> None:
    async def script(side: OriginSide) -> None:
        await side.head()

    async def main() -> None:
        async with scripted(script) as origin:
            with pytest.raises(OriginError):
                await origin.fetch()
            assert origin.connections_count == 1

    uvloop.run(main())


def test_a_request_is_not_sent_again_when_something_came_back() -> None:
    async def script(side: OriginSide) -> None:
        await side.answer(OK)
        await side.answer(b"HTTP/1.1 2")

    async def main() -> None:
        async with scripted(script) as origin:
            await origin.get()
            with pytest.raises(OriginError):
                await origin.fetch()
            assert origin.connections_count == 1

    uvloop.run(main())


def test_an_abandoned_body_closes_its_connection() -> None:
    async def script(side: OriginSide) -> None:
        await side.answer(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nok")
        await side.closed()

    async def main() -> None:
        async with scripted(script) as origin:
            response = await origin.fetch()
            assert not isinstance(response.body, bytes)
            assert await anext(response.body) == b"ok"
            await response.body.aclose()  # type: ignore[attr-defined]
            await origin.until(lambda: origin.closed_count == 1)
            response = await origin.fetch()
            del response  # forgotten
            await origin.until(lambda: origin.closed_count == 2)

    uvloop.run(main())


def test_a_fetch_that_is_cancelled_closes_its_connection() -> None:
    async def script(side: OriginSide) -> None:
        await side.head()
        await side.closed()

    async def main() -> None:
        async with scripted(script) as origin:
            fetch = asyncio.ensure_future(origin.fetch())
            await origin.until(lambda: origin.connections_count == 1)
            fetch.cancel()
            await origin.until(lambda: origin.closed_count == 1)
            with pytest.raises(asyncio.CancelledError):
                await fetch

    uvloop.run(main())


def test_a_large_body_is_held_back_while_nobody_reads_it() -> None:
    size = 64 << 20
    sent = 0

    async def script(side: OriginSide) -> None:
        nonlocal sent
        await side.answer(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        for _ in range(size >> 16):
            await side.send(bytes(65536))
            sent += 65536

    async def main() -> None:
        async with scripted(script) as origin:
            response = await origin.fetch()
            before = -1
            while before != sent:
                before = sent
                await asyncio.sleep(0.05)
            assert sent < 24 << 20
            assert not isinstance(response.body, bytes)
            assert sum([len(piece) async for piece in response.body]) == size

    uvloop.run(main())


def test_the_deadlines_for_the_first_byte_and_between_bytes_are_timeouts() -> None:
    async def script(side: OriginSide) -> None:
        head = await side.head()
        if b"/drip" in head:
            await side.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx")
        await side.closed()

    async def main() -> None:
        async with scripted(script) as origin:
            with pytest.raises(OriginTimeoutError, match=r"no answer within 0\.05 s"):
                await origin.fetch(first_byte_timeout_s=0.05)
            response = await origin.fetch(Request(method="GET", path="/drip"), idle_timeout_s=0.05)
            with pytest.raises(OriginTimeoutError, match=r"no more of its answer within 0\.05 s"):
                await body_of(response)
            await origin.until(lambda: origin.closed_count == 2)

    uvloop.run(main())


def test_a_head_that_drips_does_not_outlive_the_first_byte_deadline() -> None:
    async def script(side: OriginSide) -> None:
        await side.head()
        for octet in b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000:
            await side.send(bytes([octet]))
            await asyncio.sleep(0.005)

    async def main() -> None:
        async with scripted(script) as origin:
            with pytest.raises(OriginTimeoutError):
                await origin.fetch(first_byte_timeout_s=0.1)

    uvloop.run(main())


def test_a_refused_connection_and_an_unknown_name_are_origin_errors() -> None:
    async def main() -> None:
        client = OriginClient()
        request = Request(method="GET", path="/")
        for url, words in (
            ("http://127.0.0.1:1", "cannot be connected"),
            ("http://x.invalid", "does not resolve"),
        ):
            with pytest.raises(OriginError, match=words) as caught:
                await client.fetch(UrlOrigin(name="o", url=url), request)
            assert not isinstance(caught.value, OriginTimeoutError)
        await client.close()

    uvloop.run(main())


def test_requests_wait_for_a_free_connection_in_a_bounded_queue() -> None:
    go = asyncio.Event()

    async def script(side: OriginSide) -> None:
        while True:
            head = await side.head()
            if b"/hold" in head:
                await go.wait()
            await side.send(OK)

    async def main() -> None:
        async with scripted(script, PoolLimits(connections_max=1, waiting_max=2)) as origin:
            hold = asyncio.ensure_future(origin.fetch(Request(method="GET", path="/hold")))
            await origin.until(lambda: origin.connections_count == 1)
            waiting = [asyncio.ensure_future(origin.get()) for _ in range(2)]
            await asyncio.sleep(0)
            with pytest.raises(OriginBusyError, match="2 requests wait") as refused:
                await origin.fetch()
            page = page_for(refused.value, Request(method="GET", path="/"))
            assert (page.status, page.headers.get("retry-after")) == (503, "1")
            waiting[0].cancel()
            await asyncio.sleep(0)
            with pytest.raises(OriginTimeoutError, match="became free"):
                await origin.fetch(connect_timeout_s=0.02)
            go.set()
            assert await body_of(await hold) == b"ok"
            assert await waiting[1] == b"ok"
            assert origin.connections_count == 1

    uvloop.run(main())


def test_a_waiting_request_opens_its_own_connection_when_the_busy_one_is_lost() -> None:
    async def script(side: OriginSide) -> None:
        if side.number == 0:
            await side.head()
            return
        await keep_answering(side)

    async def main() -> None:
        async with scripted(script, PoolLimits(connections_max=1)) as origin:
            doomed = asyncio.ensure_future(origin.fetch())
            await origin.until(lambda: origin.connections_count == 1)
            assert await origin.get() == b"ok"
            with pytest.raises(OriginError):
                await doomed

    uvloop.run(main())


def test_request_bodies_are_sent_with_their_length_or_chunked() -> None:
    bodies: list[bytes] = []

    async def script(side: OriginSide) -> None:
        while True:
            head = (await side.head()).lower()
            if b"transfer-encoding: chunked" in head:
                bodies.append(await side.reader.readuntil(b"0\r\n\r\n"))
            else:
                length = int(head.split(b"content-length: ")[1].split(b"\r\n")[0])
                bodies.append(await side.reader.readexactly(length))
            await side.send(OK)

    async def pieces() -> AsyncIterator[bytes]:
        yield b"abc"
        yield b""
        yield b"de"

    async def main() -> None:
        async with scripted(script) as origin:
            await origin.fetch(Request(method="POST", path="/", body=b"abcde"))
            await origin.fetch(Request(method="POST", path="/"))
            await origin.fetch(Request(method="POST", path="/", body=pieces()))
            length = Headers([("Content-Length", "5")])
            await origin.fetch(Request(method="POST", path="/", body=pieces(), headers=length))
            assert bodies == [b"abcde", b"", b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", b"abcde"]
            assert origin.connections_count == 1

    uvloop.run(main())


def test_a_body_that_the_viewer_breaks_raises_its_error_and_closes_the_connection() -> None:
    async def script(side: OriginSide) -> None:
        await side.closed()

    async def pieces() -> AsyncIterator[bytes]:
        yield b"abc"
        raise RequestError("broken", remedy="Mend it.")

    async def main() -> None:
        async with scripted(script) as origin:
            with pytest.raises(RequestError, match="broken"):
                await origin.fetch(Request(method="POST", path="/", body=pieces()))
            await origin.until(lambda: origin.closed_count == 1)

    uvloop.run(main())


def test_an_answer_before_the_end_of_the_upload_ends_it_and_the_connection() -> None:
    async def script(side: OriginSide) -> None:
        await side.answer(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
        await side.closed()

    async def pieces() -> AsyncIterator[bytes]:
        while True:
            yield bytes(1000)
            await asyncio.sleep(0.001)

    async def main() -> None:
        async with scripted(script) as origin:
            response = await origin.fetch(Request(method="POST", path="/", body=pieces()))
            assert response.status == 413
            assert await body_of(response) == b"no"
            await origin.until(lambda: origin.closed_count == 1)

    uvloop.run(main())


@pytest.mark.parametrize(
    "request_",
    [
        Request(method="GET", path="/", headers=Headers([("X", "a\r\nEvil: b")])),
        Request(method="GET", path="/", headers=Headers([("X y", "a")])),
        Request(method="GET", path="/", headers=Headers([("X", "\u20ac")])),
        Request(method="GET", path="/a b"),
        Request(method="GET", path="/a\r\nEvil: b"),
        Request(method="GET\r\nEvil: b", path="/"),
    ],
)
def test_a_request_with_forbidden_octets_is_never_sent(request_: Request) -> None:
    async def main() -> None:
        async with scripted(keep_answering) as origin:
            with pytest.raises(OriginError, match="HTTP forbids"):
                await origin.fetch(request_)
            assert origin.connections_count == 0

    uvloop.run(main())


@given(idle=st.integers(0, 5), more=st.integers(0, 5), waiting=st.integers(0, 5), limit=st.integers(1, 8))
def test_the_plan_never_opens_more_than_allowed_nor_waits_beside_an_idle_connection(
    idle: int, more: int, waiting: int, limit: int
) -> None:
    live = min(idle + more, limit)
    idle = min(idle, live)
    limits = PoolLimits(connections_max=limit, waiting_max=3)
    plan = plan_checkout(idle=idle, live=live, waiting=waiting, limits=limits)
    assert (plan is Checkout.REUSE) == (idle > 0)
    if plan is Checkout.OPEN:
        assert live < limit
    if plan is Checkout.WAIT:
        assert live == limit
        assert waiting < 3
    if plan is Checkout.REFUSE:
        assert waiting >= 3
