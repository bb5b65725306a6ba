"""Answers of one turn of the loop are written together, in order, and never lost."""

import asyncio
from typing import Any, ClassVar, cast

import pytest
import uvloop
from hypothesis import given
from hypothesis import strategies as st

from edgefaas.wire.outbox import GATHER_S, GatheringTransport, Outbox, outbox_of


class RecordingTransport:
    """Takes note of what is done to it, in order."""

    def __init__(self) -> None:
        self.done: list[tuple[str, bytes]] = []

    def write(self, data: bytes) -> None:
        self.done.append(("write", data))

    def writelines(self, pieces: Any) -> None:
        self.done.append(("write", b"".join(pieces)))

    def write_eof(self) -> None:
        self.done.append(("eof", b""))

    def close(self) -> None:
        self.done.append(("close", b""))

    def abort(self) -> None:
        self.done.append(("abort", b""))

    def get_write_buffer_size(self) -> int:
        return 7

    def is_closing(self) -> bool:
        return bool({"close", "abort"} & {what for what, _ in self.done})


def gathering(outbox: Outbox) -> tuple[GatheringTransport, RecordingTransport]:
    recording = RecordingTransport()
    return GatheringTransport(cast("asyncio.Transport", recording), outbox), recording


steps = st.lists(
    st.tuples(st.sampled_from(["later", "write", "lines"]), st.binary(min_size=1, max_size=3)), max_size=12
)


@given(steps=steps, ending=st.sampled_from(["turn", "close", "eof", "size"]))
def test_octets_leave_in_the_order_in_which_they_were_given(
    steps: list[tuple[str, bytes]], ending: str
) -> None:
    async def main() -> list[tuple[str, bytes]]:
        transport, recording = gathering(Outbox(asyncio.get_running_loop()))
        for how, data in steps:
            if how == "later":
                transport.write_later(data)
            elif how == "write":
                transport.write(data)
            else:
                transport.writelines([data])
        if ending == "close":
            transport.close()
        elif ending == "eof":
            transport.write_eof()
        elif ending == "size":
            assert transport.get_write_buffer_size() == 7
        await asyncio.sleep(0)
        return recording.done

    done = asyncio.run(main())
    assert b"".join(data for _, data in done) == b"".join(data for _, data in steps)
    if ending in ("close", "eof"):
        assert done[-1][0] == ending


def test_what_waits_is_written_at_the_end_of_the_turn_in_one_piece() -> None:
    async def main() -> None:
        transport, recording = gathering(outbox_of(asyncio.get_running_loop()))
        transport.write_later(b"a")
        transport.write_later(b"b")
        assert recording.done == []
        await asyncio.sleep(0)
        assert recording.done == [("write", b"ab")]

    asyncio.run(main())


def test_a_long_turn_writes_before_its_end() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        outbox = Outbox(loop)
        one, first = gathering(outbox)
        two, second = gathering(outbox)
        one.write_later(b"a")
        until_s = loop.time() + 2 * GATHER_S
        while loop.time() < until_s:
            pass  # a turn that takes longer than answers may wait
        two.write_later(b"b")
        assert first.done == [("write", b"a")]
        assert second.done == [("write", b"b")]

    asyncio.run(main())


def test_aborting_drops_what_waits() -> None:
    async def main() -> None:
        transport, recording = gathering(Outbox(asyncio.get_running_loop()))
        transport.write_later(b"a")
        transport.abort()
        await asyncio.sleep(0)
        assert recording.done == [("abort", b"")]

    asyncio.run(main())


class Kept(asyncio.Protocol):
    """A server's side of connections, each behind a ``GatheringTransport``."""

    made: ClassVar[list[tuple[GatheringTransport, asyncio.Event]]]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._gone = asyncio.Event()
        outbox = outbox_of(asyncio.get_running_loop())
        self.made.append((GatheringTransport(cast("asyncio.Transport", transport), outbox), self._gone))

    def connection_lost(self, _: Exception | None) -> None:
        self._gone.set()


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_a_viewer_who_is_gone_keeps_no_answer_of_others_and_nothing_raises(run: Any) -> None:
    async def main() -> bytes:
        class Server(Kept):
            made: ClassVar = []

        loop = asyncio.get_running_loop()
        server = await loop.create_server(Server, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        streams = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        while len(Server.made) < len(streams):  # the kernel accepts when it likes
            await asyncio.sleep(0)
        (first, _), (gone, is_gone), (last, _) = Server.made
        gone.abort()
        await is_gone.wait()
        for transport in (first, gone, last):
            transport.write_later(b"answer")
        gone.write(b"more")
        gone.writelines([b"more"])
        gone.pause_reading()
        gone.resume_reading()
        gone.write_eof()
        gone.close()
        async with asyncio.timeout(60):
            got = [await streams[number][0].readexactly(6) for number in (0, 2)]
        for _, writer in streams:
            writer.close()
        server.close()
        return b",".join(got)

    assert run(main()) == b"answer,answer"
