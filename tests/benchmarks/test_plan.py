"""Rows, cores and processes: what is compared, and where it runs."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.content import SIZES, Workload, request_text, right_answer, write_files
from benchmarks.cores import busy_shares, pinned, plan
from benchmarks.peers import PEERS
from benchmarks.rows import SUBJECTS, choose, peak_row
from benchmarks.server import Process, Server, ServerError, free_port, tree

cores = st.dictionaries(st.integers(0, 255), st.floats(0, 1), min_size=1)


@given(cores)
def test_only_cores_that_we_may_use_are_planned(available: dict[int, float]) -> None:
    found = plan(available)
    assert {found.server, found.generator, found.origin} <= set(available)


@given(cores)
def test_server_and_generator_share_a_core_only_when_there_is_one(available: dict[int, float]) -> None:
    assert plan(available).separate == (len(available) > 1)


@given(cores)
def test_the_origin_never_disturbs_the_server_when_there_are_two_cores(available: dict[int, float]) -> None:
    found = plan(available)
    assert found.origin != found.server or len(available) == 1


def test_the_server_gets_the_quietest_core_and_of_equals_the_highest() -> None:
    assert plan({0: 0.0, 1: 0.9, 2: 0.02, 3: 0.5}).server == 2
    assert plan({0: 0.0, 1: 0.01}).server == 1


def test_the_busy_share_of_every_core_that_we_may_use_is_known() -> None:
    shares = busy_shares(0.02)
    assert set(shares) == os.sched_getaffinity(0)
    assert all(0 <= share <= 1 for share in shares.values())


def test_pinning_ends_with_its_block() -> None:
    before = os.sched_getaffinity(0)
    core = max(before)
    with pinned(core):
        assert os.sched_getaffinity(0) == {core}
    assert os.sched_getaffinity(0) == before


def test_row_names_are_unique() -> None:
    names = [row.name for row in choose((), quick=False)]
    assert len(names) == len(set(names))


def test_a_name_chooses_every_row_that_begins_with_it() -> None:
    chosen = choose(["hit-1k"], quick=False)
    assert [row.connections for row in chosen] == [1, 4, 32, 256, 32]
    assert choose(["nonsense"], quick=False) == []


@pytest.mark.parametrize("quick", [False, True])
def test_an_open_row_comes_with_the_closed_row_that_gives_its_rate(quick: bool) -> None:
    for row in choose((), quick=quick):
        if row.share is not None:
            chosen = [found.name for found in choose([row.name], quick=quick)]
            assert chosen == [peak_row(row), row.name]


def test_a_quick_run_keeps_every_workload() -> None:
    assert {row.workload for row in choose((), quick=True)} == {subject.workload for subject in SUBJECTS}


def test_every_workload_is_ours_to_answer_and_every_reference_answers_it_too() -> None:
    by_name = {peer.name: peer for peer in PEERS}
    for subject in SUBJECTS:
        assert subject.workload in by_name["edgefaas"].targets
        if subject.reference:
            assert subject.workload in by_name[subject.reference].targets


@given(
    st.lists(st.tuples(st.integers(2, 40), st.integers(1, 40)), max_size=30, unique_by=lambda p: p[0]).map(
        lambda pairs: [Process(pid, parent) for pid, parent in pairs if parent < pid]
    )
)
def test_a_process_tree_is_closed_under_children(among: Sequence[Process]) -> None:
    found = set(tree(1, among))
    assert found == {1} | {process.pid for process in among if process.parent in found}


def test_the_files_are_the_same_in_every_run(tmp_path: Path) -> None:
    first = [path.read_bytes() for path in write_files(tmp_path / "a")]
    second = [path.read_bytes() for path in write_files(tmp_path / "b")]
    assert first == second
    assert [len(octets) for octets in first] == list(SIZES.values())


@pytest.mark.parametrize("workload", Workload)
def test_every_request_says_what_is_right(workload: Workload, tmp_path: Path) -> None:
    write_files(tmp_path)
    text = request_text(workload, "/x", right_answer(workload, tmp_path))
    assert b" /x\n" in text
    assert b":status " in text
    assert b":crc32 " in text


def test_a_server_that_ends_at_once_is_reported_with_its_last_words(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import sys; sys.exit('no such setting')"]
    server = Server(command, port=free_port(), log=tmp_path / "log")
    with pytest.raises(ServerError, match="no such setting"):
        server.start(max(os.sched_getaffinity(0)))


@pytest.mark.slow
def test_stopping_a_server_ends_its_children_too(tmp_path: Path) -> None:
    port = free_port()
    child = f"import http.server as h; h.test(h.SimpleHTTPRequestHandler, port={port}, bind='127.0.0.1')"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    server = Server([sys.executable, "-c", parent], port=port, log=tmp_path / "log")
    server.start(max(os.sched_getaffinity(0)))
    pids = server.pids
    assert len(pids) == 2
    assert server.resident_bytes() > 0
    server.stop()
    assert not any(_runs(pid) for pid in pids)


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
