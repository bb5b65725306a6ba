"""Children of the demo: how they start, how they fail, and that none is left."""

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.demo.processes import Child, StartError

pytestmark = pytest.mark.slow

READY = "print('ready http://127.0.0.1:1', flush=True)"


def child(tmp_path: Path, code: str) -> Child:
    return Child("the thing", [sys.executable, "-c", code], tmp_path / "log")


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


async def until(condition: Callable[[], bool]) -> None:
    deadline = asyncio.get_running_loop().time() + 20
    while not condition() and asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(0.01)
    assert condition()


def test_a_child_is_started_when_it_says_ready_and_gone_when_stopped(tmp_path: Path) -> None:
    async def scenario() -> None:
        thing = child(tmp_path, f"import time; {READY}; time.sleep(60)")
        await thing.start(os.environ)
        assert runs(thing.pid)
        assert thing.ended() is None
        await thing.stop()
        assert not runs(thing.pid)
        await thing.stop()  # harmless

    asyncio.run(scenario())


def test_a_child_that_ends_instead_is_named_with_its_last_lines(tmp_path: Path) -> None:
    async def scenario() -> None:
        code = "import sys; [print('line', n, flush=True) for n in range(40)]; sys.exit('port 8080 is taken')"
        with pytest.raises(StartError) as failed:
            await child(tmp_path, code).start(os.environ)
        message = str(failed.value)
        assert message.startswith("the thing ended with code 1")
        assert "port 8080 is taken" in message
        assert "line 39" in message
        assert "line 5\n" not in message

    asyncio.run(scenario())


def test_a_child_that_ends_later_is_noticed(tmp_path: Path) -> None:
    async def scenario() -> None:
        thing = child(tmp_path, f"import sys; {READY}; sys.exit(3)")
        await thing.start(os.environ)
        await asyncio.wait_for(thing.wait(), 20)
        assert "ended with code 3" in (thing.ended() or "")

    asyncio.run(scenario())


def test_what_a_child_started_ends_with_it(tmp_path: Path) -> None:
    async def scenario() -> None:
        inner = "import time; time.sleep(60)"
        code = (
            f"import subprocess, sys; p = subprocess.Popen([sys.executable, '-c', {inner!r}]); "
            f"print('grandchild', p.pid, flush=True); {READY}; p.wait()"
        )
        thing = child(tmp_path, code)
        await thing.start(os.environ)
        grandchild = int((tmp_path / "log").read_text().split()[1])
        assert runs(grandchild)
        await thing.stop()
        await until(lambda: not runs(grandchild))

    asyncio.run(scenario())


def test_the_origin_ends_when_who_started_it_is_gone(tmp_path: Path) -> None:
    async def scenario() -> None:
        origin = Child("the origin", [sys.executable, "-m", "cli.demo.origin", "0"], tmp_path / "log")
        await origin.start(os.environ)
        url = (tmp_path / "log").read_text().split()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
        writer.write(b"GET /articles/1 HTTP/1.1\r\nHost: x\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK")
        writer.close()
        assert origin._process is not None
        assert origin._process.stdin is not None
        origin._process.stdin.close()
        await asyncio.wait_for(origin.wait(), 20)
        await origin.stop()

    asyncio.run(scenario())
