import asyncio
import gzip
from collections.abc import AsyncIterator, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefaas.cache import (
    AVAILABLE,
    FormMaker,
    MemoryStore,
    StoredResponse,
    encode,
    encode_stream,
    form_for,
    freshen,
    negotiate,
    prepared_hit,
    respond,
)
from edgefaas.cache import codecs as codecs_module
from edgefaas.cache.compression import LENGTH_MAX_BYTES, LENGTH_MIN_BYTES, coded_form, is_compressible
from edgefaas.message import Headers
from edgefaas.site import CachePolicy
from tests.edgefaas.cache.builders import NOW_S, RFC, request, response, stored, timing

BODY = b"the same words again and again; " * 100
TEXT = ("Content-Type", "text/html; charset=utf-8")
FRESH = ("Cache-Control", "max-age=60")


def decode(coding: str, octets: bytes) -> bytes:
    if coding == "br":
        return bytes(codecs_module._brotli.decompress(octets))
    if coding == "zstd":
        return bytes(codecs_module._zstandard.ZstdDecompressor().decompressobj().decompress(octets))
    return gzip.decompress(octets)


def page(*fields: tuple[str, str], body: bytes = BODY) -> StoredResponse:
    return stored(FRESH, TEXT, ("ETag", '"v"'), *fields, body=body)


@pytest.mark.parametrize(
    ("accept", "coding"),
    [
        (None, "identity"),
        ("", "identity"),
        ("gzip", "gzip"),
        ("GZIP", "gzip"),
        ("x-gzip", "gzip"),
        ("gzip, deflate, br, zstd", "br"),
        ("gzip, zstd", "zstd"),
        ("gzip;q=1.0, br;q=0.9", "gzip"),
        ("br;q=0, gzip", "gzip"),
        ("br;q=0.000, *", "zstd"),
        ("*", "br"),
        ("*;q=0", "identity"),
        ("identity", "identity"),
        ("identity, gzip;q=0.5", "identity"),
        ("identity;q=0.5, gzip;q=0.5", "gzip"),
        ("identity;q=0", "identity"),
        ("gzip;q=0", "identity"),
        ("gzip;q=x", "identity"),
        ("gzip;q=2", "identity"),
        ("gzip;q=-1", "identity"),
        ("deflate", "identity"),
    ],
)
def test_a_coding_is_chosen_by_weight_and_then_by_our_preference(accept: str | None, coding: str) -> None:
    assert negotiate(accept) == coding


@given(st.text(max_size=40))
def test_no_accept_encoding_makes_negotiation_fail_or_invent(text: str) -> None:
    assert negotiate(text, ("gzip",)) in ("gzip", "identity")


def compressible(*fields: tuple[str, str], status: int = 200, length: int | None = 5000) -> bool:
    return is_compressible(status, Headers([TEXT, *fields]), length)


def test_what_is_compressed_has_limits_on_both_sides() -> None:
    assert compressible()
    assert compressible(length=None)
    assert compressible(length=LENGTH_MIN_BYTES)
    assert not compressible(length=LENGTH_MIN_BYTES - 1)
    assert compressible(length=LENGTH_MAX_BYTES)
    assert not compressible(length=LENGTH_MAX_BYTES + 1)
    assert [status for status in range(200, 600) if compressible(status=status)] == [200, 403, 404]


@pytest.mark.parametrize(
    "field",
    [("Content-Encoding", "gzip"), ("Cache-Control", "no-transform"), ("Content-Range", "bytes 0-1/2")],
)
def test_nothing_is_coded_twice_or_against_the_origins_word(field: tuple[str, str]) -> None:
    assert not compressible(field)


@pytest.mark.parametrize("media_type", ["image/png", "text/event-stream", "", "video/mp4"])
def test_other_media_types_are_left_alone(media_type: str) -> None:
    assert not is_compressible(200, Headers([("Content-Type", media_type)]), 5000)


@pytest.mark.parametrize("coding", AVAILABLE)
def test_a_coded_form_has_a_weak_tag_its_coding_and_vary(coding: str) -> None:
    whole = page(("Accept-Ranges", "bytes"), ("Content-MD5", "x"), ("Vary", "Cookie"))
    form = coded_form(whole, coding, encode(coding, BODY))
    got = respond(request(), form, NOW_S)
    assert decode(coding, got.body) == BODY
    assert got.headers.get("content-encoding") == coding
    assert got.headers.get("etag") == 'W/"v"'
    assert got.headers.get("content-length") == str(len(got.body))
    assert got.headers.values("vary") == ["Cookie", "Accept-Encoding"]
    assert "accept-ranges" not in got.headers
    assert "content-md5" not in got.headers


def test_the_identity_form_says_that_others_exist() -> None:
    assert respond(request(), page(), NOW_S).headers.get("vary") == "Accept-Encoding"
    assert respond(request(), page(body=b"short"), NOW_S).headers.get("vary") is None
    assert respond(request(), page(("Vary", "accept-encoding")), NOW_S).headers.values("vary") == [
        "accept-encoding"
    ]
    uncompressed = stored(FRESH, TEXT, body=BODY, policy=CachePolicy(compress=False))
    assert respond(request(), uncompressed, NOW_S).headers.get("vary") is None


def with_gzip() -> StoredResponse:
    whole = page()
    whole.forms = {"gzip": coded_form(whole, "gzip", encode("gzip", BODY))}
    return whole


def test_a_viewer_gets_the_form_it_accepts_and_identity_until_that_is_made() -> None:
    whole = with_gzip()
    assert whole.forms is not None
    gzipped = whole.forms["gzip"]
    assert form_for(Headers([("Accept-Encoding", "gzip")]), whole, AVAILABLE) == (gzipped, None)
    assert form_for(Headers(), whole, AVAILABLE) == (whole, None)
    fresh = page()
    assert form_for(Headers([("Accept-Encoding", "gzip")]), fresh, AVAILABLE) == (fresh, "gzip")


def test_ranges_are_served_from_identity() -> None:
    whole = with_gzip()
    asked = request(("Accept-Encoding", "gzip"), ("Range", "bytes=0-2"))
    form, wanted = form_for(asked.headers, whole, AVAILABLE)
    assert (form, wanted) == (whole, None)
    assert respond(asked, form, NOW_S).body == b"the"


def test_both_forms_are_one_to_if_none_match() -> None:
    whole = with_gzip()
    for tag in ('"v"', 'W/"v"'):
        for accept in ("gzip", "identity"):
            asked = request(("Accept-Encoding", accept), ("If-None-Match", tag))
            form, _ = form_for(asked.headers, whole, AVAILABLE)
            assert respond(asked, form, NOW_S).status == 304


def test_a_coded_form_takes_the_fast_path_too() -> None:
    whole = with_gzip()
    asked = request(("Accept-Encoding", "gzip"))
    form, _ = form_for(asked.headers, whole, AVAILABLE)
    fast, slow = prepared_hit(asked, form, NOW_S), respond(asked, form, NOW_S)
    assert fast is not None
    assert (fast.head, fast.body) == (slow.head, slow.body)


def test_a_304_keeps_the_forms_and_updates_their_fields() -> None:
    whole = with_gzip()
    newer = freshen(request(), whole, response(("A", "1"), status=304), RFC, timing(NOW_S + 99)).stored
    assert newer.forms is not None
    form = newer.forms["gzip"]
    assert form.headers.get("a") == "1"
    assert gzip.decompress(form.body if isinstance(form.body, bytes) else b"") == BODY
    assert form.is_fresh(NOW_S + 100)


def test_a_soft_purge_reaches_the_forms() -> None:
    whole = with_gzip()
    whole.soft_purged = True
    form, _ = form_for(Headers([("Accept-Encoding", "gzip")]), whole, AVAILABLE)
    assert not form.is_fresh(NOW_S)


def in_loop(scenario: Callable[[], object]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(30):
            await scenario()  # type: ignore[misc]

    asyncio.run(bounded())


def test_a_form_is_made_once_and_counted_in_the_store() -> None:
    async def scenario() -> None:
        store = MemoryStore(1_000_000)
        whole = page()
        store.put(whole)
        before = store.stats.bytes_now
        async with asyncio.TaskGroup() as group:
            started: list[object] = []

            def start(work: object) -> None:
                started.append(group.create_task(work))  # type: ignore[arg-type]

            maker = FormMaker(store, start)
            for _ in range(5):
                maker.want(whole, "gzip")
        assert len(started) == 1
        form, wanted = form_for(Headers([("Accept-Encoding", "gzip")]), whole, AVAILABLE)
        assert wanted is None
        assert gzip.decompress(respond(request(), form, NOW_S).body) == BODY
        assert store.stats.bytes_now == before + form.weight_bytes

    in_loop(scenario)


def test_a_form_of_what_is_gone_is_dropped() -> None:
    store = MemoryStore(1_000_000)
    whole = page()
    assert not store.add_form(whole, "gzip", coded_form(whole, "gzip", b"x"))
    assert whole.forms is None


def test_a_form_that_does_not_fit_is_dropped() -> None:
    whole = page()
    store = MemoryStore(whole.weight_bytes + 10)
    store.object_bytes_max = store.bytes_max
    store.put(whole)
    assert not store.add_form(whole, "gzip", coded_form(whole, "gzip", b"x"))
    assert len(store) == 1


@pytest.mark.parametrize("coding", AVAILABLE)
def test_a_stream_is_coded_chunk_by_chunk(coding: str) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(BODY), 700):
            yield BODY[start : start + 700]
        yield BODY * 20

    async def scenario() -> None:
        coded = [piece async for piece in encode_stream(coding, chunks())]
        assert len(coded) > 3  # flushed as it came
        assert decode(coding, b"".join(coded)) == BODY * 21

    in_loop(scenario)


@given(st.binary(max_size=3000), st.sampled_from(AVAILABLE))
def test_coding_loses_nothing_and_is_repeatable(body: bytes, coding: str) -> None:
    assert decode(coding, encode(coding, body)) == body
    assert encode(coding, body) == encode(coding, body)
