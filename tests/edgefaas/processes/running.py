"""Start, ask and end a real ``up`` whose workers run ``FakePop``."""

import http.client
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from edgefaas.control.bundle_json import to_json
from tests.edgefaas.control.making import bundle

DEADLINE_S = 60.0
SITE = """
[site]
name = "{name}"
[functions.hello]
source = "hello.js"
[[behaviors]]
path = "*"
viewer_request = "hello"
"""


@dataclass(frozen=True)
class Answer:
    """One answer, complete."""

    status: int
    body: bytes
    headers: http.client.HTTPMessage

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Up:
    """One running POP."""

    process: subprocess.Popen[str]
    folder: Path
    url: str
    secure_url: str = ""

    @property
    def announced(self) -> dict[str, Any]:
        announced: dict[str, Any] = json.loads((self.folder / "data" / "admin.json").read_bytes())
        return announced

    @property
    def token(self) -> str:
        return (self.folder / "data" / "admin-token").read_text().strip()

    def view(self, path: str = "/") -> dict[str, Any]:
        """Ask as a viewer."""
        answer = ask(self.url, "GET", path)
        assert answer.status == 200
        value: dict[str, Any] = answer.json
        return value

    def asked(self, path: str, headers: dict[str, str]) -> Answer:
        """Ask as a viewer; return the whole answer."""
        return ask(self.url, "GET", path, headers=headers)

    def admin(
        self, method: str, path: str, body: object = None, *, token: str | None = None, **headers: str
    ) -> Answer:
        """Ask the admin API."""
        sent = {"Authorization": f"Bearer {self.token if token is None else token}", **headers}
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        return ask(self.announced["admin"], method, path, data, sent)

    def deploy(self, text: str, name: str = "hello", **headers: str) -> Answer:
        return self.admin("POST", "/v1/functions", to_json(bundle(name, text)), **headers)

    def pids(self) -> list[int]:
        states = self.admin("GET", "/v1/stats").json["states"]
        return [state["pid"] for state in states if state["running"]]

    def texts(self, *, workers: int = 2) -> set[str]:
        """Return what ``hello`` is in every worker, as viewers see it."""
        seen: dict[int, str] = {}

        def asked() -> bool:
            said = self.view()
            seen[said["pid"]] = said["live"].get("hello", "")
            return len(seen) >= workers

        until(asked)
        return set(seen.values())

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(DEADLINE_S)


def ask(
    url: str, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
) -> Answer:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=DEADLINE_S)
    try:
        connection.request(method, path, body=body, headers=headers or {})
        response = connection.getresponse()
        return Answer(response.status, response.read(), response.headers)
    finally:
        connection.close()


def until(condition: Callable[[], object]) -> None:
    """Wait for a condition, asked again and again, against a deadline."""
    end_s = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < end_s, "the condition never came true"
        time.sleep(0.01)


def write_site(folder: Path, *, text: str = "from the file", name: str = "demo", more: str = "") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "hello.js").write_text(text)
    (folder / "edgefaas.toml").write_text(SITE.format(name=name) + more)
    return folder


def spawn_up(
    folder: Path,
    *,
    workers: int = 2,
    listen: int | str = 0,
    admin: int = 0,
    data: Path | None = None,
    app: str = "",
    http2: bool = False,
    files: tuple[int, int] | None = None,
) -> subprocess.Popen[str]:
    """Start ``up``; ``files`` are its soft and hard limit of open files."""
    command = [sys.executable, "-m", "tests.edgefaas.processes.run_up"]
    command += [str(folder / "edgefaas.toml"), str(data or folder / "data"), str(workers)]
    command += [
        f":{listen}" if isinstance(listen, int) else listen,
        str(admin),
        "3",
        app,
        "http2" if http2 else "",
    ]
    if files is not None:
        command = ["prlimit", f"--nofile={files[0]}:{files[1]}", *command]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def begin_up(folder: Path, *, workers: int = 2, **options: Any) -> Up:
    """Return a POP that serves. Fails with its words when it does not come up."""
    process = spawn_up(folder, workers=workers, **options)
    assert process.stdout is not None
    said, *urls = process.stdout.readline().split() or [""]
    if said != "ready":
        _, words = process.communicate(timeout=DEADLINE_S)
        raise AssertionError(f"not ready: {said} {words}")
    return Up(process, folder, *urls)


@contextmanager
def running_up(folder: Path, *, workers: int = 2, **options: Any) -> Iterator[Up]:
    up = begin_up(folder, workers=workers, **options)
    try:
        yield up
    finally:
        end(up.process)


def end(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.kill()
    process.communicate(timeout=DEADLINE_S)


def refused_up(folder: Path, **options: Any) -> str:
    """Return the words of an ``up`` that must not come up; it ends with 1 and one sentence."""
    process = spawn_up(folder, **options)
    try:
        said, words = process.communicate(timeout=DEADLINE_S)
    finally:
        end(process)
    assert process.returncode == 1
    assert said == ""
    assert "Traceback" not in words
    return words
