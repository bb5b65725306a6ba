"""``edgefaas logs`` over several POPs: merged, named, filtered; one that is down is said and the others go on."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from edgefaas.control.bundle_json import to_json
from tests.cli.running import Shell
from tests.edgefaas.control.making import bundle
from tests.edgefaas.processes.running import DEADLINE_S, Up, begin_up, end, running_up, until, write_site

pytestmark = pytest.mark.slow


@dataclass
class Mesh:
    """Two POPs that run, a third that does not, and the site's file that names them."""

    ups: dict[str, Up]
    folder: Path

    @property
    def config(self) -> Path:
        return self.folder / "edgefaas.toml"

    def tokens(self, **tokens: str) -> None:
        path = self.folder / "data" / "pop-tokens.toml"
        path.parent.mkdir(exist_ok=True)
        path.write_text("".join(f'{name} = "{token}"\n' for name, token in tokens.items()))
        path.chmod(0o600)

    def say(self, name: str, function: str = "hello") -> None:
        self.ups[name].admin("POST", f"/v1/functions/{function}/invoke", {})


@pytest.fixture
def mesh(tmp_path: Path) -> Iterator[Mesh]:
    with socket.socket() as nobody, running_up(write_site(tmp_path / "fra"), workers=1) as fra:
        nobody.bind(("127.0.0.1", 0))
        with running_up(write_site(tmp_path / "iad"), workers=1) as iad:
            ups = {"fra": fra, "iad": iad}
            admins = {name: up.announced["admin"] for name, up in ups.items()}
            admins["sin"] = f"http://127.0.0.1:{nobody.getsockname()[1]}"
            more = "".join(
                f'[pops.{name}]\nlatitude = 1.0\nlongitude = 2.0\nadmin = "{admin}"\n'
                for name, admin in admins.items()
            )
            made = Mesh(ups, write_site(tmp_path / "desk", more=more))
            made.tokens(fra=fra.token, iad=iad.token, sin="x" * 40)
            yield made


@pytest.fixture
def shell(mesh: Mesh, capsys: pytest.CaptureFixture[str]) -> Shell:
    options = ("-c", str(mesh.config), "--data", str(mesh.folder / "data"))
    return Shell(capsys, options)


def test_the_last_lines_of_all_pops_are_in_order_and_say_where_they_come_from(
    mesh: Mesh, shell: Shell
) -> None:
    for name in ("fra", "iad", "fra"):
        mesh.say(name)
    until(lambda: shell("logs", "--json").out.count("invoked hello") == 3)
    ended = shell("logs", "--json")
    told = [json.loads(line) for line in ended.out.splitlines()]
    assert ended.code == 0
    assert sorted(line["pop"] for line in told) == ["fra", "fra", "iad"]
    assert [line["at_s"] for line in told] == sorted(line["at_s"] for line in told)
    assert "sin is left out: No POP answers" in ended.err
    assert len(shell("logs", "-n", "2").out.splitlines()) == 2
    assert " iad " in shell("logs").out


def test_filters_hold_for_every_pop(mesh: Mesh, shell: Shell) -> None:
    assert mesh.ups["fra"].admin("POST", "/v1/functions", to_json(bundle("other", "x"))).status == 200
    for name in ("fra", "iad"):
        mesh.say(name)
    mesh.say("fra", "other")
    until(lambda: shell("logs").out.count("invoked") == 3)
    only = shell("logs", "--pop", "iad", "--json")
    assert [json.loads(line)["pop"] for line in only.out.splitlines()] == ["iad"]
    assert only.err == ""
    (line,) = shell("logs", "--function", "other", "--text", "invoked", "--level", "info").out.splitlines()
    assert "fra" in line
    assert shell("logs", "--status", "5xx").out == shell("logs", "--request-id", "none").out == ""
    wrong = shell("logs", "--pop", "rio")
    assert (wrong.code, "fra, iad, sin" in wrong.err) == (2, True)


def test_tokens_are_looked_for_by_name_and_one_that_is_wrong_is_said(
    mesh: Mesh, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    mesh.tokens(fra=mesh.ups["fra"].token)
    ended = shell("logs")
    assert "iad is left out: there is no token" in ended.err
    assert "EDGEFAAS_TOKEN_IAD" in ended.err
    monkeypatch.setenv("EDGEFAAS_TOKEN_IAD", "wrong" * 10)
    assert "iad is left out: The admin token is not valid" in shell("logs").err
    monkeypatch.setenv("EDGEFAAS_TOKEN_IAD", mesh.ups["iad"].token)
    assert "iad" not in shell("logs").err
    (mesh.folder / "data" / "pop-tokens.toml").chmod(0o644)
    ended = shell("logs")
    assert (ended.code, "can be read by others" in ended.err) == (1, True)


def test_when_no_pop_answers_it_is_an_error(mesh: Mesh, shell: Shell) -> None:
    ended = shell("logs", "--pop", "sin")
    assert (ended.code, ended.out) == (1, "")
    assert "No POP answers" in ended.err


@contextmanager
def following(mesh: Mesh, *options: str) -> "Iterator[subprocess.Popen[bytes]]":
    command = [sys.executable, "-c", "from cli.main import main; main()", "logs", "-f", "--json"]
    command += ["-c", str(mesh.config), "--data", str(mesh.folder / "data"), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as follower:
        try:
            yield follower
        finally:
            follower.kill()


def read_line(stream: Any) -> Any:
    """Return the next line, against a deadline."""
    line = b""
    end_s = time.monotonic() + DEADLINE_S
    while not line.endswith(b"\n"):
        assert select.select([stream], [], [], max(0.0, end_s - time.monotonic()))[0], "no line came"
        piece = os.read(stream.fileno(), 1)
        assert piece, "the stream has ended"
        line += piece
    return line.decode()


def test_following_goes_on_through_the_end_and_the_return_of_a_pop(mesh: Mesh) -> None:
    iad = mesh.ups["iad"]
    port = int(iad.announced["admin"].rpartition(":")[2])
    mesh.say("iad")
    with following(mesh) as follower:
        assert json.loads(read_line(follower.stdout))["pop"] == "iad"  # from before
        assert "sin cannot be read, the others go on" in read_line(follower.stderr)
        mesh.say("fra")
        assert json.loads(read_line(follower.stdout))["pop"] == "fra"
        iad.process.send_signal(signal.SIGKILL)
        assert "iad cannot be read, the others go on" in read_line(follower.stderr)
        mesh.say("fra")
        assert json.loads(read_line(follower.stdout))["pop"] == "fra"
        end(iad.process)
        again = begin_up(iad.folder, workers=1, admin=port)
        try:
            again.admin("POST", "/v1/functions/hello/invoke", {})
            told = json.loads(read_line(follower.stdout))
            assert (told["pop"], told["text"]) == ("iad", "invoked hello")
            assert "iad is read again" in read_line(follower.stderr)
        finally:
            end(again.process)
        follower.send_signal(signal.SIGINT)
        assert follower.wait(DEADLINE_S) == 130
