"""One of three POPs is killed under load, and comes back: real processes, real sockets, a bounded load."""

import asyncio
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from edgefaas.background import Background
from tests.edgefaas.fleet import DEADLINE_S, Fleet, fleet

pytestmark = pytest.mark.slow


VIEWERS = [f"84.{number}.0.1" for number in range(128, 160)]  # Germany: all of them are fra's
CLIENTS = 4


@dataclass
class Tally:
    """What viewers got, in order: instant, status (0: no answer), and the POP that answered."""

    rows: list[tuple[float, int, str]] = field(default_factory=list)

    def since(self, at_s: float) -> list[tuple[float, int, str]]:
        return [row for row in self.rows if row[0] >= at_s]


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
        assert "fra" not in _lately(tally, 50)
        said = (made.folder / "router.log").read_text()
        assert "POP fra is draining" in said

    with fleet(tmp_path) as made:
        asyncio.run(scenario(made))
