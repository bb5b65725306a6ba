"""Canaries, plans and health checks as their users type them."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.running import Shell
from tests.edgefaas.processes.running import Up, ask, running_up, until, write_site

pytestmark = pytest.mark.slow


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


@pytest.fixture
def folder(tmp_path: Path, shell: Shell) -> Path:
    """Return the folder of a function ``hello`` whose old version is live."""
    made = tmp_path / "hello"
    made.mkdir()
    write(made, "old")
    assert shell("deploy", made).code == 0
    return made


def write(folder: Path, text: str, health: str = "") -> None:
    (folder / "index.js").write_text(text)
    (folder / "function.toml").write_text(f"[health]\n{health}")


def side(up: Up, wanted: str) -> str:
    return str(ask(up.url, "GET", "/", headers={"Edge-Version": wanted}).json["served"]["hello"])


def test_a_canary_begins_grows_and_is_promoted(shell: Shell, up: Up, folder: Path) -> None:
    write(folder, "new")
    ended = shell("deploy", folder, "--canary", "10%", "--affinity", "cookie:session")
    assert "for 10 % of the viewers" in ended.out
    assert "~ index.js" in ended.err
    assert (side(up, "live"), side(up, "canary")) == ("old", "new")
    assert "10 %" in shell("ls").out
    listed = shell("versions", "hello").out
    assert "canary 10 % by cookie:session" in listed
    assert "live 90 %" in listed
    assert "for 50 % of the viewers" in shell("promote", "--to", "50").out
    assert shell("promote").out.endswith("  live\n")
    assert side(up, "live") == "new"
    ended = shell("promote")
    assert (ended.code, "Which canary" in ended.err) == (2, True)
    assert "has no canary" in shell("promote", "hello").err


def test_rollback_ends_a_canary_first(shell: Shell, up: Up, folder: Path) -> None:
    write(folder, "new")
    shell("deploy", folder, "--canary", "0.5")
    assert "for everybody: its canary has ended" in shell("rollback", "hello").out
    assert side(up, "canary") == "old"


def test_a_plan_comes_before_the_deed_and_hides_values(shell: Shell, folder: Path) -> None:
    write(folder, "new")
    (folder / "more.js").write_text("more")
    (folder / "function.toml").write_text('environment = { KEY = "hidden" }\n[limits]\ncpu_ms = 7\n')
    ended = shell("deploy", folder, "--dry-run")
    for line in ("→ a new version", "~ index.js", "+ more.js", "+ environment.KEY", "~ limits.cpu_ms"):
        assert line in ended.err
    assert "hidden" not in ended.err
    assert "would go live" in ended.out


@pytest.mark.parametrize("canary", [(), ("--canary", "10%")])
def test_a_version_that_fails_its_test_event_ends_the_command_with_1(
    shell: Shell, up: Up, folder: Path, canary: tuple[str, ...]
) -> None:
    (folder / "request.json").write_text("{}")
    write(folder, "throws", 'event = "request.json"')
    ended = shell("deploy", folder, *canary)
    assert (ended.code, ended.out) == (1, "")
    assert "failed its health check: it threw" in ended.err
    assert (side(up, "live"), side(up, "canary")) == ("old", "old")
    write(folder, "well", 'event = "request.json"')
    assert "after its health check" in shell("deploy", folder).out


@pytest.mark.parametrize("canary", [(), ("--canary", "10%")])
def test_a_version_that_is_taken_back_ends_the_command_with_1_and_the_reason(
    up: Up, folder: Path, canary: tuple[str, ...]
) -> None:
    write(folder, "throws", "window_s = 60\nmin_runs = 3")
    command = [sys.executable, "-c", "from cli.main import main; main()", "deploy", str(folder), *canary]
    with subprocess.Popen(
        [*command, "--data", str(up.folder / "data")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as deploying:

        def over() -> bool:
            side(up, "canary")
            return deploying.poll() is not None

        until(over)
        _, words = deploying.communicate(timeout=60)
    assert deploying.returncode == 1
    assert "were errors" in words
    assert "again for everybody" in words
    assert (side(up, "live"), side(up, "canary")) == ("old", "old")


def test_a_version_that_stays_ends_the_command_with_0(shell: Shell, folder: Path) -> None:
    write(folder, "new")
    ended = shell("deploy", folder, "--watch", "1")
    assert ended.code == 0
    assert "is well: " in ended.err
    write(folder, "newer")
    assert shell("deploy", folder, "--watch", "600", "--no-wait", "--json").json["deployed"][0]["watched"]


def test_the_errors_of_a_first_version_are_told_and_it_stays(up: Up, folder: Path) -> None:
    """Nobody has a version before it to go back to; see the rollout watch."""
    first = folder.parent / "first"
    first.mkdir()
    write(first, "throws")
    command = [sys.executable, "-c", "from cli.main import main; main()", "deploy", str(first)]
    command += ["--watch", "600", "--min-runs", "3", "--data", str(up.folder / "data")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as deploying:

        def over() -> bool:
            up.view()  # which runs every function once
            return deploying.poll() is not None

        until(over)
        _, words = deploying.communicate(timeout=60)
    assert deploying.returncode == 1
    assert "first is the first version: nothing can be taken back" in words
    assert "were errors" in words
    assert "so it stays" in words
    assert up.view()["live"]["first"] == "throws"


def test_an_interrupted_wait_leaves_the_watching_to_the_pop(up: Up, folder: Path) -> None:
    write(folder, "throws", "window_s = 600\nmin_runs = 3")
    command = [sys.executable, "-c", "from cli.main import main; main()", "deploy", str(folder)]
    with subprocess.Popen(
        [*command, "--data", str(up.folder / "data")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as deploying:
        assert deploying.stdout is not None
        assert "live in" in deploying.stdout.readline()
        deploying.send_signal(signal.SIGINT)
        deploying.communicate(timeout=60)
    assert deploying.returncode == 130
    until(lambda: side(up, "live") == "old")


def test_prune_says_what_goes(shell: Shell, folder: Path) -> None:
    for text in ("one", "two", "three"):
        write(folder, text)
        shell("deploy", folder)
    before = len(shell("versions", "hello", "--json").json["versions"])
    assert "versions would go" in shell("prune", "--keep", "2", "--dry-run").out
    assert len(shell("versions", "hello", "--json").json["versions"]) == before
    assert shell("prune", "--keep", "2", "--json").json["files"] >= 1
    assert len(shell("versions", "hello", "--json").json["versions"]) == 2


def test_what_was_typed_wrongly_is_told(shell: Shell, folder: Path) -> None:
    for arguments, code, words in [
        (("deploy", folder, "--canary", "all"), 2, "is not a share"),
        (("deploy", folder, "--canary", "101%"), 2, "is not a share"),
        (("deploy", folder, "--affinity", "address"), 2, "--affinity is for a canary"),
        (("promote", "hello", "--to", "x"), 2, "is not a share"),
        (("prune", "--keep", "0"), 2, "--keep"),
    ]:
        ended = shell(*arguments)
        assert ended.code == code
        assert words in ended.err
    write(folder, "new")
    for canary, affinity in (("100%", "address"), ("0%", "address"), ("10%", "ip")):
        assert shell("deploy", folder, "--canary", canary, "--affinity", affinity).code == 1


@pytest.mark.parametrize(
    ("health", "words"),
    [
        ('event = "none.json"', "none.json, which cannot be read"),
        ('event = "bad.json"', "bad.json, which is not JSON"),
        ('expect = "request.json"', "no event is named"),
        ("window_s = 0.5", "is 0.5"),
        ("window_s = 3601", "window_s"),
        ("max_errors = 2", "max_errors"),
        ("more = 1", "more"),
    ],
)
def test_a_wrong_health_check_is_refused_with_its_line(
    shell: Shell, folder: Path, health: str, words: str
) -> None:
    (folder / "bad.json").write_text("{,}")
    write(folder, "new", health)
    ended = shell("deploy", folder)
    assert ended.code == 1
    assert words in ended.err
    assert "function.toml, line 2" in ended.err
