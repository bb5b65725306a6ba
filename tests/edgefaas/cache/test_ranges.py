import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefaas.cache import ByteRange, Unsatisfiable, parse_content_range, parse_range
from edgefaas.cache.ranges import RANGES_MAX


def spans(text: str, length: int = 10) -> list[tuple[int, int]] | str | None:
    found = parse_range(text, length)
    if isinstance(found, Unsatisfiable):
        return "416"
    return None if found is None else [(piece.first, piece.last) for piece in found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("bytes=0-1", [(0, 1)]),
        ("BYTES=0-1", [(0, 1)]),
        ("bytes=1-", [(1, 9)]),
        ("bytes=-3", [(7, 9)]),
        ("bytes=-30", [(0, 9)]),
        ("bytes=9-99", [(9, 9)]),
        ("bytes=10-", "416"),
        ("bytes=-0", "416"),
        ("bytes=0-0, 10-", [(0, 0)]),
        ("bytes=0-0 , -1", [(0, 0), (9, 9)]),
        ("bytes=8-9,0-1", [(8, 9), (0, 1)]),
        ("bytes=0-2,1-3", [(0, 3)]),
        ("bytes=0-2,3-4", [(0, 4)]),
        ("bytes=0-0,9-9,1-8", [(0, 9)]),
        ("bytes=2-1", None),
        ("bytes=", None),
        ("bytes=a-b", None),
        ("bytes=1", None),
        ("bytes=1 -2", None),
        ("items=0-1", None),
        ("bytes 0-1", None),
        ("bytes=0-1;x", None),
        ("bytes=--1", None),
        ("bytes=" + "9" * 30 + "-", None),
    ],
)
def test_a_range_field_means_these_octets_of_ten(text: str, expected: object) -> None:
    assert spans(text) == expected


def test_nothing_of_an_empty_body_can_be_had() -> None:
    assert spans("bytes=0-", 0) == "416"
    assert spans("bytes=-1", 0) == "416"


def test_too_many_ranges_are_ignored() -> None:
    many = [f"{2 * at}-{2 * at}" for at in range(RANGES_MAX)]
    found = spans("bytes=" + ",".join(many), 1000)
    assert isinstance(found, list)
    assert len(found) == RANGES_MAX
    assert spans("bytes=" + ",".join([*many, "500-500"]), 1000) is None


specs = st.one_of(
    st.tuples(st.integers(0, 40), st.integers(0, 40)).map(lambda pair: f"{pair[0]}-{pair[1]}"),
    st.integers(0, 40).map(lambda first: f"{first}-"),
    st.integers(0, 40).map(lambda suffix: f"-{suffix}"),
)


@given(st.lists(specs, min_size=1, max_size=8), st.integers(0, 30))
def test_ranges_are_inside_the_body_disjoint_and_exactly_what_was_asked(
    asked: list[str], length: int
) -> None:
    found = parse_range("bytes=" + ",".join(asked), length)
    wanted: set[int] = set()
    for spec in asked:
        first, _, last = spec.partition("-")
        if first and last and int(last) < int(first):
            assert found is None
            return
        if not first:
            wanted |= set(range(max(0, length - int(last)), length))
        else:
            wanted |= set(range(int(first), length if not last else min(length, int(last) + 1)))
    if not wanted:
        assert found == Unsatisfiable()
        return
    assert isinstance(found, list)
    octets = [at for piece in found for at in range(piece.first, piece.last + 1)]
    assert len(octets) == len(set(octets))
    assert set(octets) == wanted
    for one in found:
        assert not any(one.last + 1 == other.first for other in found)


@given(st.text(max_size=40))
def test_no_text_makes_the_parsers_fail(text: str) -> None:
    parse_range(text, 10)
    parse_range("bytes=" + text, 10)
    parse_content_range(text)


def test_the_length_of_a_range_counts_both_ends() -> None:
    assert ByteRange(3, 3).length == 1
