"""An object larger than memory passes through a real worker, to the store and out of it, in bounded memory."""

import http.client
import socketserver
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks.server import Server, free_port

PIECE = bytes(range(256)) * 4096
PIECES = 96
ALLOWED_BYTES = 48 << 20  # half of the object: one copy of it would not fit
SITE = """
[site]
name = "large"
[origins.app]
url = "http://127.0.0.1:{port}"
[cache]
memory_mb = 8
disk_mb = 512
[[behaviors]]
path = "*"
origin = "app"
"""


class LargeObject(socketserver.StreamRequestHandler):
    """Answers every request with the same 96 MB, and closes."""

    def handle(self) -> None:
        while self.rfile.readline().strip():
            pass
        length = len(PIECE) * PIECES
        head = (
            f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nCache-Control: max-age=600\r\nConnection: close"
        )
        self.wfile.write(head.encode() + b"\r\n\r\n")
        for _ in range(PIECES):
            self.wfile.write(PIECE)


@contextmanager
def large_origin() -> Iterator[int]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), LargeObject) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def peak_bytes(pid: int) -> int:
    """Return the most memory that a process has had at once, as the kernel counts it."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM:"))


def fetched(port: int) -> str:
    """Read the object piece by piece, checked; return its X-Cache."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", "/large")
        response = connection.getresponse()
        for _ in range(PIECES):
            assert response.read(len(PIECE)) == PIECE
        assert response.read() == b""
        return response.headers["X-Cache"]
    finally:
        connection.close()


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_an_object_larger_than_memory_is_stored_and_served_in_bounded_memory(tmp_path: Path) -> None:
    with large_origin() as origin_port:
        site = tmp_path / "edgefaas.toml"
        site.write_text(SITE.format(port=origin_port))
        port = free_port()
        command = [str(Path(sys.executable).parent / "edgefaas"), "up", "-c", str(site), "--workers", "1"]
        command += ["--listen", f"127.0.0.1:{port}", "--admin", f"127.0.0.1:{free_port()}"]
        server = Server([*command, "--data", str(tmp_path / "data")], port=port, log=tmp_path / "log")
        server.start(None)
        try:
            before = {pid: peak_bytes(pid) for pid in server.pids}
            words = {fetched(port)}
            for _ in range(20):  # the row follows the body; until then it is fetched again
                words.add(word := fetched(port))
                if word == "Hit from edgefaas":
                    break
            assert words == {"Miss from edgefaas", "Hit from edgefaas"}
            assert all(peak_bytes(pid) - peak < ALLOWED_BYTES for pid, peak in before.items())
        finally:
            server.stop()
