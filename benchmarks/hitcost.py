"""What a hit costs, and what it must not depend on: ``python -m benchmarks.hitcost``.

CPU time of the worker's process per answer, in pairs that run by turns: a thousand stored objects and a million, one
behaviour and a thousand, 200 and 304, from memory and from the disk tier. A POP's app behind the wire on uvloop, its
store filled directly; the origin is never asked. Needs about 4 GB of memory for a million objects.
"""

import asyncio
import gc
import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click
import uvloop
from uvicorn import Config
from uvicorn.server import ServerState

from benchmarks.generator import Load, run
from benchmarks.samples import paired_ratio, sample
from edgefaas.app import PopApp
from edgefaas.cache import Store, TieredStore, Timing, cache_key, storability
from edgefaas.config import parse_site
from edgefaas.message import Headers, Request, Response
from edgefaas.resources import time_now
from edgefaas.wire import bind

ROUNDS = 7
CONNECTIONS = 16
FILLED_AT_ONCE = 500
BODY_BYTES = 1_024
SITE = """\
[site]
hosts = ["*"]
access_log = "off"
[origins.app]
url = "http://127.0.0.1:9"
[cache]
memory_mb = {memory_mb}
disk_mb = {disk_mb}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A POP to measure, and how it is asked. On disk, memory holds less than is asked for."""

    name: str
    objects: int = 1_000
    hot: int = 500  # how many of them are asked for, by turns
    behaviours: int = 1
    on_disk: bool = False
    conditional: bool = False


PAIRS = (
    (Setting(name="1,000 objects"), Setting(name="1,000,000 objects", objects=1_000_000)),
    (Setting(name="1 behaviour"), Setting(name="1,000 behaviours", behaviours=1_000)),
    (Setting(name="200"), Setting(name="304", conditional=True)),
    (
        Setting(name="memory", objects=6_000, hot=6_000),
        Setting(name="disk", objects=6_000, hot=6_000, on_disk=True),
    ),
)


def site_text(setting: Setting) -> str:
    """Return the edgefaas.toml of a setting; what is asked for falls under the last behaviour. Pure."""
    text = SITE.format(memory_mb=1 if setting.on_disk else 4096, disk_mb=1_000 if setting.on_disk else 0)
    patterns = [f"/area{number}/*" for number in range(setting.behaviours - 1)] + ["*"]
    return text + "".join(f'[[behaviors]]\npath = "{pattern}"\norigin = "app"\n' for pattern in patterns)


def requests_text(setting: Setting, hot: Sequence[int]) -> str:
    """Return the requests file: each of the ``hot`` objects once. Pure."""
    status = 304 if setting.conditional else 200
    tag = 'If-None-Match: "{0}"\n' if setting.conditional else ""
    return "".join(f"GET /o/{number}\n{tag.format(number)}:status {status}\n\n" for number in hot)


async def fill(app: PopApp, host: str, count: int) -> None:
    """Store ``count`` objects as if the origin had sent them."""
    policy, store = app._site.behaviours[-1].cache, app._resources.store  # noqa: SLF001 - measured from within
    now_s = time_now()
    for number in range(count):
        request = Request(method="GET", path=f"/o/{number}", host=host)
        fields = [("Cache-Control", "max-age=36000"), ("ETag", f'"{number}"'), ("Content-Type", "text/x-any")]
        response = Response(status=200, headers=Headers(fields))
        timing = Timing(request_time_s=now_s, response_time_s=now_s)
        key = cache_key(request, policy, namespace="app")
        decided = storability(request, response, policy, key, timing)
        assert isinstance(decided, Store)
        store.put(decided.with_body(b"x" * BODY_BYTES))
        if isinstance(store, TieredStore) and number % FILLED_AT_ONCE == 0:
            await store.settled()
    if isinstance(store, TieredStore):
        await store.settled()


async def serve(setting: Setting, folder: Path) -> None:
    """Serve the setting on a free port, which is printed, until the process is ended."""
    site = parse_site(site_text(setting), folder=folder)
    app = PopApp(site=site, artifacts=folder / "artifacts", data=folder / "data", log=lambda _: None)
    await app.start()
    protocol = bind(app)
    config = Config("unused:app", lifespan="off", ws="none", log_config=None)
    server = await asyncio.get_running_loop().create_server(
        lambda: protocol(config, ServerState(), {}), "127.0.0.1", 0
    )
    port = server.sockets[0].getsockname()[1]
    await fill(app, f"127.0.0.1:{port}", setting.objects)
    gc.collect()
    gc.freeze()  # as a worker that has run for long
    print(port, flush=True)
    await asyncio.Event().wait()


@contextmanager
def served(setting: Setting, folder: Path) -> Iterator[Load]:
    """Run the setting in a process of its own; yields the load to put on it."""
    hot = random.Random(1).sample(range(setting.objects), setting.hot)
    requests = folder / "requests"
    requests.write_text(requests_text(setting, hot))
    words = [setting.name, setting.objects, setting.behaviours, setting.on_disk, setting.conditional]
    command = [sys.executable, "-m", "benchmarks.hitcost", "--serve", json.dumps(words), str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            port = int(process.stdout.readline())
            load = Load(
                port=port, requests=requests, connections=CONNECTIONS, duration_s=1.0, watch=[process.pid]
            )
            yield load
        finally:
            process.terminate()


def measured(load: Load) -> float:
    """Return the CPU microseconds of one answer. Raises RuntimeError when any was wrong."""
    measurement = run(load)
    cost = measurement.server_cpu_us_per_request
    if wrongs := measurement.wrongs():
        raise RuntimeError(wrongs)
    assert cost is not None
    return cost


def compare(first: Setting, second: Setting) -> str:
    """Measure two settings by turns and say what came out."""
    costs: tuple[list[float], list[float]] = ([], [])
    with tempfile.TemporaryDirectory(prefix="edgefaas-hitcost-") as name:
        folders = [Path(name) / "first", Path(name) / "second"]
        for folder in folders:
            folder.mkdir()
        with served(first, folders[0]) as load, served(second, folders[1]) as other:
            for number in range(ROUNDS):
                for index in (0, 1) if number % 2 else (1, 0):
                    costs[index].append(measured((load, other)[index]))
    ratio = paired_ratio(costs[1], costs[0])
    assert ratio is not None
    told = [
        f"{setting.name} {sample(cost).median:.1f} us"
        for setting, cost in zip((first, second), costs, strict=True)
    ]
    return f"{told[0]}, {told[1]}: ratio {ratio.median:.2f} ({ratio.low:.2f} to {ratio.high:.2f})"


@click.command()
@click.option("--serve", "serving", help="For the program itself: a setting, as JSON.")
@click.argument("folder", required=False, type=click.Path(path_type=Path))
def main(serving: str | None, folder: Path | None) -> None:
    """Measure what a hit costs in pairs of settings."""
    if serving is not None:
        assert folder is not None
        name, objects, behaviours, on_disk, conditional = json.loads(serving)
        setting = Setting(
            name=name, objects=objects, behaviours=behaviours, on_disk=on_disk, conditional=conditional
        )
        uvloop.run(serve(setting, folder))
        return
    for first, second in PAIRS:
        click.echo(compare(first, second))


if __name__ == "__main__":
    main()
