import asyncio
from collections import OrderedDict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgefaas.cache import MemoryStore, Purge, StoredResponse
from edgefaas.cache.memory import VARIANTS_MAX
from tests.edgefaas.cache.builders import NOW_S, request, stored

FRESH = ("Cache-Control", "max-age=60")


def entry(path: str, *fields: tuple[str, str], body: bytes = b"x" * 1000, **asked: str) -> StoredResponse:
    return stored(FRESH, *fields, asked=request(path=path, **asked), body=body)  # type: ignore[arg-type]


WEIGHT = entry("/0").weight_bytes


def holding(count: int) -> MemoryStore:
    return MemoryStore(WEIGHT * count, object_bytes_max=WEIGHT * count)


def test_what_is_put_is_got_and_what_is_removed_is_gone() -> None:
    store = holding(3)
    one = entry("/1")
    assert store.put(one)
    assert store.get(one.key) == (one,)
    store.remove(one)
    assert store.get(one.key) == ()
    assert (len(store), store.stats.bytes_now) == (0, 0)


def test_a_newer_response_takes_the_place_of_its_own_variant_only() -> None:
    store = holding(9)
    one = entry("/1", ("Vary", "Foo"))
    two = stored(FRESH, ("Vary", "Foo"), asked=request(("Foo", "2"), path="/1"))
    newer = entry("/1", ("Vary", "Foo"))
    for each in (one, two, newer):
        store.put(each)
    assert store.get(one.key) == (two, newer)


def test_a_vary_explosion_keeps_the_newest_variants() -> None:
    store = MemoryStore(10**9)
    for number in range(VARIANTS_MAX + 5):
        asked = request(("Foo", str(number)))
        store.put(stored(FRESH, ("Vary", "Foo"), asked=asked))
    variants = store.get("http://site.example/a")
    assert len(variants) == VARIANTS_MAX
    assert variants[-1].selectors == (("foo", str(VARIANTS_MAX + 4)),)


def test_what_is_too_large_is_refused_and_displaces_only_its_older_self() -> None:
    store = MemoryStore(WEIGHT * 4, object_bytes_max=WEIGHT)
    small = entry("/1")
    assert store.put(small)
    assert not store.put(entry("/1", body=b"x" * 1001))
    assert store.get(small.key) == ()
    assert store.put(entry("/2"))


def test_sieve_keeps_what_was_visited_and_drops_the_oldest_that_was_not() -> None:
    store = holding(3)
    entries = [entry(f"/{number}") for number in range(5)]
    for each in entries[:3]:
        store.put(each)
    store.get(entries[0].key)
    store.put(entries[3])
    assert [each.key in store for each in entries[:4]] == [True, False, True, True]
    store.put(entries[4], now_s=NOW_S + 7)
    assert [each.key in store for each in entries] == [True, False, False, True, True]
    assert (store.stats.evicted, store.stats.evicted_age_s) == (2, 7)


def test_by_default_an_eviction_is_dated_by_what_it_makes_room_for() -> None:
    store = holding(1)
    store.put(stored(FRESH, asked=request(path="/1"), at_s=NOW_S, body=b"x" * 1000))
    store.put(stored(FRESH, asked=request(path="/2"), at_s=NOW_S + 9, body=b"x" * 1000))
    assert store.stats.evicted_age_s == 9


def test_purges_and_invalidations_can_be_awaited_as_with_a_shared_store() -> None:
    async def scenario() -> None:
        store = MemoryStore(10**9)
        for number in range(2000):
            store.put(entry(f"/{number}", body=b""))
        token = store.token()
        assert await store.invalidate_everywhere(["http://site.example/1", "http://site.example/none"]) == 1
        assert not store.put(entry("/1"), token)
        assert store.put(entry("/1"), store.token())
        assert await store.purge_everywhere(Purge(kind="prefix", value="/")) == 2000
        assert len(store) == 0
        store.close()

    asyncio.run(scenario())


def test_variants_of_one_key_share_the_bound() -> None:
    store = holding(2)
    for number in range(3):
        asked = request(("Foo", str(number)))
        store.put(stored(FRESH, ("Vary", "Foo"), asked=asked, body=b"x" * 900))
    kept = [variant.selectors[0][1] for variant in store.get("http://site.example/a")]
    assert kept == ["1", "2"]


def sieve_by_the_book(capacity: int, keys: list[int]) -> list[int]:
    """The algorithm of the paper with lists: returns what is cached at the end, oldest first."""
    queue: list[int] = []  # oldest first
    visited: dict[int, bool] = {}
    hand: int | None = None
    for key in keys:
        if key in visited:
            visited[key] = True
            continue
        if len(queue) >= capacity:
            at = queue.index(hand) if hand is not None else 0
            while visited[queue[at]]:
                visited[queue[at]] = False
                at = (at + 1) % len(queue)
            gone = queue.pop(at)
            del visited[gone]
            hand = queue[at] if at < len(queue) else None
        queue.append(key)
        visited[key] = False
    return queue


@given(st.integers(1, 6), st.lists(st.integers(0, 9), max_size=60))
@settings(max_examples=60)
def test_eviction_agrees_with_sieve_by_the_book(capacity: int, accesses: list[int]) -> None:
    store = holding(capacity)
    for number in accesses:
        each = entry(f"/{number}")
        if not store.get(each.key):
            store.put(each)
    expected = [entry(f"/{number}").key for number in sieve_by_the_book(capacity, accesses)]
    assert store.keys() == expected


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 5000)), max_size=40))
@settings(max_examples=60)
def test_the_store_never_exceeds_its_bytes_and_counts_them_exactly(puts: list[tuple[int, int]]) -> None:
    store = MemoryStore(WEIGHT * 3, object_bytes_max=WEIGHT * 3)
    latest: OrderedDict[str, StoredResponse] = OrderedDict()
    for number, size in puts:
        each = entry(f"/{number}", body=b"x" * size)
        store.put(each)
        latest[each.key] = each
        assert store.stats.bytes_now <= store.bytes_max
    keys = store.keys()
    held = [variant for key in keys for variant in store.get(key)]
    assert store.stats.bytes_now == sum(variant.weight_bytes for variant in held)
    assert len(store) == len(held)
    assert all(latest[variant.key] is variant for variant in held)


def test_a_purge_is_in_force_before_anything_is_swept() -> None:
    store = holding(9)
    red, blue = entry("/1", ("Cache-Tag", "red")), entry("/2", ("Cache-Tag", "blue"))
    store.put(red)
    store.put(blue)
    store.log.record(Purge(kind="tag", value="red"))
    assert store.get(red.key) == ()
    assert store.get(blue.key) == (blue,)


@pytest.mark.parametrize("kind", ["url", "prefix", "wildcard", "host", "tag", "everything"])
def test_every_kind_of_purge_drops_and_counts_what_it_hits(kind: str) -> None:
    store = MemoryStore(10**9)
    for number in range(5):
        store.put(entry(f"/a/{number}", ("Cache-Tag", "t")))
    store.put(entry("/b", host="other.example"))
    values = {"url": "/a/1", "prefix": "/a/", "wildcard": "/*/3", "host": "site.example", "tag": "t"}
    count = store.purge(Purge(kind=kind, value=values.get(kind, "")))
    assert count == {"url": 1, "wildcard": 1, "everything": 6}.get(kind, 5)
    assert len(store) == 6 - count


def test_a_soft_purge_leaves_stale_responses() -> None:
    store = holding(3)
    one = entry("/1")
    store.put(one)
    assert store.purge(Purge(kind="prefix", value="/", soft=True)) == 1
    assert store.get(one.key) == (one,)
    assert not one.is_fresh(NOW_S)
    fresh = entry("/1")
    store.put(fresh, store.token())
    assert store.get(one.key) == (fresh,)
    assert fresh.is_fresh(NOW_S)


def test_a_purge_during_a_fetch_wins_over_that_fetch() -> None:
    store = holding(3)
    token = store.token()
    store.purge(Purge(kind="url", value="/1"))
    assert not store.put(entry("/1"), token)
    assert store.put(entry("/2"), token)
    assert store.put(entry("/1"), store.token())


def test_a_soft_purge_during_a_fetch_makes_its_response_stale() -> None:
    store = holding(3)
    token = store.token()
    store.purge(Purge(kind="everything", soft=True))
    one = entry("/1")
    assert store.put(one, token)
    assert not one.is_fresh(NOW_S)


def test_invalidation_reaches_every_key_of_a_uri() -> None:
    store = holding(9)
    plain, keyed, other = entry("/1"), entry("/1"), entry("/2")
    keyed.key += "\n@app"
    for each in (plain, keyed, other):
        store.put(each)
    assert store.invalidate("http://site.example/1") == 2
    assert store.keys() == [other.key]


def test_a_response_that_outlived_a_purge_is_not_asked_again() -> None:
    store = holding(3)
    one = entry("/1")
    store.put(one)
    store.purge(Purge(kind="tag", value="x"))
    store.get(one.key)
    assert one.purge_token == store.log.seq
