"""``edgefaas secret`` against a running POP (whose workers run no sandbox)."""

import io
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgefaas.control.keyring import KEY_FILE, KEY_VARIABLE, new_key
from edgefaas.control.vault import VALUE_MAX_BYTES
from tests.cli.running import Shell
from tests.edgefaas.processes.running import Up, running_up, write_site

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    with running_up(write_site(tmp_path_factory.mktemp("pop")), workers=1) as running:
        yield running


@pytest.fixture
def shell(up: Up, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    for name in ("EDGEFAAS_ADMIN", "EDGEFAAS_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    return Shell(capsys, ("--data", str(up.folder / "data")))


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch) -> io.BytesIO:
    octets = io.BytesIO()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(octets))
    return octets


def typed(stdin: io.BytesIO, octets: bytes) -> None:
    stdin.seek(0)
    stdin.truncate()
    stdin.write(octets)
    stdin.seek(0)


def test_put_ls_and_rm_never_show_the_value(shell: Shell, stdin: io.BytesIO) -> None:
    typed(stdin, b"open sesame\n")
    put = shell("secret", "put", "hello", "API_KEY")
    assert (put.code, put.out.split()[:2], "in force" in put.out) == (0, ["hello", "API_KEY"], True)
    (row,) = shell("secret", "ls", "hello", "--json").json["secrets"]
    assert row["digest"] == put.out.split()[2]
    listed = shell("secret", "ls")
    assert row["digest"] in listed.out
    assert "sesame" not in listed.out + put.out + put.err
    assert shell("secret", "rm", "hello", "API_KEY").code == 0
    assert "There is no secret" in shell("secret", "ls").out
    missing = shell("secret", "rm", "hello", "API_KEY")
    assert (missing.code, 'no secret "API_KEY"' in missing.err) == (1, True)


def test_the_last_line_end_is_dropped_unless_it_is_wanted(shell: Shell, stdin: io.BytesIO) -> None:
    digests = []
    for octets, options in [
        (b"value", ()),
        (b"value\n", ()),
        (b"value\r\n", ()),
        (b"value\n", ("--raw",)),
        (b"value\n\n", ()),
    ]:
        typed(stdin, octets)
        digests.append(shell("secret", "put", "hello", "A", *options, "--json").json["digest"])
    assert digests[0] == digests[1] == digests[2]
    assert digests[3] == digests[4] != digests[0]
    assert shell("secret", "rm", "hello", "A").code == 0


def test_a_value_in_the_command_is_refused_with_the_reason(shell: Shell) -> None:
    ended = shell("secret", "put", "hello", "A", "open sesame")
    assert ended.code == 2
    assert "does not belong into the command" in ended.err
    assert "sesame" not in ended.err


def test_what_cannot_be_a_secret_is_refused(shell: Shell, up: Up, stdin: io.BytesIO) -> None:
    for octets, name, words in [
        (b"", "A", "0 bytes"),
        (b"\xff", "A", "not UTF-8"),
        (b"v", "1A", "cannot be the name"),
        (b"x" * (VALUE_MAX_BYTES + 1), "A", "larger than"),
    ]:
        typed(stdin, octets)
        ended = shell("secret", "put", "hello", name)
        assert (ended.code, ended.out) == (1, "")
        assert words in ended.err
    assert up.admin("PUT", "/v1/functions/hello/secrets/A", b"x" * VALUE_MAX_BYTES).status == 200
    assert shell("secret", "rm", "hello", "A").code == 0


def test_a_secret_may_be_there_before_its_function_and_goes_with_it(
    shell: Shell, up: Up, stdin: io.BytesIO
) -> None:
    typed(stdin, b"early")
    assert "kept until later is deployed" in shell("secret", "put", "later", "A").out
    assert up.deploy("text", "later").status == 200
    assert len(shell("secret", "ls", "later", "--json").json["secrets"]) == 1
    assert shell("rm", "later").code == 0
    assert shell("secret", "ls", "later", "--json").json["secrets"] == []


def test_rotate_seals_with_a_new_key(shell: Shell, up: Up, stdin: io.BytesIO) -> None:
    typed(stdin, b"value")
    assert shell("secret", "put", "hello", "A").code == 0
    (before,) = shell("secret", "ls", "--json").json["secrets"]
    assert "1 secret sealed with a new key" in shell("secret", "rotate").out
    (after,) = shell("secret", "ls", "--json").json["secrets"]
    assert (after["digest"], after["key_id"] != before["key_id"]) == (before["digest"], True)
    assert shell("secret", "rm", "hello", "A").code == 0


def test_who_may_deploy_may_set_secrets_and_only_admin_may_rotate(up: Up) -> None:
    tokens = {
        scope: up.admin("POST", "/v1/tokens", {"name": f"s-{scope}", "scopes": [scope]}).json["token"]
        for scope in ("read", "deploy", "kv")
    }
    path = "/v1/functions/hello/secrets/A"
    for scope in ("read", "kv"):
        assert up.admin("PUT", path, b"v", token=tokens[scope]).status == 403
        assert up.admin("GET", "/v1/secrets", token=tokens[scope]).status == 403
    assert up.admin("PUT", path, b"v", token=tokens["deploy"]).status == 200
    assert up.admin("GET", "/v1/secrets", token=tokens["deploy"]).status == 200
    assert up.admin("POST", "/v1/secrets/rotate", token=tokens["deploy"]).status == 403
    assert up.admin("DELETE", path, token=tokens["deploy"]).status == 200


def test_a_lost_key_refuses_the_start_and_discard_mends_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_site(tmp_path / "site")
    offline = Shell(capsys, ("--data", str(folder / "data")))
    with running_up(folder, workers=1) as up:
        assert up.admin("PUT", "/v1/functions/hello/secrets/A", b"value").status == 200
        busy = offline("secret", "discard", "--yes")
        assert (busy.code, "in use by another" in busy.err) == (1, True)
    (folder / "data" / KEY_FILE).unlink()
    refused = offline(
        "up", "-c", folder / "edgefaas.toml", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"
    )
    assert refused.code == 1
    assert 'Secret "A" of function "hello" is sealed with key' in refused.err
    assert "hello A" in offline("secret", "discard", "--yes").out
    with running_up(folder, workers=1) as up:
        assert up.admin("GET", "/v1/secrets").json["secrets"] == []


def test_keys_may_be_given_by_file_or_variable_but_not_by_both(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shell = Shell(capsys)
    printed = shell("secret", "new-key").out.strip()
    assert len(printed) == len(new_key().text)
    (tmp_path / "key").write_text(printed)
    (tmp_path / "key").chmod(0o644)
    (tmp_path / "edgefaas.toml").write_text("")
    begin = ("up", "-c", tmp_path / "edgefaas.toml", "--data", tmp_path / "data")
    assert "read by others" in shell(*begin, "--secret-key-file", tmp_path / "key").err
    monkeypatch.setenv(KEY_VARIABLE, printed[:-2])
    wrong = shell(*begin)
    assert (wrong.code, "is not edgefaas-key-1:" in wrong.err, printed[20:-2] in wrong.err) == (
        1,
        True,
        False,
    )
    monkeypatch.setenv(KEY_VARIABLE, printed)
    (tmp_path / "key").chmod(0o600)
    assert shell(*begin, "--secret-key-file", tmp_path / "key").code == 2
