"""Bytes at the boundaries: what fuzzing has found once stays mended, and a little more is tried in every run."""

import logging
import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz import names
from tests.fuzz.__main__ import FOUND
from tests.fuzz.mutate import LENGTH_MAX, mutated
from tests.fuzz.targets import TARGETS

CASES = sorted(FOUND.glob("*.hex"))


def test_every_target_can_be_named() -> None:
    assert list(TARGETS) == names()


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_what_was_found_once_is_mended(case: Path) -> None:
    TARGETS[case.name.partition("-")[0]].run(bytes.fromhex(case.read_text()))


@pytest.mark.slow
@pytest.mark.parametrize("name", names())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 2**32))
def test_no_bytes_break_a_boundary(name: str, seed: int) -> None:
    logging.disable()
    try:
        target = TARGETS[name]
        data = mutated(random.Random(seed), [*target.seeds, b""], target.words, target.step)
        assert len(data) <= LENGTH_MAX
        target.run(data)
    finally:
        logging.disable(logging.NOTSET)
