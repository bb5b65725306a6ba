"""The calls of an invocation, in C or in Python: the same outcomes either way."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.capi import calls, calls_build

ROOT = Path(__file__).resolve().parents[2]


def test_the_native_calls_are_built_and_used() -> None:
    if calls_build.ensure_calls() is None:
        pytest.skip("the native calls cannot be built on this machine")
    assert calls.LIBRARY.is_file()
    assert calls.quick is not None or os.environ.get("EDGEFAAS_NO_NATIVE_CALLS")


@pytest.mark.slow
def test_every_outcome_is_the_same_without_the_native_calls() -> None:
    """Runs the tests of the kind event, of limits and of hostile guests once more, with the calls in Python."""
    environment = {**os.environ, "EDGEFAAS_NO_NATIVE_CALLS": "1"}
    environment.pop("PYTEST_XDIST_WORKER", None)
    chosen = ["tests/sandbox/test_runtime.py", "tests/sandbox/test_lifetimes.py", "tests/sandbox/hostile"]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *chosen]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:]
