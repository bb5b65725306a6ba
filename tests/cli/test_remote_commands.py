"""Commands against a running POP (whose workers run no sandbox)."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.running import Shell
from tests.edgefaas.processes.running import Up, running_up, until, write_site

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


def test_deploy_of_a_file_is_live_and_named_after_it(shell: Shell, up: Up, tmp_path: Path) -> None:
    source = tmp_path / "country.js"
    source.write_text("by file")
    ended = shell("deploy", source)
    assert ended.code == 0
    assert ended.out.startswith("country  v1  ")
    assert " live in " in ended.out
    assert "No behaviour of the site uses country yet" in ended.err
    assert up.view()["live"]["country"] == "by file"
    assert "was live already" in shell("deploy", source).out
    assert shell("rm", "country").code == 0
    assert "country" not in up.view()["live"]


def test_deploy_without_a_name_takes_every_function_of_the_site(shell: Shell, up: Up) -> None:
    (up.folder / "hello.js").write_text("changed in place")
    ended = shell("deploy", "--json")
    assert (ended.code, ended.json["deployed"][0]["name"], ended.json["live"]) == (0, "hello", True)
    assert up.view()["live"]["hello"] == "changed in place"


def test_a_source_that_the_site_names_goes_by_the_site_s_words_for_it(shell: Shell, up: Up) -> None:
    (up.folder / "hello.js").write_text("named by its file")
    for what in ("hello", up.folder / "hello.js"):
        assert shell("deploy", what, "--json").json["deployed"][0]["name"] == "hello"


def test_a_dry_run_changes_nothing(shell: Shell, up: Up, tmp_path: Path) -> None:
    (tmp_path / "hello.js").write_text("never live")
    ended = shell("deploy", tmp_path / "hello.js", "--dry-run")
    assert "would go live" in ended.out
    assert up.view()["live"]["hello"] != "never live"


def test_a_deploy_that_expects_another_version_is_refused(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "hello.js").write_text("too late")
    ended = shell("deploy", tmp_path / "hello.js", "--expect", "0123456789ab")
    assert ended.code == 1
    assert "somebody changed it" in ended.err


def test_versions_rollback_and_diff(shell: Shell, up: Up, tmp_path: Path) -> None:
    for text in ("one\nsame\n", "two\nsame\n"):
        (tmp_path / "hello.js").write_text(text)
        assert shell("deploy", tmp_path / "hello.js").code == 0
    listed = shell("versions", "hello", "--json").json
    assert listed["versions"][0]["version"] == listed["live"]
    assert "-one" in (difference := shell("diff", "hello").out)
    assert "+two" in difference
    assert "again" in shell("rollback", "hello").out
    assert up.view()["live"]["hello"] == "one\nsame\n"
    wanted = listed["live"][:8]
    assert shell("rollback", "hello", wanted, "--json").json["version"] == listed["live"]
    assert shell("diff", "hello", wanted, wanted).out == "The two are the same.\n"


def test_what_the_system_refuses_ends_with_1_a_sentence_and_a_remedy(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "bad.js").write_text("syntax error")
    for arguments, words in [
        (("deploy", tmp_path / "bad.js"), "bad.js, line 3"),
        (("deploy", tmp_path / "missing.js"), "There is no file or folder"),
        (("rm", "hello"), 'used by behaviour "*"'),
        (("rm", "unknown"), 'No function is called "unknown"'),
        (("versions", "unknown"), 'No function is called "unknown"'),
        (("rollback", "hello", "v99"), 'no version "v99"'),
        (("invoke", "unknown"), 'No function is called "unknown"'),
    ]:
        ended = shell(*arguments)
        assert (ended.code, ended.out) == (1, "")
        assert words in ended.err
        said = json.loads(shell(*arguments, "--json").err)
        assert set(said) == {"error", "remedy"}
        assert said["remedy"].endswith(".")


def test_what_was_typed_wrongly_ends_with_2(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "no.json").write_text("{,}")
    for arguments in [
        ("purge",),
        ("purge", "--all", "--tag", "x"),
        ("deploy", "--name", "x"),
        ("invoke", "hello", "--event", tmp_path / "no.json"),
        ("invoke", "hello", "--event", tmp_path / "none.json"),
        ("logs", "--level", "loud"),
        ("versions",),
    ]:
        assert shell(*arguments).code == 2


def test_invoke_prints_the_result_and_the_logs_apart(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "event.json").write_text('{"a": [1]}')
    ended = shell("invoke", "hello", "--event", tmp_path / "event.json", "--json")
    assert (ended.code, ended.json["result"]) == (0, {"a": [1]})


def test_purge_says_how_many(shell: Shell, up: Up) -> None:
    up.view()
    assert shell("purge", "--all", "--json").json["removed"] >= 1
    assert shell("purge", "--tag", "news").out == "0 stored responses dropped\n"
    assert shell("purge", "--url", "/a", "--soft").out == "0 stored responses marked stale\n"
    assert shell("purge", "--url", "relative").code == 1


def test_logs_show_what_functions_said(shell: Shell, up: Up) -> None:
    assert shell("invoke", "hello", "--json").code == 0
    until(lambda: "invoked hello" in shell("logs", "--function", "hello").out)
    (line, *_) = shell("logs", "--json").out.splitlines()
    assert json.loads(line)["level"] == "info"


def test_following_the_logs_ends_quietly_with_130_on_ctrl_c(up: Up) -> None:
    command = [sys.executable, "-c", "from cli.main import main; main()"]
    command += ["logs", "-f", "--data", str(up.folder / "data")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as follower:
        assert follower.stdout is not None
        up.admin("POST", "/v1/functions/hello/invoke", {})
        follower.stdout.readline()
        follower.send_signal(signal.SIGINT)
        _, words = follower.communicate(timeout=60)
    assert (follower.returncode, words) == (130, "")


def test_a_reader_who_leaves_early_is_no_error(up: Up) -> None:
    command = (
        f"{sys.executable} -c 'from cli.main import main; main()' stats --data {up.folder}/data | head -c 1"
    )
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False, timeout=60)
    assert done.stderr == ""


def test_the_admin_api_is_found_from_the_environment(
    shell: Shell, up: Up, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bare = Shell(shell.capsys)
    monkeypatch.chdir(tmp_path)
    assert "No POP runs on the data folder" in bare("ls").err
    monkeypatch.setenv("EDGEFAAS_ADMIN", up.announced["admin"].removeprefix("http://"))
    assert "no token" in bare("ls").err
    monkeypatch.setenv("EDGEFAAS_TOKEN", up.token)
    assert bare("ls").code == 0
    monkeypatch.setenv("EDGEFAAS_TOKEN", "wrong")
    assert "not valid" in bare("ls").err


def test_a_pop_that_does_not_answer_is_named(shell: Shell) -> None:
    ended = shell("ls", "--admin", "http://127.0.0.1:1", "--token", "x")
    assert ended.code == 1
    assert "No POP answers at http://127.0.0.1:1" in ended.err


def test_tokens_are_made_listed_and_revoked(shell: Shell, up: Up) -> None:
    made = shell("token", "create", "ci", "--scope", "deploy", "--days", "1").out.strip()
    assert up.admin("GET", "/v1/audit", token=made).status == 403
    assert "ci     deploy" in shell("token", "ls").out
    assert shell("token", "create", "ci", "--scope", "deploy").code == 1
    assert shell("token", "revoke", "ci").code == 0
    assert shell("token", "revoke", "ci").code == 1


def test_stats_audit_and_reload_answer(shell: Shell) -> None:
    assert len(shell("stats", "--json").json["workers"]) == 1
    assert shell("audit").out.startswith("WHEN")
    assert "is served as its file says" in shell("reload").out


def test_nothing_is_coloured_when_it_is_not_read_on_a_terminal(shell: Shell) -> None:
    ended = shell("ls")
    assert "\x1b" not in ended.out + ended.err


def test_variables_of_the_command_are_of_the_new_version_over_what_the_files_say(
    shell: Shell, up: Up, tmp_path: Path
) -> None:
    (tmp_path / "hello.js").write_text("with variables")
    assert shell("deploy", tmp_path / "hello.js", "-e", "A=1=2", "--env", "B=", "--no-wait").code == 0
    shown = up.admin(
        "GET", f"/v1/functions/hello/versions/{shell('versions', 'hello', '--json').json['live']}"
    )
    assert shown.json["settings"]["environment"] == {"A": "1=2", "B": ""}
    assert shell("deploy", tmp_path / "hello.js", "-e", "A").code == 2
    assert shell("deploy", tmp_path / "hello.js", "-e", "1A=x").code == 1
