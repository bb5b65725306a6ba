"""A function is read from disk as its folder says, and never from outside of it."""

import os
from pathlib import Path

import pytest

from edgefaas import functionfiles
from edgefaas.errors import ConfigError, DeployError
from edgefaas.functions import read_build, read_entry, read_function, read_spec
from edgefaas.site import FunctionSpec
from sandbox.contract import Kind, Limits

COMPONENT = b"\x00asm\x0d\x00\x01\x00rest"
MODULE = b"\x00asm\x01\x00\x00\x00rest"


def folder(path: Path, settings: str = "", **files: str) -> Path:
    path.mkdir(exist_ok=True)
    if settings:
        (path / "function.toml").write_text(settings)
    for name, text in files.items():
        (path / name.replace("_", ".")).write_text(text)
    return path


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("a.js", b"x", Kind.JS),
        ("a.mjs", b"x", Kind.JS),
        ("a.cjs", b"x", Kind.JS),
        ("a.py", b"x", Kind.PYTHON),
        ("a.wat", b"(module)", Kind.EVENT),
        ("a.wasm", MODULE, Kind.EVENT),
        ("a.wasm", COMPONENT, Kind.HTTP),
    ],
)
def test_the_kind_goes_by_the_extension(tmp_path: Path, name: str, content: bytes, kind: Kind) -> None:
    (tmp_path / name).write_bytes(content)
    made = read_function(tmp_path / name)
    assert (made.name, made.source.kind, made.source.entry) == ("a", kind, name)


@pytest.mark.parametrize("kind", ["cgi", "http", "event"])
def test_function_toml_goes_over_the_extension(tmp_path: Path, kind: str) -> None:
    (folder(tmp_path / "f", f'kind = "{kind}"') / "f.wasm").write_bytes(MODULE)
    assert read_function(tmp_path / "f").source.kind == kind


def test_every_setting_of_function_toml_is_read(tmp_path: Path) -> None:
    settings = """
    name = "other"
    kind = "js"
    entry = "lib.js"
    handler = "main"
    encoding = "msgpack"
    description = "for people"
    allow = ["api.example.com"]
    environment = { A = "1" }
    [limits]
    memory_mb = 16
    cpu_ms = 7
    """
    made = read_function(folder(tmp_path / "f", settings, lib_js="x", index_js="y"))
    assert (made.name, made.source.entry, made.source.handler) == ("other", "lib.js", "main")
    assert (made.encoding, made.allow, made.environment) == ("msgpack", ("api.example.com",), {"A": "1"})
    assert made.limits == Limits(memory_bytes=16 << 20, cpu_ms=7)
    assert set(made.source.files) == {"lib.js", "index.js"}


def test_what_stands_beside_a_function_is_not_deployed(tmp_path: Path) -> None:
    path = folder(tmp_path / "f", index_js="x", README_md="x", request_json="{}", response_json="{}")
    (path / ".hidden").write_text("x")
    folder(path / "__pycache__", a_py="x")
    folder(path / "lib", README_md="deeper ones are the function's own")
    assert set(read_function(path).source.files) == {"index.js", "lib/README.md"}


def test_the_site_s_words_go_over_those_of_the_function(tmp_path: Path) -> None:
    path = folder(tmp_path / "f", 'environment = { A = "1", B = "1" }\n[limits]\ncpu_ms = 7', index_js="x")
    spec = FunctionSpec(name="n", source=path, environment={"B": "2"})
    assert read_spec(spec).environment == {"A": "1", "B": "2"}
    assert (read_spec(spec).name, read_spec(spec).limits.cpu_ms) == ("n", 7)
    spec = FunctionSpec(name="n", source=path, limits=Limits(cpu_ms=9))
    assert read_spec(spec).limits.cpu_ms == 9


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ('kind = "exe"', "line 1: kind"),
        ('\nentyr = "x"', "line 2: entyr"),
        ("[limits]\ncpu_ms = 0", "line 2: limits.cpu_ms"),
        ("[limits]\ncpu_ms = true", "line 2: limits.cpu_ms"),
        ('environment = "x"', "line 1: environment"),
        ("= 3", "not valid TOML"),
        ('[build]\ncomand = ["x"]', "line 2: build.comand"),
    ],
)
def test_a_wrong_function_toml_is_refused_with_folder_line_and_key(
    tmp_path: Path, settings: str, words: str
) -> None:
    with pytest.raises(ConfigError) as refusal:
        read_function(folder(tmp_path / "f", settings, index_js="x"))
    assert "f/function.toml" in str(refusal.value)
    assert words in str(refusal.value)


def test_a_folder_without_a_clear_entry_is_refused_with_the_candidates(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"a\.js, b\.js"):
        read_function(folder(tmp_path / "f", a_js="x", b_js="x"))


def test_an_entry_that_is_not_built_yet_is_refused_with_the_command_that_builds_it(tmp_path: Path) -> None:
    path = folder(tmp_path / "f", 'entry = "f.wasm"\n[build]\ncommand = ["make"]\nneeds = "zig"', f_c="x")
    with pytest.raises(DeployError) as refusal:
        read_function(path)
    assert "edgefaas build" in refusal.value.remedy
    build = read_build(path)
    assert build is not None
    assert (build.command, build.needs, read_entry(path)) == (("make",), "zig", "f.wasm")


def test_a_link_that_leads_outside_is_refused(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    path = folder(tmp_path / "f", index_js="x")
    (path / "data.txt").symlink_to(secret)
    with pytest.raises(DeployError, match="outside"):
        read_function(path)


def test_an_entry_outside_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret.wasm").write_bytes(MODULE)
    with pytest.raises(DeployError, match="outside"):
        read_function(folder(tmp_path / "f", 'entry = "../secret.wasm"'))
    with pytest.raises((ConfigError, DeployError), match="secret"):
        read_function(folder(tmp_path / "g", 'entry = "../secret.js"\nkind = "js"', index_js="x"))


def test_a_link_inside_is_followed_and_one_to_a_folder_is_refused(tmp_path: Path) -> None:
    path = folder(tmp_path / "f", index_js="x")
    (path / "alias.js").symlink_to("index.js")
    assert read_function(path).source.files["alias.js"] == b"x"
    (path / "loop").symlink_to(".")
    with pytest.raises(DeployError, match="link to a folder"):
        read_function(path)


def test_what_is_no_regular_file_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    path = folder(tmp_path / "f", index_js="x")
    os.mkfifo(path / "pipe.js")
    with pytest.raises(DeployError, match="not a regular file"):
        read_function(path)


def test_a_folder_over_the_limits_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder(tmp_path / "f", index_js="12345", b_js="12345")
    monkeypatch.setattr(functionfiles, "BUNDLE_MAX_BYTES", 10)
    assert read_function(path).size_bytes == 10
    monkeypatch.setattr(functionfiles, "BUNDLE_MAX_BYTES", 9)
    with pytest.raises(DeployError, match="9 in all"):
        read_function(path)
    monkeypatch.setattr(functionfiles, "BUNDLE_MAX_BYTES", 10)
    monkeypatch.setattr(functionfiles, "FILES_MAX", 1)
    with pytest.raises(DeployError, match="more than 1 files"):
        read_function(path)


@pytest.mark.parametrize("name", ["missing.js", "a.txt"])
def test_what_cannot_be_a_function_is_refused_with_a_remedy(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(DeployError) as refusal:
        read_function(tmp_path / name)
    assert refusal.value.remedy


def test_a_command_takes_the_files_and_folders_that_it_names_and_no_others(tmp_path: Path) -> None:
    settings = 'kind = "cgi"\nfiles = ["page.html", "./data"]'
    made = folder(tmp_path / "f", settings, page_html="p", other_html="o", source_c="int main;")
    (made / "f.wasm").write_bytes(MODULE)
    (made / "data" / "deep").mkdir(parents=True)
    (made / "data" / "deep" / "words").write_text("w")
    (made / "data" / ".hidden").write_text("h")
    assert set(read_function(made).source.files) == {"f.wasm", "page.html", "data/deep/words"}


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ('kind = "cgi"\nfiles = ["none"]', "does not exist"),
        ('kind = "cgi"\nfiles = ["../secret"]', "leads outside"),
        ('kind = "cgi"\nfiles = ["/etc/passwd"]', "leads outside"),
        ('kind = "event"\nfiles = ["page.html"]', "is for kind cgi"),
    ],
)
def test_files_of_a_command_are_there_and_its_own(tmp_path: Path, settings: str, why: str) -> None:
    (tmp_path / "secret").write_text("s")
    made = folder(tmp_path / "f", settings, page_html="p")
    (made / "f.wasm").write_bytes(MODULE)
    with pytest.raises((ConfigError, DeployError), match=why):
        read_function(made)


@pytest.mark.parametrize("entry", ["index.js", "main.py", "lambda_function.py", "handler.mjs", "app.py"])
def test_the_usual_names_of_entries_go_before_files_beside_them(tmp_path: Path, entry: str) -> None:
    for name in (entry, "zlib.js", "six.py"):
        (tmp_path / name).write_text("x")
    assert read_function(tmp_path).source.entry == entry
