"""Eviction against an exact simulation: the published SIEVE, on made-up and on recorded traces.

The obvious simulation here is always run; libCacheSim's, and the recorded traces, where ``recorded`` has fetched them.
"""

import importlib
import itertools
import random
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgefaas.cache import MemoryStore
from tests.edgefaas.cache import recorded
from tests.edgefaas.cache.builders import request, stored

OBJECTS = 2_000
REQUESTS = 30_000
TOLERANCE = 0.01
SMALLEST_BYTES = 700  # what a response without a body weighs, at most
Trace = list[tuple[int, int]]  # object and size of its body


def zipf(skew: float, seed: int) -> Trace:
    chance = random.Random(seed)
    weights = [1 / (rank + 1) ** skew for rank in range(OBJECTS)]
    cumulated = list(itertools.accumulate(weights))
    sizes = [int(chance.lognormvariate(7, 1.5)) for _ in range(OBJECTS)]
    return [
        (number, sizes[number])
        for number in chance.choices(range(OBJECTS), cum_weights=cumulated, k=REQUESTS)
    ]


def weighed(trace: Iterable[tuple[int, int]]) -> Trace:
    """Return the trace with what each response weighs in our store, overhead included."""
    weights: dict[int, int] = {}
    told = []
    for number, size in trace:
        if number not in weights:
            weights[number] = response(number, size).weight_bytes
        told.append((number, weights[number]))
    return told


def response(number: int, size: int) -> Any:
    return stored(("Cache-Control", "max-age=60"), asked=request(path=f"/{number:020}"), body=bytes(size))


def room_for(weights: Trace, share: float) -> int:
    """Return that share of the weight of everything that is asked for."""
    return int(share * sum(dict(weights).values()))


def ours(trace: Trace, bytes_max: int) -> float:
    """Return the byte miss ratio of our store."""
    store = MemoryStore(bytes_max, object_bytes_max=bytes_max)
    keys: dict[int, str] = {}
    missed = total = 0
    for number, size in trace:
        key = keys.get(number)
        found = store.get(key) if key else ()
        if not found:
            made = response(number, size)
            keys[number] = made.key
            store.put(made)
            found = (made,)
            missed += made.weight_bytes
        total += found[0].weight_bytes
    return missed / total


def exact_sieve(weights: Trace, bytes_max: int) -> float:
    """Return the byte miss ratio of SIEVE, written for reading: a list, oldest first, and a hand on its way up."""
    queue: list[int] = []
    visited: dict[int, bool] = {}
    size_of = dict(weights)
    hand = used = missed = 0
    for number, size in weights:
        if number in visited:
            visited[number] = True
            continue
        missed += size
        if size > bytes_max:
            continue
        while used + size > bytes_max:
            candidate = queue[hand]
            if visited[candidate]:
                visited[candidate] = False
                hand += 1
            else:
                del queue[hand], visited[candidate]
                used -= size_of[candidate]
            if hand == len(queue):
                hand = 0  # past the newest, before another one comes
        queue.append(number)
        visited[number] = False
        used += size
    return missed / sum(size for _, size in weights)


def simulated(policy: str, weights: Trace, bytes_max: int) -> float:
    """Return the byte miss ratio that libCacheSim finds."""
    simulator = importlib.import_module("libcachesim")
    cache = getattr(simulator, policy)(bytes_max)
    asked = simulator.Request()
    missed = 0
    for number, size in weights:
        asked.obj_id, asked.obj_size = number & 0x7FFFFFFFFFFFFFFF, size
        missed += 0 if cache.get(asked) else size
    return missed / sum(size for _, size in weights)


@pytest.fixture
def libcachesim(monkeypatch: pytest.MonkeyPatch) -> None:
    if not recorded.fetched():
        pytest.skip("no recorded traces: python -m tests.edgefaas.cache.recorded fetches them from PyPI")
    monkeypatch.syspath_prepend(str(recorded.SITE))


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.integers(0, 12), min_size=1, max_size=120),
    st.lists(st.integers(0, 3_000), min_size=13, max_size=13),
    st.floats(0.1, 1.0),
)
def test_every_eviction_is_the_one_of_the_published_sieve(
    numbers: list[int], sizes: list[int], share: float
) -> None:
    trace = [(number, sizes[number]) for number in numbers]
    weights = weighed(trace)
    room = max(SMALLEST_BYTES, room_for(weights, share))
    assert ours(trace, room) == exact_sieve(weights, room)


@pytest.mark.slow
@pytest.mark.parametrize("skew", [0.8, 1.1])
def test_the_byte_miss_ratio_is_that_of_an_exact_simulation(skew: float) -> None:
    trace = zipf(skew, seed=7)
    weights = weighed(trace)
    room = room_for(weights, 0.1)
    assert ours(trace, room) == exact_sieve(weights, room)


@pytest.mark.slow
@pytest.mark.parametrize("name", recorded.TRACES)
@pytest.mark.parametrize("share", [0.01, 0.1])
@pytest.mark.usefixtures("libcachesim")
def test_recorded_traces_miss_as_many_bytes_as_libcachesim_says_and_no_more_than_lru(
    name: str, share: float
) -> None:
    trace = list(recorded.requests_of(name))
    weights = weighed(trace)
    room = room_for(weights, share)
    found = ours(trace, room)
    assert abs(found - simulated("Sieve", weights, room)) <= TOLERANCE
    assert found <= simulated("LRU", weights, room)


@pytest.mark.slow
@pytest.mark.parametrize("skew", [0.8, 1.1])
def test_sieve_misses_no_more_than_lru_on_skewed_traces(skew: float) -> None:
    trace = [(number, 100) for number, _ in zipf(skew, seed=11)]
    weights = weighed(trace)
    room = room_for(weights, 0.1)
    recent: dict[int, int] = {}
    missed = used = 0
    for number, size in weights:
        if number in recent:
            del recent[number]
        else:
            missed += size
            used += size
            while used > room:
                used -= recent.pop(next(iter(recent)))
        recent[number] = size
    assert ours(trace, room) <= missed / sum(size for _, size in weights)
