"""One of three POPs is killed under load, and comes back: real processes, real sockets, a bounded load."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from edgefaas.background import Background

pytestmark = pytest.mark.slow

DEADLINE_S = 90.0
SECRET = "sixteen bytes or more"

PLACES = {"fra": (50.1, 8.7), "iad": (39.0, -77.5), "sin": (1.35, 103.8)}
VIEWERS = [f"84.{number}.0.1" for number in range(128, 160)]  # Germany: all of them are fra's
CLIENTS = 4


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


@dataclass
class Tally:
    """What viewers got, in order: instant, status (0: no answer), and the POP that answered."""

    rows: list[tuple[float, int, str]] = field(default_factory=list)

    def since(self, at_s: float) -> list[tuple[float, int, str]]:
        return [row for row in self.rows if row[0] >= at_s]


@dataclass
class Fleet:
    """A router in front of three POPs."""

    folder: Path
    ports: dict[str, int]
    processes: dict[str, subprocess.Popen[str]] = field(default_factory=dict)

    def start(self, name: str) -> None:
        """Start a POP, or the router, and wait until it serves."""
        lines = ["[site]", 'access_log = "off"']
        if name != "router":
            (self.folder / "public").mkdir(exist_ok=True)
            (self.folder / "public" / "a.txt").write_text("here")
            lines += ["[origins.files]", 'directory = "public"']
        for pop, (latitude, longitude) in PLACES.items():
            lines += [f"[pops.{pop}]", f"latitude = {latitude}", f"longitude = {longitude}"]
            lines += [f'url = "http://127.0.0.1:{self.ports[pop]}"']
        here = "" if name == "router" else name
        lines += ["[router]", f'pop = "{here}"', f'steering = "{"answer" if here else "proxy"}"']
        lines += [f'mesh_secret = "{SECRET}"', 'trusted = ["127.0.0.0/8"]']
        path = self.folder / f"{name}.toml"
        path.write_text("\n".join(lines))
        command = [sys.executable, "-P", "-c", "from cli.main import main; main()", "up", "-c", str(path)]
        command += ["--listen", f"127.0.0.1:{self.ports[name]}", "--admin", "127.0.0.1:0", "--workers", "1"]
        command += ["--data", str(self.folder / "data" / name)]
        with (self.folder / f"{name}.log").open("a") as log:
            process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True
            )
        self.processes[name] = process
        assert process.stdout is not None
        assert process.stdout.readline().startswith("ready ")

    def kill(self, name: str) -> None:
        """End a POP with everything it started, at once and without a word."""
        process = self.processes.pop(name)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(DEADLINE_S)
        if process.stdout is not None:
            process.stdout.close()

    def pause(self, name: str, number: signal.Signals) -> None:
        os.killpg(self.processes[name].pid, number)


@contextmanager
def fleet(folder: Path) -> Iterator[Fleet]:
    names = [*PLACES, "router"]
    made = Fleet(folder, dict(zip(names, free_ports(len(names)), strict=True)))
    try:
        for name in names:
            made.start(name)
        yield made
    finally:
        for name in list(made.processes):
            made.kill(name)


async def view(port: int, viewer: str) -> tuple[int, str]:
    """Ask once on a connection of its own; 0 when there was no whole answer."""
    try:
        async with asyncio.timeout(DEADLINE_S):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(
                    f"GET /a.txt HTTP/1.1\r\nHost: a.example\r\nX-Forwarded-For: {viewer}\r\n"
                    "Connection: close\r\n\r\n".encode()
                )
                answer = await reader.read()
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return 0, ""
    head, _, body = answer.decode("latin-1").partition("\r\n\r\n")
    lines = head.split("\r\n")
    fields = dict(line.lower().split(": ", 1) for line in lines[1:])
    status = int(lines[0].split(" ")[1]) if lines[0] else 0
    whole = status != 200 or body == "here"
    return (status if whole else 0), fields.get("x-edge-pop", "")


async def load(port: int, tally: Tally, stop: asyncio.Event) -> None:
    """Ask as fast as answers come, from a few clients, until told to stop."""

    async def client(number: int) -> None:
        turn = number
        while not stop.is_set():
            turn += CLIENTS
            status, pop = await view(port, VIEWERS[turn % len(VIEWERS)])
            tally.rows.append((time.monotonic(), status, pop))

    await asyncio.gather(*(client(number) for number in range(CLIENTS)))


async def until(condition: Callable[[], object]) -> float:
    """Wait for a condition; return when it held."""
    end_s = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < end_s, "the condition never came true"
        await asyncio.sleep(0.02)
    return time.monotonic()


def errors(rows: list[tuple[float, int, str]]) -> list[int]:
    return [status for _, status, _ in rows if status != 200]


@pytest.mark.parametrize("how", ["killed", "stuck"])
def test_a_pop_that_goes_away_under_load_costs_no_viewer_an_answer(tmp_path: Path, how: str) -> None:
    async def scenario(made: Fleet) -> None:
        background = Background()
        tally, stop = Tally(), asyncio.Event()
        running = background.start(load(made.ports["router"], tally, stop))
        await until(lambda: len(tally.rows) > 200)
        assert not errors(tally.rows)
        assert {pop for _, _, pop in tally.rows} == {"fra"}

        if how == "killed":
            made.kill("fra")
        else:
            made.pause("fra", signal.SIGSTOP)
        elsewhere_s = await until(lambda: _lately(tally, 40) and "fra" not in _lately(tally, 40))
        seen = len(tally.rows)
        await until(lambda: len(tally.rows) > seen + 300)
        assert not errors(tally.rows)  # those in flight were retried elsewhere
        assert "fra" not in {pop for _, _, pop in tally.since(elsewhere_s)}

        if how == "killed":
            await asyncio.to_thread(made.start, "fra")  # the load goes on meanwhile
        else:
            made.pause("fra", signal.SIGCONT)
        back_s = await until(lambda: "fra" in _lately(tally, 40))
        seen = len(tally.rows)
        await until(lambda: len(tally.rows) > seen + 200)
        assert not errors(tally.rows)
        assert {pop for _, _, pop in tally.since(back_s)} - {
            "fra"
        }  # slow start: some of its viewers at first
        stop.set()
        await running

    with fleet(tmp_path) as made:
        asyncio.run(scenario(made))


def _lately(tally: Tally, count: int) -> set[str]:
    return {pop for _, _, pop in tally.rows[-count:]}


def test_a_pop_that_drains_is_left_before_it_stops(tmp_path: Path) -> None:
    async def scenario(made: Fleet) -> None:
        background = Background()
        tally, stop = Tally(), asyncio.Event()
        running = background.start(load(made.ports["router"], tally, stop))
        await until(lambda: len(tally.rows) > 100)
        process = made.processes["fra"]
        process.send_signal(signal.SIGTERM)
        await until(lambda: process.poll() is not None)
        assert process.returncode == 0
        seen = len(tally.rows)
        await until(lambda: len(tally.rows) > seen + 100)
        stop.set()
        await running
        assert not errors(tally.rows)
        assert _lately(tally, 50) == {"iad"}
        said = (made.folder / "router.log").read_text()
        assert "POP fra is draining" in said
        assert "did not answer" not in said  # it was left in time, not found out

    with fleet(tmp_path) as made:
        asyncio.run(scenario(made))
