"""``edgefaas dev``: what is saved is live, in the real sandbox."""

import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.edgefaas.processes.running import DEADLINE_S, ask, until

pytestmark = pytest.mark.slow

SITE = """
[functions.hello]
source = "hello.js"
[[behaviors]]
path = "*"
viewer_request = "hello"
"""


def write(folder: Path, text: str) -> None:
    body = f"exports.handler = async () => ({{ status: '200', body: '{text}' }});"
    (folder / "hello.js").write_text(body)


@contextlib.contextmanager
def running_dev(folder: Path) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    command = [sys.executable, "-c", "from cli.main import main; main()", "dev", "--listen", "127.0.0.1:0"]
    pipe = subprocess.PIPE
    dev = subprocess.Popen(command, cwd=folder, stdout=pipe, stderr=pipe, text=True)
    try:
        assert dev.stdout is not None
        line = dev.stdout.readline()
        assert line.startswith("ready "), dev.communicate()
        yield dev, line.split()[1]
    finally:
        if dev.poll() is None:
            dev.send_signal(signal.SIGINT)
        dev.communicate(timeout=DEADLINE_S)


def test_what_is_saved_is_live_and_what_is_wrong_is_told(tmp_path: Path) -> None:
    (tmp_path / "edgefaas.toml").write_text(SITE)
    write(tmp_path, "one")
    with running_dev(tmp_path) as (dev, url):
        assert ask(url, "GET", "/").body == b"one"
        write(tmp_path, "two")
        until(lambda: ask(url, "GET", "/").body == b"two")
        assert dev.stderr is not None
        assert "hello.js live in" in dev.stderr.readline()
        (tmp_path / "hello.js").write_text("exports.handler = (")
        assert "does not compile" in dev.stderr.readline()
        assert ask(url, "GET", "/").body == b"two"
        dev.send_signal(signal.SIGINT)
        assert dev.wait(DEADLINE_S) == 130
    assert not (tmp_path / ".edgefaas").exists()
