"""A function that was started ahead of its request sees the same event, and its viewer gets the same octets."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefaas.ahead import may_start
from edgefaas.app import PopApp
from edgefaas.contract import Exchange, LiveFunction
from edgefaas.events import Api, EventContext, ShownBody, encode_event
from edgefaas.events.assembly import assembly_of
from edgefaas.message import Headers, Prepared, Request, Response
from edgefaas.site import Behaviour, Trigger, ViewerProtocol
from edgefaas.ways import TARGET_BYTES_MAX, WAYS_MAX
from sandbox import Builder, Built, Kind, Limits, Source
from tests.edgefaas.live import FakeOrigin, Pop, origin, pop, reply, serving

APIS = list(Api)
names = st.sampled_from(["Host", "Accept", "Cookie", "X-Any", "x-any", "User-Agent", "Connection"])
values = st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=255), max_size=20).map(str.strip)
paths = st.text(alphabet="abcdefgh/.%25-_~'\"\\", max_size=30).map(lambda text: f"/{text}")
BEHAVIOUR = Behaviour(pattern="*", origin="app", triggers={Trigger.VIEWER_REQUEST: "f"})

CONSTANT = (
    "exports.handler = async () => ({status: '201', headers: {'x-made': [{value: 'yes'}]}, body: 'made'});"
)
NEWER = CONSTANT.replace("'made'", "'new'")
ECHO = "exports.handler = async (event) => ({status: '200', body: JSON.stringify(event)});"
ECHO_OF_OTHER_API = """function handler(event) {
  return {statusCode: 200, body: {data: JSON.stringify(event), encoding: 'text'}};
}"""
GO_ON = """exports.handler = async (event) => {
  const request = event.Records[0].cf.request;
  request.headers['x-added'] = [{key: 'X-Added', value: request.uri}];
  return request;
};"""
SLOW = (
    "exports.handler = async () => { for (let i = 0; i < 4e5; i++); return {status: '200', body: 'slow'}; };"
)
THROWS = "exports.handler = async () => { throw new Error('no'); };"
NONSENSE = "exports.handler = async () => ({status: 'nonsense'});"
SOURCES = {
    "constant": CONSTANT,
    "echo": ECHO,
    "other": ECHO_OF_OTHER_API,
    "on": GO_ON,
    "slow": SLOW,
    "throws": THROWS,
    "nonsense": NONSENSE,
}
FIELDS = [
    "",
    "Cookie: a=b; c=d\r\nAccept: */*\r\n",
    "X-Forwarded-For: 9.9.9.9\r\n",
    "Connection: x-any\r\nX-Any: 1\r\n",
]
VARYING = re.compile(rb"(X-Edge-Request-Id: |requestId\\?\":\\?\"|<code>request )[0-9a-f]+|Date: [^\r]+")


@given(
    api=st.sampled_from(APIS),
    fields=st.lists(st.tuples(names, values), max_size=6),
    path=paths,
    query=st.text(alphabet='ab=&%+"', max_size=20),
    address=st.sampled_from(["127.0.0.1", "2001:db8::1", "fe80::1%eth0"]),
    shows_body=st.booleans(),
)
def test_an_event_put_together_is_the_event_encoded(
    api: str, fields: list[tuple[str, str]], path: str, query: str, address: str, *, shows_body: bool
) -> None:
    headers = Headers(fields)
    request = Request(method="GET", path=path, query=query, headers=headers, id="1f", viewer_ip=address)
    context = EventContext(body=ShownBody(b"") if shows_body else None)
    encoded = encode_event(api, Trigger.VIEWER_REQUEST, request, None, context).payload
    assembly = assembly_of(api, shows_body=shows_body)
    pieces = assembly.of_target(path, query), assembly.of_fields(headers)
    assert assembly.event(b"1f", address.encode(), *pieces) == encoded


def test_a_function_gets_no_head_start_where_something_may_come_before_it() -> None:
    assert may_start(BEHAVIOUR)
    changes: tuple[dict[str, Any], ...] = (
        {"triggers": {}},
        {"methods": frozenset({"POST"})},
        {"viewer_protocol": ViewerProtocol.HTTPS_ONLY},
        {"viewer_protocol": ViewerProtocol.REDIRECT_TO_HTTPS},
        {"trusted_keys": ("k",)},
        {"location_headers": frozenset({"cloudfront-viewer-country"})},
    )
    for change in changes:
        assert not may_start(replace(BEHAVIOUR, **change)), change


class WithoutAhead:
    """The same viewer side, which starts nothing ahead."""

    def __init__(self, app: PopApp) -> None:
        self.app = app

    def inline(self, request: Request) -> Prepared | None:
        return self.app.inline(request)

    async def answer(self, request: Request) -> Response:
        return await self.app.answer(request)

    def finished(self, exchange: Exchange) -> None:
        self.app.finished(exchange)


@dataclass(frozen=True)
class Shelf:
    """Builds by script, and the folder they are in."""

    folder: Path
    built: dict[str, Built]


@asynccontextmanager
async def deployed(shelf: Shelf, folder: Path, more: str = "") -> AsyncIterator[tuple[Pop, FakeOrigin]]:
    """Serve every function of SOURCES under the path of its name."""
    async with origin(lambda seen: reply(f"{seen.target} {seen.headers.get('x-added')}")) as fake:
        site = f'[site]\naccess_log = "all"\n[origins.app]\nurl = "http://127.0.0.1:{fake.port}"\n'
        for name in SOURCES:
            site += f'[functions.{name}]\nsource = "{name}.js"\n'
            site += f'[[behaviors]]\npath = "/{name}*"\norigin = "app"\nviewer_request = "{name}"\n'
        (folder / "artifacts").symlink_to(shelf.folder)
        async with pop(site + more, folder) as served:
            activate(served, shelf)
            yield served, fake


def begun(served: Pop) -> int:
    counts: Any = served.app.stats()["sandbox"]
    return int(counts["started"])


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    """Build every script once."""
    folder = tmp_path_factory.mktemp("built")

    async def main() -> dict[str, Built]:
        builder = Builder(artifacts=folder)
        try:
            sources = [
                Source(kind=Kind.JS, files={"f.js": text.encode()}, entry="f.js")
                for text in (*SOURCES.values(), NEWER)
            ]
            made = await asyncio.gather(*map(builder.build, sources))
            return dict(zip((*SOURCES.values(), NEWER), made, strict=True))
        finally:
            await builder.close()

    return Shelf(folder, asyncio.run(main()))


def activate(served: Pop, shelf: Shelf, **changed: str) -> None:
    """Make every function live, in the script of that name or the changed one."""
    live = {}
    for name, text in {**SOURCES, **changed}.items():
        build = shelf.built[text]
        live[name] = LiveFunction(
            name=name,
            version=build.artifact,
            kind=Kind.JS,
            artifact=build.artifact,
            facts=build.facts,
            limits=Limits(cpu_ms=5_000),
        )
    served.app.activate(live)


async def answers(port: int, requests: list[bytes]) -> list[bytes]:
    """Send the requests on one connection, one after the other; what differs by nature is blotted out."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    told = []
    try:
        for request in requests:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            found = re.search(rb"Content-Length: (\d+)", head)
            assert found is not None or b" 304 " in head, head
            body = (
                await reader.readexactly(int(found[1])) if found is not None and b" 304 " not in head else b""
            )
            told.append(VARYING.sub(b"(varies)", head + body))
    finally:
        writer.close()
    return told


def test_a_viewer_cannot_tell_whether_the_function_had_a_head_start(built: Shelf, tmp_path: Path) -> None:
    requests = [
        f"GET /{name}{rest} HTTP/1.1\r\nHost: a\r\n{fields}\r\n".encode()
        for name in SOURCES
        for fields in FIELDS
        for rest in ("", "?q=%20&q=2", "", "/deeper")
    ]

    async def main() -> None:
        async with deployed(built, tmp_path) as (served, _), serving(WithoutAhead(served.app)) as port:
            served.app._ids = 1 << 20  # so that all ids are of one length
            ahead, behind = await answers(served.port, requests), await answers(port, requests)
            for request, first, second in zip(requests, ahead, behind, strict=True):
                assert first == second, (request, first, second)
            lines = [line.fields for line in served.log if "target" in line.fields]
            assert len(lines) == 2 * len(requests)
            for one, two in zip(lines[: len(requests)], lines[len(requests) :], strict=True):
                for key in ("target", "status", "bytes", "viewer", "method", "host"):
                    assert one[key] == two[key]
            assert served.app.stats()["requests"] == 2 * len(requests)

    asyncio.run(main())


def test_a_function_that_is_shown_bodies_has_a_head_start_where_there_is_none(
    built: Shelf, tmp_path: Path
) -> None:
    shown = '[[behaviors]]\npath = "/body*"\norigin = "app"\nviewer_request = "{}"\ninclude_body = true\n'
    more = shown.format("echo") + shown.format("other").replace("/body", "/shown")
    requests = [
        f"{start} HTTP/1.1\r\nHost: a\r\n{rest}".encode()
        for path in ("/body?q=1", "/shown")
        for start, rest in ((f"GET {path}", "\r\n"), (f"POST {path}", "Content-Length: 4\r\n\r\nfour"))
        for _ in range(3)
    ]

    async def main() -> None:
        async with deployed(built, tmp_path, more) as (served, _), serving(WithoutAhead(served.app)) as port:
            served.app._ids = 1 << 20
            ahead, behind = await answers(served.port, requests), await answers(port, requests)
            assert ahead == behind
            assert [b"inputTruncated" in answer for answer in ahead] == [True] * 6 + [False] * 6
            assert sum(way.shows_body for way in served.app._now.ahead._ways.values()) == 2

    asyncio.run(main())


def test_a_function_is_run_once_whatever_becomes_of_it(built: Shelf, tmp_path: Path) -> None:
    async def main() -> None:
        async with deployed(built, tmp_path) as (served, fake):
            for number, name in enumerate(("constant", "on", "slow", "throws", "nonsense")):
                before = begun(served)
                request = f"GET /{name} HTTP/1.1\r\nHost: a\r\n\r\n".encode()
                await answers(served.port, [request] * 3)
                assert begun(served) - before == 3, (number, name)
            assert len(fake.seen) == 3

    asyncio.run(main())


def test_a_new_version_answers_from_the_next_request_on(built: Shelf, tmp_path: Path) -> None:
    request = b"GET /constant HTTP/1.1\r\nHost: a\r\n\r\n"

    async def main() -> None:
        async with deployed(built, tmp_path) as (served, _):
            assert all(b"made" in answer for answer in await answers(served.port, [request] * 3))
            activate(served, built, constant=NEWER)
            assert all(answer.endswith(b"new") for answer in await answers(served.port, [request] * 3))
            activate(served, built, constant=ECHO_OF_OTHER_API)
            for answer in await answers(served.port, [request] * 3):
                assert b'"version":"1.0"' in answer
                assert b"FunctionGeneratedResponse" in answer

    asyncio.run(main())


@pytest.mark.parametrize("more", ['[router]\ntrusted = ["127.0.0.0/8"]\n', ""])
def test_whose_address_it_is_is_asked_first_where_a_proxy_may_say(
    built: Shelf, tmp_path: Path, more: str
) -> None:
    request = b"GET /echo HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 198.51.100.7\r\n\r\n"
    seen = b"198.51.100.7" if more else b"127.0.0.1"

    async def main() -> None:
        async with deployed(built, tmp_path, more) as (served, _):
            for answer in await answers(served.port, [request] * 3):
                assert b'"clientIp":"%b"' % seen in answer

    asyncio.run(main())


def test_what_viewers_make_up_is_remembered_within_bounds(built: Shelf, tmp_path: Path) -> None:
    async def main() -> None:
        async with deployed(built, tmp_path) as (served, _):
            ways = served.app._now.ahead._ways
            long = b"/constant" + b"a" * TARGET_BYTES_MAX
            await answers(served.port, [b"GET %b HTTP/1.1\r\nHost: a\r\n\r\n" % long] * 2)
            assert not ways
            for number in range(WAYS_MAX):
                served.app._now.ahead._find(b"/constant%d" % number)
            assert len(ways) == WAYS_MAX
            served.app._now.ahead._find(b"/constant")
            assert len(ways) == 1

    asyncio.run(main())
