"""HAProxy: proxying to the origin, its own trade. Its small-object cache is not compared."""

from textwrap import dedent
from typing import ClassVar

from benchmarks.content import Workload
from benchmarks.peers.contract import Found, Ground, Missing, Peer, found_or_missing
from benchmarks.server import Server

CONFIGURATION = """\
    global
      nbthread 1
      maxconn 8192
    defaults
      mode http
      timeout connect 5s
      timeout client 600s
      timeout server 60s
      timeout http-keep-alive 600s
      http-reuse always
    frontend edge
      bind 127.0.0.1:{port}
      default_backend app
    backend app
      server origin 127.0.0.1:{origin}
    """


class HAProxy(Peer):
    """One thread, connections to the origin reused, no log."""

    name = "haproxy"
    targets: ClassVar = {Workload.MISS_1K: "/proxy/1k.bin"}

    def find(self, *, install: bool) -> Found | Missing:
        """Look in PATH and /usr/sbin."""
        return found_or_missing(
            "haproxy",
            version=["-v"],
            pattern=r"version (\S+)",
            remedy="apt-get install haproxy (and stop its service)",
        )

    def start(self, found: Found, ground: Ground, core: int) -> Server:
        """Start in the foreground."""
        path = ground.folder / "haproxy.cfg"
        path.write_text(dedent(CONFIGURATION).format(origin=ground.origin_port, port=ground.port))
        server = Server([found.program, "-db", "-f", str(path)], port=ground.port, log=ground.folder / "log")
        server.start(core)
        return server
