"""``edgefaas top`` and ``edgefaas ui``: what they show, and how they end."""

import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from fcntl import ioctl
from pathlib import Path
from typing import Any

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.glances import merged
from cli.topscreen import Size, curve_of, fitted, report, screen, table
from tests.cli.running import Shell
from tests.edgefaas.processes.running import DEADLINE_S, Up, running_up, write_site

# -- what is shown, without a terminal ---------------------------------------------------------------------

rates = st.floats(0, 1e6)
maybe = st.none() | rates
function_rows = st.fixed_dictionaries(
    {
        "name": st.text(max_size=30),
        "version": st.text("0123456789abcdef", max_size=64),
        "runs_per_s": rates,
        "errors_per_s": rates,
        "cpu_ms_per_s": rates,
        "p50_ms": maybe,
        "p99_ms": maybe,
    }
)
figures = st.fixed_dictionaries(
    {
        "requests_per_s": rates,
        "errors_per_s": rates,
        "hit_ratio": st.none() | st.floats(0, 1),
        "p50_ms": maybe,
        "p99_ms": maybe,
        "functions": st.lists(function_rows, max_size=4),
    }
)
pops = st.fixed_dictionaries(
    {
        "name": st.text(max_size=20),
        "city": st.text(max_size=30),
        "state": st.sampled_from(["here", "up", "down", "draining", "unknown", "no address"]),
        "ms": maybe,
        "live": st.none() | figures,
    }
)


def said(pops: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "at_s": 1_700_000_000.0,
        "site": "demo",
        "pop": "fra",
        "process": {"running": 2, "workers": 2},
        "totals": {"requests_per_s": 12.0, "cpu_cores": 0.5},
        "pops": pops,
    }


def one_pop(**live: Any) -> dict[str, Any]:
    quiet = {"requests_per_s": 0, "errors_per_s": 0, "hit_ratio": None, "p50_ms": None, "p99_ms": None}
    return {"name": "fra", "city": "Frankfurt", "state": "here", "ms": None} | {
        "live": {**quiet, "functions": [], **live}
    }


@given(
    st.lists(pops, max_size=8),
    st.integers(1, 200),
    st.integers(1, 60),
    st.lists(rates, max_size=50),
    st.booleans(),
)
def test_no_frame_is_larger_than_its_terminal(
    rows: list[dict[str, Any]], columns: int, lines: int, curve: list[float], lost: bool
) -> None:
    shown = screen(said(rows), Size(columns, lines), curve=curve, problem="no answer" if lost else "")
    assert len(shown) <= lines
    for line in shown:
        assert len(click.unstyle(line)) <= columns
        assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in click.unstyle(line))


def test_what_uses_most_cpu_comes_first_and_what_does_not_run_is_not_shown() -> None:
    row = {"version": "ab", "runs_per_s": 1.0, "errors_per_s": 0.0, "p50_ms": 1.0, "p99_ms": 2.0}
    functions = [
        {**row, "name": "light", "cpu_ms_per_s": 1.0},
        {**row, "name": "heavy", "cpu_ms_per_s": 250.0},
        {**row, "name": "idle", "cpu_ms_per_s": 0.0, "runs_per_s": 0.0},
    ]
    text = report(said([one_pop(functions=functions)]))
    assert text.index("heavy") < text.index("light")
    assert "25.0 %" in text
    assert "idle" not in text


def test_what_is_too_wide_loses_the_least_important_columns_first() -> None:
    live = said([one_pop(requests_per_s=5)])
    wide = "\n".join(screen(live, Size(120, 20), curve=()))
    narrow = "\n".join(screen(live, Size(60, 20), curve=()))
    assert "CITY" in wide
    assert "CITY" not in narrow
    assert "REQUESTS/S" in narrow
    assert "P99" in narrow


def test_names_cannot_move_the_cursor() -> None:
    pop = one_pop() | {"name": "\x1b[2J\x07fra", "city": "a\x9b31mb"}
    text = "\n".join(screen(said([pop]), Size(120, 20), curve=()))
    assert "\x1b[2J" not in text
    assert "\x9b" not in text
    assert "?[2J?fra" in text


def test_hits_that_are_not_timed_are_under_a_tenth_and_nothing_is_a_dash() -> None:
    assert "<0.1 ms" in report(said([one_pop(p50_ms=0.0)]))
    assert " - " in report(said([one_pop()])) or report(said([one_pop()])).rstrip().endswith("-  0")


@given(st.lists(rates, max_size=50))
def test_a_curve_has_a_block_for_each_point(values: list[float]) -> None:
    assert len(curve_of(values)) == len(values)
    if max(values, default=0) > 0:
        assert "█" in curve_of(values)


@given(st.text(), st.integers(0, 40))
def test_a_fitted_line_is_the_beginning_of_the_line(text: str, columns: int) -> None:
    plain = click.unstyle(text)
    styled = click.style(plain, fg="red") + plain
    assert click.unstyle(fitted(styled, columns)) == (plain + plain)[:columns] or len(plain) * 2 <= columns


def named(name: str, *others: str, state: str = "up") -> dict[str, Any]:
    """Return what a POP says that sees these others, of whom it hears nothing."""
    there = [one_pop() | {"name": other, "state": state, "live": None} for other in others]
    return {**said([one_pop(requests_per_s=5) | {"name": name}, *there]), "pop": name}


@pytest.mark.parametrize(
    ("seen", "shown"), [("up", "up"), ("unknown", "up"), ("no address", "up"), ("down", "down")]
)
def test_a_pop_that_is_asked_itself_speaks_for_itself(seen: str, shown: str) -> None:
    """But whether viewers reach it, others know better."""
    live = merged([named("fra", "iad", "sin", state=seen), named("iad", "fra")])
    rows = {row["name"]: row for row in live["pops"]}
    assert [row["state"] for row in rows.values()] == ["here", shown, seen]
    assert rows["iad"]["live"]["requests_per_s"] == 5
    assert rows["sin"]["live"] is None
    assert live["pop"] == "fra"


def test_a_pop_that_the_first_does_not_know_is_shown_too() -> None:
    live = merged([named("fra"), named("iad")])
    assert [(row["name"], row["state"]) for row in live["pops"]] == [("fra", "here"), ("iad", "up")]


def test_an_empty_table_has_no_head() -> None:
    assert table(("A", "B"), []) == []


# -- against a running POP ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    with running_up(write_site(tmp_path_factory.mktemp("pop")), workers=1) as running:
        yield running


@pytest.fixture
def shell(up: Up, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.chdir(up.folder)
    for name in ("EDGEFAAS_ADMIN", "EDGEFAAS_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    return Shell(capsys, ("--data", str(up.folder / "data")))


@pytest.mark.slow
def test_where_nobody_reads_along_top_prints_one_table_and_ends(shell: Shell) -> None:
    ended = shell("top")
    assert ended.code == 0
    assert "REQUESTS/S" in ended.out
    assert "\x1b" not in ended.out
    assert shell("top", "--once").out.startswith("demo")
    assert shell("top", "--once", "--json").json["pops"][0]["state"] == "here"
    assert shell("top", "--every", "0").code == 2


POPS = """
[pops.fra]
latitude = 50.1
longitude = 8.7
admin = "{fra}"
[pops.iad]
latitude = 39.0
longitude = -77.5
admin = "{iad}"
[router]
pop = "fra"
"""


@pytest.mark.slow
def test_every_pop_whose_admin_address_is_known_is_asked_itself(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = "http://127.0.0.1:9"
    there = write_site(tmp_path / "iad", more=POPS.format(fra=nowhere, iad=nowhere).replace('"fra"', '"iad"'))
    with running_up(there, workers=1) as iad:
        here = write_site(tmp_path / "fra", more=POPS.format(fra=nowhere, iad=iad.announced["admin"]))
        with running_up(here, workers=1):
            monkeypatch.chdir(here)
            monkeypatch.setenv("EDGEFAAS_TOKEN_IAD", iad.token)
            top = Shell(capsys, ("--data", str(here / "data")))
            rows = {row["name"]: row for row in top("top", "--once", "--json").json["pops"]}
            assert (rows["fra"]["state"], rows["iad"]["state"]) == ("here", "up")
            assert rows["iad"]["live"]["requests_per_s"] == 0
            monkeypatch.setenv("EDGEFAAS_TOKEN_IAD", "wrong")
            ended = top("top", "--once")
            assert (ended.code, "iad" in ended.out) == (0, True)
            assert "iad is left out: The admin token is not valid" in ended.err


@pytest.mark.slow
def test_the_page_s_link_signs_in_and_holds_no_token(shell: Shell, up: Up) -> None:
    ended = shell("ui")
    assert ended.out.startswith(f"{up.announced['admin']}/ui/#ticket=")
    assert up.token not in ended.out
    told = shell("ui", "--json").json
    assert told["link"].startswith(f"{told['url']}#ticket=")
    ticket = told["link"].partition("=")[2]
    first, second = (up.admin("POST", "/v1/sessions", {"ticket": ticket}, token="") for _ in range(2))
    assert (first.status, second.status) == (200, 401)
    assert up.admin("GET", "/v1/whoami", token=first.json["token"]).json["name"] == "admin"


@pytest.mark.slow
def test_without_a_pop_top_says_so_and_ends(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    ended = Shell(capsys, ("--data", str(tmp_path)))("top")
    assert (ended.code, ended.out) == (1, "")
    assert "No POP runs" in ended.err


TOP = (sys.executable, "-c", "from cli.main import main; main()", "top")


class Terminal:
    """``edgefaas top`` on a terminal of its own."""

    def __init__(self, folder: Path, *, columns: int = 100, lines: int = 30) -> None:
        self.master, slave = pty.openpty()
        ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.process = subprocess.Popen(
            [*TOP, "--every", "0.2", "--data", str(folder / "data")],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=lambda: ioctl(0, termios.TIOCSCTTY, 0),
        )
        self.before = termios.tcgetattr(slave)
        self._slave = slave
        self.text = ""

    def read_until(self, words: str, *, after: int = 0) -> int:
        """Return where ``words`` end, in what was written from ``after`` on."""
        end_s = time.monotonic() + DEADLINE_S
        while words not in self.text[after:]:
            assert time.monotonic() < end_s, f"{words!r} never came: {self.text[-2000:]!r}"
            if select.select([self.master], [], [], 0.2)[0]:
                self.text += os.read(self.master, 65536).decode("utf-8", "replace")
        return self.text.index(words, after) + len(words)

    def press(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    def end(self) -> int:
        code = self.process.wait(DEADLINE_S)
        while select.select([self.master], [], [], 0)[0]:
            self.text += os.read(self.master, 65536).decode("utf-8", "replace")
        assert termios.tcgetattr(self._slave) == self.before
        return code

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(DEADLINE_S)
        os.close(self.master)
        os.close(self._slave)


@pytest.fixture
def terminal(up: Up) -> Iterator[Terminal]:
    made = Terminal(up.folder)
    yield made
    made.close()


FRAME = "\x1b[J\x1b[?2026l"
GIVEN_BACK = "\x1b[?25h\x1b[?1049l"


@pytest.mark.slow
@pytest.mark.parametrize(("keys", "code"), [("\x03", 130), ("q", 0)])
def test_a_terminal_is_redrawn_in_place_and_given_back_as_it_was(
    terminal: Terminal, keys: str, code: int
) -> None:
    at = terminal.read_until(FRAME, after=terminal.read_until(FRAME))
    assert terminal.text.startswith("\x1b[?1049h\x1b[?25l\x1b[?2026h\x1b[H")
    assert "\x1b[2J" not in terminal.text  # a screen that is cleared first flickers
    terminal.press(keys)
    terminal.read_until(GIVEN_BACK, after=at)
    assert terminal.end() == code
    assert terminal.text.endswith(GIVEN_BACK)
    assert "Traceback" not in terminal.text


@pytest.mark.slow
def test_a_terminal_is_given_back_on_sigterm_too(terminal: Terminal) -> None:
    terminal.read_until(FRAME)
    terminal.process.send_signal(signal.SIGTERM)
    assert terminal.end() == 143
    assert terminal.text.endswith(GIVEN_BACK)


@pytest.mark.slow
def test_a_terminal_of_another_size_gets_a_frame_of_that_size(terminal: Terminal) -> None:
    at = terminal.read_until(FRAME)
    assert "CITY" in terminal.text
    ioctl(terminal.master, termios.TIOCSWINSZ, struct.pack("HHHH", 10, 40, 0, 0))
    drawn = terminal.text
    while "CITY" in drawn:
        before, at = at, terminal.read_until(FRAME, after=at)
        drawn = terminal.text[before:at]
    assert drawn.count("\r\n") < 10


@pytest.mark.slow
def test_top_lives_through_a_restart_of_the_pop(tmp_path: Path) -> None:
    """Even when the admin API comes back at another address."""
    folder = write_site(tmp_path / "site")
    with running_up(folder, workers=1):
        shown = Terminal(folder)
        read = subprocess.Popen(
            [*TOP, "--json", "--every", "0.2", "--data", str(folder / "data")],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            at = shown.read_until(FRAME)
            assert read.stdout is not None
            assert read.stderr is not None
            assert json.loads(read.stdout.readline())["site"] == "demo"
            os.kill(json.loads((folder / "data/admin.json").read_bytes())["pid"], signal.SIGKILL)
            at = shown.read_until("asking again for", after=at)
            assert "asking again" in read.stderr.readline()
            with running_up(folder, workers=1):
                shown.read_until("requests/s", after=at)
                while json.loads(read.stdout.readline())["window_s"] > 2:
                    pass  # lines of the POP before
                shown.press("q")
                assert shown.end() == 0
                read.send_signal(signal.SIGINT)
                assert read.wait(DEADLINE_S) == 130
        finally:
            shown.close()
            read.kill()
            read.communicate()
