"""Every function of the corpus has the effect that the specification says, and Node or CPython agrees."""

import json
import shutil
import subprocess
import sys
from typing import Any

import pytest

from edgefaas.errors import FunctionValidationError
from edgefaas.events import Continue, OriginChange, decode_result
from edgefaas.message import Headers
from sandbox import Finished, Threw
from tests.compat.cases import FOLDER, Case, all_cases, octets
from tests.samples.running import Ran, Task, run_all
from tests.sandbox.python.stage import missing as missing_python

CASES = [case for case in all_cases() if not case.is_python or not missing_python()]
IN_PYTHON = [case for case in CASES if case.is_python]
NODE = shutil.which("node")


def node_major() -> int:
    """Return the version of this Node, 0 without one."""
    if NODE is None:
        return 0
    told = subprocess.run([NODE, "-p", "process.versions.node"], capture_output=True, text=True, check=True)
    return int(told.stdout.split(".")[0])


def runs_in_node(case: Case) -> bool:
    """Whether this Node has to agree: some texts (of errors, of locales) change from version to version."""
    return (
        "node" not in case.about
        and not case.is_python
        and case.about.get("node_major", NODE_MAJOR) == NODE_MAJOR
    )


NODE_MAJOR = node_major()
IN_NODE = [case for case in CASES if runs_in_node(case)]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Ran]:
    tasks = [
        Task(
            case.source,
            case.sent.payload,
            environment=case.environment,
            pairs=case.about.get("pairs", {}),
        )
        for case in CASES
    ]
    results = run_all(tasks, tmp_path_factory.mktemp("artifacts"), isolated=False)
    return {case.name: result for case, result in zip(CASES, results, strict=True)}


@pytest.fixture(scope="module")
def in_node() -> dict[str, dict[str, Any]]:
    if NODE is None:
        pytest.skip("node is not installed")
    return run_elsewhere([NODE, str(FOLDER.parent / "node_harness.cjs")], IN_NODE, "handler")


@pytest.fixture(scope="module")
def in_python() -> dict[str, dict[str, Any]]:
    command = [sys.executable, "-B", str(FOLDER.parent / "native_harness.py")]
    return run_elsewhere(command, IN_PYTHON, "lambda_handler")


def run_elsewhere(command: list[str], cases: list[Case], handler: str) -> dict[str, dict[str, Any]]:
    """Return what another engine makes of the cases."""
    told = [
        {
            "file": str(case.file),
            "event": json.loads(case.sent.payload),
            "environment": case.environment,
            "name": case.about.get("handler", handler),
        }
        for case in cases
    ]
    made = subprocess.run(
        command,
        input=json.dumps(told),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    return dict(zip([case.name for case in cases], json.loads(made.stdout), strict=True))


def named(cases: list[Case]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", cases, ids=[case.name for case in cases])


@named(CASES)
def test_the_engine_tells_which_api_a_function_speaks(case: Case, ran: dict[str, Ran]) -> None:
    built = ran[case.name].built
    assert built is not None, ran[case.name].refused
    assert built.facts["api"] == case.about["api"]


@named(CASES)
def test_a_function_has_the_effect_that_the_specification_says(case: Case, ran: dict[str, Ran]) -> None:
    outcome = ran[case.name].outcome
    if "threw" in case.effect:
        assert isinstance(outcome, Threw), outcome
        assert case.effect["threw"] in outcome.message
        return
    assert isinstance(outcome, Finished), ran[case.name]
    assert_effect(case, outcome.output)


@named(IN_NODE)
def test_node_agrees(case: Case, ran: dict[str, Ran], in_node: dict[str, dict[str, Any]]) -> None:
    there, here = in_node[case.name], ran[case.name].outcome
    if "threw" in there:
        assert isinstance(here, Threw), here
        assert "threw" in case.effect
        return
    assert isinstance(here, Finished), ran[case.name]
    assert json.loads(here.output) == there["result"]
    assert_effect(case, json.dumps(there["result"]).encode())


@named(IN_PYTHON)
def test_the_python_of_this_machine_agrees(
    case: Case, ran: dict[str, Ran], in_python: dict[str, dict[str, Any]]
) -> None:
    there, here = in_python[case.name], ran[case.name].outcome
    if "threw" in there:
        assert isinstance(here, Threw), here
        assert here.message == there["threw"]
        return
    assert isinstance(here, Finished), ran[case.name]
    assert json.loads(here.output) == there["result"]


def assert_effect(case: Case, output: bytes) -> None:
    effect = case.effect
    if "refused" in effect:
        with pytest.raises(FunctionValidationError) as refusal:
            decode_result(case.sent, output, case.rules)
        assert effect["refused"] in str(refusal.value)
        return
    result = decode_result(case.sent, output, case.rules)
    if isinstance(result, Continue):
        assert_parts(effect, {"uri": result.request.path, "query": result.request.query, "host": result.host})
        assert_headers(effect, result.request.headers)
        assert_origin(effect.get("origin"), result.origin)
        body = result.request.body
    else:
        assert_parts(effect, {"status": result.response.status, "reason": result.response.reason})
        assert_headers(effect, result.response.headers)
        body = result.response.body
    expected = octets(effect)
    assert expected is None or body == expected


def assert_parts(effect: dict[str, Any], parts: dict[str, Any]) -> None:
    assert {name: parts[name] for name in parts if name in effect} == {
        name: effect[name] for name in parts if name in effect
    }
    known = {"uri", "query", "host", "status", "reason", "headers", "lines", "origin", "body", "body_base64"}
    assert set(effect) <= known
    unexpected = ({"status", "reason"} if "uri" in parts else {"uri", "query", "host", "origin"}) & set(
        effect
    )
    assert not unexpected, "the result is of another sort than expected"


def assert_headers(effect: dict[str, Any], headers: Headers) -> None:
    for name, values in effect.get("headers", {}).items():
        assert headers.values(name) == (values or []), name
    for line in effect.get("lines", []):
        assert tuple(line) in list(headers)


def assert_origin(expected: dict[str, Any] | None, origin: OriginChange | None) -> None:
    if expected is None:
        assert origin is None
        return
    for name, value in expected.items():
        found = getattr(origin, name)
        if isinstance(found, tuple):
            found = list(found)
        if isinstance(found, frozenset):
            found = sorted(found)
        assert found == value, name


def test_the_corpus_has_at_least_forty_functions_of_both_apis_and_all_triggers() -> None:
    assert len(CASES) >= 40
    assert {case.about["api"] for case in CASES} == {"lambda-edge", "cloudfront-functions"}
    assert len({case.about["trigger"] for case in CASES}) == 4
