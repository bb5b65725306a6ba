"""A hit that was answered before comes out as the journey would answer it, octet for octet."""

import asyncio
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefaas.answers import Answers
from edgefaas.cache import MemoryStore, Purge, Store, StoredResponse, Timing, cache_key, judge, storability
from edgefaas.cache.entry import decode_row, encode_row
from edgefaas.cache.verdict import Serve
from edgefaas.express import PLACE_CHARS_MAX, REMEMBERED_MAX, Express, memorable
from edgefaas.keeping import Keeper
from edgefaas.message import Headers, Prepared, Request, Response
from edgefaas.site import Behaviour, CachePolicy, Selection, Trigger, ViewerProtocol
from edgefaas.telemetry import Meter
from edgefaas.wire.heads import read_facts
from tests.edgefaas.live import ask_now, origin, pop, reply

POLICY = CachePolicy()
BEHAVIOUR = Behaviour(pattern="*", origin="app")
names = st.sampled_from(["Content-Type", "ETag", "X-Any", "Content-Language", "Last-Modified"])
values = st.text(alphabet="abcXYZ 0123;=/", min_size=1, max_size=12).map(str.strip).filter(bool)


def stored(
    headers: list[tuple[str, str]], body: bytes = b"x", status: int = 200, now_s: float = 1_000_000.0
) -> StoredResponse:
    request = Request(method="GET", path="/a", host="a.example")
    response = Response(
        status=status, headers=Headers([("Cache-Control", "max-age=600"), *headers]), body=body
    )
    timing = Timing(request_time_s=now_s, response_time_s=now_s)
    decided = storability(request, response, POLICY, cache_key(request, POLICY), timing)
    assert isinstance(decided, Store)
    return decided.with_body(body)


@given(
    headers=st.lists(st.tuples(names, values), max_size=5),
    body=st.binary(max_size=200),
    status=st.sampled_from([200, 203, 301, 404, 410]),
    later_s=st.floats(0, 599),
    pop_name=st.sampled_from(["", "fra"]),
)
def test_express_and_journey_answer_the_same_octets(
    headers: list[tuple[str, str]], body: bytes, status: int, later_s: float, pop_name: str
) -> None:
    entry = stored(headers, body, status)
    store = MemoryStore(1 << 20)
    store.put(entry)
    now_s = 1_000_000.0 + later_s
    request = Request(method="GET", path="/a", host="a.example", id="7")
    verdict = judge(request, store.get(entry.key), now_s)
    assert verdict == Serve(entry)
    slow = Answers(keeper=Keeper(store=store), pop=pop_name).hit(request, entry, now_s)
    express = Express(store, pop_name, {}, Meter())
    express.remember(request, entry, entry)
    assert isinstance(slow, Prepared)
    for _ in range(2):  # found out, and found out before
        assert express.answer(("http", "a.example", b"/a", ""), now_s, "7") == slow


@given(
    born_s=st.floats(0, 2e9),
    steps_s=st.lists(st.sampled_from([-1.5, -1e-7, 0.0, 1e-7, 0.1, 0.5, 0.999999, 1.0, 300.0]), max_size=12),
    tags=st.lists(st.sampled_from(['"v"', '"other"', None]), min_size=1, max_size=3),
)
def test_express_follows_the_clock_wherever_it_goes(
    born_s: float, steps_s: list[float], tags: list[str | None]
) -> None:
    entry = stored([("ETag", '"v"')], now_s=born_s)
    store = MemoryStore(1 << 20)
    store.put(entry)
    express = Express(store, "fra", {}, Meter())
    request = Request(method="GET", path="/a", host="a.example", id="7")
    express.remember(request, entry, entry)
    now_s, asked = born_s, 0
    for step_s in steps_s:
        now_s += step_s
        if not entry.is_fresh(now_s):
            return
        for tag in tags:
            conditions = () if tag is None else (("if-none-match", tag),)
            request.headers = Headers(conditions)
            slow = Answers(keeper=Keeper(store=store), pop="fra").hit(request, entry, now_s)
            fast = express.answer(("http", "a.example", b"/a", ""), now_s, "7", conditions)
            assert fast == (None if tag == '"other"' else slow)
            asked += fast is not None
    assert express.meter.express_hits == asked


def test_express_knows_nothing_that_was_not_remembered() -> None:
    assert (
        Express(MemoryStore(1 << 20), "", {}, Meter()).answer(("http", "a.example", b"/a", ""), 0.0, "1")
        is None
    )


def test_express_forgets_what_is_stale_replaced_or_purged() -> None:
    place = ("http", "a.example", b"/a", "")
    request = Request(method="GET", path="/a", host="a.example")
    changes = (
        "stale",
        "replaced",
        "purged",
        "purged, unswept",
        "purged softly",
        "removed",
        "cleared",
        "variant",
    )
    for change in changes:
        entry, store = stored([]), MemoryStore(1 << 20)
        store.put(entry)
        express = Express(store, "", {}, Meter())
        express.remember(request, entry, entry)
        now_s = 1_000_599.9
        assert express.answer(place, now_s, "1") is not None
        assert express.answer(place, now_s, "1") is not None  # by what was found the first time
        if change == "stale":
            now_s = 1_000_600.0
        elif change == "replaced":
            store.put(stored([], b"y"))
        elif change == "purged":
            store.purge(Purge(kind="everything"))
        elif change == "purged, unswept":
            store.log.record(Purge(kind="everything"))
        elif change == "purged softly":
            store.purge(Purge(kind="everything", soft=True))
        elif change == "removed":
            store.remove(entry)
        elif change == "cleared":
            store.clear()
        else:
            other = stored([])
            other.selectors = (("accept", "text/html"),)
            store.put(other)
        assert express.answer(place, now_s, "1") is None, change


def test_express_keeps_no_body_that_the_store_has_let_go_of() -> None:
    entry = stored([])
    express = Express(MemoryStore(1 << 20), "", {}, Meter())
    before = sys.getrefcount(entry)
    express.remember(Request(method="GET", path="/a", host="a.example"), entry, entry)
    assert len(express.known) == 1
    assert sys.getrefcount(entry) == before


@pytest.mark.parametrize(("length", "kept"), [(PLACE_CHARS_MAX - 2, 1), (PLACE_CHARS_MAX - 1, 0)])
def test_express_remembers_nothing_long_that_a_viewer_makes_up(length: int, kept: int) -> None:
    entry = stored([])
    for request in (
        Request(method="GET", path="/" + "p" * length, host="a"),
        Request(method="GET", path="/", host="a", headers=Headers([("Accept-Encoding", "b" * length)])),
        Request(method="GET", path="/", host="a", query="q" * length),
    ):
        express = Express(MemoryStore(1 << 20), "", {}, Meter())
        express.remember(request, entry, entry)
        assert len(express.known) == kept


def test_only_what_every_plain_viewer_gets_is_memorable() -> None:
    entry = stored([])
    assert memorable(BEHAVIOUR, entry)
    assert not memorable(Behaviour(pattern="*", origin="a", triggers={Trigger.VIEWER_REQUEST: "f"}), entry)
    assert not memorable(Behaviour(pattern="*", origin="a", triggers={Trigger.VIEWER_RESPONSE: "f"}), entry)
    assert memorable(Behaviour(pattern="*", origin="a", triggers={Trigger.ORIGIN_REQUEST: "f"}), entry)
    assert not memorable(Behaviour(pattern="*", origin="a", trusted_keys=("k",)), entry)
    https = Behaviour(pattern="*", origin="a", viewer_protocol=ViewerProtocol.HTTPS_ONLY)
    assert not memorable(https, entry)
    for policy in (CachePolicy(headers=frozenset({"accept"})), CachePolicy(cookies=Selection(mode="all"))):
        assert not memorable(Behaviour(pattern="*", origin="a", cache=policy), entry)
    entry.selectors = (("accept-language", "de"),)
    assert not memorable(BEHAVIOUR, entry)


def test_a_request_with_a_field_that_could_matter_is_not_plain() -> None:
    assert read_facts(b"Host: a\r\nAccept: */*\r\nCookie: a=b\r\n").plain
    assert read_facts(b"Host: a\r\nIf-None-Match: x\r\n").conditions == (("if-none-match", "x"),)
    for field in (
        "Range: bytes=0-1",
        "If-Range: x",
        "Cache-Control: no-cache",
        "X-Forwarded-For: 1.2.3.4",
    ):
        assert not read_facts(f"Host: a\r\n{field}\r\n".encode()).plain, field
    for field in (
        "Pragma: no-cache",
        "Connection: close",
        "X-Edge-Hop: 1",
        "Authorization: x",
        "TE: trailers",
    ):
        assert not read_facts(f"Host: a\r\n{field}\r\n".encode()).plain, field


def test_what_is_remembered_is_bounded() -> None:
    express = Express(MemoryStore(1 << 20), "", {}, Meter())
    entry = stored([])
    for number in range(REMEMBERED_MAX + 2):
        express.remember(Request(method="GET", path=f"/{number}", host="a"), entry, entry)
    assert len(express.known) == 2


def test_the_third_request_is_answered_by_express_with_the_head_of_the_second(tmp_path: Path) -> None:
    async def main() -> None:
        async with origin(lambda _: reply("one", Cache_Control="max-age=600", ETag='"v"')) as fake:
            site = f'[origins.app]\nurl = "http://127.0.0.1:{fake.port}"\n'
            async with pop(site, tmp_path) as served:
                answers = [await asyncio.to_thread(ask_now, served.port, "/a") for _ in range(3)]
                assert served.app.stats()["express_hits"] == 1
                for answer in answers:
                    answer.headers.pop("x-edge-request-id")
                    answer.headers.pop("age", None)
                assert answers[1].headers["x-cache"] == "Hit from edgefaas"
                assert answers[1] == answers[2]

    asyncio.run(main())


@given(
    etag=st.sampled_from([None, '"v"', 'W/"v"']),
    modified=st.sampled_from([None, "Mon, 01 Jun 2026 00:00:00 GMT"]),
    conditions=st.lists(
        st.one_of(
            st.tuples(
                st.just("if-none-match"), st.sampled_from(['"v"', '"other"', "*", 'W/"v"', '"a", "v"'])
            ),
            st.tuples(
                st.just("if-modified-since"),
                st.sampled_from(["Mon, 01 Jun 2026 00:00:00 GMT", "Mon, 01 Jun 2020 00:00:00 GMT", "never"]),
            ),
        ),
        max_size=3,
    ),
)
def test_a_condition_is_answered_as_the_journey_would_or_left_to_it(
    etag: str | None, modified: str | None, conditions: list[tuple[str, str]]
) -> None:
    validators = [("ETag", etag), ("Last-Modified", modified)]
    entry = stored([(name, value) for name, value in validators if value is not None])
    store = MemoryStore(1 << 20)
    store.put(entry)
    request = Request(method="GET", path="/a", host="a.example", id="7", headers=Headers(conditions))
    express = Express(store, "fra", {}, Meter())
    express.remember(request, entry, entry)
    fast = express.answer(("http", "a.example", b"/a", ""), 1_000_001.0, "7", tuple(conditions))
    slow = Answers(keeper=Keeper(store=store), pop="fra").hit(request, entry, 1_000_001.0)
    if fast is None:
        assert conditions  # only a condition leaves a fresh hit to the journey
    else:
        assert fast == slow


def test_what_comes_again_from_disk_is_the_same_hit_and_what_differs_is_not() -> None:
    place = ("http", "a.example", b"/a", "")
    request = Request(method="GET", path="/a", host="a.example")
    for change, known in (("", True), ("body", False), ("selectors", False), ("no digest", False)):
        entry, store = stored([("ETag", '"v"')]), MemoryStore(1 << 20)
        store.put(entry)
        express = Express(store, "", {}, Meter())
        express.remember(request, entry, entry)
        (again,) = decode_row(encode_row([entry]), None)
        if change == "body":
            again = decode_row(encode_row([stored([("ETag", '"v"')], b"other")]), None)[0]
        elif change == "selectors":
            again.selectors = (("accept", "text/html"),)
        elif change == "no digest":
            again.digest = b""
        store.remove_key(entry.key)
        store.put(again)
        answer = express.answer(place, 1_000_001.0, "7")
        assert (answer is not None) == known, change
        if answer is not None:
            assert answer == Answers(keeper=Keeper(store=store)).hit(
                replace(request, id="7"), again, 1_000_001.0
            )
