"""Builds Python functions in this process and runs them in a real sandbox; what tests of kind ``python`` share."""

import hashlib
import json
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from sandbox.artifacts import ArtifactStore
from sandbox.builder import artifact_name
from sandbox.capi import Engine, EngineConfig
from sandbox.contract import Finished, Kind, Outcome, Source, Threw
from sandbox.errors import CompileError
from sandbox.hostcalls import HostFunctions
from sandbox.kinds import Workshop
from sandbox.python import build, foundation
from sandbox.python.foundation import foundation_name
from sandbox.python.shim_build import ShimBuildError, ensure_shim
from tests.sandbox.stage import Made, Stage


@cache
def missing() -> str:
    """Return why functions in Python cannot be built here; "" when they can."""
    try:
        ensure_shim()
        foundation_name()
    except (CompileError, ShimBuildError) as error:
        return str(error)
    return ""


MARKS = [
    pytest.mark.skipif(bool(missing()), reason=missing()),
    pytest.mark.xdist_group("python"),  # CPython is compiled once, by one process
    pytest.mark.timeout(240),
]


@cache
def artifacts() -> Path:
    """Return a folder that the test processes of one user share."""
    folder = Path(tempfile.gettempdir()) / f"edgefaas-test-python-{foundation_name()[:16]}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


@cache
def workshop() -> Workshop:
    """Return what builds need, made once per process."""
    engine = Engine(EngineConfig())
    return Workshop(engine=engine, functions=HostFunctions(engine), artifacts=ArtifactStore(artifacts()))


def source(python: str | Mapping[str, str], *, entry: str = "index.py", handler: str = "") -> Source:
    files = {entry: python} if isinstance(python, str) else python
    return Source(
        kind=Kind.PYTHON,
        files={name: text.encode() for name, text in files.items()},
        entry=entry,
        handler=handler,
    )


@cache
def _build_code() -> str:
    """Return what tells builds of one state of the code from those of another."""
    folder = Path(foundation.__file__).parent
    return hashlib.sha256(b"".join(path.read_bytes() for path in sorted(folder.glob("*.py")))).hexdigest()


def make(python: str | Mapping[str, str], *, entry: str = "index.py", handler: str = "") -> Made:
    """Build a function. Raises BuildError."""
    wanted = source(python, entry=entry, handler=handler)
    shop = workshop()
    parts = build(wanted, shop)
    name = hashlib.sha256((artifact_name(wanted) + _build_code()).encode()).hexdigest()
    shop.artifacts.put(name, parts.files, kind="python", facts=parts.facts, warnings=parts.warnings)
    return Made(name, parts.facts, parts.warnings)


_stage = Stage(artifacts)
perform, outcomes = _stage.perform, _stage.outcomes


def outcome(python: str | Mapping[str, str], event: Any = None, **options: Any) -> Outcome:
    """Build and run once."""
    entry = options.pop("entry", "index.py")
    return outcomes(make(python, entry=entry), [event], **options)[0]


def answer(python: str | Mapping[str, str], event: Any = None, **options: Any) -> Any:
    """Build and run once; return the result's JSON. Fails the test when the function did not finish."""
    ended = outcome(python, event, **options)
    assert isinstance(ended, Finished), ended
    return json.loads(ended.output)


def answers(python: str | Mapping[str, str], events: list[Any], **options: Any) -> list[Any]:
    """Build once and run several times; return the results' JSON."""
    found = []
    for ended in outcomes(make(python), events, **options):
        assert isinstance(ended, Finished), ended
        found.append(json.loads(ended.output))
    return found


def value(expression: str, imports: str = "", event: Any = None, **options: Any) -> Any:
    """Return what a Python expression gives inside a handler, as JSON has it."""
    before = f"import {imports}\n" if imports else ""
    return answer(f"{before}def lambda_handler(event, context):\n    return {expression}\n", event, **options)


def thrown(python: str | Mapping[str, str], event: Any = None, **options: Any) -> Threw:
    """Build and run once; return the error. Fails the test when the function did not raise one."""
    ended = outcome(python, event, **options)
    assert isinstance(ended, Threw), ended
    return ended
