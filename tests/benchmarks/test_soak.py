"""What a soak forgives, and what it does not."""

import os
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.soak import CONNECTIONS, Chunk, complaints, memory_growth, started_ticks
from tests.benchmarks.test_reports import measurement

MB = 1_000_000


def chunk(trouble: str = "nothing", errors: dict[str, int] | None = None, **also: object) -> Chunk:
    statuses = also.get("by_status", {200: 10})
    run = measurement(errors_by_kind=errors or {}, by_status=statuses)
    return Chunk(trouble=trouble, run=run, memory_bytes=100 * MB, complaint=str(also.get("complaint", "")))


def test_a_chunk_without_errors_is_fine_whatever_happened_in_it() -> None:
    assert complaints(chunk()) == []
    assert complaints(chunk("worker killed")) == []


@pytest.mark.parametrize("trouble", ["nothing", "deploy", "purge", "worker killed", "origin away"])
@pytest.mark.parametrize("kind", ["digest", "length", "parse", "timeout"])
def test_a_wrong_or_missing_answer_is_never_forgiven(trouble: str, kind: str) -> None:
    assert complaints(chunk(trouble, {kind: 1})) == [f"1 {kind}"]


def test_a_killed_worker_may_lose_the_requests_in_flight_and_no_more() -> None:
    assert complaints(chunk("worker killed", {"closed": CONNECTIONS, "connect": CONNECTIONS})) == []
    assert complaints(chunk("worker killed", {"closed": CONNECTIONS + 1})) == ["1 closed"]
    assert complaints(chunk("purge", {"closed": 1})) == ["1 closed"]


def test_only_gateway_errors_are_forgiven_and_only_while_the_origin_is_away() -> None:
    assert complaints(chunk("origin away", {"status": 4}, by_status={200: 5, 502: 3, 504: 1})) == []
    assert complaints(chunk("origin away", {"status": 1}, by_status={200: 5, 500: 1})) != []
    assert complaints(chunk("purge", {"status": 3}, by_status={200: 5, 502: 3})) != []


def test_what_a_trouble_itself_complains_of_is_passed_on() -> None:
    assert complaints(chunk("deploy", complaint="viewers got the old version")) == [
        "viewers got the old version"
    ]


@given(st.integers(1, 200))
def test_flat_memory_does_not_grow(count: int) -> None:
    assert memory_growth([100 * MB] * count) == 0


@given(st.integers(20, 200))
def test_growth_while_warming_up_is_forgiven_and_later_growth_is_not(count: int) -> None:
    warm = count // 4
    assert memory_growth([50 * MB] * warm + [100 * MB] * (count - warm)) == 0
    assert memory_growth([(100 + number) * MB for number in range(count)]) > 0.05


def test_no_chunk_is_no_growth() -> None:
    assert memory_growth([]) == 0


def test_the_youngest_process_is_known() -> None:
    with subprocess.Popen(["sleep", "60"]) as child:
        try:
            assert started_ticks(child.pid) >= started_ticks(os.getpid()) > 0
        finally:
            child.kill()
    assert started_ticks(child.pid) == 0
