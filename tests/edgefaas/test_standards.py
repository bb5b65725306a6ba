"""Standards through a whole POP, over sockets: RFC 9213, interim responses, and what may be served stale.

Stale at once: ``Age`` beyond ``max-age``. Everything else about freshness has tests of its own (``cache/``).
"""

import asyncio
from pathlib import Path

import pytest

from tests.edgefaas.live import FakeOrigin, Pop, Seen, ask_raw, reply
from tests.edgefaas.scripts import Script, scripted_pop
from tests.edgefaas.test_journey import play

FUTURE = "Fri, 01 Jan 2100 00:00:00 GMT"
HIT, MISS = "Hit from edgefaas", "Miss from edgefaas"


def stored_by(folder: Path, **fields: str) -> bool:
    """Return whether a response with these fields answers the second viewer."""
    words: list[str] = []

    async def scenario(served: Pop, fake: FakeOrigin) -> None:
        for _ in range(2):
            answer = await served.ask("/a")
            assert answer.body == b"x"
            for name, value in fields.items():
                assert answer.headers[name.replace("_", "-").lower()] == value, "it is passed on as it came"
            words.append(answer.headers["x-cache"])

    play(folder, lambda _: reply("x", **fields), scenario)
    assert words[0] == MISS
    return words[1] == HIT


TARGETED: dict[str, tuple[bool, dict[str, str]]] = {
    "it replaces no-store": (True, {"CDN_Cache_Control": "max-age=600", "Cache_Control": "no-store"}),
    "it replaces private": (True, {"CDN_Cache_Control": "max-age=600", "Cache_Control": "private"}),
    "it replaces a past Expires": (
        True,
        {"CDN_Cache_Control": "max-age=600", "Expires": "Thu, 01 Jan 1970 00:00:00 GMT"},
    ),
    "it replaces a future Expires": (False, {"CDN_Cache_Control": "max-age=0", "Expires": FUTURE}),
    "it replaces max-age": (False, {"CDN_Cache_Control": "max-age=0", "Cache_Control": "max-age=600"}),
    "it replaces s-maxage": (False, {"CDN_Cache_Control": "max-age=0", "Cache_Control": "s-maxage=600"}),
    "no-store": (False, {"CDN_Cache_Control": "no-store", "Cache_Control": "max-age=600"}),
    "private": (False, {"CDN_Cache_Control": "private", "Cache_Control": "max-age=600"}),
    "no-cache": (False, {"CDN_Cache_Control": "no-cache", "Cache_Control": "max-age=600"}),
    "an unknown directive beside": (True, {"CDN_Cache_Control": "max-age=600, foo=bar"}),
    "parameters are ignored": (True, {"CDN_Cache_Control": "max-age=600;max-age=0"}),
    "the last of two counts": (True, {"CDN_Cache_Control": "max-age=0, max-age=600"}),
    "white space around": (True, {"CDN_Cache_Control": "  max-age=600 ,  foo "}),
    "a false flag is no flag": (True, {"CDN_Cache_Control": "max-age=600, no-store=?0"}),
    "a syntax error voids it": (
        False,
        {"CDN_Cache_Control": "max-age=600, &&", "Cache_Control": "no-store"},
    ),
    "a void one lets Cache-Control decide": (
        True,
        {"CDN_Cache_Control": "no-store,", "Cache_Control": "max-age=600"},
    ),
    "capitals are a syntax error": (
        True,
        {"CDN_Cache_Control": "No-Store", "Cache_Control": "max-age=600"},
    ),
    "an empty one does not count": (True, {"CDN_Cache_Control": "", "Cache_Control": "max-age=600"}),
    "a string is no number": (
        False,
        {"CDN_Cache_Control": 'max-age="600"', "Cache_Control": "no-store"},
    ),
    "a fraction is no number of seconds": (
        False,
        {"CDN_Cache_Control": "max-age=600.5", "Cache_Control": "no-store"},
    ),
}


@pytest.mark.parametrize("what", TARGETED)
def test_cdn_cache_control_governs_this_cache_where_it_is_valid(what: str, tmp_path: Path) -> None:
    stored, fields = TARGETED[what]
    sent = {name: value.strip() for name, value in fields.items()}
    assert stored_by(tmp_path, **sent) is stored


def test_two_lines_of_cdn_cache_control_are_one_dictionary(tmp_path: Path) -> None:
    twice = (
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nCDN-Cache-Control: foo\r\n"
        b"CDN-Cache-Control: max-age=600\r\nCache-Control: no-store\r\n\r\nx"
    )

    async def scenario(served: Pop, fake: FakeOrigin) -> None:
        await served.ask("/a")
        assert (await served.ask("/a")).headers["x-cache"] == HIT

    play(tmp_path, lambda _: twice, scenario)


# -- 1xx ---------------------------------------------------------------------------------------------------

FINAL = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nCache-Control: max-age=60\r\n\r\nok"
HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"


def test_early_hints_reach_the_viewer_before_the_origin_has_answered(tmp_path: Path) -> None:
    async def main() -> None:
        answered = asyncio.Event()

        async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(HINTS)
            await answered.wait()
            writer.write(FINAL)

        async with scripted_pop(script, tmp_path) as served:
            reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
            writer.write(b"GET /a HTTP/1.1\r\nHost: a.example\r\n\r\n")
            hints = await reader.readuntil(b"\r\n\r\n")
            assert hints.startswith(b"HTTP/1.1 103 ")
            assert b"Link: </a.css>; rel=preload\r\n" in hints
            answered.set()
            final = await reader.readuntil(b"\r\n\r\n")
            assert final.startswith(b"HTTP/1.1 200 OK\r\n")
            assert await reader.readexactly(2) == b"ok"
            writer.write(b"GET /a HTTP/1.1\r\nHost: a.example\r\n\r\n")
            again = await reader.readuntil(b"\r\n\r\n")
            assert again.startswith(b"HTTP/1.1 200 OK\r\n"), "what is stored is the final response alone"
            assert b"Hit from edgefaas" in again
            assert await reader.readexactly(2) == b"ok"
            writer.close()

    asyncio.run(main())


def once(octets: bytes) -> Script:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(octets)
        await reader.read()

    return script


@pytest.mark.parametrize(
    ("interim", "seen"),
    [
        (b"HTTP/1.1 102 Processing\r\n\r\n", [102]),
        (b"HTTP/1.1 199 Something\r\nA: b\r\n\r\n", [199]),
        (b"HTTP/1.1 100 Continue\r\n\r\n", []),
        (HINTS + b"HTTP/1.1 102 Processing\r\n\r\n" + HINTS, [103, 102, 103]),
    ],
)
def test_interim_responses_are_passed_on_but_for_100(interim: bytes, seen: list[int], tmp_path: Path) -> None:
    async def main() -> None:
        async with scripted_pop(once(interim + FINAL), tmp_path) as served:
            got = await ask_raw(served.port, "/a")
            statuses = [int(part[:3]) for part in got.split(b"HTTP/1.1 ")[1:]]
            assert statuses == [*seen, 200]

    asyncio.run(main())


def test_a_viewer_of_http_1_0_gets_no_interim_response(tmp_path: Path) -> None:
    async def main() -> None:
        async with scripted_pop(once(HINTS + FINAL), tmp_path) as served:
            reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
            writer.write(b"GET /a HTTP/1.0\r\nHost: a.example\r\n\r\n")
            got = await reader.read()
            writer.close()
            assert got.count(b"HTTP/1.1 ") == 1
            assert got.endswith(b"ok")

    asyncio.run(main())


# -- Stale -------------------------------------------------------------------------------------------------

FAILURES: dict[str, bytes] = {
    "closes": b"",
    "garbage": b"\x00\x01 no HTTP\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxy",
    "503": reply("down", "503 Service Unavailable"),
}


def second_answer(folder: Path, failure: bytes, **fields: str) -> tuple[int, str]:
    """Store a response that is stale at once, let the origin fail, and return what the next viewer gets."""
    got: list[tuple[int, str]] = []

    async def scenario(served: Pop, fake: FakeOrigin) -> None:
        assert (await served.ask("/a")).status == 200
        answer = await served.ask("/a")
        if answer.status == 200:
            assert answer.body == b"old"
            assert int(answer.headers["age"]) >= 100
            assert "warning" not in answer.headers  # RFC 9111 withdrew it
        got.append((answer.status, answer.headers["x-cache"]))

    def replying(seen: Seen) -> bytes:
        return failure if len(seen_all) else first(seen)

    seen_all: list[Seen] = []

    def first(seen: Seen) -> bytes:
        seen_all.append(seen)
        return reply("old", Age="100", ETag='"1"', **fields)

    play(folder, replying, scenario)
    return got[0]


@pytest.mark.parametrize("failure", ["closes", "garbage", "two lengths"])
@pytest.mark.parametrize("control", ["max-age=60", "max-age=60, stale-if-error=600", "max-age=0"])
def test_a_stale_answer_stands_in_for_an_origin_that_cannot_be_reached(
    failure: str, control: str, tmp_path: Path
) -> None:
    assert second_answer(tmp_path, FAILURES[failure], Cache_Control=control) == (200, HIT)


@pytest.mark.parametrize("failure", ["closes", "503"])
@pytest.mark.parametrize("control", ["must-revalidate", "proxy-revalidate", "no-cache", "s-maxage=60"])
@pytest.mark.parametrize("window", ["", ", stale-if-error=600", ", stale-while-revalidate=600"])
def test_what_forbids_stale_answers_wins_over_every_window(
    failure: str, control: str, window: str, tmp_path: Path
) -> None:
    status, _ = second_answer(tmp_path, FAILURES[failure], Cache_Control=f"max-age=60, {control}{window}")
    assert status == (503 if failure == "503" else 502)


@pytest.mark.parametrize(
    ("control", "status"),
    [
        ("max-age=60", 503),
        ("max-age=60, stale-if-error=600", 200),
        ("max-age=60, stale-if-error=10", 503),
        ("max-age=60, stale-if-error=0", 503),
    ],
)
def test_an_error_of_the_origin_needs_stale_if_error_and_its_window(
    control: str, status: int, tmp_path: Path
) -> None:
    assert second_answer(tmp_path, FAILURES["503"], Cache_Control=control)[0] == status


@pytest.mark.parametrize(
    ("control", "status"),
    [("max-age=60, stale-if-error=600", 200), ("max-age=60, stale-if-error=600, must-revalidate", 503)],
)
def test_stale_if_error_may_stand_in_the_targeted_field(control: str, status: int, tmp_path: Path) -> None:
    fields = {"CDN_Cache_Control": control, "Cache_Control": "no-store"}
    assert second_answer(tmp_path, FAILURES["503"], **fields)[0] == status


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ("max-stale", 200),
        ("max-stale=600", 200),
        ("max-stale=5", 504),
        ("max-age=1000", 504),
        ("min-fresh=1", 504),
        ("no-cache", 504),
    ],
)
def test_only_if_cached_gives_what_the_viewer_allows_or_504(asked: str, status: int, tmp_path: Path) -> None:
    async def scenario(served: Pop, fake: FakeOrigin) -> None:
        await served.ask("/a")
        answer = await served.ask("/a", headers={"Cache-Control": f"only-if-cached, {asked}"})
        assert answer.status == status
        assert len(fake.seen) == 1

    play(tmp_path, lambda _: reply("x", Age="100", Cache_Control="max-age=60", ETag='"1"'), scenario)


def test_a_stored_error_never_stands_in(tmp_path: Path) -> None:
    replies = [reply("sorry", "503 Service Unavailable", Age="100", Cache_Control="max-age=60", ETag='"1"')]

    async def scenario(served: Pop, fake: FakeOrigin) -> None:
        assert (await served.ask("/a")).status == 503
        assert (await served.ask("/a")).status == 502

    play(tmp_path, lambda _: replies.pop() if replies else b"", scenario)
