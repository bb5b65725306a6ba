"""Fields, streams and methods as wasi:http guests see them: pure."""

import asyncio
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.capi.values import Err, Number, Ok, Own, Variant
from sandbox.contract import Limits
from sandbox.guest import CURRENT, Guest, GuestFaultError
from sandbox.wasi_http.host_http import HTTP, method_value
from sandbox.wasi_http.resources import CHUNK_BYTES, InputStream, OutputStream, World
from sandbox.wasi_http.waiting import first_of
from tests.sandbox.guests import RecordingHost

TYPES = HTTP["wasi:http/types"].functions


@pytest.fixture(autouse=True)
def world() -> Iterator[World]:
    """Return the world of a guest that is running."""
    guest = Guest(b"", Limits(), RecordingHost())
    guest.scratch = found = World(guest, streamed=False)
    CURRENT.guest = guest
    yield found
    found.close()


def new_fields() -> int:
    made = TYPES["[constructor]fields"]()
    assert isinstance(made, Own)
    return made.rep


def test_fields_keep_order_case_and_repetition() -> None:
    rep = new_fields()
    for name, value in (("X-A", b"1"), ("x-b", b"2"), ("x-a", b"3")):
        assert TYPES["[method]fields.append"](rep, name, value) == Ok()
    assert TYPES["[method]fields.get"](rep, "x-A") == [b"1", b"3"]
    assert TYPES["[method]fields.entries"](rep) == [("X-A", b"1"), ("x-b", b"2"), ("x-a", b"3")]
    assert TYPES["[method]fields.set"](rep, "x-a", [b"9"]) == Ok()
    assert TYPES["[method]fields.entries"](rep) == [("x-b", b"2"), ("x-a", b"9")]
    assert TYPES["[method]fields.delete"](rep, "X-B") == Ok()
    assert TYPES["[method]fields.has"](rep, "x-b") is False


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("a b", b"1", "invalid-syntax"),
        ("", b"1", "invalid-syntax"),
        ("x", b"a\r\nb: c", "invalid-syntax"),
        ("x", b"\0", "invalid-syntax"),
        ("Transfer-Encoding", b"chunked", "forbidden"),
        ("Host", b"a", "forbidden"),
    ],
)
def test_what_may_not_be_a_field_is_refused(name: str, value: bytes, error: str) -> None:
    rep = new_fields()
    wrong = Err(Variant(error))
    assert TYPES["[method]fields.append"](rep, name, value) == wrong
    assert TYPES["[method]fields.set"](rep, name, [value]) == wrong
    assert TYPES["[static]fields.from-list"]([(name, value)]) == wrong
    assert TYPES["[method]fields.entries"](rep) == []


@given(chunks=st.lists(st.binary(min_size=1, max_size=50), max_size=10), size=st.integers(1, 80))
def test_a_stream_gives_every_byte_once_and_then_ends(chunks: list[bytes], size: int) -> None:
    left = [*chunks, b""]
    stream = InputStream(b"", lambda: left.pop(0))
    got = b""
    while isinstance(found := stream.read_or_wait(size), Ok):
        assert isinstance(found.payload, bytes)
        assert 0 < len(found.payload) <= size
        got += found.payload
    assert got == b"".join(chunks)
    assert stream.read(1) == Err(Variant("closed"))


def test_a_write_of_exactly_the_room_is_taken_and_one_byte_more_is_a_fault() -> None:
    taken: list[bytes] = []
    stream = OutputStream(taken.append)
    assert stream.room() == Ok(Number("u64", CHUNK_BYTES))
    assert stream.write(bytes(CHUNK_BYTES)) == Ok()
    with pytest.raises(GuestFaultError):
        stream.write(bytes(CHUNK_BYTES + 1))
    assert len(taken) == 1


@given(method=st.text(min_size=1, max_size=10))
def test_a_method_is_one_of_the_known_or_itself(method: str) -> None:
    seen = method_value(method)
    assert seen.payload == method if seen.case == "other" else seen.case.upper() == method


def test_the_first_of_several_futures_wakes_and_leaves_the_others_alone() -> None:
    async def scene() -> None:
        loop = asyncio.get_running_loop()
        futures: list[asyncio.Future[bytes]] = [loop.create_future() for _ in range(3)]
        first = first_of(futures)
        assert first is not None
        futures[1].set_result(b"x")
        assert await first == b""
        assert not futures[0].done()
        another = first_of([futures[0]])
        assert another is not None
        another.cancel()
        await asyncio.sleep(0)
        assert not futures[0].cancelled()
        assert first_of([futures[0], None]) is None

    asyncio.run(scene())


def test_a_guest_may_hold_ten_thousand_resources_and_not_one_more(world: World) -> None:
    for _ in range(10_000):
        world.own("fields", None)
    with pytest.raises(GuestFaultError):
        world.own("fields", None)
