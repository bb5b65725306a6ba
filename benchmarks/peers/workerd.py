"""workerd, the open-source runtime of Cloudflare Workers: the peer for JavaScript functions.

It comes from npm as a package of that name; the binary is in a platform package beside it and runs
without Node. It keeps one V8 isolate for all requests: faster than a fresh one each, and shared state.
"""

import subprocess
from pathlib import Path
from typing import ClassVar

from benchmarks.content import FILE_OF, Workload
from benchmarks.generator import cache_folder
from benchmarks.peers.contract import Found, Ground, Missing, Peer, look_up, version_of
from benchmarks.server import Server

PACKAGE = "workerd"
INSTALL_TIMEOUT_S = 300.0
REMEDY = "npm install workerd (it is looked for in PATH, node_modules and .cache)"
WORKER = Path(__file__).parent.parent / "guests" / "hello_worker.js"
CONFIGURATION = """\
using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "hello", worker = .hello)],
  sockets = [(name = "http", address = "127.0.0.1:{port}", http = (), service = "hello")],
);
const hello :Workerd.Worker = (
  modules = [(name = "hello", esModule = embed "hello.js"), (name = "page", data = embed "page.bin")],
  compatibilityDate = "2024-01-01",
);
"""


def in_modules(folder: Path) -> str | None:
    """Return the binary below ``folder/node_modules``, past its JavaScript launcher."""
    found = sorted((folder / "node_modules" / "@cloudflare").glob("workerd-*/bin/workerd"))
    return str(found[0]) if found else None


def install_from_npm(folder: Path) -> str:
    """Install by name into ``folder``; return "" or why it failed."""
    npm = look_up("npm")
    if npm is None:
        return "npm is not in PATH"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "package.json").write_text('{"private": true}\n')
    command = [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error", PACKAGE]
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return f"npm install {PACKAGE} took over {INSTALL_TIMEOUT_S:g} s"
    return "" if done.returncode == 0 else f"npm install {PACKAGE} failed: {done.stderr.strip()[-300:]}"


class Workerd(Peer):
    """A hello worker in the one process that serves it."""

    name = "workerd"
    targets: ClassVar = {
        Workload.HELLO_EVENT: "/hello",
        Workload.HELLO_JS: "/hello",
        Workload.JS_ON_HIT: "/stamped",
        Workload.EVENT_2K: "/hello",
        Workload.EVENT_40K: "/hello",
    }

    def find(self, *, install: bool) -> Found | Missing:
        """Look in node_modules, our cache and PATH; else install it with npm into our cache."""
        cache = cache_folder() / "npm"
        program = in_modules(Path.cwd()) or in_modules(cache) or look_up("workerd")
        reason = "workerd is not in PATH, node_modules or .cache"
        if program is None and install:
            reason = install_from_npm(cache) or reason
            program = in_modules(cache)
        if program is None:
            return Missing(reason=reason, remedy=REMEDY)
        return Found(program=program, version=version_of([program, "--version"], r"workerd (\S+)"))

    def start(self, found: Found, ground: Ground, core: int) -> Server:
        """Start one process."""
        (ground.folder / "hello.js").write_bytes(WORKER.read_bytes())
        page = ground.files / FILE_OF[Workload.JS_ON_HIT]
        (ground.folder / "page.bin").write_bytes(page.read_bytes())
        path = ground.folder / "hello.capnp"
        path.write_text(CONFIGURATION.format(port=ground.port))
        server = Server([found.program, "serve", str(path)], port=ground.port, log=ground.folder / "log")
        server.start(core)
        return server
