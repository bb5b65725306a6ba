"""The whole suite in miniature: real servers, real load, as many peers as this machine has."""

import pytest

from benchmarks import suite
from benchmarks.measure import Pace
from benchmarks.rows import choose

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("bench"), pytest.mark.timeout(240)]

SHORT = Pace(rounds=1, duration_s=0.15, warmup_s=0.0)
ROWS = (
    "hit-1k-c1",
    "not-modified-c1",
    "miss-1k-c32",
    "file-1k-c1",
    "hello-event-c1",
    "hello-js-c32",
    "event-2k-c1",
    "event-40k-c1",
)


def test_every_server_of_this_machine_answers_rightly_and_whoever_is_missing_is_named() -> None:
    told: list[str] = []
    rows = [row for row in choose(ROWS, quick=True) if row.name in ROWS]
    assert len(rows) == len(ROWS)
    report = suite.run(
        rows,
        ["cold-first"],
        SHORT,
        install=False,
        say=told.append,
        progress=lambda what, _, __: told.append(what),
    )
    found = report.as_json()
    failures = {
        (outcome.row.name, column.name): column.failure
        for outcome in report.outcomes
        for column in outcome.columns
        if column.failure
    }
    assert "missing" not in report.servers["edgefaas"], report.servers["edgefaas"]["missing"]
    assert failures == {}
    assert [outcome.row for outcome in report.outcomes] == rows
    for outcome in report.outcomes:
        ours = outcome.column("edgefaas")
        assert ours is not None
        assert ours.runs[0].requests > 0
    for name, about in report.servers.items():
        assert "version" in about or about["missing"], name
    assert [probe.failure for probe in report.probes] == [""]
    assert found["format"] == suite.FORMAT
    assert "starting edgefaas" in told
