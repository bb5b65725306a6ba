"""Functions that esbuild bundles: TypeScript always, JavaScript where its author says so."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from cli.toolchains import esbuild
from edgefaas import bundling
from edgefaas.errors import ConfigError, DeployError
from edgefaas.functions import read_build, read_entry, read_function
from tests.cli.running import Shell

EVENT = json.dumps(
    {"Records": [{"cf": {"config": {"eventType": "viewer-request"},
                         "request": {"method": "GET", "uri": "/a", "querystring": "", "clientIp": "192.0.2.1",
                                     "headers": {"host": [{"key": "Host", "value": "a"}]}}}}]}
)  # fmt: skip
CLOUDFRONT_EVENT = json.dumps(
    {"version": "1.0", "context": {"eventType": "viewer-request"}, "viewer": {"ip": "192.0.2.1"},
     "request": {"method": "GET", "uri": "/a", "querystring": {}, "headers": {}, "cookies": {}}}
)  # fmt: skip
HANDLER = """\
import { readFileSync } from 'node:fs';
import { greet } from './lib/greet';
export const handler = async (event: { Records: { cf: { request: { uri: string } } }[] }) => ({
  status: '200', body: greet(event.Records[0].cf.request.uri) + readFileSync(__dirname + '/table.txt', 'utf8'),
});
"""
GREET = "export const greet = (who: string): string => `hello ${who} `;\n"
TYPED = {"index.ts": HANDLER, "lib/greet.ts": GREET, "table.txt": "of old"}

Write = Callable[[Mapping[str, str]], Path]


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder in whose node_modules there is esbuild, from the registry."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed (apt-get install npm)")
    folder = tmp_path_factory.mktemp("packages")
    done = subprocess.run(
        [npm, "install", "--no-audit", "--no-fund", "--prefix", str(folder), "esbuild@^0.25"],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if done.returncode or not esbuild(folder):
        pytest.skip(f"esbuild cannot be had from the npm registry: {done.stderr[-200:]}")
    return folder


def written(folder: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


@pytest.fixture
def write(packages: Path, tmp_path: Path) -> Write:
    (tmp_path / "node_modules").symlink_to(packages / "node_modules")
    return lambda files: written(tmp_path / "fn", files)


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(capsys, ())


@pytest.mark.slow
def test_typescript_of_several_files_runs_with_the_files_that_it_reads(write: Write, shell: Shell) -> None:
    folder = write({**TYPED, "event.json": EVENT})
    ended = shell("test", folder, "--event", folder / "event.json")
    assert (ended.code, json.loads(ended.out)["body"]) == (0, "hello /a of old")
    assert sorted(read_function(folder).source.files) == ["index.js", "table.txt"]
    before = read_function(folder).version
    written(folder, {"lib/greet.ts": GREET.replace("hello", "again")})
    ended = shell("test", folder, "--event", folder / "event.json")
    assert json.loads(ended.out)["body"] == "again /a of old"
    assert read_function(folder).version != before


@pytest.mark.slow
def test_the_template_runs_and_is_live_by_its_folder(
    write: Write, shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write({})  # beside node_modules, where esbuild is found
    monkeypatch.chdir(tmp_path)
    assert shell("init", "mine", "--lang", "ts", "--json").json["missing_toolchain"] == ""
    ended = shell("test", "mine", "--expect", "mine/response.json")
    assert (ended.code, "as expected" in ended.err) == (0, True)
    assert sorted(read_function(tmp_path / "mine").source.files) == ["index.js"]


@pytest.mark.slow
def test_a_handler_that_only_cloudfront_calls_is_kept(write: Write, shell: Shell) -> None:
    text = """
import cf from 'cloudfront';
import { parse } from './parse';
async function handler(event: any) {
  const request = event.request;
  request.uri = parse(request.uri) + typeof cf.kvs;
  return request;
}
"""
    parse = "export const parse = (uri: string) => uri + '/';\n"
    folder = write({"index.ts": text, "parse.ts": parse, "event.json": CLOUDFRONT_EVENT})
    ended = shell("test", folder, "--event", folder / "event.json")
    assert (ended.code, json.loads(ended.out)["uri"]) == (0, "/a/function")


@pytest.mark.slow
def test_javascript_is_bundled_with_its_packages_where_its_author_says_so(write: Write, shell: Shell) -> None:
    folder = write(
        {
            "index.js": "import { shout } from 'shouting';\n"
            "export const handler = async () => ({ status: '200', body: shout('a') });\n",
            "node_modules/shouting/package.json": '{"name": "shouting", "exports": "./main.js", "type": "module"}',
            "node_modules/shouting/main.js": "export const shout = (text) => text.toUpperCase();\n",
            "function.toml": "[build]\nbundle = true\n",
            "event.json": EVENT,
        }
    )
    ended = shell("test", folder, "--event", folder / "event.json")
    assert (ended.code, json.loads(ended.out)["body"]) == (0, "A")
    assert sorted(read_function(folder).source.files) == ["index.js"]
    (folder / "function.toml").unlink()
    assert "node_modules/shouting/main.js" in read_function(folder).source.files


@pytest.mark.slow
def test_a_syntax_error_is_told_with_its_place_and_leaves_what_was_built(write: Write, shell: Shell) -> None:
    folder = write(TYPED)
    assert shell("build", folder).code == 0
    built = (folder / read_entry(folder)).read_bytes()
    written(folder, {"index.ts": "export const handler = (;\n"})
    command = [sys.executable, "-c", "from cli.main import main; main()", "build", str(folder)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "index.ts:1:24" in ended.stderr
    assert "esbuild ended with code 1" in ended.stderr
    assert (folder / read_entry(folder)).read_bytes() == built


def test_what_is_not_built_yet_is_no_function_and_says_what_to_run(tmp_path: Path) -> None:
    folder = written(tmp_path / "fn", TYPED)
    with pytest.raises(DeployError) as refused:
        read_function(folder)
    assert refused.value.remedy == f"Run edgefaas build {folder}."
    with pytest.raises(DeployError, match="has to be bundled"):
        read_function(folder / "index.ts")


def test_a_bundle_that_leads_outside_the_folder_is_refused(tmp_path: Path) -> None:
    folder = written(tmp_path / "fn", TYPED)
    written(tmp_path / "elsewhere", {"index.js": "exports.handler = async () => null;"})
    (folder / ".edgefaas").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DeployError, match="leads outside the function's folder"):
        read_function(folder)


@pytest.mark.parametrize(
    ("settings", "entry", "problem"),
    [
        ('[build]\nbundle = true\ncommand = ["make"]\n', "index.js", "beside a command"),
        ("[build]\nbundle = true\n", "index.py", "is for JavaScript"),
        ('[build]\nbundle = "yes"\n', "index.js", "bundle"),
    ],
)
def test_a_wish_to_bundle_that_makes_no_sense_is_refused(
    settings: str, entry: str, problem: str, tmp_path: Path
) -> None:
    folder = written(tmp_path / "fn", {"function.toml": settings, entry: ""})
    with pytest.raises(ConfigError, match=problem):
        read_function(folder)


def test_typescript_with_a_command_of_its_own_is_made_by_that(tmp_path: Path) -> None:
    settings = 'entry = "out.js"\n[build]\ncommand = ["tsc"]\n'
    folder = written(tmp_path / "fn", {"function.toml": settings, "index.ts": "", "out.js": ""})
    how = read_build(folder)
    assert how is not None
    assert how.command == ("tsc",)
    assert read_entry(folder) == "out.js"


def test_packages_of_ours_are_bundled_only_where_they_are_installed(tmp_path: Path) -> None:
    (tmp_path / "node_modules" / "aws-sdk").mkdir(parents=True)
    command = bundling.command(tmp_path, "index.mts")
    assert [word for word in command if word.startswith("--external")] == [
        "--external:cloudfront",
        "--external:@aws-sdk/*",
    ]
    assert "--format=esm" in command
    assert "--outfile=.edgefaas/index.mjs" in command
