"""``edgefaas up`` from outside: start, refusals, signals."""

import contextlib
import os
import pty
import signal
import socket
import stat
import sys
from pathlib import Path

import pytest

from tests.edgefaas.processes.running import (
    DEADLINE_S,
    ask,
    begin_up,
    end,
    refused_up,
    running_up,
    spawn_up,
    until,
    write_site,
)

pytestmark = pytest.mark.slow


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return (Path("/proc") / str(pid) / "stat").read_text().split()[2] == "Z"


def test_ready_is_one_line_on_stdout_and_sigterm_drains_and_ends_with_0(tmp_path: Path) -> None:
    up = begin_up(write_site(tmp_path))
    workers = up.pids()
    assert up.texts() == {"from the file"}
    assert up.stop() == 0
    said, words = up.process.communicate()
    assert said == ""
    assert words == ""
    assert all(gone(pid) for pid in workers)
    assert sorted(path.name for path in (tmp_path / "data" / "pop").glob("closed-*")) == sorted(
        f"closed-{pid}" for pid in workers
    )
    assert not (tmp_path / "data" / "admin.json").exists()


def test_the_token_and_the_folder_are_for_their_owner_alone(tmp_path: Path) -> None:
    with running_up(write_site(tmp_path), workers=1):
        for name in ("admin-token", "admin.json", "control.sqlite3"):
            assert stat.S_IMODE((tmp_path / "data" / name).stat().st_mode) == 0o600
        assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700


def test_a_second_up_on_the_same_folder_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    with running_up(write_site(tmp_path), workers=1) as up:
        words = refused_up(tmp_path, workers=1)
        assert f"in use by another edgefaas up (process {up.process.pid})" in words
        assert up.view()["live"] == {"hello": "from the file"}


@pytest.mark.parametrize("option", ["listen", "admin"])
def test_a_port_in_use_is_refused_with_its_option(tmp_path: Path, option: str) -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)  # which must not be joined
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        words = refused_up(write_site(tmp_path), workers=1, **{option: port})
    assert f"Port {port}" in words
    assert f"--{option}" in words


def test_a_site_that_an_application_refuses_is_refused_with_its_words(tmp_path: Path) -> None:
    words = refused_up(write_site(tmp_path, name="unstartable"), workers=2)
    assert "The site is called unstartable" in words


def test_a_first_function_that_does_not_compile_is_refused_with_file_and_line(tmp_path: Path) -> None:
    words = refused_up(write_site(tmp_path, text="syntax error"), workers=1)
    assert "hello.js, line 3" in words


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_pop_that_is_told_to_stop_while_it_seeds_ends_at_once_and_starts_again(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    process = spawn_up(write_site(tmp_path, text="builds for ever"))
    try:
        until(lambda: list((tmp_path / "data").rglob("began")))
        process.send_signal(number)
        said, words = process.communicate(timeout=DEADLINE_S)
    finally:
        end(process)
    assert (process.returncode, said, words) == (code, "", "")
    write_site(tmp_path)
    with running_up(tmp_path) as up:
        assert up.texts() == {"from the file"}


def test_a_function_that_no_longer_compiles_keeps_the_old_one_live(tmp_path: Path) -> None:
    with running_up(write_site(tmp_path), workers=1) as up:
        assert up.stop() == 0
    write_site(tmp_path, text="syntax error")
    up = begin_up(tmp_path, workers=1)
    try:
        assert up.texts(workers=1) == {"from the file"}
    finally:
        up.stop()
        _, words = up.process.communicate()
    assert 'Function "hello" stays at' in words


@pytest.mark.parametrize("text", ["refuse", "crash"])
def test_a_function_that_workers_refuse_or_die_of_keeps_the_old_one_live(tmp_path: Path, text: str) -> None:
    with running_up(write_site(tmp_path)) as up:
        assert up.stop() == 0
    write_site(tmp_path, text=text)
    with running_up(tmp_path) as up:
        assert up.texts() == {"from the file"}


def test_an_unchanged_file_leaves_a_rollback_alone_and_a_changed_one_does_not(tmp_path: Path) -> None:
    with running_up(write_site(tmp_path), workers=1) as up:
        assert up.deploy("from the command line").status == 200
        assert up.stop() == 0
    with running_up(tmp_path, workers=1) as up:
        assert up.texts(workers=1) == {"from the command line"}
        assert up.stop() == 0
    write_site(tmp_path, text="changed in the file")
    with running_up(tmp_path, workers=1) as up:
        assert up.texts(workers=1) == {"changed in the file"}


def test_sighup_reads_the_site_again_and_a_bad_one_changes_nothing(tmp_path: Path) -> None:
    up = begin_up(write_site(tmp_path))
    try:
        write_site(tmp_path, text="newer", name="second")
        up.process.send_signal(signal.SIGHUP)
        until(lambda: up.view()["site"] == "second")
        assert up.texts() == {"newer"}
        (tmp_path / "edgefaas.toml").write_text("[site\nname = 3")
        up.process.send_signal(signal.SIGHUP)
        answer = up.admin("POST", "/v1/site/reload")
        assert (answer.status, "TOML" in answer.json["error"]) == (422, True)
        write_site(tmp_path, name="unwanted", text="newer", more="[kv.unwanted]\n")
        answer = up.admin("POST", "/v1/site/reload")
        assert "unwanted" in answer.json["error"]
        assert {up.view()["site"] for _ in range(8)} == {"second"}
        spaces = up.admin("GET", "/v1/kv").json["namespaces"]
        assert [(space["name"], space["in_site"]) for space in spaces] == [("unwanted", False)]
        assert up.stop() == 0
    finally:
        end(up.process)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")  # Python 3.12 and on; the child only execs
def test_a_closed_terminal_ends_the_pop_and_does_not_leave_it_behind(tmp_path: Path) -> None:
    write_site(tmp_path)
    pid, terminal = pty.fork()
    if pid == 0:
        options = [str(tmp_path / "edgefaas.toml"), str(tmp_path / "data"), "1", ":0", "0", "3", "", ""]
        os.execv(sys.executable, [sys.executable, "-m", "tests.edgefaas.processes.run_up", *options])
    said = b""
    while b"ready" not in said:
        said += os.read(terminal, 1000)
    os.kill(pid, signal.SIGHUP)  # with the terminal there: read the site again
    while b"was read again" not in said:
        said += os.read(terminal, 1000)
    os.close(terminal)
    until(lambda: os.waitpid(pid, os.WNOHANG) != (0, 0))
    assert not (tmp_path / "data" / "admin.json").exists()


def test_ctrl_c_drains_and_ends_with_130(tmp_path: Path) -> None:
    up = begin_up(write_site(tmp_path), workers=1)
    up.process.send_signal(signal.SIGINT)
    assert up.process.wait(DEADLINE_S) == 130
    assert up.process.communicate() == ("", "")


def test_workers_do_not_outlive_a_killed_supervisor_and_the_folder_is_free_again(tmp_path: Path) -> None:
    with running_up(write_site(tmp_path)) as up:
        workers = up.pids()
        up.process.kill()
        up.process.wait()
        until(lambda: all(gone(pid) for pid in workers))
    with running_up(tmp_path) as up:
        assert up.texts() == {"from the file"}


def test_a_held_worker_does_not_keep_the_port_of_a_killed_supervisor(tmp_path: Path) -> None:
    """It could not see that its supervisor was gone, and the next start found the port in use."""
    folder = write_site(tmp_path / "site")
    with running_up(folder) as up:
        port = int(up.url.rpartition(":")[2])
        held = up.pids()[0]
        os.kill(held, signal.SIGSTOP)
        try:
            up.process.kill()
            up.process.wait(DEADLINE_S)
            until(lambda: gone(held))
            with running_up(folder, listen=port) as again:
                assert again.texts() == {"from the file"}
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(held, signal.SIGKILL)


def test_a_viewer_in_the_middle_of_an_answer_is_not_cut_off_by_a_drain(tmp_path: Path) -> None:
    with running_up(write_site(tmp_path), workers=1) as up:
        port = int(up.url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S) as viewer:
            viewer.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab")
            assert ask(up.url, "GET", "/").status == 200
            up.process.send_signal(signal.SIGTERM)
            viewer.sendall(b"cde")
            assert viewer.recv(4096).startswith(b"HTTP/1.1 200")
        assert up.process.wait(DEADLINE_S) == 0
