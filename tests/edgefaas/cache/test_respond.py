import email

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefaas.cache import (
    Answer,
    BodyFile,
    FileSlice,
    Signature,
    StoredResponse,
    XCache,
    forward_status,
    prepared_hit,
    respond,
)
from edgefaas.cache.cache_status import Forward
from edgefaas.message import Request
from tests.edgefaas.cache.builders import NOW_S, request, stored

FRESH = ("Cache-Control", "max-age=60")
MODIFIED = "Sun, 06 Nov 1994 08:49:37 GMT"
LATER = "Sun, 06 Nov 1994 08:49:38 GMT"
EARLIER = "Sun, 06 Nov 1994 08:49:36 GMT"
BODY = b"0123456789"


def entry(*fields: tuple[str, str], status: int = 200, body: bytes = BODY) -> StoredResponse:
    return stored(FRESH, ("Content-Type", "text/plain"), *fields, status=status, body=body)


def answer(*fields: tuple[str, str], of: StoredResponse | None = None, method: str = "GET") -> Answer:
    return respond(request(*fields, method=method), of or entry(("ETag", '"v"')), NOW_S + 5)


def test_a_hit_carries_age_and_says_that_it_is_one() -> None:
    got = respond(request(), entry(), NOW_S + 5.9, Signature(pop="fra", request_id="r1"))
    assert (got.status, got.reason, got.body) == (200, "OK", BODY)
    assert list(got.headers)[-6:] == [
        ("Content-Length", "10"),
        ("Age", "5"),
        ("X-Cache", "Hit from edgefaas"),
        ("Cache-Status", "edgefaas; hit; ttl=55"),
        ("X-Edge-Pop", "fra"),
        ("X-Edge-Request-Id", "r1"),
    ]


def test_a_stale_answer_has_a_negative_ttl() -> None:
    got = respond(request(), entry(), NOW_S + 65, Signature(x_cache=XCache.HIT))
    assert got.headers.get("cache-status") == "edgefaas; hit; ttl=-5"


def test_what_upstream_caches_said_is_kept_before_ours_but_their_age_is_not() -> None:
    got = respond(request(), entry(("Cache-Status", "up; hit"), ("Age", "3"), ("X-Cache", "HIT")), NOW_S)
    assert got.headers.values("cache-status") == ["up; hit", "edgefaas; hit; ttl=57"]
    assert got.headers.values("age") == ["3"]
    assert got.headers.values("x-cache") == ["Hit from edgefaas"]


def test_a_head_has_the_fields_of_the_get_and_no_body() -> None:
    got, head = answer(), answer(method="HEAD")
    assert head.headers == got.headers
    assert head.segments == ()


@pytest.mark.parametrize("tags", ['"v"', 'W/"v"', '"a", "v"', "*", 'W/"a",W/"v"'])
def test_if_none_match_is_answered_with_304(tags: str) -> None:
    got = answer(("If-None-Match", tags))
    assert (got.status, got.segments) == (304, ())
    assert got.headers.get("etag") == '"v"'
    assert "content-length" not in got.headers
    assert "content-type" not in got.headers


@pytest.mark.parametrize("tags", ['"a"', "", '"v', "v"])
def test_another_tag_gets_the_body(tags: str) -> None:
    assert answer(("If-None-Match", tags)).status == 200


def test_if_none_match_wins_over_if_modified_since() -> None:
    both = entry(("ETag", '"v"'), ("Last-Modified", MODIFIED))
    assert answer(("If-None-Match", '"a"'), ("If-Modified-Since", MODIFIED), of=both).status == 200


def test_if_modified_since_is_compared_with_last_modified() -> None:
    dated = entry(("Last-Modified", MODIFIED))
    assert answer(("If-Modified-Since", MODIFIED), of=dated).status == 304
    assert answer(("If-Modified-Since", "Sun, 06 Nov 1994 08:49:36 GMT"), of=dated).status == 200
    assert answer(("If-Modified-Since", "yesterday"), of=dated).status == 200


def test_a_condition_changes_nothing_about_a_stored_error() -> None:
    missing = entry(("ETag", '"v"'), status=404)
    assert answer(("If-None-Match", '"v"'), of=missing).status == 404


@pytest.mark.parametrize(
    ("text", "octets", "content_range"),
    [
        ("bytes=0-1", b"01", "bytes 0-1/10"),
        ("bytes=1-", b"123456789", "bytes 1-9/10"),
        ("bytes=-1", b"9", "bytes 9-9/10"),
        ("bytes=0-5,3-9", BODY, "bytes 0-9/10"),
    ],
)
def test_one_range_is_answered_with_206(text: str, octets: bytes, content_range: str) -> None:
    got = answer(("Range", text))
    assert (got.status, got.body) == (206, octets)
    assert got.headers.get("content-range") == content_range
    assert got.headers.get("content-length") == str(len(octets))
    assert got.headers.get("content-type") == "text/plain"


def test_several_ranges_are_answered_as_multipart() -> None:
    got = answer(("Range", "bytes=0-1,5-6"))
    assert got.status == 206
    assert got.headers.get("content-length") == str(len(got.body))
    head = f"Content-Type: {got.headers.get('content-type')}\r\n\r\n".encode()
    whole = email.message_from_bytes(head + got.body)
    parts = [part for part in whole.walk() if not part.is_multipart()]
    assert [(part["Content-Range"], part["Content-Type"], part.get_payload()) for part in parts] == [
        ("bytes 0-1/10", "text/plain", "01"),
        ("bytes 5-6/10", "text/plain", "56"),
    ]


def test_an_impossible_range_is_answered_with_416() -> None:
    got = answer(("Range", "bytes=10-"))
    assert (got.status, got.body) == (416, b"")
    assert got.headers.get("content-range") == "bytes */10"
    assert "etag" not in got.headers


@pytest.mark.parametrize(
    ("if_range", "status"),
    [
        ('"v"', 206),
        ('"a"', 200),
        ('W/"v"', 200),
        (MODIFIED, 206),
        ("Sun, 06 Nov 1994 08:49:38 GMT", 200),
        ("x", 200),
    ],
)
def test_if_range_needs_the_very_same_strong_validator(if_range: str, status: int) -> None:
    both = entry(("ETag", '"v"'), ("Last-Modified", MODIFIED))
    assert answer(("Range", "bytes=0-1"), ("If-Range", if_range), of=both).status == status


def test_a_last_modified_that_is_as_young_as_the_date_is_too_weak_for_if_range() -> None:
    young = entry(("Last-Modified", MODIFIED), ("Date", MODIFIED))
    assert answer(("Range", "bytes=0-1"), ("If-Range", MODIFIED), of=young).status == 200


def test_a_range_is_ignored_for_head_and_for_what_is_no_200() -> None:
    assert answer(("Range", "bytes=0-1"), method="HEAD").status == 200
    assert answer(("Range", "bytes=0-1"), of=entry(status=404)).status == 404


def test_a_range_of_a_stored_part_is_cut_out_of_it() -> None:
    part = entry(("Content-Range", "bytes 4-9/10"), status=206, body=b"456789")
    got = answer(("Range", "bytes=6-8"), of=part)
    assert (got.status, got.body) == (206, b"678")
    assert got.headers.values("content-range") == ["bytes 6-8/10"]


def test_the_body_of_a_file_is_named_not_read(tmp_path) -> None:  # type: ignore[no-untyped-def]
    large = entry(("ETag", '"v"'))
    large.body = BodyFile(tmp_path / "body", 10**9)
    assert answer(("Range", "bytes=-5"), of=large).segments == (FileSlice(tmp_path / "body", 10**9 - 5, 5),)
    assert not answer(of=large).in_memory
    assert prepared_hit(request(), large, NOW_S) is None


def test_the_words_for_a_forwarded_request_follow_rfc_9211() -> None:
    assert (
        forward_status(Forward.STALE, fwd_status=304, stored=True, collapsed=True, ttl_s=60, detail="x")
        == "edgefaas; fwd=stale; fwd-status=304; stored; collapsed; ttl=60; detail=x"
    )


fields = st.lists(
    st.tuples(
        st.sampled_from(["Accept", "If-None-Match", "If-Modified-Since", "Foo"]),
        st.sampled_from(['"v"', '"w"', "*", "x", MODIFIED, LATER, EARLIER]),
    ),
    max_size=3,
)


@given(
    fields=fields,
    method=st.sampled_from(["GET", "HEAD"]),
    status=st.sampled_from([200, 204, 404, 301]),
    offsets_s=st.lists(st.floats(0, 100), min_size=1, max_size=4),
    request_id=st.sampled_from(["", "r1"]),
    soft=st.booleans(),
    dated=st.booleans(),
)
def test_the_fast_path_gives_the_same_octets_as_the_slow_one(
    fields: list[tuple[str, str]],
    method: str,
    status: int,
    offsets_s: list[float],
    request_id: str,
    *,
    soft: bool,
    dated: bool,
) -> None:
    asked: Request = request(*fields, method=method)
    held = entry(("ETag", '"v"'), ("Vary", "Foo"), *([("Last-Modified", MODIFIED)] * dated), status=status)
    held.soft_purged = soft
    for offset_s in offsets_s:  # several instants on one entry, so that composed heads are reused
        slow = respond(asked, held, NOW_S + offset_s, Signature(pop="fra", request_id=request_id))
        fast = prepared_hit(asked, held, NOW_S + offset_s, "fra", request_id)
        if fast is not None:
            assert (fast.head, fast.body) == (slow.head, slow.body)


def test_plain_hits_and_304s_take_the_fast_path() -> None:
    held = entry(("ETag", '"v"'))
    assert prepared_hit(request(("Accept", "*/*")), held, NOW_S) is not None
    fast = prepared_hit(request(("If-None-Match", '"v"')), held, NOW_S)
    assert fast is not None
    assert fast.head.startswith(b"HTTP/1.1 304 Not Modified\r\n")
    for field in ("Range", "If-Modified-Since", "If-Match", "If-Unmodified-Since"):
        assert prepared_hit(request((field, "x")), held, NOW_S) is None


def test_a_browsers_revalidation_takes_the_fast_path() -> None:
    held = entry(("ETag", '"v"'), ("Last-Modified", MODIFIED))
    for fields in (
        [("If-None-Match", '"v"'), ("If-Modified-Since", MODIFIED)],
        [("If-None-Match", '"v"'), ("If-Modified-Since", EARLIER)],  # RFC 9110, 13.1.3: it is ignored
        [("If-Modified-Since", MODIFIED)],
        [("If-Modified-Since", LATER)],
    ):
        fast = prepared_hit(request(*fields), held, NOW_S)
        assert fast is not None
        assert fast.head.startswith(b"HTTP/1.1 304 ")
    assert prepared_hit(request(("If-Modified-Since", EARLIER)), held, NOW_S) is None
