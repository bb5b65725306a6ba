"""Fields, streams and methods as wasi:http guests see them: pure."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.capi.values import Err, Number, Ok, Own, Some, Variant
from sandbox.contract import Limits
from sandbox.guest import CURRENT, Guest, GuestFaultError
from sandbox.waiting import first_of
from sandbox.wasi_http.host_http import HTTP, method_value
from sandbox.wasi_http.messages import FIELD_BYTES_MAX, FIELD_LINES_MAX, Fields
from sandbox.wasi_http.streams import CHUNK_BYTES, InputStream, OutputStream
from sandbox.wasi_http.world import World
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


def test_an_outgoing_request_is_a_fetch_of_the_host_and_its_answer_a_response(world: World) -> None:
    asked: list[dict[str, object]] = []

    def fetch(payload: bytes) -> bytes:
        asked.append(json.loads(payload))
        return json.dumps({"status": 201, "headers": [["x", "\xe9"]], "body": "YW5zd2Vy"}).encode()

    async def scene() -> None:
        world.guest.host = RecordingHost(calls={"fetch": fetch})
        headers = world.own("fields", Fields([("accept", b"*/*")]))
        made = TYPES["[constructor]outgoing-request"](headers.rep)
        assert isinstance(made, Own)
        TYPES["[method]outgoing-request.set-method"](made.rep, Variant("put"))
        TYPES["[method]outgoing-request.set-authority"](made.rep, "api.example.com")
        TYPES["[method]outgoing-request.set-path-with-query"](made.rep, "/a?b")
        body = payload_of(TYPES["[method]outgoing-request.body"](made.rep))
        stream = payload_of(TYPES["[method]outgoing-body.write"](body))
        future = payload_of(HTTP["wasi:http/outgoing-handler"].functions["handle"](made.rep, None))
        assert TYPES["[method]future-incoming-response.get"](future) is None
        output = world.get(stream)
        assert isinstance(output, OutputStream)
        output.write(b"question")
        assert TYPES["[static]outgoing-body.finish"](body, None) == Ok()
        found = TYPES["[method]future-incoming-response.get"](future)
        assert isinstance(found, Some)
        response = payload_of(payload_of(found.payload, deeper=True))
        assert TYPES["[method]incoming-response.status"](response) == Number("u16", 201)
        assert TYPES["[method]future-incoming-response.get"](future) == Some(Err())

    asyncio.run(scene())
    assert asked == [
        {
            "method": "PUT",
            "url": "https://api.example.com/a?b",
            "headers": [["accept", "*/*"]],
            "body": "cXVlc3Rpb24=",
            "redirect": "manual",
        }
    ]


def test_a_fetch_that_fails_is_an_error_code_for_the_guest(world: World) -> None:
    async def scene() -> None:
        request = TYPES["[constructor]outgoing-request"](new_fields())
        assert isinstance(request, Own)
        future = payload_of(HTTP["wasi:http/outgoing-handler"].functions["handle"](request.rep, None))
        assert TYPES["[method]future-incoming-response.get"](future) == Some(
            Ok(Err(Variant("internal-error", Some("there is no fetch"))))
        )

    asyncio.run(scene())


def payload_of(value: object, *, deeper: bool = False) -> Any:
    assert isinstance(value, Ok), value
    return value.payload.rep if isinstance(value.payload, Own) and not deeper else value.payload


def test_the_most_field_lines_are_taken_and_not_one_more() -> None:
    rep = new_fields()
    for _ in range(FIELD_LINES_MAX):
        assert TYPES["[method]fields.append"](rep, "x", b"1") == Ok()
    with pytest.raises(GuestFaultError):
        TYPES["[method]fields.append"](rep, "x", b"1")


def test_fields_of_exactly_the_limit_are_taken_and_one_byte_more_is_not() -> None:
    assert TYPES["[method]fields.append"](new_fields(), "x", b"1" * (FIELD_BYTES_MAX - 1)) == Ok()
    with pytest.raises(GuestFaultError):
        TYPES["[method]fields.append"](new_fields(), "x", b"1" * (FIELD_BYTES_MAX))
