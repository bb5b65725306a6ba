"""However the octets are cut, the same requests are seen; and no octets make the protocol raise."""

import asyncio
import itertools

import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st
from uvicorn.server import ServerState

from edgefaas.wire import WireProtocol, bind
from tests.edgefaas.wire.serving import FakeViewerSide


class Sink(asyncio.Transport):
    """A transport that takes everything at once."""

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def close(self) -> None:
        self.closed = True

    abort = close

    def is_closing(self) -> bool:
        return self.closed

    def can_write_eof(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None:
        """Do nothing: the test goes on feeding."""

    resume_reading = pause_reading


async def served(
    octets: bytes, cuts: list[int]
) -> tuple[list[tuple[str, str, list[tuple[str, str]]]], bytes]:
    side = FakeViewerSide()
    state, sink = ServerState(), Sink()
    protocol: WireProtocol = bind(side)(None, state)
    protocol.connection_made(sink)
    edges = sorted({0, len(octets), *(cut % (len(octets) + 1) for cut in cuts)})
    for start, end in itertools.pairwise(edges):
        protocol.data_received(octets[start:end])
        for _ in range(3):
            await asyncio.sleep(0)
    for _ in range(200):
        if not state.tasks:
            break
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    protocol.connection_lost(None)
    for task in list(state.tasks):
        await asyncio.gather(task, return_exceptions=True)
    seen = [(request.method, request.target, list(request.headers)) for request in side.requests]
    return seen, bytes(sink.written)


fields = st.sampled_from([b"", b"X: 1\r\n", b"Accept: a\r\nX: 2\r\n", b"Connection: keep-alive\r\n"])
requests = st.builds(
    lambda method, target, extra: method + b" " + target + b" HTTP/1.1\r\nHost: a\r\n" + extra + b"\r\n",
    st.sampled_from([b"GET", b"HEAD", b"X-ODD"]),
    st.sampled_from([b"/inline", b"/inline?q", b"/inline/%20", b"http://b/inline"]),
    fields,
)
cuts = st.lists(st.integers(0, 2000), max_size=12)


@pytest.mark.slow
@settings(deadline=None)
@given(st.lists(requests, min_size=1, max_size=12), cuts)
def test_the_same_requests_are_seen_however_they_are_cut(sent: list[bytes], cuts: list[int]) -> None:
    octets = b"".join(sent)
    one_by_one = [sum(map(len, sent[:count])) for count in range(len(sent))]

    async def main() -> None:
        wanted = await served(octets, one_by_one)
        assert len(wanted[0]) == len(sent)
        assert await served(octets, cuts) == wanted
        assert await served(octets, []) == wanted

    uvloop.run(main())


noise = st.one_of(
    st.binary(max_size=40),
    st.sampled_from(
        [b"\r\n", b"\n", b" ", b":", b"\r\n\r\n", b"0\r\n\r\n", b"Content-Length: 3\r\n", b"/inline b"]
    ),
    st.sampled_from([b"Transfer-Encoding: chunked\r\n", b"POST / HTTP/1.1\r\nHost: a\r\n", b"PROXY TCP4"]),
    requests,
)


@pytest.mark.slow
@settings(deadline=None, max_examples=200)
@given(st.lists(noise, max_size=10), cuts)
def test_no_octets_make_it_raise_and_after_a_refusal_nothing_is_served(
    parts: list[bytes], cuts: list[int]
) -> None:
    octets = b"".join(parts)

    async def main() -> None:
        seen, written = await served(octets, cuts)
        assert len(seen) <= octets.count(b"HTTP/1.1\r\n")
        answers = written.split(b"HTTP/1.1 ")[1:]
        refused = [answer[:3] for answer in answers if answer[:3] not in (b"200", b"204", b"100")]
        assert all(
            status in (b"400", b"405", b"413", b"414", b"417", b"431", b"501", b"505") for status in refused
        )
        if refused:
            assert b"Connection: close" in answers[-1]
            assert answers[-1][:3] == refused[-1]
            assert len(refused) == 1

    uvloop.run(main())
