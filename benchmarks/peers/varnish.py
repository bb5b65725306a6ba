"""Varnish: hits from memory, and passing to the origin."""

from textwrap import dedent
from typing import ClassVar

from benchmarks.content import Workload
from benchmarks.peers.contract import Found, Ground, Missing, Peer, found_or_missing
from benchmarks.server import Server

VCL = """\
    vcl 4.1;
    backend app {{ .host = "127.0.0.1"; .port = "{origin}"; }}
    sub vcl_recv {{ if (req.url ~ "^/proxy/") {{ return (pass); }} }}
    """


class Varnish(Peer):
    """One process tree on one core, 256 MB of memory storage, its own log in shared memory as always."""

    name = "varnish"
    targets: ClassVar = {
        Workload.HIT_1K: "/cached/1k.bin",
        Workload.HIT_100K: "/cached/100k.bin",
        Workload.HIT_10M: "/cached/10m.bin",
        Workload.NOT_MODIFIED: "/cached/1k.bin",
        Workload.MISS_1K: "/proxy/1k.bin",
    }

    def find(self, *, install: bool) -> Found | Missing:
        """Look in PATH and /usr/sbin."""
        return found_or_missing(
            "varnishd",
            version=["-V"],
            pattern=r"varnish-(\S+)",
            remedy="apt-get install varnish (and stop its service)",
        )

    def start(self, found: Found, ground: Ground, core: int) -> Server:
        """Start in the foreground with a working folder of its own."""
        path = ground.folder / "site.vcl"
        path.write_text(dedent(VCL).format(origin=ground.origin_port))
        command = [found.program, "-F", "-j", "none", "-n", str(ground.folder / "state")]
        command += ["-a", f"127.0.0.1:{ground.port}", "-f", str(path), "-s", "malloc,256m"]
        command += ["-p", "thread_pools=1", "-p", "timeout_idle=600"]
        server = Server(command, port=ground.port, log=ground.folder / "log")
        server.start(core)
        return server
