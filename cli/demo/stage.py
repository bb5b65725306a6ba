"""Set the demo up: a folder, an origin, three POPs and a router in front; every one a process of its own."""

import asyncio
import contextlib
import os
import random
import secrets
import shutil
import socket
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cli.demo.processes import Child, StartError, stop_all
from cli.demo.tally import Place

SITE_FOLDER = Path(__file__).parent / "site"
ORIGIN_PORT = 18_000
ROUTER_PORT = 8_080
POP_PORTS = (8_081, 8_082, 8_083)
PYTHON = (sys.executable, "-P")  # -P: a folder named cli where we stand must not be taken for ours
EDGEFAAS = "from cli.main import main; main()"
ORIGIN_URL = f'"http://127.0.0.1:{ORIGIN_PORT}"'

PLACES: Mapping[str, Place] = {
    "iad": Place(name="iad", city="N. Virginia", latitude=38.95, longitude=-77.45),
    "fra": Place(name="fra", city="Frankfurt", latitude=50.03, longitude=8.57),
    "sin": Place(name="sin", city="Singapore", latitude=1.36, longitude=103.99),
}


QUIET_PORTS = range(20_000, 32_000)  # registered, mostly unused, below Linux's range for outgoing connections
PORTS_TRIED = 100


def choose_port(preferred: int, taken: set[int]) -> int:
    """Return the preferred loopback port (0: any), or a free one when somebody has it. Adds it to ``taken``.

    Never one that the kernel gives to outgoing connections: between this look and the child's own ``bind`` a busy
    machine would hand it to somebody else.
    """
    others = random.sample(QUIET_PORTS, PORTS_TRIED)
    for candidate in ([preferred] if preferred else []) + others:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                if candidate not in taken:
                    probe.bind(("127.0.0.1", candidate))
                    probe.listen(1)
                    taken.add(candidate)
                    return candidate
            except OSError:
                continue
    raise StartError("no loopback port is free")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Where everybody listens, on 127.0.0.1. ``admin`` by the name of the process."""

    origin: int
    router: int
    pops: Mapping[str, int]
    admin: Mapping[str, int]


def choose_ports(*, preferred: bool = True) -> Ports:
    """Take the preferred ports where they are free; any free ones where none are preferred."""
    taken: set[int] = set()
    wanted = int(preferred)  # port 0: any
    return Ports(
        origin=choose_port(wanted * ORIGIN_PORT, taken),
        router=choose_port(wanted * ROUTER_PORT, taken),
        pops={name: choose_port(wanted * port, taken) for name, port in zip(PLACES, POP_PORTS, strict=True)},
        admin={name: choose_port(0, taken) for name in ("router", *PLACES)},
    )


def configuration(site: str, *, here: str, ports: Ports, secret: str) -> str:
    """Return the edgefaas.toml of one process: the site, the POPs, and its own part in it. Pure.

    ``here`` is the name of its POP, "" for the router in front, which passes every request on.
    """
    lines = [site.replace(ORIGIN_URL, f'"http://127.0.0.1:{ports.origin}"'), ""]
    for place in PLACES.values():
        lines += [
            f"[pops.{place.name}]",
            f'city = "{place.city}"',
            f"latitude = {place.latitude}",
            f"longitude = {place.longitude}",
            f'url = "http://127.0.0.1:{ports.pops[place.name]}"',
            "",
        ]
    lines += [
        "[router]",
        f'pop = "{here}"',
        f'steering = "{"answer" if here else "proxy"}"',
        'trusted = ["127.0.0.0/8"]  # so that X-Forwarded-For is believed, as from a load balancer',
        'forwarding_header = "x-forwarded-for"',
        f'mesh_secret = "{secret}"',
        "",
    ]
    return "\n".join(lines)


def router_site(site: str) -> str:
    """Return what the router in front needs of the site: its name; it serves nothing itself. Pure."""
    return site[site.index("[site]") : site.index("[origins.")]


@contextlib.asynccontextmanager
async def _first_failure() -> AsyncIterator[None]:
    """Raise the first StartError of a group by itself: one reason is enough."""
    try:
        yield
    except BaseExceptionGroup as group:
        failed = group.subgroup(StartError)
        if failed is None:
            raise
        raise failed.exceptions[0] from None


@dataclass(slots=True, kw_only=True)
class Stage:
    """The running demo. ``folder`` holds site, configurations, logs, and the data of each process."""

    folder: Path
    ports: Ports
    children: list[Child] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Return where viewers ask."""
        return f"http://127.0.0.1:{self.ports.router}"

    def page_url(self, pop: str) -> str:
        """Return where the page of a POP is."""
        return f"http://127.0.0.1:{self.ports.admin[pop]}/ui/"

    async def start(self, tell: Callable[[str], None]) -> None:
        """Start everybody: the origin first, the POPs at once, the router last. Raises StartError."""
        site = self._write_site()
        secret = secrets.token_hex(32)
        origin = [*PYTHON, "-m", "cli.demo.origin", str(self.ports.origin)]
        await self._start("the origin", "origin", origin, tell)
        async with _first_failure(), asyncio.TaskGroup() as group:
            for name, place in PLACES.items():
                text = configuration(site, here=name, ports=self.ports, secret=secret)
                title = f"POP {name} ({place.city})"
                group.create_task(self._start_up(title, name, text, self.ports.pops[name], tell))
        text = configuration(router_site(site), here="", ports=self.ports, secret=secret)
        await self._start_up("the router in front", "router", text, self.ports.router, tell)

    def _write_site(self) -> str:
        for part in ("public", "functions"):
            shutil.copytree(SITE_FOLDER / part, self.folder / part, dirs_exist_ok=True)
        return (SITE_FOLDER / "edgefaas.toml").read_text()

    async def _start_up(
        self, title: str, name: str, configuration: str, port: int, tell: Callable[[str], None]
    ) -> None:
        path = self.folder / f"{name}.toml"
        path.write_text(configuration)
        path.chmod(0o600)  # it holds the secret of the mesh
        command = [*PYTHON, "-c", EDGEFAAS, "up", "-c", str(path), "--workers", "1"]
        command += ["--listen", f"127.0.0.1:{port}", "--admin", f"127.0.0.1:{self.ports.admin[name]}"]
        command += ["--data", str(self.folder / "data" / name)]
        await self._start(title, name, command, tell)

    async def _start(self, title: str, name: str, command: list[str], tell: Callable[[str], None]) -> None:
        tell(f"starting {title}")
        child = Child(title, command, self.folder / f"{name}.log")
        self.children.append(child)
        await child.start(os.environ)

    def failures(self) -> list[str]:
        """Return what happened to processes that ended by themselves."""
        return [why for child in self.children if (why := child.ended()) is not None]

    async def until_one_ends(self) -> None:
        """Return when any process has ended by itself."""
        endings = {asyncio.ensure_future(child.wait()) for child in self.children}
        try:
            await asyncio.wait(endings, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for ending in endings:
                ending.cancel()

    async def stop(self) -> None:
        """End everybody: the router first, so that no viewer meets a POP that is gone."""
        await stop_all(self.children[-1:])
        await stop_all(self.children[:-1])
        self.children.clear()
