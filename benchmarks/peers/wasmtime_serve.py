"""``wasmtime serve``: a wasi:http component, a fresh instance for every request, as ours.

Takes part when the ``wasmtime`` program is in PATH and a component is given in the environment variable
EDGEFAAS_BENCH_COMPONENT: building one needs a toolchain of its own, and a guest that differs from run to
run would not be a comparison.
"""

import os
from pathlib import Path
from typing import ClassVar

from benchmarks.content import Workload
from benchmarks.peers.contract import Found, Ground, Missing, Peer, look_up, version_of
from benchmarks.server import Server

VARIABLE = "EDGEFAAS_BENCH_COMPONENT"


class WasmtimeServe(Peer):
    """The component must answer GET /hello as everybody does; the check at the start of the run tells."""

    name = "wasmtime serve"
    targets: ClassVar = {Workload.HELLO_EVENT: "/hello"}

    def find(self, *, install: bool) -> Found | Missing:
        """Look in PATH for the program and in the environment for the component."""
        program = look_up("wasmtime")
        if program is None:
            return Missing(reason="wasmtime is not in PATH", remedy="install the wasmtime program")
        if not Path(os.environ.get(VARIABLE, "")).is_file():
            return Missing(
                reason=f"{VARIABLE} names no file", remedy=f"set {VARIABLE} to a wasi:http hello component"
            )
        return Found(program=program, version=version_of([program, "--version"], r"wasmtime (\S+)"))

    def start(self, found: Found, ground: Ground, core: int) -> Server:
        """Start it with the component."""
        command = [found.program, "serve", "--addr", f"127.0.0.1:{ground.port}", os.environ[VARIABLE]]
        server = Server(command, port=ground.port, log=ground.folder / "log")
        server.start(core)
        return server
