"""Keys, values, conditions and rates: what is allowed, on both sides of each limit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefaas.errors import KvConflictError, KvError, KvQuotaError
from edgefaas.kv.pairs import BATCH_MAX, Batch, Expected, after_prefix, check_batch, check_key, check_room
from edgefaas.kv.rate import BURST_S, TokenBucket
from edgefaas.site import KvNamespace

SMALL = KvNamespace(name="n", key_bytes_max=8, value_bytes_max=4, bytes_max=100)
keys = st.text(min_size=1).map(str.encode)


@pytest.mark.parametrize("key", [b"k", b"12345678", "éééé".encode(), b"/a b?c"])
def test_a_key_up_to_the_limit_is_allowed(key: bytes) -> None:
    check_key(key, SMALL)


@pytest.mark.parametrize(
    ("key", "words"),
    [(b"", "empty"), (b"123456789", "9 bytes; a key has at most 8"), (b"\xff", "UTF-8"), (b"a\0", "NUL")],
)
def test_what_cannot_be_a_key_is_refused_with_the_reason(key: bytes, words: str) -> None:
    with pytest.raises(KvError, match=words):
        check_key(key, SMALL)


def test_a_value_and_a_batch_have_limits() -> None:
    check_batch(Batch(puts=((b"k", b"1234"),)), SMALL)
    with pytest.raises(KvQuotaError, match="5 bytes"):
        check_batch(Batch(puts=((b"k", b"12345"),)), SMALL)
    check_batch(Batch(deletes=[b"k"] * BATCH_MAX), SMALL)
    with pytest.raises(KvQuotaError, match=str(BATCH_MAX)):
        check_batch(Batch(deletes=[b"k"] * (BATCH_MAX + 1)), SMALL)


@given(before=st.integers(0, 300), after=st.integers(0, 300))
def test_a_namespace_may_always_shrink_and_never_grow_over_its_limit(before: int, after: int) -> None:
    if after <= 100 or after <= before:
        check_room(SMALL, before_bytes=before, after_bytes=after)
    else:
        with pytest.raises(KvQuotaError):
            check_room(SMALL, before_bytes=before, after_bytes=after)


@given(prefix=keys, rest=st.text(), other=keys)
def test_what_begins_with_a_prefix_is_exactly_what_lies_between_its_ends(
    prefix: bytes, rest: str, other: bytes
) -> None:
    assert prefix <= prefix + rest.encode() < after_prefix(prefix)
    assert other.startswith(prefix) == (prefix <= other < after_prefix(prefix))


@pytest.mark.parametrize("prefix", [b"\xff", b"\xff\xff", b"a\xff"])
def test_a_prefix_that_no_key_can_have_has_an_end_too(prefix: bytes) -> None:
    """A guest may list any octets; these made an error of ours."""
    end = after_prefix(prefix)
    assert not any(prefix <= other.encode() < end for other in ("a", "b", "\U0010ffff"))


@given(pair=st.none() | st.integers(1, 9), namespace=st.integers(1, 9), number=st.integers(1, 9))
def test_a_write_happens_only_in_the_state_that_its_etag_names(
    pair: int | None, namespace: int, number: int
) -> None:
    for field, holds in [
        (f'"k{number}"', pair == number),
        (f'"n{number}"', namespace == number),
        (f'"k{number}", "n{number}"', number in (pair, namespace)),
        ("*", pair is not None),
    ]:
        expected = Expected.from_fields(field, None)
        if holds:
            expected.check(b"key", pair=pair, namespace=namespace)
        else:
            with pytest.raises(KvConflictError):
                expected.check(b"key", pair=pair, namespace=namespace)


def test_if_none_match_wants_a_key_that_is_not_there() -> None:
    expected = Expected.from_fields(None, "*")
    expected.check(b"key", pair=None, namespace=1)
    with pytest.raises(KvConflictError, match="exists already"):
        expected.check(b"key", pair=1, namespace=1)


@pytest.mark.parametrize("fields", [("abc", None), ("k", None), ("k1x", None), (None, '"k1"'), ("k1", "*")])
def test_conditions_that_mean_nothing_are_refused(fields: tuple[str | None, str | None]) -> None:
    with pytest.raises(KvError):
        Expected.from_fields(*fields)


@given(
    rate=st.floats(0.1, 100),
    waits=st.lists(st.floats(-1, 5, allow_nan=False), max_size=60),
)
def test_a_bucket_never_gives_more_than_its_rate_and_its_burst(rate: float, waits: list[float]) -> None:
    bucket, now_s, latest_s, taken = TokenBucket(rate, now_s=0.0), 0.0, 0.0, 0
    for wait_s in waits:
        now_s += wait_s
        latest_s = max(latest_s, now_s)
        taken += bucket.take(now_s=now_s)
        assert taken <= max(1.0, rate * BURST_S) + latest_s * rate + 1e-6


def test_a_bucket_gives_again_after_a_while() -> None:
    bucket = TokenBucket(0.5, now_s=10.0)
    assert bucket.take(now_s=10.0)
    assert not bucket.take(now_s=11.9)
    assert bucket.take(now_s=12.0)
