"""Node's own HTTP server: the least that a function costs where nothing isolates it."""

from pathlib import Path
from typing import ClassVar

from benchmarks.content import Workload
from benchmarks.peers.contract import Found, Ground, Missing, Peer, found_or_missing
from benchmarks.server import Server

SCRIPT = Path(__file__).parent.parent / "guests" / "hello_node.js"


class Node(Peer):
    """A bare ``http.createServer``; state is shared by all requests, nothing is sandboxed."""

    name = "node"
    targets: ClassVar = {
        Workload.HELLO_EVENT: "/hello",
        Workload.HELLO_JS: "/hello",
        Workload.EVENT_2K: "/hello",
        Workload.EVENT_40K: "/hello",
    }

    def find(self, *, install: bool) -> Found | Missing:
        """Look in PATH."""
        return found_or_missing(
            "node", version=["--version"], pattern=r"v(\S+)", remedy="apt-get install nodejs"
        )

    def start(self, found: Found, ground: Ground, core: int) -> Server:
        """Start one process."""
        server = Server(
            [found.program, str(SCRIPT), str(ground.port)], port=ground.port, log=ground.folder / "log"
        )
        server.start(core)
        return server
