"""Real ``edgefaas up`` processes for tests: three POPs, and a router in front of them."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from cli.demo.stage import choose_port

DEADLINE_S = 90.0
SECRET = "sixteen bytes or more"
PLACES = {"fra": (50.1, 8.7), "iad": (39.0, -77.5), "sin": (1.35, 103.8)}


def free_ports(count: int) -> list[int]:
    taken: set[int] = set()
    return [choose_port(0, taken) for _ in range(count)]


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
            lines += ["[listen]", "drain_grace = 10"]  # a busy router's probe may come late
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
