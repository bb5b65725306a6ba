"""Looking on: probes of the other POPs that run while somebody asks."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from edgefaas.background import Background
from edgefaas.config import parse_site
from edgefaas.figures import Figures
from edgefaas.onlooker import Onlooker
from edgefaas.peers import FIELD, Teller, probe_key
from edgefaas.site import Site

SECRET = "0123456789abcdef0123456789abcdef"


def wall_s() -> float:
    return 1_000.0


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for the first answers however busy the machine is."""
    monkeypatch.setattr("edgefaas.onlooker.FIRST_LOOK_S", 60.0)


class Other:
    """A POP that answers probes, and nothing else."""

    def __init__(self, name: str) -> None:
        self.teller = Teller(here=name, worker="w", capacity=1, key=probe_key(SECRET.encode()))
        self.asked = 0
        self.draining = False
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("ascii")
        self.asked += 1
        question = next(
            (line.partition(": ")[2] for line in head.split("\r\n") if line.startswith(FIELD)), None
        )
        body = self.teller.answer(question, {}, now_s=0.0, wall_s=wall_s())
        state = "503 X\r\nX-Edge-State: draining" if self.draining else "200 OK"
        writer.write(f"HTTP/1.1 {state}\r\n\r\n{body}".encode())
        writer.close()


@asynccontextmanager
async def others(*names: str) -> AsyncIterator[list[Other]]:
    made, servers = [], []
    for name in names:
        other = Other(name)
        server = await asyncio.start_server(other.serve, "127.0.0.1", 0)
        other.port = server.sockets[0].getsockname()[1]
        made.append(other)
        servers.append(server)
    try:
        yield made
    finally:
        for server in servers:
            server.close()


def site(*pops: Other, secret: bool = True) -> Site:
    text = "[pops.here]\nlatitude = 0\nlongitude = 0\n"
    for number, pop in enumerate(pops):
        text += f'[pops.p{number}]\nlatitude = 1\nlongitude = 1\nurl = "http://127.0.0.1:{pop.port}"\n'
    text += '[router]\npop = "here"\n' + (f'mesh_secret = "{SECRET}"\n' if secret else "")
    return parse_site(text, folder=Path())


def test_nobody_is_asked_before_somebody_looks_and_then_all_are_known_at_once() -> None:
    async def run() -> None:
        background = Background()
        async with others("p0", "p1") as pops:
            onlooker = Onlooker(site(*pops), background, wall_s)
            assert {row["state"] for row in onlooker.rows().values()} == {"unknown"}
            pops[0].teller.live = Figures(requests_per_s=7).short()
            await onlooker.look()
            rows = onlooker.rows()
            assert [rows[name]["state"] for name in ("p0", "p1")] == ["up", "up"]
            assert rows["p0"]["live"]["requests_per_s"] == 7
            assert rows["p1"]["live"] is None
            await background.close()

    asyncio.run(run())


def test_a_second_look_after_a_pause_waits_for_what_all_are_now() -> None:
    """A defect of the first days: it waited for one answer, as all had been heard of before."""

    async def run() -> None:
        background = Background()
        async with others("p0", "p1", "p2") as pops:
            onlooker = Onlooker(site(*pops), background, wall_s)
            await onlooker.look()
            onlooker.stop()
            while len(background):
                await asyncio.sleep(0)
            for pop in pops:
                pop.draining = True
                pop.teller.live = Figures(requests_per_s=3).short()
            await onlooker.look()
            for row in onlooker.rows().values():
                assert row["state"] == "draining"
                assert row["live"]["requests_per_s"] == 3
            await background.close()

    asyncio.run(run())


def test_without_a_secret_pops_are_seen_but_tell_nothing() -> None:
    async def run() -> None:
        background = Background()
        async with others("p0") as pops:
            pops[0].teller.live = Figures(requests_per_s=7).short()
            onlooker = Onlooker(site(*pops, secret=False), background, wall_s)
            await onlooker.look()
            row = onlooker.rows()["p0"]
            assert (row["state"], row["live"]) == ("up", None)
            assert row["ms"] is not None
            await background.close()

    asyncio.run(run())
