"""``edgefaas dev``: what is saved is live, in the real sandbox."""

import contextlib
import http.client
import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

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
def running_dev(folder: Path, *options: str) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    command = [sys.executable, "-c", "from cli.main import main; main()", "dev", "--listen", "127.0.0.1:0"]
    command += options
    pipe = subprocess.PIPE
    dev = subprocess.Popen(command, cwd=folder, stdout=pipe, stderr=pipe, text=True)
    try:
        assert dev.stdout is not None
        line = dev.stdout.readline()
        assert "http://" in line, dev.communicate()
        yield dev, re.findall(r"http://[0-9.:]+", line)[0]
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
        assert "does not compile: hello.js:1, at its end: SyntaxError" in dev.stderr.readline()
        assert ask(url, "GET", "/").body == b"two"
        dev.send_signal(signal.SIGINT)
        assert dev.wait(DEADLINE_S) == 130
    assert not (tmp_path / ".edgefaas").exists()


WHERE = """exports.handler = async (event) => {
  const request = event.Records[0].cf.request;
  console.log('seen');
  return { status: '200', body: request.headers['cloudfront-viewer-country'][0].value + ' NAME' };
};"""


def lines_until(dev: "subprocess.Popen[str]", wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Read JSON lines until one is wanted."""
    assert dev.stdout is not None
    for text in dev.stdout:
        line: dict[str, Any] = json.loads(text)
        if wanted(line):
            return line
    raise AssertionError("dev ended")


def test_it_pretends_a_viewer_and_pops_tells_paths_and_runs_the_event(tmp_path: Path) -> None:
    (tmp_path / "edgefaas.toml").write_text(f"{SITE}location_headers = ['CloudFront-Viewer-Country']\n")
    (tmp_path / "hello.js").write_text(WHERE)
    event = {"Records": [{"cf": {"request": {"headers": {}, "uri": "/", "method": "GET"}}}]}
    (tmp_path / "event.json").write_text(json.dumps(event))
    options = (
        "--country",
        "br",
        "--pops",
        "gru=2ms,fra=190ms",
        "--event",
        "event.json",
        "--no-cache",
        "--json",
    )
    with running_dev(tmp_path, *options) as (dev, url):
        answer = ask(url, "GET", "/")
        assert (answer.body, answer.headers["X-Edge-Pop"]) == (b"BR NAME", "gru")
        line = lines_until(dev, lambda line: "path" in line)
        assert (line["status"], line["path"]["pop"], line["path"]["away_ms"]) == (200, "gru", 2)
        assert [step["function"] for step in line["path"]["steps"]] == ["hello"]
        (tmp_path / "hello.js").write_text(WHERE.replace("NAME", "again"))
        assert lines_until(dev, lambda line: line.get("event") == "live")["files"] == [
            str(tmp_path / "hello.js")
        ]
        ran = lines_until(dev, lambda line: line.get("event") == "run")
        assert (ran["function"], ran["result"]["body"], ran["logs"][0]["text"]) == (
            "hello",
            "BR again",
            "seen",
        )
        (tmp_path / "event.json").write_text("{")
        assert "not JSON" in lines_until(dev, lambda line: line.get("event") == "refused")["error"]
        dev.send_signal(signal.SIGTERM)
        assert dev.wait(DEADLINE_S) == 0


def test_a_file_of_a_folder_is_live_when_it_is_saved_whatever_is_stored(tmp_path: Path) -> None:
    (tmp_path / "edgefaas.toml").write_text(
        '[origins.files]\ndirectory = "public"\n[[behaviors]]\npath = "*"\norigin = "files"\n'
        "cache = { min_ttl = 3600, default_ttl = 3600 }\n"
    )
    (tmp_path / "public").mkdir()
    (tmp_path / "public" / "a.txt").write_text("one")
    with running_dev(tmp_path, "--json") as (dev, url):
        for _ in range(2):
            assert ask(url, "GET", "/a.txt").body == b"one"
        verdicts = [
            lines_until(dev, lambda line: "path" in line)["path"]["steps"][0]["verdict"] for _ in range(2)
        ]
        assert verdicts == ["miss", "hit"]
        (tmp_path / "public" / "a.txt").write_text("another")
        assert "took_ms" in lines_until(dev, lambda line: line.get("event") == "live")
        assert ask(url, "GET", "/a.txt").body == b"another"


def test_the_pop_ends_with_a_dev_that_is_killed(tmp_path: Path) -> None:
    (tmp_path / "edgefaas.toml").write_text(SITE)
    write(tmp_path, "one")
    with running_dev(tmp_path) as (dev, url):
        dev.kill()
        until(lambda: not answers(url))


def answers(url: str) -> bool:
    try:
        return ask(url, "GET", "/").status == 200
    except (OSError, http.client.HTTPException):
        return False
