"""The public conformance suite against ``edgefaas up``: nothing that passed may fail."""

import json

import pytest

from benchmarks.conformance.__main__ import BASELINE, judge, told
from benchmarks.conformance.contested import CONTESTED
from benchmarks.conformance.score import score
from benchmarks.conformance.suite import UnavailableError, install, run


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.xdist_group("conformance")
@pytest.mark.parametrize("workers", [1, 2])
def test_every_uncontested_test_of_the_public_suite_passes(workers: int) -> None:
    try:
        suite = install()
    except UnavailableError as reason:
        pytest.skip(str(reason))
    baseline = json.loads(BASELINE.read_text())
    done = run(suite, workers, baseline)
    found = score(done.tests, done.outcomes, CONTESTED)
    code, lost = judge(found, baseline)
    assert (code, lost) == (0, []), told(found)
