"""Nodes of a POP: each key has its node, few move when nodes come and go, and no node gets too much."""

from collections import Counter
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.errors import MeshError
from router.hashing import LOAD_FACTOR, NodeRing

NODES = ["a", "b", "c", "d"]
KEYS = [f"key {i}".encode() for i in range(4_000)]
names = st.lists(st.text(min_size=1, max_size=5), min_size=1, max_size=8, unique=True)


def test_the_nodes_share_the_keys_about_equally() -> None:
    ring = NodeRing(NODES)
    shares = Counter(ring.node(key) for key in KEYS)
    assert set(shares) == set(NODES)
    assert max(shares.values()) < 1.35 * len(KEYS) / len(NODES)


def test_a_node_that_goes_moves_its_own_keys_only() -> None:
    before, after = NodeRing(NODES), NodeRing(NODES[:3])
    for key in KEYS:
        if before.node(key) != "d":
            assert after.node(key) == before.node(key)


def test_the_order_in_which_nodes_are_named_does_not_matter() -> None:
    one, other = NodeRing(NODES), NodeRing(NODES[::-1])
    assert all(one.node(key) == other.node(key) for key in KEYS[:200])


@given(names, st.lists(st.binary(max_size=6), max_size=200))
def test_no_node_gets_more_than_its_bound(nodes: list[str], keys: list[bytes]) -> None:
    ring = NodeRing(nodes)
    in_flight = dict.fromkeys(nodes, 0)
    for number, key in enumerate(keys, 1):
        in_flight[ring.node(key, in_flight)] += 1
        assert max(in_flight.values()) <= ceil(LOAD_FACTOR * number / len(nodes))


def test_one_hot_key_spreads_when_its_node_is_full() -> None:
    ring = NodeRing(NODES)
    in_flight = dict.fromkeys(NODES, 0)
    for _ in range(100):
        in_flight[ring.node(b"hot", in_flight)] += 1
    assert sorted(in_flight.values())[-1] <= 32


def test_a_node_that_is_down_is_passed_over() -> None:
    ring = NodeRing(NODES)
    for key in KEYS[:200]:
        home = ring.node(key)
        others = {node: 0 for node in NODES if node != home}
        assert ring.node(key, others) == ring.successors(key)[1]
    assert ring.node(b"x", {}) in NODES


@pytest.mark.parametrize("nodes", [[], ["a", "a"]])
def test_nodes_that_form_no_ring_are_refused(nodes: list[str]) -> None:
    with pytest.raises(MeshError):
        NodeRing(nodes)
