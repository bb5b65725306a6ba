"""What ``poll_oneoff`` is asked for: pure, so every buffer can be tried."""

from hypothesis import given
from hypothesis import strategies as st

from sandbox.contract import Limits
from sandbox.guest import Guest
from sandbox.wasi.abi import SUBSCRIPTION, Errno
from sandbox.wasi.poll import parse
from sandbox.wasi.streams import Input, Wasi
from tests.sandbox.guests import RecordingHost

NOW = {"realtime_ns": 10**18, "monotonic_ns": 10**12}


def view(stdin: bytes = b"") -> Wasi:
    return Wasi(Guest(b"", Limits(), RecordingHost()), stdin=Input(stdin))


@given(data=st.binary(max_size=480))
def test_any_buffer_is_parsed_or_refused(data: bytes) -> None:
    whole = data[: len(data) // SUBSCRIPTION.size * SUBSCRIPTION.size]
    found = parse(whole, view(), **NOW)
    if found is not None:
        assert len(found) == len(whole) // SUBSCRIPTION.size
        assert all(each.wait_ns >= 0 and len(each.event()) == 32 for each in found)


@given(clock=st.sampled_from([0, 1]), delay_ns=st.integers(0, 2**62), userdata=st.integers(0, 2**64 - 1))
def test_an_absolute_time_waits_as_long_as_the_relative_one(clock: int, delay_ns: int, userdata: int) -> None:
    start = NOW["realtime_ns"] if clock == 0 else NOW["monotonic_ns"]
    relative = parse(SUBSCRIPTION.pack(userdata, 0, clock, delay_ns, 0, 0), view(), **NOW)
    absolute = parse(SUBSCRIPTION.pack(userdata, 0, clock, start + delay_ns, 0, 1), view(), **NOW)
    assert relative == absolute
    assert relative is not None
    assert relative[0].wait_ns == delay_ns


def test_a_time_that_has_passed_is_ready() -> None:
    found = parse(SUBSCRIPTION.pack(1, 0, 1, 5, 0, 1), view(), **NOW)
    assert found is not None
    assert (found[0].errno, found[0].wait_ns) == (Errno.SUCCESS, 0)


def test_a_stream_is_ready_for_what_it_is_for() -> None:
    asked = [(1, 0), (1, 1), (2, 0), (2, 1), (2, 2), (1, 9)]
    data = b"".join(SUBSCRIPTION.pack(0, kind, descriptor, 0, 0, 0) for kind, descriptor in asked)
    found = parse(data, view(stdin=b"12345"), **NOW)
    assert found is not None
    wrong = Errno.BADF
    assert [each.errno for each in found] == [0, wrong, wrong, 0, 0, wrong]
    assert found[0].nbytes == 5


def test_a_subscription_of_no_known_kind_is_refused() -> None:
    assert parse(SUBSCRIPTION.pack(0, 3, 0, 0, 0, 0), view(), **NOW) is None
