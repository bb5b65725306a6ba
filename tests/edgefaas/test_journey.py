"""A request's way through cache and origin, over real sockets."""

import asyncio
import gzip
import os
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from edgefaas.cache import Purge, TieredStore
from edgefaas.errors import UsageError
from edgefaas.signing import sign_url
from tests.edgefaas.live import FakeOrigin, Pop, Seen, ask_raw, origin, pop, reply

Scenario = Callable[[Pop, FakeOrigin], Coroutine[Any, Any, None]]

SITE = """
[site]
hosts = ["*"]
[origins.app]
url = "http://127.0.0.1:{port}"
[[behaviors]]
path = "*"
origin = "app"
{more}
"""


def play(folder: Path, replying: Callable[[Seen], bytes], scenario: Scenario, more: str = "") -> FakeOrigin:
    """Run a scenario against a POP in front of an origin."""

    async def main() -> FakeOrigin:
        async with origin(replying) as fake, pop(SITE.format(port=fake.port, more=more), folder) as served:
            await scenario(served, fake)
            return fake

    return asyncio.run(main())


def test_a_fresh_response_is_answered_from_the_cache(tmp_path: Path) -> None:
    async def scenario(served: Pop, fake: FakeOrigin) -> None:
        first = await served.ask("/a")
        second = await served.ask("/a")
        assert (first.status, first.body, first.headers["x-cache"]) == (200, b"one", "Miss from edgefaas")
        assert (second.body, second.headers["x-cache"]) == (b"one", "Hit from edgefaas")
        assert "hit" in second.headers["cache-status"]
        assert second.headers["age"] == "0"
        assert len(fake.seen) == 1

    play(tmp_path, lambda _: reply("one", Cache_Control="max-age=60"), scenario)


def test_what_may_not_be_stored_is_asked_for_every_time(tmp_path: Path) -> None:
    async def scenario(served: Pop, fake: FakeOrigin) -> None:
        for number in (1, 2):
            assert (await served.ask("/a")).headers["x-cache"] == "Miss from edgefaas"
            assert len(fake.seen) == number

    play(tmp_path, lambda _: reply("x", Cache_Control="no-store"), scenario)


def test_another_query_is_another_object(tmp_path: Path) -> None:
    async def scenario(served: Pop, fake: FakeOrigin) -> None:
        assert (await served.ask("/a?x=1")).body == b"/a?x=1"
        assert (await served.ask("/a?x=2")).body == b"/a?x=2"
        assert (await served.ask("/a?x=1")).headers["x-cache"] == "Hit from edgefaas"

    play(tmp_path, lambda seen: reply(seen.target, Cache_Control="max-age=60"), scenario)


def test_a_query_that_is_not_keyed_does_not_reach_the_origin(tmp_path: Path) -> None:
    async def scenario(served: Pop, fake: FakeOrigin) -> None:
        assert (await served.ask("/a?x=1&track=7")).body == b"/a?x=1"
        assert (await served.ask("/a?track=8&x=1")).headers["x-cache"] == "Hit from edgefaas"

    play(
        tmp_path,
        lambda seen: reply(seen.target, Cache_Control="max-age=60"),
        scenario,
        more='cache = { query = ["x"] }',
    )


def test_a_stale_response_is_revalidated_and_reused(tmp_path: Path) -> None:
    def replying(seen: Seen) -> bytes:
        if seen.headers.get("if-none-match") == '"v1"':
            return reply(status="304 Not Modified", ETag='"v1"', Cache_Control="max-age=60").replace(
                b"Content-Length: 0\r\n", b""
            )
        return reply("one", ETag='"v1"', Cache_Control="max-age=0")

    async def scenario(served: Pop, fake: FakeOrigin) -> None:
        await served.ask("/a")
        second = await served.ask("/a")
        third = await served.ask("/a")
        assert (second.status, second.body) == (200, b"one")
        assert second.headers["x-cache"] == "RefreshHit from edgefaas"
        assert third.headers["x-cache"] == "Hit from edgefaas"
        assert len(fake.seen) == 2

    play(tmp_path, replying, scenario)


def test_the_viewers_own_condition_is_answered_from_the_cache(tmp_path: Path) -> None:
    async def scenario(served: Pop, fake: FakeOrigin) -> None:
        await served.ask("/a")
        same = await served.ask("/a", headers={"If-None-Match": '"v1"'})
        other = await served.ask("/a", headers={"If-None-Match": '"v2"'})
        assert (same.status, same.body) == (304, b"")
        assert (other.status, other.body) == (200, b"one")
        assert len(fake.seen) == 1

    play(tmp_path, lambda _: reply("one", ETag='"v1"', Cache_Control="max-age=60"), scenario)


def test_a_range_is_cut_from_what_is_stored(tmp_path: Path) -> None:
    async def scenario(served: Pop, fake: FakeOrigin) -> None:
        await served.ask("/a")
        part = await served.ask("/a", headers={"Range": "bytes=2-4"})
        beyond = await served.ask("/a", headers={"Range": "bytes=20-"})
        assert (part.status, part.body, part.headers["content-range"]) == (206, b"234", "bytes 2-4/10")
        assert beyond.status == 416
        assert len(fake.seen) == 1

    play(tmp_path, lambda _: reply("0123456789", ETag='"v1"', Cache_Control="max-age=60"), scenario)


def test_head_is_answered_from_a_stored_get(tmp_path: Path) -> None:
    async def scenario(served: Pop, fake: FakeOrigin) -> None:
        await served.ask("/a")
        head = await served.ask("/a", method="HEAD")
        assert (head.status, head.body, head.headers["content-length"]) == (200, b"", "3")
        assert len(fake.seen) == 1

    play(tmp_path, lambda _: reply("one", Cache_Control="max-age=60"), scenario)


def test_a_successful_post_makes_the_stored_response_invalid(tmp_path: Path) -> None:
    async def scenario(served: Pop, fake: FakeOrigin) -> None:
        await served.ask("/a")
        assert (await served.ask("/a", method="POST", body=b"new")).status == 200
        assert fake.seen[-1].body == b"new"
        assert (await served.ask("/a")).headers["x-cache"] == "Miss from edgefaas"

    play(tmp_path, lambda _: reply("one", Cache_Control="max-age=60"), scenario)


def test_a_stale_answer_may_be_served_while_it_is_refreshed_behind(tmp_path: Path) -> None:
    async def scenario(served: Pop, fake: FakeOrigin) -> None:
        await served.ask("/a")
        stale = await served.ask("/a")
        assert (stale.body, stale.headers["x-cache"]) == (b"1", "Hit from edgefaas")
        async with asyncio.timeout(20):
            while (await served.ask("/a")).body == b"1":
                pass  # each turn asks over a socket again

    counter = iter(range(1, 1000))
    play(
        tmp_path,
        lambda _: reply(str(next(counter)), ETag='"v"', Cache_Control="max-age=0, stale-while-revalidate=60"),
        scenario,
    )


def test_a_stale_answer_stands_in_for_a_failing_origin_where_allowed(tmp_path: Path) -> None:
    answers = iter([reply("good", Cache_Control="max-age=0, stale-if-error=60", ETag='"v"')])

    def replying(_: Seen) -> bytes:
        return next(answers, reply("bad", status="503 Service Unavailable"))

    async def scenario(served: Pop, fake: FakeOrigin) -> None:
        assert (await served.ask("/a")).body == b"good"
        second = await served.ask("/a")
        assert (second.status, second.body) == (200, b"good")
        assert (await served.ask("/b")).status == 503

    play(tmp_path, replying, scenario)


def test_an_origin_that_breaks_off_is_a_502_with_a_request_id(tmp_path: Path) -> None:
    async def scenario(served: Pop, fake: FakeOrigin) -> None:
        answer = await served.ask("/a")
        assert answer.status == 502
        assert answer.headers["x-cache"] == "Error from edgefaas"
        assert answer.headers["x-edge-request-id"] in answer.body.decode()
        assert "Traceback" not in answer.body.decode()

    play(tmp_path, lambda _: b"", scenario)


def test_methods_that_the_behaviour_does_not_allow_get_405_with_those_that_it_does(tmp_path: Path) -> None:
    async def scenario(served: Pop, fake: FakeOrigin) -> None:
        answer = await served.ask("/a", method="DELETE")
        assert answer.status == 405
        assert answer.headers["allow"] == "GET, HEAD, OPTIONS"
        assert not fake.seen

    play(tmp_path, lambda _: reply("x"), scenario, more='methods = "read"')


def test_a_purge_is_in_force_when_it_returns(tmp_path: Path) -> None:
    async def scenario(served: Pop, fake: FakeOrigin) -> None:
        await served.ask("/a")
        await served.ask("/b")
        assert await served.app.purge(Purge(kind="url", value="/a")) == 1
        assert (await served.ask("/a")).headers["x-cache"] == "Miss from edgefaas"
        assert (await served.ask("/b")).headers["x-cache"] == "Hit from edgefaas"
        assert await served.app.purge(Purge(kind="everything")) == 2
        assert (await served.ask("/b")).headers["x-cache"] == "Miss from edgefaas"
        with pytest.raises(UsageError):
            await served.app.purge(Purge(kind="sideways"))

    play(tmp_path, lambda _: reply("one", Cache_Control="max-age=60"), scenario)


def test_fields_that_only_proxies_may_send_are_dropped_from_viewers(tmp_path: Path) -> None:
    async def scenario(served: Pop, fake: FakeOrigin) -> None:
        await served.ask(
            "/a", headers={"X-Forwarded-Host": "evil", "X-Edge-Hop": "v1;x;y", "X-Forwarded-For": "1.2.3.4"}
        )
        got = fake.seen[0].headers
        assert "x-forwarded-host" not in got
        assert "x-edge-hop" not in got
        assert got.get("x-forwarded-for", "127.0.0.1") == "127.0.0.1"

    play(tmp_path, lambda _: reply("x"), scenario)


def test_a_large_body_streams_through_and_is_not_mixed_up(tmp_path: Path) -> None:
    large = bytes(range(256)) * 4096 * 4

    async def scenario(served: Pop, fake: FakeOrigin) -> None:
        assert (await served.ask("/a")).body == large
        assert (await served.ask("/a")).body == large
        assert len(fake.seen) == 1

    play(tmp_path, lambda _: reply(large, Cache_Control="max-age=60"), scenario)


def test_an_unknown_host_is_refused_and_a_known_one_served(tmp_path: Path) -> None:
    async def main() -> None:
        async with origin(lambda _: reply("x")) as fake:
            site = SITE.format(port=fake.port, more="").replace('hosts = ["*"]', 'hosts = ["a.example"]')
            async with pop(site, tmp_path) as served:
                assert (await served.ask("/", headers={"Host": "b.example"})).status == 421
                assert (await served.ask("/", headers={"Host": "A.example"})).status == 200
                assert (await served.ask("/", headers={"Host": "a.example:8080"})).status == 200
                assert (await served.ask("/", headers={"Host": "a.example.evil:80"})).status == 421

    asyncio.run(main())


def test_a_path_that_no_behaviour_covers_is_404(tmp_path: Path) -> None:
    async def main() -> None:
        async with origin(lambda _: reply("x")) as fake:
            site = SITE.format(port=fake.port, more="").replace('path = "*"', 'path = "/only/*"')
            async with pop(site, tmp_path) as served:
                assert (await served.ask("/other")).status == 404
                assert (await served.ask("/only/this")).status == 200

    asyncio.run(main())


def test_an_error_page_takes_the_place_of_an_origins_error(tmp_path: Path) -> None:
    def replying(seen: Seen) -> bytes:
        if seen.target == "/sorry.html":
            return reply("so sorry", Cache_Control="max-age=60")
        return reply("raw", status="404 Not Found")

    async def main() -> None:
        async with origin(replying) as fake:
            site = SITE.format(port=fake.port, more="")
            site += '[[error_pages]]\nstatus = 404\npath = "/sorry.html"\nresponse_status = 200\n'
            site += '[[error_pages]]\nstatus = 502\npath = "/sorry.html"\n'
            async with pop(site, tmp_path) as served:
                answer = await served.ask("/missing")
                assert (answer.status, answer.body) == (200, b"so sorry")
                assert answer.headers["x-cache"] == "Error from edgefaas"
                assert (await served.ask("/missing")).body == b"so sorry"

    asyncio.run(main())


def test_an_error_page_that_fails_itself_leaves_the_origins_answer(tmp_path: Path) -> None:
    async def main() -> None:
        async with origin(lambda _: reply("raw", status="404 Not Found")) as fake:
            site = SITE.format(port=fake.port, more="")
            site += '[[error_pages]]\nstatus = 404\npath = "/also-missing.html"\n'
            async with pop(site, tmp_path) as served:
                answer = await served.ask("/missing")
                assert (answer.status, answer.body) == (404, b"raw")

    asyncio.run(main())


def test_a_group_asks_the_second_origin_when_the_first_fails(tmp_path: Path) -> None:
    async def main() -> None:
        async with (
            origin(lambda _: reply("no", status="503 Service Unavailable")) as first,
            origin(lambda _: reply("second")) as second,
        ):
            site = f"""
[origins.a]
url = "http://127.0.0.1:{first.port}"
[origins.b]
url = "http://127.0.0.1:{second.port}"
[origin_groups.both]
origins = ["a", "b"]
[[behaviors]]
path = "*"
origin = "both"
"""
            async with pop(site, tmp_path) as served:
                assert (await served.ask("/x")).body == b"second"
                assert (await served.ask("/x", method="POST", body=b"1")).status == 503
                assert [seen.method for seen in second.seen] == ["GET"]

    asyncio.run(main())


def test_the_default_root_is_what_a_slash_means(tmp_path: Path) -> None:
    async def main() -> None:
        async with origin(lambda seen: reply(seen.target)) as fake:
            site = '[site]\ndefault_root = "start.html"\n' + SITE.format(port=fake.port, more="").replace(
                "[site]\n", ""
            )
            site = site.replace('hosts = ["*"]\n', "")
            async with pop(site, tmp_path) as served:
                assert (await served.ask("/")).body == b"/start.html"
                assert (await served.ask("/other")).body == b"/other"

    asyncio.run(main())


def test_plain_http_is_sent_to_https_where_the_behaviour_says_so(tmp_path: Path) -> None:
    async def scenario(served: Pop, fake: FakeOrigin) -> None:
        answer = await served.ask("/a?b=c", headers={"Host": "a.example"})
        assert (answer.status, answer.headers["location"]) == (301, "https://a.example/a?b=c")
        assert answer.headers["x-cache"] == "Redirect from edgefaas"
        assert (await served.ask("/a", method="POST", body=b"x")).status == 307
        assert not fake.seen

    play(tmp_path, lambda _: reply("x"), scenario, more='viewer_protocol = "redirect-to-https"')


def test_many_exchanges_at_once_over_few_connections_are_never_mixed_up(tmp_path: Path) -> None:
    """A connection is free as soon as its answer is complete, also before the one who asked has been resumed."""

    async def scenario(served: Pop, fake: FakeOrigin) -> None:
        async def viewer(number: int) -> None:
            for turn in range(20):
                path = f"/{number}/{turn}"
                answer = await ask_raw(served.port, path)
                assert answer.rsplit(b"\r\n\r\n", 1)[1] == f"it is {path}".encode()

        await asyncio.gather(*(viewer(number) for number in range(40)))

    play(tmp_path, lambda seen: reply(f"it is {seen.target}", Cache_Control="no-store"), scenario)


def test_location_fields_are_made_by_the_pop_and_never_believed_from_a_viewer(tmp_path: Path) -> None:
    async def main() -> None:
        async with origin(lambda _: reply("x", Cache_Control="no-store")) as fake:
            site = SITE.format(port=fake.port, more='location_headers = ["CloudFront-Viewer-Country"]')
            site += '[router]\ntrusted = ["127.0.0.0/8"]\n'
            async with pop(site, tmp_path) as served:
                forged = {"CloudFront-Viewer-Country": "XX", "CloudFront-Viewer-City": "Atlantis"}
                await served.ask("/", headers={"X-Forwarded-For": "8.8.8.8", **forged})
                await served.ask("/", headers=forged)
                assert fake.seen[0].headers["cloudfront-viewer-country"] == "US"
                assert "cloudfront-viewer-city" not in fake.seen[0].headers
                assert "cloudfront-viewer-country" not in fake.seen[1].headers  # loopback is nowhere

    asyncio.run(main())


def test_a_behaviour_with_trusted_keys_needs_a_signed_url(tmp_path: Path) -> None:
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "viewer.pem").write_bytes(public)
    secret = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    async def main() -> None:
        async with origin(lambda seen: reply(seen.target)) as fake:
            site = SITE.format(port=fake.port, more='trusted_keys = ["K1"]')
            site += '[public_keys.K1]\nfile = "viewer.pem"\n'
            async with pop(site, tmp_path) as served:
                assert (await served.ask("/film")).status == 403
                url = f"http://127.0.0.1:{served.port}/film?part=1"
                signed = sign_url(url, key_id="K1", key_pem=secret, policy=4_000_000_000)
                path = signed.removeprefix(f"http://127.0.0.1:{served.port}")
                answer = await served.ask(path)
                assert (answer.status, answer.body) == (200, b"/film?part=1")
                assert (await served.ask(path.replace("/film", "/other"))).status == 403

    asyncio.run(main())


def test_text_is_stored_once_and_served_in_the_coding_that_the_viewer_takes(tmp_path: Path) -> None:
    text = "the quick brown fox " * 200

    async def scenario(served: Pop, fake: FakeOrigin) -> None:
        await served.ask("/a", headers={"Accept-Encoding": "gzip"})
        async with asyncio.timeout(20):
            while (
                "content-encoding"
                not in (coded := await served.ask("/a", headers={"Accept-Encoding": "gzip"})).headers
            ):
                pass  # the coded form is made behind
        plain = await served.ask("/a")
        again = await served.ask("/a", headers={"Accept-Encoding": "gzip"})
        assert gzip.decompress(coded.body).decode() == plain.body.decode() == text
        assert again == replace(coded, headers=again.headers)
        assert coded.headers["etag"].startswith("W/")
        assert "accept-encoding" in coded.headers["vary"].lower()
        assert "accept-encoding" in plain.headers["vary"].lower()
        assert len(fake.seen) == 1

    play(
        tmp_path,
        lambda _: reply(text, Content_Type="text/plain", Cache_Control="max-age=60", ETag='"v1"'),
        scenario,
    )


@pytest.mark.parametrize("said", ["no-store", "private"])
def test_what_a_304_forbids_to_store_is_not_kept_for_its_coded_form_either(tmp_path: Path, said: str) -> None:
    kept = {"Content_Type": "text/plain", "Cache_Control": "max-age=0, stale-if-error=60", "ETag": '"v"'}
    answers = iter(
        [
            reply("for one viewer " * 200, **kept),
            reply("", status="304 Not Modified", ETag='"v"', Cache_Control=said),
        ]
    )

    async def scenario(served: Pop, fake: FakeOrigin) -> None:
        await served.ask("/a")
        assert (await served.ask("/a", headers={"Accept-Encoding": "gzip"})).status == 200
        store = served.app._resources.store
        assert isinstance(store, TieredStore)
        await store.settled()
        assert (await served.ask("/a")).status == 503

    play(tmp_path, lambda _: next(answers, reply("bad", status="503 Service Unavailable")), scenario)


def test_what_is_stored_survives_a_restart(tmp_path: Path) -> None:
    async def main() -> None:
        async with origin(lambda _: reply("kept", Cache_Control="max-age=600")) as fake:
            site, named = SITE.format(port=fake.port, more=""), {"Host": "a.example"}
            async with pop(site, tmp_path) as first:
                await first.ask("/a", headers=named)
            async with pop(site, tmp_path) as second:
                assert (await second.ask("/a", headers=named)).headers["x-cache"] == "Hit from edgefaas"
                await second.app.purge(Purge(kind="everything"))
            async with pop(site, tmp_path) as third:
                assert (await third.ask("/a", headers=named)).headers["x-cache"] == "Miss from edgefaas"

    asyncio.run(main())


def test_a_body_larger_than_memory_is_stored_on_disk_and_streamed_from_it(tmp_path: Path) -> None:
    large = bytes(range(256)) * 4096 * 20

    async def main() -> None:
        async with origin(lambda _: reply(large, Cache_Control="max-age=600")) as fake:
            site = SITE.format(port=fake.port, more="") + "[cache]\nmemory_mb = 1\n"
            async with pop(site, tmp_path) as served:
                assert (await served.ask("/a")).body == large
                async with asyncio.timeout(30):
                    while (answer := await served.ask("/a")).headers["x-cache"] != "Hit from edgefaas":
                        pass
                assert answer.body == large
                part = await served.ask("/a", headers={"Range": "bytes=1000000-1000009"})
                assert (part.status, part.body) == (206, large[1000000:1000010])

    asyncio.run(main())


@pytest.mark.slow
@pytest.mark.parametrize("fields", [{}, {"Range": "bytes=10-19"}, {"Range": "bytes=0-3,2000000-2000004"}])
@pytest.mark.parametrize("gone", [True, False])
def test_a_body_that_the_disk_lost_is_fetched_again_before_anything_is_sent(
    tmp_path: Path, fields: dict[str, str], *, gone: bool
) -> None:
    large = bytes(range(256)) * 4096 * 20

    async def main() -> None:
        async with origin(lambda _: reply(large, Cache_Control="max-age=600")) as fake:
            site = SITE.format(port=fake.port, more="") + "[cache]\nmemory_mb = 1\n"
            async with pop(site, tmp_path) as served:
                async with asyncio.timeout(60):
                    while (await served.ask("/a")).headers["x-cache"] != "Hit from edgefaas":
                        pass
                asked = len(fake.seen)
                (file,) = [
                    f
                    for f in (tmp_path / "data").rglob("*")
                    if f.is_file() and f.stat().st_size == len(large)
                ]
                if gone:
                    file.unlink()
                else:
                    with file.open("r+b") as damaged:
                        damaged.write(b"?")
                    os.utime(file, (0, 0))  # two changes of one instant look the same to some kernels
                answer = await served.ask("/a", headers=fields)
                assert answer.headers["x-cache"] == "Miss from edgefaas"
                assert answer.status == 200
                assert answer.body == large
                assert len(fake.seen) == asked + 1

    asyncio.run(main())


def test_a_cookie_set_without_a_lifetime_is_for_one_viewer(tmp_path: Path) -> None:
    async def scenario(served: Pop, fake: FakeOrigin) -> None:
        for number in (1, 2):
            answer = await served.ask("/a")
            assert answer.headers["set-cookie"] == f"session={number}"
            assert "if-none-match" not in fake.seen[-1].headers
            assert (await served.ask("/said")).headers["set-cookie"] == "session=said"
        assert len(fake.seen) == 3

    def replying(seen: Seen) -> bytes:
        if seen.target == "/said":
            return reply("x", Set_Cookie="session=said", Cache_Control="max-age=60")
        numbers.append(len(numbers) + 1)
        modified = "Mon, 01 Jan 2024 00:00:00 GMT"
        return reply("x", Set_Cookie=f"session={numbers[-1]}", ETag='"1"', Last_Modified=modified)

    numbers: list[int] = []
    play(tmp_path, replying, scenario)


def test_a_viewer_cannot_take_away_what_the_pop_adds_by_naming_it_in_connection(tmp_path: Path) -> None:
    async def scenario(served: Pop, fake: FakeOrigin) -> None:
        fields = {"Connection": "CloudFront-Viewer-Address, X-Own, Content-Length", "X-Own": "gone"}
        answer = await served.ask("/a", method="POST", body=b"body", headers=fields)
        assert answer.status == 200
        sent = fake.seen[0]
        assert sent.headers["cloudfront-viewer-address"].startswith("127.0.0.1:")
        assert "x-own" not in sent.headers
        assert "cloudfront" not in sent.headers.get("connection", "").lower()
        assert sent.body == b"body"

    more = 'location_headers = ["CloudFront-Viewer-Address"]'
    play(tmp_path, lambda _: reply("x"), scenario, more)


def test_what_an_origin_says_early_to_a_refresh_behind_reaches_no_viewer(tmp_path: Path) -> None:
    early = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"

    async def scenario(served: Pop, fake: FakeOrigin) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        try:
            writer.write(b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n")
            await reader.readuntil(b"one")
            # With a body, so that a task answers it, and a refresh begins that hangs.
            fake.gate = asyncio.Event()
            writer.write(b"GET /a HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n")
            assert (await reader.readuntil(b"one")).startswith(b"HTTP/1.1 200 ")
            async with asyncio.timeout(30):
                while len(fake.seen) < 3:
                    await asyncio.sleep(0)
            fake.gate.set()
            assert (await reader.readuntil(b"two")).count(b"103 Early") == 0
        finally:
            writer.close()

    def replying(seen: Seen) -> bytes:
        if seen.target == "/b":
            return reply("two")
        first = b"" if len(requests) == 0 else early
        requests.append(seen)
        return first + reply("one", Cache_Control="max-age=0, stale-while-revalidate=60", ETag='"1"')

    requests: list[Seen] = []
    play(tmp_path, replying, scenario)


@pytest.mark.parametrize("name", ["X-Original-URL", "x-rewrite-url", "X-HTTP-Method-Override"])
def test_a_field_that_names_another_target_does_not_poison_this_one(tmp_path: Path, name: str) -> None:
    async def scenario(served: Pop, fake: FakeOrigin) -> None:
        assert (await served.ask("/a", headers={name: "/poison"})).body == b"/poison"
        for _ in range(2):
            answer = await served.ask("/a")
            assert answer.body == b"/a"
        assert answer.headers["x-cache"] == "Hit from edgefaas"

    def replying(seen: Seen) -> bytes:
        return reply(seen.headers.get(name.lower(), seen.target), Cache_Control="max-age=60")

    play(tmp_path, replying, scenario)


def test_a_field_that_joins_the_key_may_name_another_target(tmp_path: Path) -> None:
    async def scenario(served: Pop, fake: FakeOrigin) -> None:
        for _ in range(2):
            answer = await served.ask("/a", headers={"X-Rewrite-URL": "/b"})
        assert answer.headers["x-cache"] == "Hit from edgefaas"

    more = 'cache = { headers = ["X-Rewrite-URL"] }'
    play(tmp_path, lambda _: reply("b", Cache_Control="max-age=60"), scenario, more)


def test_server_timing_is_told_to_those_who_ask(tmp_path: Path) -> None:
    async def scenario(served: Pop, fake: FakeOrigin) -> None:
        asking = {"X-Edge-Server-Timing": "1"}
        miss = await served.ask("/a", headers=asking)
        hit = await served.ask("/a", headers=asking)
        assert [part.split(";")[0] for part in miss.headers["server-timing"].split(", ")] == [
            "origin",
            "total",
        ]
        assert hit.headers["server-timing"].startswith("total;dur=")
        assert hit.headers["x-cache"] == "Hit from edgefaas"
        assert "server-timing" not in (await served.ask("/a")).headers
        assert "x-edge-server-timing" not in fake.seen[0].headers

    play(tmp_path, lambda _: reply("x", Cache_Control="max-age=60"), scenario)


def test_the_access_log_has_a_line_for_each_request_but_hits(tmp_path: Path) -> None:
    async def scenario(served: Pop, fake: FakeOrigin) -> None:
        miss = await served.ask("/a?b=c")
        for _ in range(3):
            await served.ask("/a?b=c")
        (line,) = served.log
        assert line.request_id == miss.headers["x-edge-request-id"]
        assert line.text.startswith("GET /a?b=c 200 ")
        assert line.fields["x_cache"] == "Miss from edgefaas"
        assert line.fields["viewer"] == "127.0.0.1"

    play(tmp_path, lambda _: reply("x", Cache_Control="max-age=60"), scenario)
