"""Our own column: a whole POP, as ``edgefaas up`` starts it, with one worker."""

import sys
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

from benchmarks.content import Workload
from benchmarks.peers.contract import Found, Ground, Missing, Peer
from benchmarks.server import Server, free_port

GUESTS = Path(__file__).parent.parent / "guests"
FIRST_PROBE = "exports.handler = async () => ({ status: '200', body: 'first' });\n"
SITE = """\
[site]
name = "bench"
access_log = "off"       # as in every other column

[origins.app]
url = "http://127.0.0.1:{origin}"

[origins.assets]
directory = "{files}"

[functions.hello_event]
source = "{guests}/hello.wat"

[functions.hello_js]
source = "{guests}/hello.js"

[functions.stamp]
source = "{guests}/stamp.js"

[functions.digest]
source = "{guests}/digest.js"

[functions.spin]
source = "{guests}/spin.js"

[functions.probe]
source = "probe.js"

[[behaviors]]
path = "/assets/*"
origin = "assets"

[[behaviors]]
path = "/cached/stamped/*"
origin = "app"
viewer_request = "stamp"

[[behaviors]]
path = "/event"
viewer_request = "hello_event"

[[behaviors]]
path = "/js"
viewer_request = "hello_js"

{python}[[behaviors]]
path = "/digest"
viewer_request = "digest"
include_body = true

[[behaviors]]
path = "/spin"
viewer_request = "spin"

[[behaviors]]
path = "/probe"
viewer_request = "probe"

[[behaviors]]
path = "*"
origin = "app"
"""

HAS_PYTHON = find_spec("componentize_py") is not None  # pip install 'edgefaas[python]'
PYTHON = f"""\
[functions.hello_python]
source = "{GUESTS}/hello.py"

[[behaviors]]
path = "/python"
viewer_request = "hello_python"

"""


def site(ground: Ground) -> str:
    """Return the edgefaas.toml of the comparison."""
    python = PYTHON if HAS_PYTHON else ""
    return SITE.format(origin=ground.origin_port, files=ground.files.parent, guests=GUESTS, python=python)


class Pop(Peer):
    """Access log and metrics stay on, as everybody runs it."""

    name = "edgefaas"
    targets: ClassVar = {
        Workload.HIT_1K: "/cached/1k.bin",
        Workload.HIT_100K: "/cached/100k.bin",
        Workload.HIT_10M: "/cached/10m.bin",
        Workload.FILE_1K: "/assets/1k.bin",
        Workload.NOT_MODIFIED: "/cached/1k.bin",
        Workload.MISS_1K: "/proxy/1k.bin",
        Workload.HELLO_EVENT: "/event",
        Workload.HELLO_JS: "/js",
        Workload.JS_ON_HIT: "/cached/stamped/1k.bin",
        Workload.EVENT_2K: "/digest",
        Workload.EVENT_40K: "/digest",
        **({Workload.HELLO_PYTHON: "/python"} if HAS_PYTHON else {}),
    }

    def __init__(self, workers: int = 1) -> None:
        self._workers = workers

    def find(self, *, install: bool) -> Found | Missing:
        """Take the edgefaas of this Python environment."""
        try:
            version = metadata.version("edgefaas")
        except metadata.PackageNotFoundError:
            return Missing(reason="edgefaas is not installed in this environment", remedy="make install")
        return Found(program=str(Path(sys.executable).parent / "edgefaas"), version=version)

    def start(self, found: Found, ground: Ground, core: int | None) -> Server:
        """Start supervisor and workers, on the one core if any, with a data folder of their own."""
        path = ground.folder / "edgefaas.toml"
        path.write_text(site(ground))
        (ground.folder / "probe.js").write_text(FIRST_PROBE)
        command = [found.program, "up", "-c", str(path), "--listen", f"127.0.0.1:{ground.port}"]
        command += ["--admin", f"127.0.0.1:{free_port()}", "--data", str(ground.folder / "data")]
        command += ["--workers", str(self._workers)]
        server = Server(command, port=ground.port, log=ground.folder / "log")
        server.start(core)
        return server
