"""Builds JavaScript functions in this process and runs them in a real sandbox; what tests of kind ``js`` share."""

import hashlib
import json
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from sandbox.artifacts import ArtifactStore
from sandbox.builder import artifact_name
from sandbox.capi import Engine, EngineConfig
from sandbox.contract import Finished, Kind, Limits, Outcome, Source, Threw
from sandbox.errands import Errand
from sandbox.hostcalls import HostFunctions
from sandbox.js import build
from sandbox.js.foundation import foundation_key
from sandbox.kinds import Workshop
from tests.sandbox.stage import GENEROUS, Made, Stage, StageHost


@cache
def artifacts() -> Path:
    """Return a folder that the test processes of one user share: the engine is compiled once for all of them."""
    folder = Path(tempfile.gettempdir()) / f"edgefaas-test-js-{foundation_key()[:16]}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


@cache
def workshop() -> Workshop:
    """Return what builds need, made once per process."""
    engine = Engine(EngineConfig())
    return Workshop(engine=engine, functions=HostFunctions(engine), artifacts=ArtifactStore(artifacts()))


def source(js: str | Mapping[str, str], *, entry: str = "index.js", handler: str = "") -> Source:
    files = {entry: js} if isinstance(js, str) else js
    return Source(
        kind=Kind.JS,
        files={name: text.encode() for name, text in files.items()},
        entry=entry,
        handler=handler,
    )


def make(js: str | Mapping[str, str], *, entry: str = "index.js", handler: str = "") -> Made:
    """Build a function. Raises BuildError."""
    wanted = source(js, entry=entry, handler=handler)
    shop = workshop()
    parts = build(wanted, shop)
    name = hashlib.sha256((artifact_name(wanted) + "test").encode()).hexdigest()
    shop.artifacts.put(name, parts.files, kind="js", facts=parts.facts, warnings=parts.warnings)
    return Made(name, parts.facts, parts.warnings)


_stage = Stage(artifacts)
perform, outcomes = _stage.perform, _stage.outcomes


def outcome(
    js: str | Mapping[str, str],
    event: Any = None,
    *,
    limits: Limits = GENEROUS,
    host: StageHost | None = None,
    entry: str = "index.js",
) -> Outcome:
    """Build and run once."""
    return outcomes(make(js, entry=entry), [event], limits=limits, host=host)[0]


def answer(js: str | Mapping[str, str], event: Any = None, **options: Any) -> Any:
    """Build and run once; return the result's JSON. Fails the test when the function did not finish."""
    ended = outcome(js, event, **options)
    assert isinstance(ended, Finished), ended
    return json.loads(ended.output)


def value(expression: str, **options: Any) -> Any:
    """Return what a JavaScript expression gives, as JSON has it."""
    return answer(f"exports.handler = async (event) => ({expression});", **options)


def thrown(js: str, event: Any = None, **options: Any) -> Threw:
    """Build and run once; return the error it ended with."""
    ended = outcome(js, event, **options)
    assert isinstance(ended, Threw), ended
    return ended


def logged(statements: str) -> list[tuple[str, str]]:
    """Return the lines that statements log."""
    host = StageHost()
    answer(f"exports.handler = async () => {{ {statements} ; return 0 }};", host=host)
    return host.lines


def at_once(done: bytes | Errand) -> bytes:
    """Return what a host operation gives, here and now if it would be done elsewhere."""
    return done.do() if isinstance(done, Errand) else done
