"""A hit behind a function that lets the request pass: remembered by its output, and the same octets as ever."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefaas.ahead import without_address
from edgefaas.cache import MemoryStore, Purge
from edgefaas.contract import LiveFunction
from edgefaas.express import PASSAGE_BYTES_MAX, PASSAGES_MAX, Express, Passage, repeatable
from edgefaas.message import Headers, Prepared, Request
from edgefaas.site import Behaviour, Trigger
from edgefaas.telemetry import Meter
from sandbox import Builder, Built, Kind, Limits, Source
from tests.edgefaas.live import FakeOrigin, Pop, origin, pop, reply, serving
from tests.edgefaas.test_ahead import WithoutAhead, answers
from tests.edgefaas.test_express import stored

# One function with many ways: what it does with a request is said by the request's query.
WAYS = """exports.handler = async (event) => {
  const request = event.Records[0].cf.request;
  const add = (name, value) => { request.headers[name] = [{ key: name, value }]; };
  const way = new Map(request.querystring.split('&').map((part) => part.split('=')));
  if (way.has('stamp')) add('x-stamp', request.method + ' ' + request.uri);
  if (way.has('uri')) request.uri = '/ways/' + way.get('uri');
  if (way.has('drop')) delete request.headers[way.get('drop')];
  if (way.has('control')) add('cache-control', way.get('control'));
  if (way.has('range')) add('range', 'bytes=0-3');
  if (way.has('etag')) add('if-none-match', '"' + way.get('etag') + '"');
  if (way.has('random')) add('x-random', String(Math.random()));
  if (way.has('made')) return { status: '200', body: 'made ' + way.get('made') };
  return request;
};"""
OTHER = "exports.handler = async (event) => event.Records[0].cf.request;"
QUERIES = [
    "", "stamp=1", "uri=other", "drop=cookie", "control=no-cache", "control=max-age%3D5", "range=1", "etag=e1",
    "etag=no", "random=1", "made=a", "made=b&stamp=1", "drop=accept-encoding", "stamp=1&uri=other&drop=cookie",
]  # fmt: skip
FIELDS = [
    "",
    "Cookie: a=b\r\n",
    "Accept-Encoding: gzip\r\n",
    'If-None-Match: "e1"\r\n',
    "Range: bytes=0-1\r\n",
]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Built]]:
    """Build both scripts once."""
    folder = tmp_path_factory.mktemp("built")

    async def main() -> dict[str, Built]:
        builder = Builder(artifacts=folder)
        try:
            sources = [
                Source(kind=Kind.JS, files={"f.js": text.encode()}, entry="f.js") for text in (WAYS, OTHER)
            ]
            made = await asyncio.gather(*map(builder.build, sources))
            return dict(zip((WAYS, OTHER), made, strict=True))
        finally:
            await builder.close()

    return folder, asyncio.run(main())


def activate(served: Pop, built: Built) -> None:
    function = LiveFunction(
        name="ways", version=built.artifact, kind=Kind.JS, artifact=built.artifact, facts=built.facts,
        limits=Limits(cpu_ms=5_000),
    )  # fmt: skip
    served.app.activate({"ways": function})


@asynccontextmanager
async def deployed(
    built: tuple[Path, dict[str, Built]], folder: Path, told: str = 'access_log = "requests"'
) -> AsyncIterator[tuple[Pop, FakeOrigin]]:
    """Serve everything behind the function, from an origin whose answers may be stored for long."""
    stored_for_long = {"Cache_Control": "max-age=600", "ETag": '"e1"'}
    async with origin(lambda seen: reply(f"page {seen.target}", **stored_for_long)) as fake:
        site = f'[site]\n{told}\n[functions.ways]\nsource = "ways.js"\n'
        site += f'[origins.app]\nurl = "http://127.0.0.1:{fake.port}"\n'
        site += '[[behaviors]]\npath = "*"\norigin = "app"\nviewer_request = "ways"\n'
        (folder / "artifacts").symlink_to(built[0])
        async with pop(site, folder) as served:
            activate(served, built[1][WAYS])
            yield served, fake


class InTasks(WithoutAhead):
    """The same where every guest uses up its first slice, as on a busy machine."""

    def inline(self, request: Request) -> Prepared | None:
        return None


def asked(target: str, fields: str = "") -> bytes:
    return f"GET {target} HTTP/1.1\r\nHost: a\r\n{fields}\r\n".encode()


def passages(served: Pop) -> dict[Passage, Any]:
    return served.app._express.passages


def parts(answer: bytes) -> tuple[list[bytes], bytes]:
    """Return what an answer says: where a guest used up its slice, a task writes the lines in another order."""
    head, _, body = re.sub(rb"(Age: |ttl=)\d+", rb"\1", answer).partition(b"\r\n\r\n")
    return sorted(head.split(b"\r\n")), body


def test_a_viewer_cannot_tell_whether_a_hit_behind_a_function_was_remembered(
    built: tuple[Path, dict[str, Built]], tmp_path: Path
) -> None:
    requests = [asked(f"/ways/a?{query}", fields) for query in QUERIES for fields in FIELDS for _ in range(3)]

    async def main() -> None:
        async with (
            deployed(built, tmp_path) as (served, _),
            serving(WithoutAhead(served.app)) as port,
            serving(InTasks(served.app)) as slow_port,
        ):
            served.app._ids = 1 << 20  # so that all ids are of one length
            await answers(port, requests)  # everything is stored once
            quick = await answers(served.port, requests)
            assert passages(served)
            for other in (port, slow_port):
                long = await answers(other, requests)
                for request, first, second in zip(requests, quick, long, strict=True):
                    assert parts(first) == parts(second), request

    asyncio.run(main())


def test_the_function_runs_for_every_request_and_the_origin_is_asked_once(
    built: tuple[Path, dict[str, Built]], tmp_path: Path
) -> None:
    async def main() -> None:
        async with deployed(built, tmp_path) as (served, fake):
            await answers(served.port, [asked("/ways/a?stamp=1")] * 10)
            assert len(fake.seen) == 1
            counted: Any = served.app.stats()
            assert counted["sandbox"]["started"] == 10
            assert counted["requests"] == 10
            assert counted["words"] == {"Hit from edgefaas": 9, "Miss from edgefaas": 1}
            assert counted["functions"][0]["runs"] == 10
            assert len(passages(served)) == 1

    asyncio.run(main())


def test_a_purge_holds_behind_a_function_too(built: tuple[Path, dict[str, Built]], tmp_path: Path) -> None:
    async def main() -> None:
        async with deployed(built, tmp_path) as (served, fake):
            await answers(served.port, [asked("/ways/a")] * 4)
            assert len(fake.seen) == 1
            await served.app.purge(Purge(kind="everything"))
            await answers(served.port, [asked("/ways/a")] * 4)
            assert len(fake.seen) == 2

    asyncio.run(main())


def test_another_version_of_the_function_is_another_function(
    built: tuple[Path, dict[str, Built]], tmp_path: Path
) -> None:
    async def main() -> None:
        async with deployed(built, tmp_path) as (served, fake):
            await answers(served.port, [asked("/ways/a?uri=b")] * 4)
            activate(served, built[1][OTHER])
            told = await answers(served.port, [asked("/ways/a?uri=b")] * 4)
            assert [seen.target for seen in fake.seen] == ["/ways/b?uri=b", "/ways/a?uri=b"]
            assert all(answer.endswith(b"page /ways/a?uri=b") for answer in told)

    asyncio.run(main())


@pytest.mark.parametrize("told", ['access_log = "all"', 'server_timing = "always"', 'hosts = ["a"]'])
def test_what_keeps_plain_hits_from_being_remembered_keeps_these_too(
    built: tuple[Path, dict[str, Built]], tmp_path: Path, told: str
) -> None:
    async def main() -> None:
        async with deployed(built, tmp_path, told) as (served, _):
            await answers(served.port, [asked("/ways/a")] * 4)
            assert not passages(served)

    asyncio.run(main())


def test_only_requests_that_leave_the_verdict_to_the_store_are_repeatable() -> None:
    entry, behaviour = (
        stored([]),
        Behaviour(pattern="*", origin="app", triggers={Trigger.VIEWER_REQUEST: "f"}),
    )
    plain = Request(method="GET", path="/a", host="a.example", headers=Headers([("X-Any", "1")]))
    assert repeatable(behaviour, plain, entry)
    for name in ("Cache-Control", "pragma", "Range", "If-Range", "If-Match", "If-Unmodified-Since"):
        assert not repeatable(
            behaviour, Request(method="GET", path="/a", headers=Headers([(name, "1")])), entry
        )
    assert not repeatable(behaviour, Request(method="GET", path="/a", body=b"b"), entry)
    both = {Trigger.VIEWER_REQUEST: "f", Trigger.VIEWER_RESPONSE: "g"}
    assert not repeatable(Behaviour(pattern="*", origin="app", triggers=both), plain, entry)
    entry.selectors = (("accept", "text/html"),)
    assert not repeatable(behaviour, plain, entry)


def test_passages_are_bounded_in_number_and_size() -> None:
    entry, store = stored([]), MemoryStore(1 << 20)
    store.put(entry)
    express = Express(store, "", {}, Meter())
    request = Request(method="GET", path="/a", host="a.example")
    for number in range(PASSAGES_MAX):
        express.remember_passage(("http", b"/a", b"", "", b"%d" % number), request, entry, entry)
    assert len(express.passages) == PASSAGES_MAX
    express.remember_passage(("http", b"/a", b"", "", b"one more"), request, entry, entry)
    assert len(express.passages) == 1
    for length, kept in ((PASSAGE_BYTES_MAX - 2, 2), (PASSAGE_BYTES_MAX - 1, 2)):
        express.remember_passage(("http", b"/a", b"", "", b"x" * length), request, entry, entry)
        assert len(express.passages) == kept


@given(rest=st.text(max_size=60), address=st.sampled_from(["127.0.0.1", "2001:db8::1"]))
def test_only_the_viewers_own_address_in_its_own_place_is_left_out(rest: str, address: str) -> None:
    mark = f'{{"clientIp":"{address}",'.encode()
    output = mark + rest.encode()
    assert without_address(output, address) == (output if '"clientIp"' in rest else rest.encode())
    assert without_address(output, "192.0.2.1") == output
    assert without_address(b" " + output, address) == b" " + output
