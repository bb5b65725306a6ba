"""The demo as its user runs it: to the end, and interrupted at any moment."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from cli.demo.processes import leash
from cli.demo.stage import PLACES
from cli.demo.viewers import COUNTRIES

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("demo"), pytest.mark.timeout(240)]

EDGEFAAS = [sys.executable, "-P", "-c", "from cli.main import main; main()", "demo", "--any-ports"]
PATIENCE_S = 120


started: "list[subprocess.Popen[str]]" = []


@pytest.fixture(autouse=True)
def _ended() -> Iterator[None]:
    """End what a failed test left running, so that it does not fail its neighbours."""
    yield
    while started:
        demo = started.pop()
        demo.kill()
        demo.communicate(timeout=PATIENCE_S)


def start(folder: Path, *arguments: str) -> "subprocess.Popen[str]":
    demo = subprocess.Popen(
        [*EDGEFAAS, "--folder", str(folder), *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd="/",
        start_new_session=True,
    )
    started.append(demo)
    return demo


def left_behind(folder: Path) -> list[str]:
    """Return the command lines of processes that still belong to the demo in this folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if str(folder) in command and "pytest" not in command:
                found.append(command)
    return found


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def until_serving(demo: "subprocess.Popen[str]") -> list[str]:
    """Return what the demo printed up to the line that says where it serves."""
    assert demo.stdout is not None
    lines = []
    for line in demo.stdout:
        lines.append(line)
        if line.startswith("Serving at"):
            return lines
    _, err = demo.communicate(timeout=PATIENCE_S)
    pytest.fail(f"the demo ended: {''.join(lines)}{err}")


def test_once_ends_with_every_country_served_by_its_nearest_pop_and_no_error(tmp_path: Path) -> None:
    demo = start(tmp_path, "--once", "--json", "--requests", "600")
    out, err = demo.communicate(timeout=PATIENCE_S)
    assert demo.returncode == 0, err
    told = json.loads(out)
    assert told["errors"] == 0, told["first_error"]
    assert told["requests"] == told["nearest"] == 600
    assert {line["country"] for line in told["countries"]} == set(COUNTRIES)
    assert {line["pop"] for line in told["countries"]} == set(PLACES)
    kinds = {line["kind"]: line["count"] for line in told["kinds"]}
    assert set(kinds) == {"hit", "function", "miss", "passed"}
    assert "\r" not in err
    assert "\033" not in out + err
    assert left_behind(tmp_path) == []


@pytest.mark.parametrize("moment", ["origin.log", "iad.log"])
def test_ctrl_c_at_any_moment_of_the_start_leaves_no_process(tmp_path: Path, moment: str) -> None:
    demo = start(tmp_path)
    wait_for((tmp_path / moment).exists)
    os.kill(demo.pid, signal.SIGINT)
    os.kill(demo.pid, signal.SIGINT)  # an impatient user
    _, err = demo.communicate(timeout=PATIENCE_S)
    assert demo.returncode == 130, err
    assert "Traceback" not in err
    assert left_behind(tmp_path) == []


def test_it_serves_on_after_the_table_until_ctrl_c(tmp_path: Path) -> None:
    demo = start(tmp_path, "--requests", "60")
    lines = until_serving(demo)
    url = lines[-1].split()[2]
    commands = [line.split("  #")[0].strip() for line in lines if line.strip().startswith("curl")]
    assert len(commands) == 5
    assert any(f"{url}/hello" in command for command in commands)
    (page,) = [line.strip() for line in lines if line.strip().endswith("/ui/")]
    with urlopen(page, timeout=PATIENCE_S) as answer:
        assert answer.status == 200
    os.kill(demo.pid, signal.SIGINT)
    _, err = demo.communicate(timeout=PATIENCE_S)
    assert demo.returncode == 0, err
    assert left_behind(tmp_path) == []


def test_a_pop_that_dies_ends_the_demo_with_its_name(tmp_path: Path) -> None:
    demo = start(tmp_path, "--requests", "60")
    until_serving(demo)
    (victim,) = [
        entry for entry in Path("/proc").iterdir() if entry.name.isdigit() and _is_sin(entry, tmp_path)
    ]
    os.kill(int(victim.name), signal.SIGKILL)
    _, err = demo.communicate(timeout=PATIENCE_S)
    assert demo.returncode == 1
    assert "POP sin (Singapore) ended with code -9" in err
    wait_for(lambda: left_behind(tmp_path) == [])


@pytest.mark.skipif(not leash(), reason="setpriv of util-linux is not on this machine")
def test_a_demo_that_is_killed_outright_takes_its_processes_along(tmp_path: Path) -> None:
    demo = start(tmp_path)
    wait_for((tmp_path / "sin.log").exists)
    demo.kill()
    demo.communicate(timeout=PATIENCE_S)
    wait_for(lambda: left_behind(tmp_path) == [])


@pytest.mark.skipif(not leash(), reason="setpriv of util-linux is not on this machine")
def test_a_process_whose_parent_was_killed_before_it_was_tied_does_not_begin() -> None:
    tied = shlex.join([*leash(), "echo", "begun"])
    assert subprocess.run(["sh", "-c", f"{tied}; true"], capture_output=True, check=False).stdout == b""
    assert subprocess.run([*leash(), "echo", "begun"], capture_output=True, check=False).stdout == b"begun\n"


def _is_sin(entry: Path, folder: Path) -> bool:
    try:
        return f"{folder}/sin.toml".encode() in (entry / "cmdline").read_bytes()
    except OSError:
        return False
