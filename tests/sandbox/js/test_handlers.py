# ruff: noqa: E501  # scripts are shown as they are
"""Every form of handler that the two APIs document."""

import json
from typing import Any

import pytest

from sandbox.contract import Finished
from sandbox.errors import CompileError, MissingExportError
from tests.sandbox.js.stage import answer, make, outcomes, thrown
from tests.sandbox.stage import StageHost

LAMBDA = {"Records": [{"cf": {"config": {"requestId": "r-1"}, "request": {"uri": "/a"}}}]}
FORMS = {
    "an async arrow": "exports.handler = async (event) => ({ uri: event.Records[0].cf.request.uri });",
    "an async function": "exports.handler = async function (e) { return { uri: e.Records[0].cf.request.uri } }",
    "a callback": "exports.handler = (e, c, cb) => { cb(null, { uri: e.Records[0].cf.request.uri }) };",
    "a late callback": "exports.handler = (e, c, cb) => { setTimeout(() => cb(null, e.Records[0].cf.request), 2) };",
    "an async function that calls back": "exports.handler = async (e, c, cb) => { cb(null, e.Records[0].cf.request) };",
    "a callback after an await": "exports.handler = async (e, c, cb) => { await null; cb(null, e.Records[0].cf.request) };",
    "a thenable": "exports.handler = (e) => ({ then(ok) { ok(e.Records[0].cf.request) } });",
    "a callback that need not wait": "exports.handler = (e, c, cb) => { c.callbackWaitsForEmptyEventLoop = false;"
    " setTimeout(() => {}, 36e5); cb(null, e.Records[0].cf.request) };",
    "two callbacks": "exports.handler = (e, c, cb) => { cb(null, e.Records[0].cf.request); cb(null, 2) };",
    "a promise": "exports.handler = (e) => Promise.resolve(e.Records[0].cf.request);",
    "module.exports as the handler": "module.exports = async (e) => e.Records[0].cf.request;",
    "module.exports": "module.exports = { handler: async (e) => e.Records[0].cf.request };",
    "module.exports.handler": "module.exports.handler = async (e) => e.Records[0].cf.request;",
    "context.succeed": "exports.handler = (e, c) => { c.succeed(e.Records[0].cf.request) };",
    "context.done": "exports.handler = (e, c) => { c.done(null, e.Records[0].cf.request) };",
    "a plain function with Records": "function handler(e) { return e.Records[0].cf.request }",
    "a value returned at once": "exports.handler = (e) => e.Records[0].cf.request;",
    "nextTick": "exports.handler = (e, c, cb) => process.nextTick(cb, null, e.Records[0].cf.request);",
}
ES_FORMS = {
    "export const": "export const handler = async (event) => event.Records[0].cf.request;",
    "export function": "export function handler(event) { return Promise.resolve(event.Records[0].cf.request) }",
    "export list": "const h = async (event) => event.Records[0].cf.request;\nexport { h as handler };",
    "top-level await": "const x = await Promise.resolve(1);\nexport const handler = async (e) => e.Records[0].cf.request;",
    "default function": "export default async (e) => e.Records[0].cf.request;",
    "default object": "export default { handler: async (e) => e.Records[0].cf.request };",
}
CLOUDFRONT_FORMS = {
    "function": "function handler(event) { return event.request }",
    "async function": "async function handler(event) { return event.request }",
    "var": "var handler = function (event) { return event.request };",
    "const arrow": "const handler = (event) => event.request;",
    "import": "import cf from 'cloudfront';\nfunction handler(event) { return event.request }",
    "async import": "import cf from 'cloudfront';\nconst kvs = cf.kvs();\nasync function handler(e) { return e.request }",
    "exported for tests": "function handler(event) { return event.request }\n"
    "if (typeof module !== 'undefined') module.exports = { handler };",
}


@pytest.mark.parametrize("form", FORMS)
def test_lambda_edge_handlers_of_every_form_answer(form: str) -> None:
    made = make(FORMS[form])
    assert made.facts["api"] == "lambda-edge"
    (ended,) = outcomes(made, [LAMBDA])
    assert isinstance(ended, Finished), ended
    assert json.loads(ended.output) == {"uri": "/a"}


@pytest.mark.parametrize("form", ES_FORMS)
@pytest.mark.parametrize("entry", ["index.mjs", "index.js"])
def test_lambda_edge_handlers_in_es_modules_answer(form: str, entry: str) -> None:
    made = make(ES_FORMS[form], entry=entry)
    assert made.facts["api"] == "lambda-edge"
    (ended,) = outcomes(made, [LAMBDA])
    assert isinstance(ended, Finished), ended
    assert json.loads(ended.output) == {"uri": "/a"}


@pytest.mark.parametrize("form", CLOUDFRONT_FORMS)
def test_cloudfront_functions_of_every_form_answer(form: str) -> None:
    made = make(CLOUDFRONT_FORMS[form])
    assert made.facts["api"] == "cloudfront-functions"
    (ended,) = outcomes(made, [{"request": {"uri": "/a"}}])
    assert isinstance(ended, Finished), ended
    assert json.loads(ended.output) == {"uri": "/a"}


def test_the_handler_may_have_another_name() -> None:
    assert (
        make("exports.onRequest = async () => 1", handler="index.onRequest").facts["handler"] == "onRequest"
    )
    assert make("function viewer(event) { return event.request }", handler="viewer").facts["api"] == (
        "cloudfront-functions"
    )


@pytest.mark.parametrize(
    ("js", "message"),
    [
        ("exports.handler = async () => { throw new TypeError('no') }", "TypeError: no"),
        ("exports.handler = () => { throw new Error('no') }", "Error: no"),
        ("exports.handler = (e, c, cb) => cb(new Error('no'))", "Error: no"),
        ("exports.handler = (e, c, cb) => cb('plain')", "plain"),
        ("exports.handler = (e, c) => c.fail(new Error('no'))", "Error: no"),
        ("exports.handler = async () => { setTimeout(() => { throw new Error('late') }, 1); await new Promise(() => {}) }", "Error: late"),
        ("exports.handler = (e, c, cb) => { Promise.reject(new Error('lost')) }", "Error: lost"),
        ("exports.handler = async () => { await new Promise(() => {}) }", "never settled"),
        ("exports.handler = async () => ({ n: 1n })", "BigInt"),
        ("exports.handler = async () => { const a = {}; a.a = a; return a }", "circular"),
        ("exports.handler = async () => { throw null }", "null"),
        ("exports.handler = async () => { throw { code: 7 } }", "{ code: 7 }"),
    ],
)  # fmt: skip
def test_what_a_handler_throws_is_told(js: str, message: str) -> None:
    assert message in thrown(js, LAMBDA).message


def test_a_stack_names_the_authors_files_and_lines() -> None:
    ended = thrown(
        "\n\nfunction deep() { return null.x }\nexports.handler = async () => {\n  return deep();\n};"
    )
    places = [line.rpartition(":")[0] for line in ended.detail.splitlines()[1:]]
    assert places == ["    at deep (index.js:3", "    at <anonymous> (index.js:5"]


def test_a_stack_begins_with_the_error_as_in_v8() -> None:
    text = answer("exports.handler = async () => new TypeError('x').stack")
    assert text.startswith("TypeError: x\n    at ")


@pytest.mark.parametrize("js", ["exports.handler = async () => {}", "exports.handler = (e, c, cb) => {}"])
def test_a_handler_that_answers_nothing_gives_null(js: str) -> None:
    assert answer(js) is None


def test_the_context_has_the_usual_members() -> None:
    host = StageHost(environment={"AWS_LAMBDA_FUNCTION_NAME": "resize"})
    found: Any = answer(
        "exports.handler = async (e, c) => ({ ...JSON.parse(JSON.stringify({ id: c.awsRequestId, n: c.functionName,"
        " arn: c.invokedFunctionArn })), left: c.getRemainingTimeInMillis() })",
        LAMBDA,
        host=host,
    )
    assert found["id"] == "r-1"
    assert found["n"] == "resize"
    assert found["arn"].endswith(":function:resize")
    assert 0 < found["left"] <= 60_000


def test_a_missing_handler_is_named_at_build() -> None:
    with pytest.raises(MissingExportError, match="'handler'; it exports other"):
        make("exports.other = 1")
    with pytest.raises(MissingExportError, match="exports nothing"):
        make("import fs from 'fs'; const x = 1;")


@pytest.mark.parametrize(
    ("js", "line", "column"),
    [
        ("let a = 1;\nlet a = 2;", 2, 7),
        ("exports.handler = async () => {\n\n  let x = ;\n}", 3, 11),
        ("let x = ;", 1, 9),
        ("export const x = 1..;", 1, 21),  # a module, which nothing stands around
    ],
)
def test_a_syntax_error_names_file_line_and_column(js: str, line: int, column: int) -> None:
    with pytest.raises(CompileError, match=rf"^index\.js:{line}:{column}: SyntaxError") as caught:
        make(js)
    assert caught.value.line == line


def test_what_is_missing_is_missing_at_the_end_of_its_file() -> None:
    with pytest.raises(CompileError, match=r"^index\.js:2, at its end: SyntaxError") as caught:
        make("\nexports.handler = (")
    assert caught.value.line == 2


def test_what_the_top_level_throws_names_file_and_line() -> None:
    with pytest.raises(CompileError, match=r"TypeError: boom at lib/a\.js:2") as caught:
        make({"index.js": "require('./lib/a');", "lib/a.js": "\nthrow new TypeError('boom');"})
    assert caught.value.line == 2


def test_a_context_that_is_written_or_logged_has_all_its_members() -> None:
    js = """const { inspect } = require('util');
    exports.handler = async (event, context) => {
      context.mine = 1;
      const told = JSON.parse(JSON.stringify(context)), shown = inspect(context);
      return [Object.keys(told).sort(), told.awsRequestId, ['awsRequestId: ', 'getRemainingTimeInMillis: ', 'mine: 1'].map((t) => shown.includes(t))];
    };"""
    event = {"Records": [{"cf": {"config": {"requestId": "r1"}}}]}
    members = ["awsRequestId", "callbackWaitsForEmptyEventLoop", "functionName", "functionVersion"]
    members += ["invokedFunctionArn", "logGroupName", "logStreamName", "memoryLimitInMB", "mine"]
    assert answer(js, event) == [members, "r1", [True, True, True]]
