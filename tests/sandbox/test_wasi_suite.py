"""The runner of the public WASI suite, on modules of our own."""

import asyncio
import json
from pathlib import Path

import pytest

from sandbox.capi import wat_to_wasm
from tests.sandbox.test_cgi import COMMAND, WRITE
from tests.sandbox.wasi_suite import modules_in, run_suite


@pytest.mark.slow
def test_the_runner_tells_what_passed_failed_and_was_skipped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cases = {
        "passes": (WRITE, {"stdout": "hello"}),
        "exits": ("(call $exit (i32.const 7))", {"exit_code": 7}),
        "traps": ("(unreachable)", {}),
        "writes": (WRITE, {"stdout": "other"}),
        "renames": (WRITE, {"dirs": ["fs"]}),
    }
    for name, (body, expectation) in cases.items():
        (tmp_path / f"{name}.wasm").write_bytes(wat_to_wasm(COMMAND.format(body=body).encode()))
        (tmp_path / f"{name}.json").write_text(json.dumps(expectation))
    counts = asyncio.run(run_suite(modules_in(tmp_path)))
    assert counts == {"passed": 2, "failed": 2, "skipped": 1}
    assert "writes to its folder" in capsys.readouterr().out
