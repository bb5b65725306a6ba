import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefaas.cache import MemoryStore, Serve, StoredResponse, judge, respond
from edgefaas.cache.partial import combined, replaces
from tests.edgefaas.cache.builders import NOW_S, request, stored

WHOLE = b"0123456789"
FRESH = ("Cache-Control", "max-age=60")


def part(first: int, last: int, tag: str = '"v"', total: str = "10") -> StoredResponse:
    return stored(
        FRESH,
        ("ETag", tag),
        ("Content-Range", f"bytes {first}-{last}/{total}"),
        status=206,
        body=WHOLE[first : last + 1],
    )


def whole(tag: str = '"v"') -> StoredResponse:
    return stored(FRESH, ("ETag", tag), body=WHOLE)


spans = st.tuples(st.integers(0, 9), st.integers(0, 9)).map(lambda pair: (min(pair), max(pair)))


@given(spans, spans)
def test_parts_that_touch_become_one_and_others_do_not(one: tuple[int, int], other: tuple[int, int]) -> None:
    joined = combined(part(*one), part(*other))
    touching = one[0] <= other[1] + 1 and other[0] <= one[1] + 1
    assert (joined is not None) is touching
    if joined is not None:
        first, last = min(one[0], other[0]), max(one[1], other[1])
        assert joined.body == WHOLE[first : last + 1]
        assert joined.is_consistent
        assert joined.status == (200 if (first, last) == (0, 9) else 206)


@pytest.mark.parametrize(("one", "other"), [('"v"', '"w"'), ('W/"v"', 'W/"v"'), ('"v"', 'W/"v"')])
def test_only_parts_with_the_same_strong_validator_are_combined(one: str, other: str) -> None:
    assert combined(part(0, 4, one), part(5, 9, other)) is None


def test_parts_of_different_wholes_are_not_combined() -> None:
    assert combined(part(0, 4), part(5, 9, total="11")) is None
    assert combined(whole(), part(5, 9)) is None


def test_the_newer_parts_fields_count() -> None:
    older, newer = part(0, 4), part(5, 9)
    older.headers.add("A", "1")
    newer.headers.add("A", "2")
    joined = combined(older, newer)
    assert joined is not None
    assert joined.headers.get("a") == "2"
    assert joined.headers.get("content-range") is None


def test_a_store_puts_parts_together_until_they_are_the_whole() -> None:
    store = MemoryStore(1_000_000)
    for first, last in ((0, 2), (7, 9), (5, 6)):
        assert store.put(part(first, last))
    key = whole().key
    assert sorted((p.partial.first, p.partial.last) for p in store.get(key) if p.partial) == [(0, 2), (5, 9)]
    store.put(part(3, 4))
    (found,) = store.get(key)
    assert (found.status, found.body) == (200, WHOLE)
    verdict = judge(request(), [found], NOW_S)
    assert verdict == Serve(found)
    assert respond(request(), found, NOW_S).body == WHOLE


def test_a_part_does_not_replace_the_whole_that_it_is_part_of() -> None:
    assert not replaces(part(0, 4), whole())
    assert replaces(part(0, 4), whole('"w"'))
    assert replaces(whole(), part(0, 4))
    assert replaces(part(0, 4), part(4, 9))
    assert not replaces(part(0, 4), part(5, 9))
    assert replaces(part(0, 4), part(5, 9, '"w"'))


def test_a_part_with_the_wrong_number_of_octets_is_refused() -> None:
    store = MemoryStore(1_000_000)
    wrong = part(0, 4)
    wrong.body = b"0123"
    assert not store.put(wrong)
    assert store.get(wrong.key) == ()
