"""Commands that need no POP."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cli.init import LANGUAGES, NEEDS
from cli.main import COMMANDS, run
from cli.toolchains import missing
from tests.cli.running import Shell

COMPILED = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "edgefaas" / "python"
COMPILED.mkdir(mode=0o700, parents=True, exist_ok=True)
SITE = """
[site]
name = "demo"
[functions.hello]
source = "hello"
[[behaviors]]
path = "*"
viewer_request = "hello"
[pops.fra]
latitude = 50.1
longitude = 8.7
url = "http://127.0.0.1:1"
[pops.sin]
latitude = 1.35
longitude = 103.99
url = "http://127.0.0.1:1"
"""


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Shell:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return Shell(capsys)


@pytest.mark.slow
def test_help_imports_no_server_and_no_engine() -> None:
    code = (
        "import sys; from cli.main import run; run(['--help']);"
        "heavy = {'wasmtime', 'uvicorn', 'starlette', 'uvloop', 'asyncio', 'sqlite3', 'geoip2', 'cryptography'};"
        "sys.exit(', '.join(sorted(heavy & set(sys.modules))) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Usage: edgefaas" in done.stdout


def test_the_help_of_a_command_loads_nothing_of_a_pop() -> None:
    code = (
        "import sys; from importlib import import_module; from cli.main import COMMANDS\n"
        "for group in COMMANDS.values():\n"
        "    for module, _ in group.values(): import_module(module)\n"
        "print([name for name in sys.modules if name.startswith(('edgefaas.', 'router', 'sandbox'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "['edgefaas.errors']\n"


@pytest.mark.parametrize("name", [name for group in COMMANDS.values() for name in group])
def test_every_command_has_help(shell: Shell, name: str) -> None:
    ended = shell(name, "--help")
    assert (ended.code, f"edgefaas {name}" in ended.out) == (0, True)


@pytest.mark.parametrize("arguments", [["bogus"], ["--bogus"], ["up", "--workers", "0"], ["init"]])
def test_a_wrong_command_line_ends_with_2(arguments: list[str]) -> None:
    assert run(arguments) == 2


@pytest.mark.slow
@pytest.mark.timeout(600)  # the first run of a compiler builds its own C library
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_template_builds_and_gives_the_response_that_it_promises(
    shell: Shell, language: str, tmp_path: Path
) -> None:
    if language == "python":  # its interpreter is compiled once per machine, not per test
        folder = tmp_path / "cache" / "edgefaas" / "python"
        folder.parent.mkdir(parents=True)
        folder.symlink_to(COMPILED)
    ended = shell("init", "mine", "--lang", language, "--json")
    assert ended.code == 0
    if install := missing(NEEDS.get(language, ""), Path("mine")):
        assert install in ended.json["missing_toolchain"]
        pytest.skip(f"no toolchain for {language}")
    ended = shell("test", "mine", "--expect", "mine/response.json")
    assert ended.code == 0, ended.err
    assert "as expected" in ended.err
    assert json.loads(ended.out) == json.loads(Path("mine/response.json").read_text())


def test_init_writes_over_nothing(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    assert "There is a mine already" in shell("init", "mine").err
    assert list((tmp_path / "mine").iterdir()) == []


def test_init_makes_a_site_that_uses_the_function(shell: Shell) -> None:
    assert shell("init", "functions/hello", "--json").json["site"] == "edgefaas.toml"
    assert "1 function, 1 origin, 2 behaviors" in shell("validate").out
    assert "/hello" in Path("public/index.html").read_text()


def test_init_leaves_a_site_and_a_folder_that_are_there_as_they_are(shell: Shell) -> None:
    Path("public").mkdir()
    shell("init", "first")
    site = Path("edgefaas.toml").read_text()
    assert list(Path("public").iterdir()) == []
    assert shell("init", "second", "--json").json["site"] is None
    assert Path("edgefaas.toml").read_text() == site


@pytest.mark.parametrize("name", ["-mine", "a b", "ä", "x" * 64])
def test_init_refuses_a_name_that_no_function_may_have(shell: Shell, tmp_path: Path, name: str) -> None:
    assert shell("init", "--", name).code == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_test_tells_a_wrong_result_from_the_expected_one(shell: Shell) -> None:
    shell("init", "mine", "--lang", "wat")
    Path("other.json").write_text('{"status": "404"}')
    ended = shell("test", "mine", "--expect", "other.json")
    assert ended.code == 1
    assert '-  "status": "404"' in ended.err


@pytest.mark.slow
def test_test_tells_how_a_function_failed_and_can_expect_it(shell: Shell) -> None:
    Path("loops.wat").write_text(
        '(module (memory (export "memory") 1)'
        ' (func (export "alloc") (param i32) (result i32) (i32.const 0))'
        ' (func (export "handle") (param i32 i32) (result i64) (loop (br 0)) (i64.const 0)))'
    )
    ended = shell("test", "loops.wat", "--json")
    assert (ended.code, ended.json["outcome"]) == (1, "overlimit")
    Path("expected.json").write_text('{"outcome": "overlimit"}')
    assert "as expected" in shell("test", "loops.wat", "--expect", "expected.json").err


@pytest.mark.slow
def test_a_text_that_does_not_assemble_is_named_with_its_line(shell: Shell) -> None:
    Path("wrong.wat").write_text('(module\n  (func (export "x") (i32.cost 1)))\n')
    ended = shell("test", "wrong.wat")
    assert (ended.code, "wrong.wat:2:23: " in ended.err.lower()) == (1, True)


def test_validate_counts_what_is_good(shell: Shell) -> None:
    shell("init", "hello")
    Path("edgefaas.toml").write_text(SITE)
    assert "1 function, 1 behavior, 2 pops" in shell("validate").out
    assert shell("validate", "--json").json["valid"] is True


def test_validate_names_every_function_that_is_wrong(shell: Shell) -> None:
    Path("edgefaas.toml").write_text(SITE)
    ended = shell("validate", "--json")
    assert ended.code == 1
    assert ended.json["problems"][0]["function"] == "hello"
    Path("edgefaas.toml").write_text("[site]\nnaem = 'x'\n")
    ended = shell("validate")
    assert ended.code == 1
    assert "line 2" in ended.err
    assert "did you mean name?" in ended.err


def test_validate_names_a_folder_that_is_not_there(shell: Shell) -> None:
    Path("edgefaas.toml").write_text('[origins.a]\ndirectory = "nope"\n')
    ended = shell("validate", "--json")
    assert (ended.code, ended.json["problems"][0]["origin"]) == (1, "a")


def test_validate_opens_the_geoip_files(shell: Shell) -> None:
    Path("edgefaas.toml").write_text('[router]\ngeoip_city = "city.mmdb"\n')
    Path("city.mmdb").write_bytes(b"no database")
    ended = shell("validate", "--json")
    assert (ended.code, ended.json["problems"][0]["router"]) == (1, "geoip")


@pytest.mark.parametrize("url", ["ftp://x", "http://127.0.0.1:99999", "http://", "http://[::1"])
def test_an_admin_address_that_is_none_is_refused_as_typed_wrongly(shell: Shell, url: str) -> None:
    ended = shell("ls", "--admin", url, "--token", "x")
    assert (ended.code, "is not the address" in ended.err) == (2, True)


def test_import_writes_a_site_and_names_what_is_left_out(shell: Shell) -> None:
    origin = {"Id": "app", "DomainName": "app.example.org", "CustomOriginConfig": {"HTTPPort": 80}}
    behaviour = {"TargetOriginId": "app", "ViewerProtocolPolicy": "allow-all", "SmoothStreaming": True}
    config = {"Origins": {"Quantity": 1, "Items": [origin]}, "DefaultCacheBehavior": behaviour}
    Path("distribution.json").write_text(json.dumps({"DistributionConfig": config}))
    printed = shell("import", "cloudfront", "distribution.json")
    assert (printed.code, "warning:" in printed.err) == (0, True)
    assert shell("import", "cloudfront", "distribution.json", "-o", "edgefaas.toml").code == 0
    assert Path("edgefaas.toml").read_text() == printed.out
    assert "1 origin, 1 behavior" in shell("validate").out
    assert shell("import", "cloudfront", "distribution.json", "-o", "edgefaas.toml").code == 1
    Path("distribution.json").write_text("[]")
    assert shell("import", "cloudfront", "distribution.json").code == 2


def test_route_names_the_nearest_pop(shell: Shell) -> None:
    Path("edgefaas.toml").write_text(SITE)
    ended = shell("route", "127.0.0.1", "--explain")
    assert ended.code == 0
    assert "location  not known" in ended.out
    assert shell("route", "nonsense").code == 2
    Path("edgefaas.toml").write_text("")
    assert "names no POPs" in shell("route", "127.0.0.1").err


def test_up_finds_the_site_of_a_folder_above(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("edgefaas.toml").write_text("[site]\nnaem = 'x'\n")
    (tmp_path / "functions").mkdir()
    monkeypatch.chdir(tmp_path / "functions")
    ended = shell("up")
    assert (ended.code, "did you mean name?" in ended.err) == (1, True)


def test_pops_says_which_do_not_answer(shell: Shell) -> None:
    Path("edgefaas.toml").write_text(SITE)
    rows = shell("pops", "--json").json["pops"]
    assert [(row["name"], row["state"].startswith("down")) for row in rows] == [("fra", True), ("sin", True)]


def test_doctor_finds_what_is_wrong_with_the_site(shell: Shell) -> None:
    Path("edgefaas.toml").write_text("[site]\nnaem = 'x'\n")
    ended = shell("doctor", "--json")
    assert ended.code == 1
    assert any("naem" in finding["what"] for finding in ended.json["findings"])


def test_build_says_when_there_is_nothing_to_build_and_what_is_missing(shell: Shell) -> None:
    shell("init", "mine")
    assert "needs no building" in shell("build", "mine").out
    folder = Path("other")
    folder.mkdir()
    (folder / "function.toml").write_text('entry = "f.wasm"\n[build]\ncommand = ["false"]\n')
    assert "ended with code 1" in shell("build", "other").err
    assert (
        "Run edgefaas build" in shell("test", "other").err or "ended with code" in shell("test", "other").err
    )
    (folder / "function.toml").write_text('entry = "f.wasm"\n[build]\ncommand = ["no-such-program"]\n')
    assert "cannot be run" in shell("build", "other").err


def test_a_fault_of_ours_is_one_sentence(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr("edgefaas.config.load_site", fail)
    monkeypatch.delenv("EDGEFAAS_DEBUG", raising=False)
    ended = shell("validate", "x.toml")
    assert ended.code == 1
    assert "nobody foresaw" in ended.err


def test_validate_names_pairs_that_are_wrong_and_namespaces_that_are_missing(
    shell: Shell, tmp_path: Path
) -> None:
    (tmp_path / "edgefaas.toml").write_text(
        '[functions.f]\nsource = "f"\n[kv.good]\nimport = "good.json"\n[kv.bad]\nimport = "bad.json"\n'
    )
    (tmp_path / "f").mkdir()
    (tmp_path / "f" / "index.js").write_text("exports.handler = async () => null")
    (tmp_path / "f" / "function.toml").write_text('kv = ["good", "lost"]\n')
    (tmp_path / "good.json").write_text('{"a": "1"}')
    (tmp_path / "bad.json").write_text('{"a": 1}')
    ended = shell("validate")
    assert ended.code == 1
    assert 'names the key-value namespace "lost", which the site does not have' in ended.err
    assert "[kv.bad]: bad.json, pair 1 ('a') has a int" in ended.err
    assert "good" not in ended.err.replace("goods", "")


def test_a_command_that_is_nearly_one_is_hinted_at(shell: Shell) -> None:
    assert "Did you mean deploy" in shell("deploi").err
    far = shell("xyzzy").err
    assert ("No such command 'xyzzy'." in far, "Did you mean" in far) == (True, False)


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
def test_every_shell_is_given_what_completes_commands(shell: Shell, name: str) -> None:
    if shutil.which("bash") is None:
        pytest.skip("bash is not here: click asks for its version")
    ended = shell("completion", name)
    assert (ended.code, "_EDGEFAAS_COMPLETE" in ended.out) == (0, True)


def test_a_shell_that_asks_gets_commands_and_options() -> None:
    code = "from cli.main import main; main()"
    for words, wanted in (("edgefaas de", "plain,deploy"), ("edgefaas dev --po", "plain,--pops")):
        variables = {"_EDGEFAAS_COMPLETE": "bash_complete", "COMP_WORDS": words}
        variables["COMP_CWORD"] = str(len(words.split()) - 1)
        command = [sys.executable, "-c", code]
        done = subprocess.run(
            command, env={**os.environ, **variables}, capture_output=True, text=True, check=True
        )
        assert wanted in done.stdout.split()


@pytest.mark.parametrize(("status", "code"), [("abc", 2), ("600", 2), ("5xxx", 2), ("404", 1), ("5xx", 1)])
def test_what_is_no_status_is_no_filter_of_logs(shell: Shell, status: str, code: int) -> None:
    """Without a POP, good ones end with 1."""
    assert shell("logs", "--status", status).code == code
