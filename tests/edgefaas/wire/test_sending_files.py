"""Bodies that the kernel sends out of files come out as they are, whoever reads them, and however."""

import asyncio
import gc
import os
import resource
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvloop

from edgefaas import openbody
from edgefaas.message import Headers, Prepared, Request, Response
from edgefaas.openbody import FileRange, FileStream, OpenBody
from edgefaas.wire.borrowed import Borrowed, borrowed
from edgefaas.wire.tls import Certificates
from tests.edgefaas.wire import certificates
from tests.edgefaas.wire.serving import Serving, Viewer, serving
from tests.edgefaas.wire.test_tls import secure_viewer

BODY = (
    bytes(range(251)) * 4_200
)  # about a megabyte, and no octet where its neighbour of 4096 further is the same
LOOPS: tuple[Callable[[Coroutine[Any, Any, Any]], Any], ...] = (asyncio.run, uvloop.run)
KEPT = b"GET /inline HTTP/1.1\r\nHost: a\r\n\r\n"
STREAMED = b"GET /streamed HTTP/1.1\r\nHost: a\r\n\r\n"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n" % len(BODY)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "body"
    file.write_bytes(BODY)
    return file


class Alternating(FileStream):
    """The body in ranges and octets by turns, of very different lengths; ``break_at`` is where it fails."""

    def __init__(self, path: Path, break_at: int = len(BODY) + 1) -> None:
        self._file = OpenBody.of(path, len(BODY))
        self._at = self._turn = 0
        self._break_at = break_at

    async def __anext__(self) -> bytes:
        raise AssertionError("nobody asks for octets where files can be sent")

    async def next_range(self) -> FileRange | bytes:
        if self._at >= self._break_at:
            raise ValueError("the disk has gone")
        self._turn += 1
        at, length = self._at, min(len(BODY) - self._at, 7 ** (self._turn % 8))
        self._at += length
        assert self._file is not None
        if self._turn % 3 == 0:
            return os.pread(self._file.number, length, at)
        return FileRange(self._file.number, at, length) if length else b""

    async def aclose(self) -> None:
        self._file = None


@asynccontextmanager
async def sending(path: Path, break_at: int = len(BODY) + 1) -> AsyncIterator[Serving]:
    """Serve the file at /inline as a whole and at /streamed by ranges."""
    kept = OpenBody.of(path, len(BODY))
    assert kept is not None

    async def answer(_: Request) -> Response:
        length = ("Content-Length", str(len(BODY)))
        return Response(status=200, headers=Headers([length]), body=Alternating(path, break_at))

    def inline(request: Request) -> Prepared | None:
        return Prepared(HEAD, BODY, kept) if request.path == "/inline" else None

    async with serving(answer) as served:
        served.side.inline = inline  # type: ignore[method-assign]  # for the whole of its life
        yield served


async def slowly(served: Serving, octets: bytes) -> bytes:
    """Ask with a window of almost nothing, and read a little at a time until the server closes."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    sock.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(sock, ("127.0.0.1", served.port))
    viewer = Viewer(*await asyncio.open_connection(sock=sock, limit=2_048))
    served.viewers.append(viewer)
    await viewer.send(octets)
    return await viewer.rest()


@pytest.mark.parametrize("run", LOOPS)
@pytest.mark.parametrize("asked", [KEPT, STREAMED])
def test_a_body_from_a_file_comes_out_whole_and_in_order(run: Any, asked: bytes, path: Path) -> None:
    async def main() -> None:
        async with sending(path) as served:
            viewer = await served.viewer()
            await viewer.send(asked * 3)
            for _ in range(3):
                assert (await viewer.response())[2] == BODY
            last = asked.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
            got = await asyncio.gather(*(slowly(served, asked + asked + last) for _ in range(3)))
            for octets in got:
                assert octets.count(b"HTTP/1.1 200 OK") == octets.count(BODY) == 3

    run(main())


@pytest.mark.parametrize("run", LOOPS)
@pytest.mark.parametrize("asked", [KEPT, STREAMED])
def test_a_viewer_who_leaves_in_the_middle_of_a_file_harms_nobody(run: Any, asked: bytes, path: Path) -> None:
    async def main() -> None:
        async with sending(path) as served:
            stays = await served.viewer()
            for reads in (0, 1, 100_000):
                leaves = await served.viewer()
                await leaves.send(asked * 5)
                await leaves.reader.readexactly(reads)
                leaves.writer.transport.abort()
                await stays.send(asked)
                assert (await stays.response())[2] == BODY
            await served.until(lambda: len(served.state.connections) == 1)

    run(main())


def test_a_file_that_breaks_off_ends_the_connection_short_of_its_length(path: Path) -> None:
    async def main() -> None:
        async with sending(path, break_at=100_000) as served:
            octets = await served.exchange(STREAMED)
            body = octets.partition(b"\r\n\r\n")[2]
            assert len(body) < len(BODY)
            assert BODY.startswith(body)

    asyncio.run(main())


def test_a_file_that_was_cut_is_made_up_for_from_memory(path: Path) -> None:
    async def main() -> None:
        async with sending(path) as served:
            os.truncate(path, 50_000)
            viewer = await served.viewer()
            await viewer.send(KEPT)
            assert (await viewer.response())[2] == BODY

    uvloop.run(main())


def test_over_tls_nothing_goes_past_the_encryption(tmp_path: Path, path: Path) -> None:
    held = Certificates([certificates.make(tmp_path, "one", "one.example")])
    kept = OpenBody.of(path, len(BODY))

    async def main() -> None:
        async with serving(tls=held.context) as served:
            served.side.inline = lambda request: Prepared(HEAD, BODY, kept)  # type: ignore[method-assign]
            viewer, _ = await secure_viewer(served, "one.example")
            await viewer.send(KEPT * 2)
            for _ in range(2):
                assert (await viewer.response())[2] == BODY
            assert not served.connection().transport.sends_files

    uvloop.run(main())


def test_a_borrowed_socket_is_never_closed_by_the_borrower() -> None:
    class Lending(asyncio.Transport):
        def get_extra_info(self, name: str, default: Any = None) -> Any:
            return lender if name == "socket" else default

    lender, other = socket.socketpair()
    with lender, other:
        taken = borrowed(Lending())
        assert isinstance(taken, Borrowed)
        assert taken.fileno() == lender.fileno()
        del taken
        gc.collect()
        lender.send(b"still open")
        assert other.recv(10) == b"still open"


def test_so_many_bodies_are_held_open_and_no_more(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gc.collect()
    already = OpenBody.now_open()
    monkeypatch.setattr(openbody, "OPEN_MAX", already + 3)
    held = [OpenBody.of(path, len(BODY)) for _ in range(3)]
    assert None not in held
    assert OpenBody.of(path, len(BODY)) is None
    numbers = [body.number for body in held if body is not None]
    held.pop()
    held.append(OpenBody.of(path, len(BODY)))
    assert None not in held
    held.clear()
    assert OpenBody.now_open() == already
    for number in numbers:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(number)


def test_bodies_leave_most_files_that_a_process_may_open_to_others(path: Path) -> None:
    gc.collect()
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    share = 100
    resource.setrlimit(resource.RLIMIT_NOFILE, (share * openbody.OPEN_SHARE, limits[1]))
    try:
        held = [OpenBody.of(path, len(BODY)) for _ in range(share - OpenBody.now_open())]
        assert None not in held
        assert OpenBody.of(path, len(BODY)) is None
        path.open("rb").close()
        held.pop()
        assert OpenBody.of(path, len(BODY)) is not None
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_a_file_of_another_length_or_none_at_all_is_not_the_body(path: Path) -> None:
    assert OpenBody.of(path, len(BODY) - 1) is None
    assert OpenBody.of(path.with_name("gone"), 0) is None
