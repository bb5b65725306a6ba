"""Viewers who miss the same object at the same time make one request to the origin."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from edgefaas.cache import Purge
from tests.edgefaas.live import FakeOrigin, Pop, Seen, ask_raw, origin, pop, reply

Scenario = Callable[[Pop, FakeOrigin], Coroutine[Any, Any, None]]


def play(folder: Path, replying: Callable[[Seen], bytes], scenario: Scenario) -> None:
    async def main() -> None:
        async with origin(replying) as fake:
            fake.gate = asyncio.Event()
            site = f'[origins.app]\nurl = "http://127.0.0.1:{fake.port}"\n'
            async with pop(site, folder) as served:
                await scenario(served, fake)

    asyncio.run(main())


async def seen_by_origin(fake: FakeOrigin, count: int) -> None:
    async with asyncio.timeout(30):
        while len(fake.seen) < count:
            await asyncio.sleep(0)


async def under_way(served: Pop, count: int) -> None:
    async with asyncio.timeout(30):
        while served.app.stats()["collapsed"] != count:
            await asyncio.sleep(0)


def test_three_hundred_simultaneous_misses_make_one_request(tmp_path: Path) -> None:
    async def scenario(served: Pop, fake: FakeOrigin) -> None:
        assert fake.gate is not None
        viewers = [asyncio.ensure_future(ask_raw(served.port, "/a")) for _ in range(300)]
        await under_way(served, 299)
        fake.gate.set()
        answers = await asyncio.gather(*viewers)
        assert all(answer.endswith(b"the one body") for answer in answers)
        assert sum(b"; collapsed" in answer for answer in answers) == 299
        assert len(fake.seen) == 1

    play(tmp_path, lambda _: reply("the one body", Cache_Control="max-age=60"), scenario)


def test_what_may_not_be_shared_is_fetched_for_each_in_parallel(tmp_path: Path) -> None:
    async def scenario(served: Pop, fake: FakeOrigin) -> None:
        assert fake.gate is not None
        viewers = [asyncio.ensure_future(ask_raw(served.port, "/a")) for _ in range(20)]
        await under_way(served, 19)
        fake.gate.set()
        answers = await asyncio.gather(*viewers)
        assert len(fake.seen) == 20
        assert len({answer.rsplit(b"\r\n\r\n", 1)[1] for answer in answers}) == 20

    counter = iter(range(100))
    play(tmp_path, lambda _: reply(f"secret {next(counter)}", Cache_Control="private"), scenario)


def test_a_viewer_who_leaves_does_not_take_the_others_down(tmp_path: Path) -> None:
    async def scenario(served: Pop, fake: FakeOrigin) -> None:
        assert fake.gate is not None
        leader = asyncio.ensure_future(ask_raw(served.port, "/a"))
        await seen_by_origin(fake, 1)
        followers = [asyncio.ensure_future(ask_raw(served.port, "/a")) for _ in range(5)]
        await under_way(served, 5)
        leader.cancel()
        await asyncio.gather(leader, return_exceptions=True)
        fake.gate.set()
        assert all(answer.endswith(b"body") for answer in await asyncio.gather(*followers))
        assert len(fake.seen) == 1

    play(tmp_path, lambda _: reply("body", Cache_Control="max-age=60"), scenario)


def test_an_origin_that_fails_is_asked_once_for_all_who_wait(tmp_path: Path) -> None:
    async def scenario(served: Pop, fake: FakeOrigin) -> None:
        assert fake.gate is not None
        viewers = [asyncio.ensure_future(ask_raw(served.port, "/a")) for _ in range(10)]
        await under_way(served, 9)
        fake.gate.set()
        answers = await asyncio.gather(*viewers)
        assert all(answer.startswith(b"HTTP/1.1 502 ") for answer in answers)
        assert len(fake.seen) == 1

    play(tmp_path, lambda _: b"", scenario)


def test_viewers_whom_vary_tells_apart_get_their_own(tmp_path: Path) -> None:
    async def scenario(served: Pop, fake: FakeOrigin) -> None:
        assert fake.gate is not None
        viewers = [
            asyncio.ensure_future(ask_raw(served.port, "/a", fields=f"Accept-Language: {language}\r\n"))
            for language in ("de", "fr", "de", "fr")
        ]
        await under_way(served, 3)
        fake.gate.set()
        answers = await asyncio.gather(*viewers)
        assert [answer.rsplit(b"\r\n\r\n", 1)[1] for answer in answers] == [b"de", b"fr", b"de", b"fr"]

    play(
        tmp_path,
        lambda seen: reply(
            seen.headers.get("accept-language", ""), Cache_Control="max-age=60", Vary="Accept-Language"
        ),
        scenario,
    )


def test_what_must_be_validated_before_each_use_is_not_shared(tmp_path: Path) -> None:
    """A response with no-cache may be stored for its validator, but may be one viewer's own (RFC 9111, 4)."""

    async def scenario(served: Pop, fake: FakeOrigin) -> None:
        assert fake.gate is not None
        viewers = [asyncio.ensure_future(ask_raw(served.port, "/a")) for _ in range(10)]
        await under_way(served, 9)
        fake.gate.set()
        answers = await asyncio.gather(*viewers)
        assert len({answer.rsplit(b"\r\n\r\n", 1)[1] for answer in answers}) == 10

    counter = iter(range(100))
    play(
        tmp_path,
        lambda _: reply(f"page {next(counter)}", Cache_Control="no-cache", ETag=f'"{next(counter)}"'),
        scenario,
    )


def test_who_comes_after_a_purge_does_not_get_what_was_asked_for_before(tmp_path: Path) -> None:
    async def scenario(served: Pop, fake: FakeOrigin) -> None:
        assert fake.gate is not None
        before = asyncio.ensure_future(ask_raw(served.port, "/a"))
        await seen_by_origin(fake, 1)
        await served.app.purge(Purge(kind="url", value="http://a.example/a"))
        after = asyncio.ensure_future(ask_raw(served.port, "/a"))
        await seen_by_origin(fake, 2)
        fake.gate.set()
        answers = await asyncio.gather(before, after)
        assert all(b"collapsed" not in answer for answer in answers)

    counter = iter(range(100))
    play(tmp_path, lambda _: reply(f"version {next(counter)}", Cache_Control="max-age=60"), scenario)


def test_a_viewer_who_wants_nothing_stored_goes_alone_and_stops_nobody_from_sharing(tmp_path: Path) -> None:
    async def scenario(served: Pop, fake: FakeOrigin) -> None:
        assert fake.gate is not None
        alone = asyncio.ensure_future(ask_raw(served.port, "/a", fields="Cache-Control: no-store\r\n"))
        await seen_by_origin(fake, 1)
        others = [asyncio.ensure_future(ask_raw(served.port, "/a")) for _ in range(5)]
        await under_way(served, 4)
        fake.gate.set()
        answers = await asyncio.gather(alone, *others)
        assert sum(b"; collapsed" in answer for answer in answers) == 4
        assert len(fake.seen) == 2

    play(tmp_path, lambda _: reply("body", Cache_Control="max-age=60"), scenario)
