"""Eviction against an exact simulation: the published SIEVE, on traces with its own skew."""

import itertools
import random

import pytest

from edgefaas.cache import MemoryStore
from tests.edgefaas.cache.builders import request, stored

OBJECTS = 2_000
REQUESTS = 30_000
CAPACITY = 200
TOLERANCE = 0.01


def zipf(skew: float, seed: int) -> list[int]:
    weights = [1 / (rank + 1) ** skew for rank in range(OBJECTS)]
    cumulated = list(itertools.accumulate(weights))
    return random.Random(seed).choices(range(OBJECTS), cum_weights=cumulated, k=REQUESTS)


def our_misses(trace: list[int]) -> int:
    """Return how many requests of ``trace`` miss in a store with room for CAPACITY responses of equal weight."""
    responses = [
        stored(("Cache-Control", "max-age=60"), asked=request(path=f"/{number:05}"))
        for number in range(OBJECTS)
    ]
    bytes_max = CAPACITY * responses[0].weight_bytes
    store = MemoryStore(bytes_max, object_bytes_max=bytes_max)
    missed = 0
    for number in trace:
        if not store.get(responses[number].key):
            missed += 1
            store.put(responses[number])
    return missed


@pytest.fixture
def libcachesim() -> object:
    return pytest.importorskip("libcachesim", reason="libcachesim is not installed")


@pytest.mark.slow
@pytest.mark.parametrize("skew", [0.8, 1.1])
def test_the_miss_ratio_agrees_with_an_exact_simulation(libcachesim: object, skew: float) -> None:
    trace = zipf(skew, seed=7)
    simulated = libcachesim.Sieve(CAPACITY)  # type: ignore[attr-defined]
    misses = 0
    for number in trace:
        asked = libcachesim.Request()  # type: ignore[attr-defined]
        asked.obj_id, asked.obj_size = number, 1
        misses += not simulated.get(asked)
    ours = our_misses(trace)
    assert abs(ours - misses) / REQUESTS <= TOLERANCE


@pytest.mark.slow
@pytest.mark.parametrize("skew", [0.8, 1.1])
def test_sieve_misses_no_more_than_lru_on_skewed_traces(skew: float) -> None:
    trace = zipf(skew, seed=11)
    recent: dict[int, None] = {}
    lru = 0
    for number in trace:
        if number in recent:
            del recent[number]
        else:
            lru += 1
            if len(recent) >= CAPACITY:
                del recent[next(iter(recent))]
        recent[number] = None
    ours = our_misses(trace)
    assert ours <= lru
