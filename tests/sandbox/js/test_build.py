# ruff: noqa: E501  # scripts are shown as they are
"""What a build accepts, refuses and warns about; modules, packages, and facts."""

import asyncio
import json
from pathlib import Path

import pytest

from sandbox.artifacts import ArtifactStore
from sandbox.builder import Builder
from sandbox.capi import Engine, EngineConfig
from sandbox.contract import Finished, Limits, Outcome, OverLimit, Threw
from sandbox.errors import ArtifactError, CompileError, ForbiddenImportError, MissingExportError
from sandbox.hostcalls import HostFunctions
from sandbox.js.build import IMAGE, PACKAGE, build
from sandbox.js.bundle import (
    COMMON,
    DATA,
    MODULE,
    ROOT,
    chunks_for,
    kinds_of,
)
from sandbox.kinds import Workshop
from sandbox.runtime import Sandbox
from tests.sandbox.js.stage import answer, artifacts, make, outcomes, perform, source, workshop
from tests.sandbox.stage import GENEROUS, StageHost


def test_commonjs_files_folders_json_and_packages_are_found() -> None:
    files = {
        "index.js": "const a = require('./lib/a'), j = require('./data.json'), p = require('pkg'), s = require('@s/q/sub');\n"
        "exports.handler = async () => [a.name, j.x, p(), s, require('./lib').index, require('pkg/package.json').version];",
        "lib/a.js": "exports.name = 'a' + require('../b');",
        "lib/index.js": "exports.index = __filename + ' ' + __dirname;",
        "b.cjs": "module.exports = 'b';",
        "data.json": '{"x": 1}',
        "node_modules/pkg/package.json": '{"name": "pkg", "version": "1.2.3", "main": "dist/main"}',
        "node_modules/pkg/dist/main.js": "const dep = require('dep'); module.exports = () => 'pkg+' + dep;",
        "node_modules/pkg/node_modules/dep/index.js": "module.exports = 'inner';",
        "node_modules/dep/index.js": "module.exports = 'outer';",
        "node_modules/@s/q/package.json": '{"exports": {"./sub": {"import": "./no.mjs", "require": "./s.js"}}}',
        "node_modules/@s/q/s.js": "module.exports = 'sub';",
    }
    files["index.js"] = files["index.js"].replace("require('./b')", "require('./b.cjs')")
    assert answer(files) == ["ab", 1, "pkg+inner", "sub", "/var/task/lib/index.js /var/task/lib", "1.2.3"]


def test_es_modules_import_each_other_commonjs_json_and_built_ins() -> None:
    files = {
        "index.mjs": "import { a, b as c } from './a.mjs';\nimport cjs, { named } from './c.cjs';\nimport * as all from './a.mjs';\n"
        "import crypto, { createHash } from 'node:crypto';\nimport pkg from 'pkg';\n"
        "const lazy = await import('./lazy.mjs');\n"
        "export const handler = async () => [a, c(), cjs.named, named, Object.keys(all), createHash === crypto.createHash,"
        " pkg, lazy.default, (await import('./late.mjs')).x, import.meta.url, typeof import.meta.dirname];",
        "a.mjs": "export const a = 1; export function b() { return a + 1 }",
        "c.cjs": "exports.named = 'n';",
        "lazy.mjs": "export default 'lazy';",
        "late.mjs": "export const x = 'late';",
        "node_modules/pkg/package.json": '{"exports": {"import": "./m.mjs", "require": "./c.js"}}',
        "node_modules/pkg/m.mjs": "export default 'esm';",
        "node_modules/pkg/c.js": "module.exports = 'cjs';",
    }
    assert answer(files, entry="index.mjs") == [
        1, 2, "n", "n", ["a", "b"], True, "esm", "lazy", "late", "file:///var/task/index.mjs", "string",
    ]  # fmt: skip


def test_a_package_of_type_module_makes_js_files_modules() -> None:
    files = {
        "package.json": '{"type": "module"}',
        "index.js": "import { x } from './x.js'; export const handler = async () => x;",
        "x.js": "export const x = 3;",
    }
    assert answer(files) == 3


def test_commonjs_may_require_an_es_module_that_does_not_await() -> None:
    files = {
        "index.js": "exports.handler = async () => require('./m.mjs').x;",
        "m.mjs": "export const x = 4;",
    }
    assert answer(files) == 4


def test_cycles_between_commonjs_files_see_what_is_exported_so_far() -> None:
    files = {
        "index.js": "exports.early = 1; const b = require('./b'); exports.handler = async () => b;",
        "b.js": "module.exports = { seen: require('./index').early };",
    }
    assert answer(files) == {"seen": 1}


@pytest.mark.parametrize("module", ["net", "tls", "dns", "child_process", "worker_threads", "http2", "cluster", "dgram", "vm", "v8", "inspector", "readline", "repl"])  # fmt: skip
def test_modules_that_an_edge_cannot_offer_load_and_throw_when_used(module: str) -> None:
    js = (
        f"const m = require('{module}'); const f = Object.values(m).find((v) => typeof v === 'function' && !/^is/.test(v.name));"
        "exports.handler = async () => { try { f() } catch (e) { return [e.message, e.code] } }"
    )
    message, code = answer(js)
    assert "not available in an edge function" in message
    assert code == "ERR_FEATURE_UNAVAILABLE_ON_PLATFORM"


@pytest.mark.parametrize(
    ("js", "line"),
    [
        ("const a = 1;\nconst sharp = require('sharp');\nexports.handler = async () => 1;", 2),
        ("import x from 'left-pad';\nexport const handler = async () => x;", 1),
        (
            "const key = process.env.KEY;\nconst sharp = require('sharp');\nexports.handler = async () => 1;",
            2,
        ),
    ],
)
def test_an_import_that_is_nowhere_is_named_with_its_line(js: str, line: int) -> None:
    with pytest.raises(ForbiddenImportError, match=rf"index\.js:{line} imports"):
        make(js)


@pytest.mark.parametrize(
    ("js", "line"),
    [
        ("exports.handler = async () => {\n\n  return require('sharp');\n};", 3),
        ("exports.handler = async () => (await import('@scope/none')).x;", 1),
        ("const load = () => require('sharp');\nexports.handler = async () => load();", 1),
    ],
)
def test_an_import_that_only_a_call_would_miss_is_a_warning_with_its_line(js: str, line: int) -> None:
    (warning,) = make(js).warnings
    assert f"index.js:{line} imports" in warning


@pytest.mark.parametrize("module", ["child_process", "node:worker_threads", "vm"])
def test_a_module_of_which_nothing_works_is_named_at_deploy(module: str) -> None:
    (warning,) = make(f"\nconst m = require('{module}');\nexports.handler = async () => 1;").warnings
    assert f"index.js:2 imports '{module}'" in warning


def test_import_and_require_stand_in_one_file_as_on_cloudfront() -> None:
    js = """const querystring = require('querystring');
    import cf from 'cloudfront';
    const kvs = cf.kvs('placeholder');
    async function handler(event) { return querystring.stringify({ a: [1, 2] }) + typeof kvs.get + typeof cf.logCustomData; }
    """
    assert answer(js) == "a=1&a=2functionfunction"
    assert (
        answer(
            "import { join } from 'path';\nconst require = (x) => x; export const handler = () => require(join('a', 'b'));"
        )
        == "a/b"
    )


def test_what_bundlers_put_before_a_module_is_there() -> None:
    js = """import { createRequire } from 'module'; const require = createRequire(import.meta.url);
    export const handler = async () => require('path').join('a', 'b');"""
    assert answer(js) == "a/b"


def test_the_only_function_that_a_file_exports_is_its_handler() -> None:
    js = "exports.onViewerRequest = async (event) => event + 1; exports.version = 3;"
    assert make(js).facts["handler"] == "onViewerRequest"
    assert answer(js, 1) == 2
    lazily = "const k = process.env.K; export const rewrite = async () => k ?? 'none';"
    assert answer({"index.mjs": lazily}, entry="index.mjs") == "none"
    with pytest.raises(MissingExportError, match="it exports a, b"):
        make("exports.a = () => 1; exports.b = () => 2;")
    with pytest.raises(MissingExportError, match="'handler'"):
        make("exports.a = () => 1;", handler="index.handler")


def test_text_that_looks_like_an_import_is_none() -> None:
    js = """
        const help = "cannot import from 'left-pad'", page = `<script type="module">
        import x from 'nowhere';
        </script>`, path = '/api/*'; // require('no')
        const re = /require('no')/; /* import 'no' */
        exports.handler = async () => [help.length, page.length > 40, path, re.source];
    """
    assert answer(js) == [29, True, "/api/*", "require('no')"]


def test_an_import_inside_try_or_of_a_missing_file_is_judged_when_it_runs() -> None:
    assert answer(
        "let x; try { x = require('fast-thing') } catch (e) { x = e.code } exports.handler = async () => x"
    ) == ("MODULE_NOT_FOUND")
    with pytest.raises(ForbiddenImportError, match=r"index\.js:2 imports '\./gone'"):
        make("\nrequire('./gone'); exports.handler = async () => 1")


def test_a_file_that_does_not_parse_matters_only_when_it_is_loaded() -> None:
    files = {"index.js": "exports.handler = async () => 1;", "broken.js": "let x = ;"}
    assert answer(files) == 1
    with pytest.raises(CompileError, match=r"SyntaxError.*broken\.js:1"):
        make({**files, "index.js": "require('./broken'); exports.handler = 1"})


def test_randomness_and_time_at_the_top_level_are_warned_of() -> None:
    assert not make("exports.handler = async () => Math.random() + Date.now()").warnings
    (warning,) = make("const id = Math.random(); exports.handler = async () => id").warnings
    assert "randomness" in warning
    (warning,) = make("const id = require('crypto').randomUUID(); exports.handler = async () => id").warnings
    assert "randomness" in warning
    (warning,) = make("const t = Date.now(); exports.handler = async () => t").warnings
    assert "time" in warning


def test_the_environment_at_the_top_level_is_that_of_the_request() -> None:
    made = make("const name = process.env.NAME ?? 'none'; exports.handler = async () => name")
    assert not made.warnings
    assert made.facts["api"] == "lambda-edge"
    for name in ("a", "b", "a"):
        (ended,) = outcomes(made, [None], host=StageHost(environment={"NAME": name}))
        assert isinstance(ended, Finished)
        assert json.loads(ended.output) == name


def test_a_top_level_that_needs_its_environment_to_run_at_all_is_accepted() -> None:
    js = "if (!process.env.KEY) throw new Error('KEY is required');\nexports.handler = async () => process.env.KEY"
    made = make(js)
    assert made.facts["handler"] == "handler"
    (ended,) = outcomes(made, [None], host=StageHost(environment={"KEY": "k"}))
    assert isinstance(ended, Finished)
    assert json.loads(ended.output) == "k"


def test_a_top_level_that_reads_its_environment_runs_once_for_each_environment() -> None:
    made = make(
        "const n = process.env.N; console.log('top ' + n); exports.handler = async () => n + Math.random()"
    )
    lines: list[str] = []
    for name in ("a", "b"):
        host = StageHost(environment={"N": name})
        ended = outcomes(made, [None] * 3, host=host)
        told = [json.loads(one.output) for one in ended if isinstance(one, Finished)]
        assert len(set(told)) == 3
        assert all(text.startswith(name) for text in told)
        lines += [text for _, text in host.lines]
    assert lines == ["top a", "top b"]


def test_a_top_level_has_a_budget_of_its_own_and_the_handler_does_not() -> None:
    spend = "const end = Date.now() + 150; while (Date.now() < end);"
    made = make(
        f"if (process.env.N) {{ {spend} }} exports.handler = async (loop) => {{ while (loop); return 1 }}"
    )
    host = StageHost(environment={"N": "1"})
    limits = Limits(cpu_ms=50, wall_ms=60_000)
    good, bad = outcomes(made, [False, True], host=host, limits=limits)
    assert isinstance(good, Finished)
    assert isinstance(bad, OverLimit)
    (bad,) = outcomes(made, [True], host=StageHost(environment={"N": "2"}), limits=limits)
    assert isinstance(bad, OverLimit)


def test_a_top_level_that_throws_in_one_environment_answers_in_another() -> None:
    made = make("if (!process.env.KEY) throw new Error('KEY is required');\nexports.handler = async () => 1")
    (bad,) = outcomes(made, [None])
    assert isinstance(bad, Threw)
    assert bad.message == "Error: KEY is required"
    (good,) = outcomes(made, [None], host=StageHost(environment={"KEY": "k"}))
    assert isinstance(good, Finished)


def test_a_top_level_that_fetches_runs_in_each_request() -> None:
    async def reply(_payload: bytes) -> bytes:
        return json.dumps({"status": 200, "headers": [], "body": "aGk="}).encode()

    js = "const config = await (await fetch('http://c/')).text();\nexport const handler = async () => config;"
    made = make(js, entry="index.mjs")
    assert "fetch" in made.warnings[0]
    host = StageHost(operations={"fetch": lambda payload: reply(payload)})
    (ended,) = outcomes(made, [None], host=host)
    assert isinstance(ended, Finished), ended
    assert json.loads(ended.output) == "hi"


def test_what_the_top_level_logs_is_told() -> None:
    (warning,) = make("console.log('hello', 1); exports.handler = async () => 1").warnings
    assert "info: hello 1" in warning


def test_state_of_the_top_level_is_in_the_image() -> None:
    made = make(
        "const table = new Map(Array.from({ length: 1000 }, (_, i) => [i, i * i])); exports.handler = async (n) => table.get(n)"
    )
    ended = outcomes(made, [7, 999])
    assert [json.loads(one.output) for one in ended if isinstance(one, Finished)] == [49, 998001]


def test_deployed_files_can_be_read_and_not_written() -> None:
    files = {
        "index.js": "const fs = require('fs'), path = require('path');\n"
        "const early = fs.readFileSync(path.join(__dirname, 'page.html'), 'utf8');\n"
        "exports.handler = async () => { let code; try { fs.writeFileSync('/tmp/x', '1') } catch (e) { code = e.code }\n"
        " let missing; try { fs.readFileSync('nope') } catch (e) { missing = e.code }\n"
        " return [early, (await fs.promises.readFile('./bin.dat')).toString('hex'), code, missing, fs.existsSync('/var/task/page.html'),"
        " fs.readdirSync('.'), fs.statSync('page.html').size] };",
        "page.html": "<h1>é</h1>",
        "bin.dat": "\x01\x02",
    }
    assert answer(files) == [
        "<h1>é</h1>",
        "0102",
        "EROFS",
        "ENOENT",
        True,
        ["bin.dat", "index.js", "page.html"],
        11,
    ]


def test_building_the_same_source_twice_gives_the_same_bytes() -> None:
    first, second = (make("exports.handler = async () => [1, { a: 'b' }]") for _ in range(2))
    assert first.name == second.name


def test_an_artefact_of_another_engine_does_not_load() -> None:
    made = make("exports.handler = async () => 'kept'")
    store = workshop().artifacts
    opened = store.open(made.name)
    files = {name: opened.read(name) for name in (IMAGE, PACKAGE)}
    name = "0" * 63 + "a"
    store.remove(name)
    store.put(name, files, kind="js", facts={**opened.facts, "foundation": "older"})

    async def scene(sandbox: Sandbox) -> None:
        with pytest.raises(ArtifactError, match="another version of the JavaScript engine"):
            sandbox.load(name)

    perform(scene)


@pytest.mark.slow
def test_the_builder_builds_in_a_child_process(tmp_path: Path) -> None:
    async def scene() -> None:
        builder = Builder(artifacts=artifacts())
        try:
            wanted = source(f"exports.handler = async () => {tmp_path.name!r}")
            built = await builder.build(wanted)
            assert built.facts["api"] == "lambda-edge"
            with pytest.raises(CompileError, match=r"^index\.js:2:9: SyntaxError") as caught:
                await builder.build(source("\nlet x = ;"))
            assert caught.value.line == 2
        finally:
            await builder.close()

    asyncio.run(scene())


def test_the_kind_of_a_file_follows_node() -> None:
    files = {
        "a.js": b"export const x = 1;", "b.js": b"exports.x = 1", "c.mjs": b"", "d.cjs": b"", "e.json": b"{}",
        "m/package.json": b'{"type": "module"}', "m/x.js": b"", "m/n/y.js": b"", "p/package.json": b"{}",
        "p/x.js": b"import 'a'", "q/package.json": b'{"type": "commonjs"}', "q/x.js": b"import 'a'",
    }  # fmt: skip
    kinds = {path.removeprefix(ROOT): kind for path, kind in kinds_of(files).items()}
    assert {path for path, kind in kinds.items() if kind == MODULE} == {
        "a.js",
        "c.mjs",
        "m/x.js",
        "m/n/y.js",
        "p/x.js",
    }
    assert {path for path, kind in kinds.items() if kind == COMMON} == {"b.js", "d.cjs", "q/x.js"}
    assert kinds["e.json"] == DATA


def test_chunks_follow_what_the_source_names() -> None:
    assert chunks_for(["exports.handler = async () => 1"]) == []
    assert chunks_for(["console.log('plain')"]) == []
    assert chunks_for(["console.log({ a: 1 })"]) == ["inspect"]
    assert chunks_for(["new URL(x); Buffer.from('')", "require('node:crypto')"]) == [
        ".Buffer",
        ".URL",
        "crypto",
    ]


def test_functions_of_two_folders_run_side_by_side_in_one_process(tmp_path: Path) -> None:
    """No two base images are alike, and a function's image is what differs from its own."""
    js = "const seen = new Set(Array(500).keys()); exports.handler = async (n) => [...Array(n).keys()].every((i) => seen.has(i))"
    made, other = make(js), tmp_path / "other"
    engine = Engine(EngineConfig())
    shop = Workshop(engine=engine, functions=HostFunctions(engine), artifacts=ArtifactStore(other))
    parts = build(source(js), shop)
    shop.artifacts.put("0" * 64, parts.files, kind="js", facts=parts.facts)

    async def scene(sandbox: Sandbox) -> list[Outcome]:
        elsewhere = Sandbox(artifacts=other)
        programs = [(sandbox, sandbox.load(made.name)), (elsewhere, elsewhere.load("0" * 64))]
        ended = [
            await where.run(program, b"500", limits=GENEROUS, host=StageHost())
            for where, program in programs * 2
        ]
        await elsewhere.close()
        return ended

    for ended in perform(scene):
        assert isinstance(ended, Finished)
        assert ended.output == b"true"


def test_a_function_of_another_base_image_does_not_load() -> None:
    made = make("exports.handler = async () => 'based'")
    store = workshop().artifacts
    opened = store.open(made.name)
    files = {name: opened.read(name) for name in (IMAGE, PACKAGE)}
    name = "0" * 63 + "b"
    store.remove(name)
    store.put(name, files, kind="js", facts={**opened.facts, "base": "0" * 32})

    async def scene(sandbox: Sandbox) -> None:
        with pytest.raises(ArtifactError, match="another base image"):
            sandbox.load(name)

    perform(scene)
