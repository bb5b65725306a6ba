"""Imports and exports are found in code, and nowhere else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.js.scan import Import, has_module_syntax, imports_of


def named(text: str) -> list[str]:
    return [wanted.name for wanted in imports_of(text)]


def test_imports_are_found_with_their_lines_and_when_they_are_needed() -> None:
    text = """const a = require('a');
// require('no')
import b from "b";
import 'c';
export * from 'd';
import('e');
try { require('f') } catch {}
const g = () => require('g'), then = 1;
exports.h = async () => { await import('h'); };
import {
  i,
} from 'i';
if (a) { require('j') }
const { k } = require("k");
"""
    assert list(imports_of(text)) == [
        Import("a", 1, guarded=False, at_once=True, declared=False),
        Import("b", 3, guarded=False, at_once=True, declared=True),
        Import("c", 4, guarded=False, at_once=True, declared=True),
        Import("d", 5, guarded=False, at_once=True, declared=True),
        Import("e", 6, guarded=False, at_once=True, declared=False),
        Import("f", 7, guarded=True, at_once=False, declared=False),
        Import("g", 8, guarded=False, at_once=False, declared=False),
        Import("h", 9, guarded=False, at_once=False, declared=False),
        Import("i", 12, guarded=False, at_once=True, declared=True),
        Import("j", 13, guarded=False, at_once=False, declared=False),
        Import("k", 14, guarded=False, at_once=True, declared=False),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "'import x from \"y\"'",
        "`require('a') ${b} import 'c'`",
        "/require('a')/.test(b)",
        "/[/'\"]/.test(x) && /* require('a') */ 1",
        "loader.require('a'); load(a, 'b')",
        "a = b / c; // require('d')",
        "return /'/ // require('a')",
        "x = `a ${`b ${c} require('d')`} e`",
        "a.from('b')",
    ],
)
def test_what_text_says_is_no_import(text: str) -> None:
    assert named(text) == []


def test_code_within_a_template_is_code() -> None:
    assert named("x = `a ${require('b') + { c: `${require('d')}` }} require('e')`; require('f')") == [
        "b",
        "d",
        "f",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "import x from 'y'",
        "import*as x from'y'",
        "const path = '/api/*';\nexport const handler = 1;\n/* the end */",
        "export default async () => 1",
        "export{a as b};",
        "export async function handler() {}",
        "const x = `${y}`; export const z = 1",
        "function here() { return import.meta.url }",
        "function f() {}\nexport { f }",
    ],
)
def test_a_declaration_makes_an_es_module(text: str) -> None:
    assert has_module_syntax(text)


@pytest.mark.parametrize(
    "text",
    [
        "exports.page = `<script type=\"module\">\nimport x from './x.js';\nexport const y = 1;\n</script>`",
        "import('x')",
        "x.export = 1; y.import = 2",
        "a = { import: 1, export: 2 }",
        "// import x from 'y'\nrequire('x')",
        "const text = 'x\\\nexport default 1'",
    ],
)
def test_text_that_only_mentions_one_does_not(text: str) -> None:
    assert not has_module_syntax(text)


@given(text=st.text(alphabet="/*\n'\"`ax${}()[]\\; =>", max_size=80))
def test_any_text_is_read_to_its_end(text: str) -> None:
    has_module_syntax(text)
    for wanted in imports_of(text):
        assert 1 <= wanted.line <= text.count("\n") + 1


@given(name=st.from_regex(r"[a-z@/.-]{1,12}", fullmatch=True), lines=st.integers(0, 5))
def test_an_import_is_found_on_its_line_whatever_is_before(name: str, lines: int) -> None:
    before = "const a = '/*', b = `//${`'`}`, c = /[`'\"/]/g;" + "\n" * lines
    (found,) = imports_of(f"{before} const d = require('{name}')")
    assert (found.name, found.line, found.at_once) == (name, lines + 1, True)
