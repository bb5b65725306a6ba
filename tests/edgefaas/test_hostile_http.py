"""Hostile viewers and origins against a whole POP: nothing wrong is stored, and nobody else's answer changes."""

import asyncio
import logging
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edgefaas.cache import MemoryStore, Purge, TieredStore
from tests.edgefaas.live import Answer, FakeOrigin, Pop, Seen, ask_raw, origin, pop, reply
from tests.edgefaas.scripts import Script, scripted_pop
from tests.edgefaas.test_journey import SITE, play

HIT = "Hit from edgefaas"
FRESH = {"Cache_Control": "max-age=600"}


async def raw(port: int, octets: bytes) -> bytes:
    """Send octets as they are and return everything until the POP closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(octets)
        return await reader.read()
    finally:
        writer.close()


def status_of(answer: bytes) -> int:
    return int(answer[9:12])


# -- Poisoned keys -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        *("X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Scheme", "X-Forwarded-Port", "Forwarded"),
        *("X-Forwarded-Server", "X-Forwarded-Prefix", "X-Host", "X-Original-URL", "X-Rewrite-URL"),
        *("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "X-HTTP-Host-Override"),
        *("X-Edge-Viewer", "CloudFront-Viewer-Country", "Connection", "TE", "Proxy-Connection"),
    ],
)
def test_a_field_that_origins_obey_or_reflect_poisons_nobody(name: str, tmp_path: Path) -> None:
    def reflecting(seen: Seen) -> bytes:
        return reply(f"for {seen.headers.get(name.lower(), 'nobody')}", **FRESH)

    async def scenario(served: Pop, fake: FakeOrigin) -> None:
        await served.ask("/a", headers={name: "evil"})
        assert b"evil" not in (await served.ask("/a")).body
        # Nor does it change what is stored by now.
        await served.ask("/a", headers={name: "evil", "Cache-Control": "no-cache"})
        await served.ask("/a", method="HEAD", headers={name: "evil", "Cache-Control": "no-cache"})
        answer = await served.ask("/a")
        assert b"evil" not in answer.body
        assert answer.headers["x-cache"] == HIT

    play(tmp_path, reflecting, scenario)


def test_who_waits_for_the_same_object_does_not_get_the_poisoned_answer(tmp_path: Path) -> None:
    def reflecting(seen: Seen) -> bytes:
        return reply(f"for {seen.headers.get('x-host', 'nobody')}", **FRESH)

    async def scenario(served: Pop, fake: FakeOrigin) -> None:
        fake.gate = asyncio.Event()
        first = asyncio.ensure_future(ask_raw(served.port, "/a", fields="X-Host: evil\r\n"))
        while not fake.seen:
            await asyncio.sleep(0.002)
        others = [asyncio.ensure_future(ask_raw(served.port, "/a")) for _ in range(20)]
        while served.app._resources.flights.collapsed < 20:
            await asyncio.sleep(0.002)
        fake.gate.set()
        assert (await first).endswith(b"for evil")
        assert all(answer.endswith(b"for nobody") for answer in await asyncio.gather(*others))

    play(tmp_path, reflecting, scenario)


def test_with_a_request_policy_an_unkeyed_field_or_parameter_never_reaches_the_origin(tmp_path: Path) -> None:
    def reflecting(seen: Seen) -> bytes:
        return reply(f"{seen.target} {sorted(seen.headers.items())}", **FRESH)

    async def scenario(served: Pop, fake: FakeOrigin) -> None:
        for path in ("/a?evil=1", "/a?x=1&evil=2"):
            hostile = {"X-Anything": "evil", "Cookie": "evil=1", "User-Agent": "evil", "Accept": "evil"}
            assert b"evil" not in (await served.ask(path, headers=hostile)).body

    more = 'cache = { policy = "CachingOptimized" }\nforward = { headers = "none", cookies = "none", query = "none" }\n'
    play(tmp_path, reflecting, scenario, more)


@pytest.mark.parametrize(
    "framing", ["Content-Length: 4\r\n\r\nevil", "Transfer-Encoding: chunked\r\n\r\n4\r\nevil\r\n0\r\n\r\n"]
)
def test_a_get_with_a_body_touches_neither_store_nor_followers(framing: str, tmp_path: Path) -> None:
    async def scenario(served: Pop, fake: FakeOrigin) -> None:
        head = "GET /a HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
        fat = await raw(served.port, (head + framing).encode())
        assert status_of(fat) in (200, 400)
        answer = await served.ask("/a", headers={"Host": "127.0.0.1"})
        assert answer.body == b"body "
        fat = await raw(served.port, (head + framing).encode())
        assert b"Hit from" not in fat
        assert (await served.ask("/a", headers={"Host": "127.0.0.1"})).body == b"body "

    play(tmp_path, lambda seen: reply(b"body " + seen.body, **FRESH), scenario)


SPELLINGS = [
    *("/a/b", "/a%2fb", "/a%2Fb", "/a//b", "/a/./b", "/a/../a/b", "/a/%2e%2e/b", "/a;x.css", "/a/b;x=1.css"),
    *(
        "/a%3Bx.css",
        "/a%00.css",
        "/a%0a.css",
        "/a%23.css",
        "/a%3fb",
        "/a?b",
        "/a/b?",
        "/A/B",
        "/a\\b",
        "/a%5cb",
    ),
]


def test_every_spelling_of_a_path_is_an_object_of_its_own_and_reaches_the_origin_as_sent(
    tmp_path: Path,
) -> None:
    async def scenario(served: Pop, fake: FakeOrigin) -> None:
        for _ in range(2):
            for path in SPELLINGS:
                assert (await served.ask(path)).body.decode().rstrip("?") == path.rstrip("?")
        assert {seen.target.rstrip("?") for seen in fake.seen} == {path.rstrip("?") for path in SPELLINGS}

    play(tmp_path, lambda seen: reply(seen.target, **FRESH), scenario)


@pytest.mark.parametrize(
    "target",
    [
        b"/a\x00b",
        b"/a\nb",
        b"/a\rb",
        b"/a b",
        b"/a#b",
        b"/a\x7f",
        b"a",
        b"",
        b"http://",
        b"http://evil@a.example/a",
        b"//",
    ],
)
def test_a_target_with_forbidden_octets_reaches_nobody(target: bytes, tmp_path: Path) -> None:
    async def scenario(served: Pop, fake: FakeOrigin) -> None:
        octets = b"GET " + target + b" HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n"
        answer = await raw(served.port, octets)
        if target == b"//":
            assert fake.seen[0].target == "//"
        else:
            assert status_of(answer) == 400
            assert not fake.seen

    play(tmp_path, lambda seen: reply(seen.target, **FRESH), scenario)


@pytest.mark.parametrize("octet", [b"\x00", b"\x07", b"\x0b", b"\x7f", b"\r", b"\n"])
def test_a_field_value_with_a_control_octet_reaches_nobody(octet: bytes, tmp_path: Path) -> None:
    async def scenario(served: Pop, fake: FakeOrigin) -> None:
        fields = b"Host: a.example\r\nConnection: close\r\nX-A: b" + octet + b"c\r\n\r\n"
        assert status_of(await raw(served.port, b"GET /a HTTP/1.1\r\n" + fields)) == 400
        assert not fake.seen

    play(tmp_path, lambda _: reply("x", **FRESH), scenario)


def test_hosts_do_not_share_objects_however_they_are_spelled(tmp_path: Path) -> None:
    async def scenario(served: Pop, fake: FakeOrigin) -> None:
        async def words(target: str, host: str) -> tuple[int, bool]:
            fields = f"GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
            answer = await raw(served.port, fields.encode())
            return status_of(answer), HIT.encode() in answer

        assert await words("/a", "a.example") == (200, False)
        assert await words("/a", "A.EXAMPLE") == (200, True)
        assert await words("/a", "a.example:80") == (200, True)
        assert await words("/a", "b.example") == (200, False)
        assert await words("/a", "a.example:81") == (200, False)
        assert await words("http://a.example/a", "b.example") == (200, True)
        assert await words("http://c.example/a", "a.example") == (200, False)
        assert (await words("/a", "a.example, b.example"))[0] == 400
        assert (await words("/a", "a.example/b"))[0] == 400

    play(tmp_path, lambda _: reply("x", **FRESH), scenario)


def test_an_error_that_a_viewer_provoked_is_not_kept_for_others(tmp_path: Path) -> None:
    def picky(seen: Seen) -> bytes:
        if "x-long" in seen.headers:
            return reply("too long", "400 Bad Request")
        return reply("fine", **FRESH)

    async def scenario(served: Pop, fake: FakeOrigin) -> None:
        assert (await served.ask("/a", headers={"X-Long": "x" * 9000})).status == 400
        assert (await served.ask("/a")).body == b"fine"

    play(tmp_path, picky, scenario)


def test_a_range_of_one_viewer_is_not_the_whole_of_another(tmp_path: Path) -> None:
    def ranged(seen: Seen) -> bytes:
        if "range" in seen.headers:
            return reply("b", "206 Partial Content", Content_Range="bytes 1-1/3", ETag='"1"', **FRESH)
        return reply("abc", ETag='"1"', **FRESH)

    async def scenario(served: Pop, fake: FakeOrigin) -> None:
        part = await served.ask("/a", headers={"Range": "bytes=1-1"})
        assert (part.status, part.body) == (206, b"b")
        whole = await served.ask("/a")
        assert (whole.status, whole.body) == (200, b"abc")

    play(tmp_path, ranged, scenario)


@pytest.mark.slow
def test_a_vary_explosion_is_bounded_in_memory_and_on_disk(tmp_path: Path) -> None:
    def varied(seen: Seen) -> bytes:
        return reply(seen.headers["user-agent"], Vary="User-Agent", **FRESH)

    async def scenario(served: Pop, fake: FakeOrigin) -> None:
        for number in range(200):
            answer = await served.ask("/a", headers={"User-Agent": f"agent {number}", "Host": "a.example"})
            assert answer.body == f"agent {number}".encode()
        again = await served.ask("/a", headers={"User-Agent": "agent 199", "Host": "a.example"})
        assert (again.body, again.headers["x-cache"]) == (b"agent 199", HIT)
        other = await served.ask("/b", headers={"User-Agent": "agent 1", "Host": "a.example"})
        assert other.body == b"agent 1"
        store = served.app._resources.store
        assert isinstance(store, TieredStore)
        assert len(store) <= 64 + 1
        await store.settled()
        assert len(store.disk.get(store.keys()[0])) <= 64

    play(tmp_path, varied, scenario)


# -- Origins that lie --------------------------------------------------------------------------------------

GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nCache-Control: max-age=600\r\n\r\ngood"
OK = b"HTTP/1.1 200 OK\r\nCache-Control: max-age=600\r\n"

BROKEN_HEADS: dict[str, bytes] = {
    "garbage": b"\x16\x03\x01 what?\r\n\r\n",
    "another protocol": b"SSH-2.0-OpenSSH\r\n\r\n",
    "HTTP/0.9": b"<html>evil</html>",
    "no status": b"HTTP/1.1 OK\r\n\r\n",
    "a status out of range": b"HTTP/1.1 99 Evil\r\nContent-Length: 4\r\n\r\nevil",
    "a status beyond HTTP's": b"HTTP/1.1 600 Evil\r\nContent-Length: 4\r\n\r\nevil",
    "two lengths": OK + b"Content-Length: 4\r\nContent-Length: 5\r\n\r\nevil!",
    "a negative length": OK + b"Content-Length: -4\r\n\r\nevil",
    "a length that is none": OK + b"Content-Length: 4x\r\n\r\nevil",
    "length and chunks": OK
    + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nevil\r\n0\r\n\r\n",
    "an unknown coding": OK + b"Transfer-Encoding: evil\r\n\r\nevil",
    "chunked twice": OK + b"Transfer-Encoding: chunked, chunked\r\n\r\n4\r\nevil\r\n0\r\n\r\n",
    "a folded field": OK + b"X-A: b\r\n c: d\r\nContent-Length: 4\r\n\r\nevil",
    "a bare line feed": OK + b"X-A: b\nX-B: c\r\nContent-Length: 4\r\n\r\nevil",
    "a bare carriage return": OK + b"X-A: b\rSet-Cookie: evil\r\nContent-Length: 4\r\n\r\nevil",
    "a NUL": OK + b"X-A: b\x00\r\nContent-Length: 4\r\n\r\nevil",
    "a space before the colon": OK + b"Content-Length : 4\r\n\r\nevil",
    "a field without a name": OK + b": evil\r\nContent-Length: 4\r\n\r\nevil",
    "a switch nobody asked for": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: evil\r\n\r\nevil",
    "a head too large": OK + b"X-A: " + b"x" * 200_000 + b"\r\n\r\n",
    "too many fields": OK + b"X-A: b\r\n" * 5_000 + b"\r\n",
    "interim responses without end": b"HTTP/1.1 103 Early Hints\r\n\r\n" * 1_000,
}

BROKEN_BODIES: dict[str, bytes] = {
    "shorter than its length": OK + b"Content-Length: 100\r\n\r\nevil",
    "a length beyond 64 bits": OK + b"Content-Length: 99999999999999999999\r\n\r\nevil",
    "chunks that break off": OK + b"Transfer-Encoding: chunked\r\n\r\n4\r\nevil\r\n",
    "a chunk that breaks off": OK + b"Transfer-Encoding: chunked\r\n\r\n40\r\nevil",
    "a chunk size that is none": OK + b"Transfer-Encoding: chunked\r\n\r\n4g\r\nevil\r\n0\r\n\r\n",
    "a negative chunk size": OK + b"Transfer-Encoding: chunked\r\n\r\n-4\r\nevil\r\n0\r\n\r\n",
    "a huge chunk size": OK + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff1\r\nevil\r\n0\r\n\r\n",
    "a chunk longer than it says": OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nevil\r\n0\r\n\r\n",
    "a bad trailer": OK + b"Transfer-Encoding: chunked\r\n\r\n4\r\nevil\r\n0\r\nX\x00: y\r\n\r\n",
    "larger than memory, broken off": OK + b"Content-Length: 99000000\r\n\r\n" + b"evil" * 3_000_000,
}


def lying(octets: bytes) -> Script:
    """Answer /liar by ``octets`` the first time; everything else, and everybody after, is well."""
    told: list[bool] = []

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            if head.startswith(b"GET /liar") and not told:
                told.append(True)
                writer.write(octets)
                await writer.drain()
                return
            writer.write(GOOD)

    return script


async def deceived(served: Pop) -> tuple[bytes, Answer, Answer]:
    """Return the liar's first answer, the answer to who asks afterwards, and that to a bystander."""
    before = await served.ask("/other")
    assert before.body == b"good"
    first = await ask_raw(served.port, "/liar")
    after = await served.ask("/liar", headers={"Host": "a.example"})
    return first, after, await served.ask("/other")


@pytest.mark.parametrize("what", BROKEN_HEADS)
def test_an_origin_whose_head_lies_is_a_502_and_nothing_else_changes(what: str, tmp_path: Path) -> None:
    async def main() -> None:
        async with scripted_pop(lying(BROKEN_HEADS[what]), tmp_path) as served:
            first, after, other = await deceived(served)
            final = first[first.rindex(b"HTTP/1.1 ") :]
            assert status_of(final) == 502
            assert b"evil" not in final
            assert (after.status, after.body) == (200, b"good")
            assert (other.body, other.headers["x-cache"]) == (b"good", HIT)

    asyncio.run(main())


@pytest.mark.parametrize("what", BROKEN_BODIES)
def test_a_body_that_lies_breaks_off_for_the_viewer_and_is_not_stored(what: str, tmp_path: Path) -> None:
    async def main() -> None:
        async with scripted_pop(lying(BROKEN_BODIES[what]), tmp_path) as served:
            first, after, other = await deceived(served)
            whole = status_of(first) == 200 and complete(first)
            assert not whole
            assert (after.status, after.body) == (200, b"good")
            assert (other.body, other.headers["x-cache"]) == (b"good", HIT)

    asyncio.run(main())


def complete(answer: bytes) -> bool:
    """Return whether a viewer would take this answer for whole."""
    head, _, body = answer.partition(b"\r\n\r\n")
    fields = head.lower()
    if b"transfer-encoding: chunked" in fields:
        return body.endswith(b"0\r\n\r\n")
    for line in fields.split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return len(body) == int(line.split(b":")[1])
    return True


@pytest.mark.parametrize("octets", [b"", b"evil"])
def test_a_part_that_is_not_what_its_range_says_is_the_origins_fault(
    octets: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    chunks = b"%x\r\n%b\r\n" % (len(octets), octets) if octets else b""
    head = b'HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-9/20\r\nETag: "1"\r\n'
    part = head + b"Cache-Control: max-age=600\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"

    async def main() -> None:
        async with scripted_pop(lying(part), tmp_path) as served:
            first = await ask_raw(served.port, "/liar", fields="Range: bytes=0-9\r\n")
            assert status_of(first) == 502
            told = [line.text for line in served.log if "Content-Range" in line.text]
            assert told == [f"Origin 'app' sent {len(octets)} bytes, and its Content-Range says 0-9"]
            after = await served.ask("/liar", headers={"Host": "a.example"})
            assert (after.status, after.body) == (200, b"good")

    with caplog.at_level(logging.WARNING):
        asyncio.run(main())
    # asyncio's own server complains where the origin of this test is stopped in the middle of a read.
    assert [record for record in caplog.records if record.name.startswith("edgefaas")] == []


def test_octets_behind_the_declared_end_are_nobodys_answer(tmp_path: Path) -> None:
    smuggled = OK + b"Content-Length: 4\r\n\r\nokay" + OK + b"Content-Length: 4\r\n\r\nevil"

    async def main() -> None:
        async with scripted_pop(lying(smuggled), tmp_path) as served:
            first, after, _ = await deceived(served)
            assert first.endswith(b"okay")
            assert after.body == b"okay"
            for number in range(5):
                assert (await served.ask(f"/{number}")).body == b"good"

    asyncio.run(main())


@pytest.mark.parametrize("octets", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 103 Early Hints\r\n\r\n"])
def test_an_origin_that_says_nothing_more_is_a_504(octets: bytes, tmp_path: Path) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(octets)
        await reader.read()

    async def main() -> None:
        async with scripted_pop(script, tmp_path) as served:
            answer = await ask_raw(served.port, "/a")
            assert status_of(answer[answer.rindex(b"HTTP/1.1 ") :]) == 504

    asyncio.run(main())


def dripping(head: bytes, drop: bytes, gone: asyncio.Event) -> Script:
    """Send ``head``, then one drop after the other, until the POP closes: then ``gone`` is set."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(head)
        try:
            while True:
                writer.write(drop)
                await writer.drain()
                await asyncio.sleep(0.01)
        finally:
            gone.set()

    return script


@pytest.mark.slow
def test_a_head_that_drips_is_a_504_for_all_who_wait(tmp_path: Path) -> None:
    async def main() -> None:
        gone = asyncio.Event()
        async with scripted_pop(dripping(b"HTTP/1.1 200 OK\r\nX-A: ", b"x", gone), tmp_path) as served:
            answers = await asyncio.gather(*(ask_raw(served.port, "/a") for _ in range(10)))
            assert {status_of(answer) for answer in answers} == {504}
            await gone.wait()

    asyncio.run(main())


@pytest.mark.slow
@pytest.mark.parametrize("control", ["no-store", "max-age=600"])
def test_a_body_without_end_streams_while_somebody_reads_and_ends_with_the_last(
    control: str, tmp_path: Path
) -> None:
    async def main() -> None:
        gone = asyncio.Event()
        head = f"HTTP/1.1 200 OK\r\nCache-Control: {control}\r\n\r\n".encode()
        more = "[cache]\nmemory_mb = 1\ndisk_mb = 40\n"
        async with scripted_pop(dripping(head, b"x" * 1_000_000, gone), tmp_path, more) as served:
            reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
            writer.write(b"GET /a HTTP/1.1\r\nHost: a.example\r\n\r\n")
            for _ in range(40):
                await reader.readexactly(1_000_000)
            folder = served.app._resources.flights._directory
            assert folder is not None
            assert sum(file.stat().st_size for file in in_folder(folder)) <= 20 << 20
            writer.close()
            await gone.wait()  # the POP has closed: nobody reads, and it is too large to be kept
            assert len(served.app._resources.store) == 0

    asyncio.run(main())


def in_folder(folder: Path) -> list[Path]:
    return list(folder.iterdir())


@pytest.mark.parametrize("what", ["garbage", "two lengths", "a bare carriage return", "HTTP/0.9"])
def test_a_permitted_stale_answer_takes_the_place_of_a_lie(what: str, tmp_path: Path) -> None:
    replies = [BROKEN_HEADS[what], reply("old", Age="100", ETag='"1"', Cache_Control="max-age=60")]

    async def scenario(served: Pop, fake: FakeOrigin) -> None:
        assert (await served.ask("/a")).body == b"old"
        again = await served.ask("/a")
        assert (again.status, again.body) == (200, b"old")
        assert int(again.headers["age"]) >= 100

    play(tmp_path, lambda _: replies.pop() if replies else b"", scenario)


# -- The disk ----------------------------------------------------------------------------------------------


@contextmanager
def files_of_at_most(limit_bytes: int) -> Iterator[None]:
    """Let no file of this process grow beyond a size: the kernel refuses, as it does on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.slow
def test_a_disk_that_takes_no_more_costs_a_warning_and_no_answer(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sizes = {"small": 20_000, "file": 200_000, "large": 12_000_000}

    def sized(seen: Seen) -> bytes:
        return reply(seen.target[1:2].encode() * sizes[seen.target[3:]], **FRESH)

    async def main() -> None:
        async with origin(sized) as fake, pop(SITE.format(port=fake.port, more=""), tmp_path) as served:
            with caplog.at_level(logging.WARNING, "edgefaas.cache"), files_of_at_most(300_000):
                for kind, size in sizes.items():
                    for letter in "abcdefghijklmnopqrstuvwxyz"[: 26 if kind == "small" else 4]:
                        answer = await served.ask(f"/{letter}-{kind}")
                        assert answer.body == letter.encode() * size
                store = served.app._resources.store
                assert isinstance(store, TieredStore)
                await store.settled()
                assert store.disk_stats.failures > 0
                assert caplog.records, "the operator is told"
                for letter in "abcd":
                    answer = await served.ask(f"/{letter}-small")
                    assert (answer.body, answer.headers["x-cache"]) == (letter.encode() * sizes["small"], HIT)
                asked = len(fake.seen)
                await served.app.purge(Purge(kind="everything"))
                assert (await served.ask("/a-small")).body == b"a" * sizes["small"]
                assert len(fake.seen) == asked + 1, "a purge holds without a disk, too"

    asyncio.run(main())


def test_a_folder_that_vanishes_costs_no_answer(tmp_path: Path) -> None:
    def sized(seen: Seen) -> bytes:
        return reply(seen.target[1:2] * 500_000, **FRESH)

    async def scenario(served: Pop, fake: FakeOrigin) -> None:
        assert (await served.ask("/a")).body == b"a" * 500_000
        store = served.app._resources.store
        assert isinstance(store, TieredStore)
        await store.settled()
        remove_all(store.disk.bodies.path)
        store.clear()
        for path in ("/a", "/b", "/a", "/b"):
            assert (await served.ask(path)).body == path[1:].encode() * 500_000
        assert (await served.ask("/a")).headers["x-cache"] == HIT

    play(tmp_path, sized, scenario)


def remove_all(folder: Path) -> None:
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()


def test_a_pop_whose_cache_folder_cannot_be_used_runs_in_memory_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "cache").write_text("in the way")

    async def scenario(served: Pop, fake: FakeOrigin) -> None:
        assert type(served.app._resources.store) is MemoryStore
        await served.ask("/a")
        assert (await served.ask("/a")).headers["x-cache"] == HIT

    with caplog.at_level(logging.WARNING, "edgefaas.cache"):
        play(tmp_path, lambda _: reply("x", **FRESH), scenario)
    assert "memory only" in caplog.text
