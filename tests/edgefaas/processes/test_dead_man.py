"""A worker whose loop is held is ended by the kernel and replaced; nobody waits for it for good."""

import http.client
import signal
import subprocess
import sys
import threading
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.edgefaas.processes.running import running_up, until, write_site

PROCESS = """
import asyncio, sys, time
from edgefaas.deadman import DeadManSwitch

async def main():
    switch = DeadManSwitch(asyncio.get_running_loop(), cpu_s=0.3, wall_s=float(sys.argv[2]))
    switch.start()
    match sys.argv[1]:
        case "spin":
            while True: pass
        case "sleep":
            time.sleep(100)
        case "patient":
            with switch.patient():
                began = time.process_time()
                while time.process_time() - began < 0.6: pass
        case "turn":
            began = time.process_time()
            while time.process_time() - began < 0.9:
                spun = time.process_time()
                while time.process_time() - spun < 0.05: pass
                await asyncio.sleep(0)
                switch._turn()  # a second has passed for it
    print("lives")

asyncio.run(main())
"""


def ended(doing: str, wall_s: float = 60) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", PROCESS, doing, str(wall_s)]
    return subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)


def test_a_loop_that_spins_ends_its_process() -> None:
    assert ended("spin").returncode == -signal.SIGPROF


def test_a_loop_that_waits_in_a_call_ends_its_process() -> None:
    assert ended("sleep", 0.3).returncode == -signal.SIGALRM


@pytest.mark.parametrize("doing", ["patient", "turn"])
def test_a_loop_that_works_for_its_supervisor_or_turns_lives(doing: str) -> None:
    assert ended(doing).stdout == "lives\n"


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_worker_that_spins_is_replaced_and_only_its_requests_fail(tmp_path: Path) -> None:
    with running_up(write_site(tmp_path), workers=2) as up:
        before = up.pids()
        ends: list[BaseException] = []

        def ask_for_ever() -> None:
            connection = http.client.HTTPConnection(urlsplit(up.url).netloc, timeout=200)
            try:
                connection.request("GET", "/spin")
                connection.getresponse()
            except (OSError, http.client.HTTPException) as error:
                ends.append(error)
            finally:
                connection.close()

        asking = threading.Thread(target=ask_for_ever)
        asking.start()
        asking.join()  # it ends: nobody waits for a worker that is held
        assert isinstance(ends[0], (ConnectionError, http.client.RemoteDisconnected))
        until(lambda: len(up.pids()) == 2 and up.pids() != before)
        assert len(set(before) & set(up.pids())) == 1
        assert up.view()["live"] == {"hello": "from the file"}
