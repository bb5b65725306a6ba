"""Signed hops: a POP believes what a POP of the same mesh signed for it a moment ago, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.errors import HopError
from router.hop import SKEW_MAX_S, Hop, sign_hop, verify_hop

SECRET = b"0123456789abcdef"
NOW_S = 1_800_000_000.0
HOP = Hop(sender="fra", receiver="iad", viewer="203.0.113.7", request_id="r1", sent_at_s=NOW_S)
names = st.text(min_size=1, max_size=30)


def verify(
    value: str, *, secrets: tuple[bytes, ...] = (SECRET,), receiver: str = "iad", now_s: float = NOW_S
) -> Hop:
    return verify_hop(value, secrets, receiver=receiver, now_s=now_s)


@given(names, names, st.ip_addresses(), names, st.integers(0, 2**41))
def test_what_was_signed_is_what_is_verified(
    sender: str, receiver: str, viewer: object, request_id: str, sent_at_ms: int
) -> None:
    hop = Hop(
        sender=sender,
        receiver=receiver,
        viewer=str(viewer).replace("::ffff:", "::1:"),
        request_id=request_id,
        sent_at_s=sent_at_ms / 1000,
    )
    value = sign_hop(hop, SECRET)
    assert value.isascii()
    assert verify(value, receiver=receiver, now_s=sent_at_ms / 1000).request_id == request_id
    assert verify(value, receiver=receiver, now_s=sent_at_ms / 1000).sender == sender


@given(st.data())
def test_changing_any_character_breaks_the_signature(data: st.DataObject) -> None:
    value = sign_hop(HOP, SECRET)
    at = data.draw(st.integers(0, len(value) - 1))
    other = data.draw(st.characters(min_codepoint=0x21, max_codepoint=0xFF).filter(lambda c: c != value[at]))
    with pytest.raises(HopError):
        verify(value[:at] + other + value[at + 1 :])


@given(st.text(max_size=200))
def test_garbage_is_refused(value: str) -> None:
    with pytest.raises(HopError):
        verify(value)


def test_the_clock_may_be_off_by_the_limit_and_no_more() -> None:
    value = sign_hop(HOP, SECRET)
    for sign in (-1, 1):
        assert verify(value, now_s=NOW_S + sign * SKEW_MAX_S) == HOP
        with pytest.raises(HopError, match="the limit is 30 s"):
            verify(value, now_s=NOW_S + sign * (SKEW_MAX_S + 0.01))


def test_a_hop_for_another_pop_is_refused() -> None:
    with pytest.raises(HopError, match='for POP "iad"'):
        verify(sign_hop(HOP, SECRET), receiver="sin")


def test_a_second_hop_cannot_be_signed() -> None:
    with pytest.raises(HopError, match="limit is 1"):
        sign_hop(Hop(sender="a", receiver="b", viewer="::1", request_id="r", sent_at_s=0, count=2), SECRET)


def test_secrets_rotate_without_a_gap() -> None:
    fresh = b"fedcba9876543210"
    assert verify(sign_hop(HOP, SECRET), secrets=(fresh, SECRET)) == HOP
    with pytest.raises(HopError, match="not signed"):
        verify(sign_hop(HOP, SECRET), secrets=(fresh,))


def test_a_secret_has_at_least_16_bytes() -> None:
    assert sign_hop(HOP, bytes(16))
    with pytest.raises(HopError, match="fewer than 16"):
        sign_hop(HOP, bytes(15))
    with pytest.raises(HopError, match="fewer than 16"):
        verify(sign_hop(HOP, SECRET), secrets=(b"",))


def test_without_secrets_nothing_is_believed() -> None:
    with pytest.raises(HopError, match="not signed"):
        verify(sign_hop(HOP, SECRET), secrets=())
