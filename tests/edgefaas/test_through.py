"""What goes through without a task: viewer and origin see the octets of the journey, and nobody is lost."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from edgefaas import through
from edgefaas.app import PopApp
from edgefaas.cache import Purge, TieredStore
from edgefaas.config import parse_site
from edgefaas.message import Request
from edgefaas.origin import PoolLimits
from edgefaas.site import (
    Behaviour,
    CachePolicy,
    FunctionOrigin,
    Selection,
    Trigger,
    UrlOrigin,
    ViewerProtocol,
)
from edgefaas.through import passes
from edgefaas.tracing.context import read_context
from edgefaas.tracing.spans import Kind
from edgefaas.transit import MISS, Transit
from edgefaas.wire.heads import Facts
from edgefaas.wire.protocol import WireProtocol
from tests.edgefaas.live import FakeOrigin, Pop, Seen, origin, pop, reply, serving
from tests.edgefaas.test_ahead import WithoutAhead

SITE = """
[site]
access_log = "all"
{about}
[origins.app]
url = "http://127.0.0.1:{port}/prefix"
headers = {{ X-Origin-Secret = "s" }}
first_byte_timeout = {patience}
connect_timeout = {line}
[[behaviors]]
path = "*"
origin = "app"
"""
VARYING = re.compile(rb"(X-Edge-Request-Id: |<code>request )[0-9a-f]+|Date: [^\r]+")
PORT = re.compile(r"127\.0\.0\.1:[0-9]+")
ANSWERS = {
    "no-store": reply("secret", Cache_Control="no-store"),
    "said nothing": reply("plain", Set_Cookie="a=b"),
    "private": reply("yours", Cache_Control="private, max-age=60", ETag='"p"'),
    "dated": reply(
        "dated", Date="Sun, 06 Nov 1994 08:49:37 GMT", Cache_Control="no-store", Connection="keep-alive"
    ),
    "stored": reply("shared", Cache_Control="max-age=60"),
    "asked about": reply("maybe", ETag='"v"', Cache_Control="no-cache"),
    "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n0\r\n\r\n",
    "empty": reply(b"", Cache_Control="no-store"),
    "no content": b"HTTP/1.1 204 No Content\r\nCache-Control: no-store\r\n\r\n",
    "not found": reply("no", "404 Not Found", Cache_Control="no-store"),
    "failing": reply("oh", "500 Internal Server Error"),
    "hints": b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"
    + reply("hinted", Cache_Control="no-store"),
    "closing": reply("bye", Cache_Control="no-store", Connection="close"),
    "stray": reply("four", Cache_Control="no-store") + b"HTTP/1.1 200 OK\r\n",
    "no HTTP": b"SSH-2.0-OpenSSH\r\n\r\n",
    "nothing": b"",
    "own fields": reply(
        "x", Cache_Control="no-store", X_Cache="Hit from elsewhere", Cache_Status="other; hit"
    ),
}
ENDING = ("closing", "stray", "no HTTP", "nothing")
FIELDS = [
    "",
    "Cookie: a=b; c=d\r\nAccept: */*\r\n",
    "X-Forwarded-For: 9.9.9.9\r\n",
    "Connection: x-any\r\nX-Any: 1\r\n",
    "Authorization: Bearer me\r\n",
    "Cache-Control: no-cache\r\nPragma: no-cache\r\n",
    "Cache-Control: no-store\r\n",
    "Cache-Control: max-age=0, only-if-cached\r\n",
    'If-None-Match: "v"\r\n',
]
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
OF_TRACES = [
    f"Traceparent: 00-{TRACE}-00f067aa0ba902b7-01\r\nTracestate: a=1, b=2\r\n",
    f"TraceParent: 00-{TRACE}-00f067aa0ba902b7-00\r\nCookie: a=b\r\n",
    f"traceparent: 00-{TRACE}\r\ntracestate: a=1\r\n",
]
TELEMETRY = '[telemetry]\notlp = "http://127.0.0.1:1"\ntraces_per_second = 10000\nsample_ratio = '


class Spying(WithoutAhead):
    """The viewer side whose transits are looked at."""

    def __init__(self, app: PopApp) -> None:
        super().__init__(app)
        self.transits: list[Transit] = []
        self.peer: tuple[str, int] | None = None  # who viewers are taken for

    def through(
        self, target: bytes, facts: Facts, scheme: str, peer: tuple[str, int], viewer: WireProtocol
    ) -> Transit | None:
        if self.peer is not None:
            viewer._peer = peer = self.peer
        transit = self.app.through(target, facts, scheme, peer, viewer)
        if transit is not None:
            self.transits.append(transit)
        return transit

    @property
    def arrived(self) -> int:
        """How many ended without the journey."""
        return sum(transit.request.begun == MISS and not transit.taken for transit in self.transits)


@dataclass
class Stage:
    """A POP in front of an origin, on a port where what goes through is seen."""

    served: Pop
    fake: FakeOrigin
    port: int
    spy: Spying
    viewers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def viewer(self, port: int | None = None) -> "Viewer":
        reader, writer = await asyncio.open_connection("127.0.0.1", port or self.port)
        self.viewers.append(writer)
        return Viewer(reader, writer)

    async def warm(self, count: int = 1) -> None:
        """Have ``count`` idle connections to the origin, and a viewer's connection each."""
        viewers = [await self.viewer() for _ in range(count)]
        gate, self.fake.gate = self.fake.gate, asyncio.Event()
        for at, viewer in enumerate(viewers):
            viewer.ask(f"/warm/{at}")
        async with asyncio.timeout(30):
            while sum(seen.target.startswith("/prefix/warm") for seen in self.fake.seen) < count:
                await asyncio.sleep(0)
        self.fake.gate.set()
        for viewer in viewers:
            await viewer.answer()
        self.fake.gate = gate
        self.fake.seen.clear()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while not condition():
                await asyncio.sleep(0)


@dataclass
class Viewer:
    """One connection that stays."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def ask(self, target: str, fields: str = "") -> None:
        self.writer.write(f"GET {target} HTTP/1.1\r\nHost: a.example\r\n{fields}\r\n".encode())

    async def answer(self) -> bytes:
        """Return head and body of one answer that has a Content-Length."""
        async with asyncio.timeout(30):
            head = await self.reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"\r\nContent-Length: ([0-9]+)", head)
            assert length is not None
            return head + await self.reader.readexactly(int(length[1]))

    async def get(self, target: str) -> bytes:
        self.ask(target)
        return await self.answer()


@asynccontextmanager
async def staged(
    replying: Callable[[Seen], bytes],
    folder: Path,
    *,
    patience_s: float = 30,
    line_s: float = 30,
    connections_max: int = 512,
    about: str = "",
    more: str = "",
) -> AsyncIterator[Stage]:
    async with origin(replying) as fake:
        site = SITE.format(port=fake.port, patience=patience_s, line=line_s, about=about) + more
        async with pop(site, folder) as served:
            served.app._resources.client._limits = PoolLimits(connections_max=connections_max)
            spy = Spying(served.app)
            async with serving(spy) as port:
                stage = Stage(served, fake, port, spy)
                try:
                    yield stage
                finally:
                    for writer in stage.viewers:
                        writer.close()
                        with contextlib.suppress(ConnectionError):
                            await writer.wait_closed()


def play(
    folder: Path,
    replying: Callable[[Seen], bytes],
    scenario: Callable[[Stage], Coroutine[Any, Any, None]],
    **options: Any,
) -> None:
    async def main() -> None:
        async with staged(replying, folder, **options) as stage:
            await scenario(stage)

    asyncio.run(main())


async def dialogue(port: int, target: str, fields: str) -> bytes:
    """Ask four times on one connection, the last time with its end; return all that comes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        head = f"GET {target} HTTP/1.1\r\nHost: a.example\r\n{fields}"
        writer.write(f"{head}\r\n".encode() * 3 + f"{head}Connection: close\r\n\r\n".encode())
        async with asyncio.timeout(30):
            return await reader.read()
    finally:
        writer.close()


@pytest.mark.parametrize("more", ["", f"{TELEMETRY}0\n", f"{TELEMETRY}1\n"])
def test_viewer_and_origin_get_the_octets_of_the_journey(tmp_path: Path, more: str) -> None:
    kinds = [*FIELDS, *OF_TRACES] if more else FIELDS

    async def main() -> None:
        def replying(seen: Seen) -> bytes:
            return ANSWERS[seen.target.split("/")[-1].split("?")[0].replace("%20", " ")]

        async with (
            staged(replying, tmp_path / "a", more=more) as one,
            staged(replying, tmp_path / "b", more=more) as other,
            serving(WithoutAhead(other.served.app)) as plain,
        ):
            for name in ANSWERS:
                for at, fields in enumerate(kinds):
                    target = f"/{at}/{name.replace(' ', '%20')}?a=1&b"
                    got = await dialogue(one.port, target, fields)
                    wanted = await dialogue(plain, target, fields)
                    assert VARYING.sub(rb"\1", got) == VARYING.sub(rb"\1", wanted), (name, fields)
                if name not in ENDING:
                    assert one.spy.transits, name
        assert [_masked(seen) for seen in one.fake.seen] == [_masked(seen) for seen in other.fake.seen]
        assert _lines(one.served) == _lines(other.served)
        assert _counts(one.served.app) == _counts(other.served.app)
        assert one.spy.arrived > 30
        assert not other.spy.transits
        assert _steps(one.served) == _steps(other.served)
        assert bool(one.served.spans) == bool(more)
        _check_family(one)

    asyncio.run(main())


def _masked(seen: Seen) -> tuple[str, dict[str, str]]:
    """Return what the origin got, without ports, and without the identifiers of traces that begin here."""
    fields = {name: PORT.sub("", value) for name, value in seen.headers.items()}
    if (told := read_context([fields.get("traceparent", "")])) is not None:
        own = told.trace_id if told.trace_id == TRACE else ""
        fields["traceparent"] = f"{own} {told.sampled}"
    return seen.target, fields


def _steps(served: Pop) -> list[tuple[object, ...]]:
    """Return what was told of each span, but for identifiers, ports and times; and the name of its parent."""
    names = {span[1]: span[5] for span in served.spans}
    rows: list[tuple[object, ...]] = []
    for trace, _, parent, state, remote, name, kind, _, _, attributes, error in served.spans:
        assert isinstance(attributes, dict)
        known = {key: PORT.sub("", str(value)) for key, value in attributes.items()}
        known.pop("edgefaas.request_id", None)
        if kind == Kind.CLIENT:
            known.pop("server.port")
        rows.append((trace == TRACE, names.get(parent), state, remote, name, kind, known, error))
    return rows


def _check_family(stage: Stage) -> None:
    """Every origin was told of a step of its own, which is a child of a request that ended after it."""
    spans = {span[1]: span for span in stage.served.spans}
    for seen in stage.fake.seen:
        told = read_context([seen.headers.get("traceparent", "")])
        if told is not None and told.sampled and told.span_id in spans:
            asked = spans[told.span_id]
            server = spans[asked[2]]
            assert (asked[0], asked[6], server[6]) == (told.trace_id, Kind.CLIENT, Kind.SERVER)
            assert server[7] <= asked[7] <= asked[8] <= server[8]  # type: ignore[operator]


def _lines(served: Pop) -> list[tuple[object, ...]]:
    names = ("target", "status", "bytes", "x_cache", "aborted", "versions")
    return [(line.level, *(line.fields.get(name) for name in names)) for line in served.log]


def _counts(app: PopApp) -> tuple[object, ...]:
    stats: Any = app.stats()
    told = [{**row, "latency_us": row["latency_us"]["count"]} for row in stats["origins"]]
    cache = {name: stats["cache"][name] for name in ("hits", "stored", "objects_now")}
    return stats["requests"], stats["words"], stats["statuses"], stats["body_bytes"], told, cache


def test_who_asks_for_the_same_while_it_is_on_its_way_gets_the_one_answer(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        await stage.warm()
        stage.fake.gate = asyncio.Event()
        viewers = [await stage.viewer() for _ in range(5)]
        for viewer in viewers:
            viewer.ask("/a")
        await stage.until(lambda: stage.served.app.stats()["collapsed"] == 4)
        assert len(stage.spy.transits) == 1
        stage.fake.gate.set()
        answers = [await viewer.answer() for viewer in viewers]
        assert all(answer.endswith(b"shared") for answer in answers)
        assert [seen.target for seen in stage.fake.seen] == ["/prefix/a"]
        assert b"Hit from edgefaas" in await viewers[0].get("/a")

    play(tmp_path, lambda _: ANSWERS["stored"], scenario)


def test_who_waited_for_what_turns_out_private_goes_by_themselves(tmp_path: Path) -> None:
    bodies = iter(range(100))

    async def scenario(stage: Stage) -> None:
        await stage.warm()
        stage.fake.gate = asyncio.Event()
        viewers = [await stage.viewer() for _ in range(5)]
        for viewer in viewers:
            viewer.ask("/a")
        await stage.until(lambda: stage.served.app.stats()["collapsed"] == 4)
        stage.fake.gate.set()
        answers = [await viewer.answer() for viewer in viewers]
        assert len({answer.rsplit(b"\r\n", 1)[1] for answer in answers}) == 5
        assert stage.spy.arrived == 1
        later = [await viewer.get("/a") for viewer in viewers]  # known to be private by now: nobody waits
        assert len(set(later)) == 5
        assert stage.spy.arrived == 6

    play(tmp_path, lambda _: reply(f"{next(bodies)}", Cache_Control="no-store"), scenario)


@pytest.mark.parametrize("name", ["stored", "no-store"])
def test_a_viewer_who_leaves_takes_nobody_along(tmp_path: Path, name: str) -> None:
    async def scenario(stage: Stage) -> None:
        await stage.warm()
        stage.fake.gate = asyncio.Event()
        leader, follower = await stage.viewer(), await stage.viewer()
        leader.ask("/a")
        await stage.until(lambda: bool(stage.spy.transits))
        follower.ask("/a")
        await stage.until(lambda: stage.served.app.stats()["collapsed"] == 1)
        leader.writer.close()
        await stage.until(lambda: 499 in [line.fields["status"] for line in stage.served.log])
        stage.fake.gate.set()
        assert (await follower.answer()).endswith({"stored": b"shared", "no-store": b"secret"}[name])
        assert len(stage.fake.seen) == {"stored": 1, "no-store": 2}[name]
        (left,) = [line.fields for line in stage.served.log if line.fields["status"] == 499]
        assert left["aborted"]

    play(tmp_path, lambda _: ANSWERS[name], scenario)


def test_nobody_waits_for_an_answer_whose_only_viewer_has_left(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        viewer = await stage.viewer()
        await viewer.get("/a")
        await viewer.get("/a")  # its answers are for one viewer each, that is known now
        assert stage.spy.arrived == 1
        stage.fake.gate = asyncio.Event()
        viewer.ask("/a")
        await stage.until(lambda: len(stage.spy.transits) == 2)
        viewer.writer.close()
        (pool,) = stage.served.app.stats()["origin_connections"].values()  # type: ignore[attr-defined]
        assert pool["live"] == 1
        await stage.until(lambda: not _live(stage))
        stage.fake.gate.set()
        assert (await (await stage.viewer()).get("/a")).endswith(b"secret")

    play(tmp_path, lambda _: ANSWERS["no-store"], scenario)


def _live(stage: Stage) -> int:
    stats: Any = stage.served.app.stats()
    return sum(pool["live"] for pool in stats["origin_connections"].values())


def test_what_is_purged_while_it_is_on_its_way_is_not_stored(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        await stage.warm()
        stage.fake.gate = asyncio.Event()
        viewer = await stage.viewer()
        viewer.ask("/a")
        await stage.until(lambda: bool(stage.fake.seen))
        assert stage.spy.transits
        await stage.served.app.purge(Purge(kind="everything"))
        stage.fake.gate.set()
        assert (await viewer.answer()).endswith(b"shared")
        assert b"Miss from edgefaas" in await viewer.get("/a")
        assert b"Hit from edgefaas" in await viewer.get("/a")

    play(tmp_path, lambda _: ANSWERS["stored"], scenario)


def test_what_was_on_no_disk_a_moment_ago_is_not_looked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(through, "ABSENT_S", 3600.0)

    async def scenario(stage: Stage) -> None:
        app = stage.served.app
        store, absent = app._resources.store, app._now.through._absent
        assert isinstance(store, TieredStore)
        await stage.warm()
        viewer = await stage.viewer()

        async def looks() -> int:
            """Return how often the disk was asked for two requests, each of which is a miss in memory."""
            disk, memory = store.disk_stats.misses, store.stats.misses
            for _ in range(2):
                assert (await viewer.get("/a")).endswith(b"mine")
            assert store.stats.misses == memory + 2
            return store.disk_stats.misses - disk

        absent.clear()
        assert await looks() == 1
        assert await looks() == 0
        (trip,) = absent
        absent[trip] = monotonic()
        assert await looks() == 1
        await app.purge(Purge(kind="everything"))
        assert await looks() >= 1  # the number of the purge is part of what is remembered
        app._resources.flights.learn(next(reversed(absent)), private=False)
        assert await looks() >= 1  # what may be stored is always looked for: another worker may have done so

    play(tmp_path, lambda _: reply("mine", Cache_Control="no-store"), scenario)


def test_an_origin_that_says_nothing_in_time_is_the_journeys_to_answer_for(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        await stage.warm()
        stage.fake.gate = asyncio.Event()
        answer = await (await stage.viewer()).get("/a")
        assert answer.startswith(b"HTTP/1.1 504 ")
        assert len(stage.spy.transits) == 1
        assert stage.spy.arrived == 0
        stage.fake.gate.set()
        assert stage.served.log[-1].fields["status"] == 504

    play(tmp_path, lambda _: ANSWERS["no-store"], scenario, patience_s=0.2)


def test_a_connection_that_drains_is_closed_after_what_is_on_its_way(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        await stage.warm()
        stage.fake.gate = asyncio.Event()
        viewer = await stage.viewer()
        viewer.ask("/a")
        await stage.until(lambda: bool(stage.fake.seen))
        (transit,) = stage.spy.transits
        assert isinstance(transit.viewer, WireProtocol)
        transit.viewer.shutdown()
        stage.fake.gate.set()
        answer = await viewer.reader.read()
        assert b"\r\nConnection: close\r\n" in answer
        assert answer.endswith(b"secret")

    play(tmp_path, lambda _: ANSWERS["no-store"], scenario)


def test_an_error_that_the_site_has_a_page_for_is_shown_as_that(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        await stage.warm()
        answer = await (await stage.viewer()).get("/missing")
        assert (answer[:12], answer[-4:]) == (b"HTTP/1.1 404", b"page")
        assert len(stage.spy.transits) == 1

    def replying(seen: Seen) -> bytes:
        if seen.target.endswith("/page"):
            return reply("page", Cache_Control="no-store")
        return ANSWERS["no-store" if "warm" in seen.target else "not found"]

    play(tmp_path, replying, scenario, more='[[error_pages]]\nstatus = 404\npath = "/page"\n')


PLAIN = Behaviour(pattern="*", origin="app")


@pytest.mark.parametrize(
    "change",
    [
        {"triggers": {Trigger.VIEWER_RESPONSE: "f"}},
        {"triggers": {Trigger.ORIGIN_REQUEST: "f"}},
        {"methods": frozenset({"POST"})},
        {"viewer_protocol": ViewerProtocol.HTTPS_ONLY},
        {"trusted_keys": ("K1",)},
        {"location_headers": ("CloudFront-Viewer-Country",)},
        {"cache": CachePolicy(cookies=Selection(mode="none"))},
    ],
)
def test_what_a_behaviour_adds_to_a_request_or_an_answer_keeps_it_from_going_through(
    change: dict[str, Any],
) -> None:
    app = UrlOrigin(name="app", url="http://a.example")
    assert passes(PLAIN, app)
    assert not passes(PLAIN, None)
    assert not passes(PLAIN, FunctionOrigin(name="app", function="f"))
    assert not passes(replace(PLAIN, **change), app)


@pytest.mark.parametrize(
    "about", ['server_timing = "always"', 'hosts = ["a.example"]', 'default_root = "index.html"']
)
def test_a_site_that_asks_for_more_is_served_by_the_journey(tmp_path: Path, about: str) -> None:
    async def scenario(stage: Stage) -> None:
        viewer = await stage.viewer()
        for _ in range(3):
            assert b"secret" in await viewer.get("/")
        assert not stage.spy.transits

    play(tmp_path, lambda _: ANSWERS["no-store"], scenario, about=about)


@pytest.mark.parametrize(
    ("fields", "goes"),
    [
        ("", True),
        ("Cookie: a=b\r\n", True),
        ("Authorization: Bearer me\r\n", True),
        ("Cache-Control: no-cache\r\nPragma: no-cache\r\n", True),
        ("cache-control:max-age=0\r\n", True),
        ("Cache-Control: max-age=1\r\n", False),
        ("Cache-Control: no-store\r\n", False),
        ("Cache-Control: no-cache, only-if-cached\r\n", False),
        ("Cache-Control: no-cache\r\nCache-Control: no-store\r\n", False),
        ("Range: bytes=0-1\r\n", False),
        ('If-None-Match: "a"\r\nAuthorization: Bearer me\r\n', False),
        ("X-Forwarded-For: 9.9.9.9\r\n", False),
        ("X-Edge-Server-Timing: 1\r\n", False),
        ("Connection: close\r\n", False),
    ],
)
def test_only_what_changes_how_the_origin_is_asked_keeps_a_request_from_going_through(
    tmp_path: Path, fields: str, *, goes: bool
) -> None:
    async def scenario(stage: Stage) -> None:
        await stage.warm()
        viewer = await stage.viewer()
        viewer.ask("/a", fields)
        await viewer.answer()
        assert bool(stage.spy.transits) is goes
        assert stage.spy.arrived == goes

    play(tmp_path, lambda _: ANSWERS["no-store"], scenario)


def test_a_connection_that_died_idle_costs_the_viewer_nothing(tmp_path: Path) -> None:
    """The origin closes without a word on a used connection: the request is sent once more, on a new one."""
    answers = iter([ANSWERS["no-store"], b"", ANSWERS["no-store"]])

    async def scenario(stage: Stage) -> None:
        await stage.warm()
        answer = await (await stage.viewer()).get("/a")
        assert answer.endswith(b"secret")
        assert [seen.target for seen in stage.fake.seen] == ["/prefix/a"] * 2
        assert len(stage.spy.transits) == 1
        assert stage.spy.arrived == 0

    play(tmp_path, lambda _: next(answers), scenario)


def test_who_finds_all_connections_in_use_waits_in_line_without_a_task(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        await stage.warm()
        stage.fake.gate = asyncio.Event()
        viewers = [await stage.viewer() for _ in range(6)]
        for at, viewer in enumerate(viewers):
            viewer.ask(f"/{at}")
            await stage.until(lambda at=at: len(stage.spy.transits) == at + 1)  # type: ignore[misc]
        assert len(stage.fake.seen) <= 1
        stage.fake.gate.set()
        for viewer in viewers:
            assert (await viewer.answer()).endswith(b"secret")
        assert stage.spy.arrived == 6
        assert [seen.target for seen in stage.fake.seen] == [f"/prefix/{at}" for at in range(6)]
        assert _live(stage) == 1

    play(tmp_path, lambda _: ANSWERS["no-store"], scenario, connections_max=1)


def test_who_waits_in_line_for_too_long_gets_what_the_journey_says(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        await stage.warm()
        stage.fake.gate = asyncio.Event()
        async with serving(WithoutAhead(stage.served.app)) as plain:
            viewers = [await stage.viewer(), await stage.viewer(), await stage.viewer(plain)]
            for viewer in viewers:
                viewer.ask(f"/{viewers.index(viewer)}")
                await stage.until(lambda: bool(stage.spy.transits))
            late, wanted = await viewers[1].answer(), await viewers[2].answer()
            assert late.startswith(b"HTTP/1.1 504 ")
            assert VARYING.sub(rb"\1", late) == VARYING.sub(rb"\1", wanted)
            stage.fake.gate.set()
            assert (await viewers[0].answer()).endswith(b"secret")
        assert len(stage.spy.transits) == 2
        told = [line.text for line in stage.served.log if "became free" in line.text]
        assert len(told) == 2
        assert told[0] == told[1]
        assert [seen.target for seen in stage.fake.seen] == ["/prefix/0"]
        stats: Any = stage.served.app.stats()
        assert stats["origins"][0]["statuses"]["0"] == 2

    play(tmp_path, lambda _: ANSWERS["no-store"], scenario, connections_max=1, line_s=1)


@pytest.mark.parametrize("known", [False, True])
def test_who_leaves_the_line_is_forgotten_unless_others_may_wait(tmp_path: Path, *, known: bool) -> None:
    async def scenario(stage: Stage) -> None:
        await stage.warm()
        if known:  # that answers under this address are for one viewer each
            await (await stage.viewer()).get("/b")
            stage.fake.seen.clear()
        stage.fake.gate = asyncio.Event()
        first, leaving, last = [await stage.viewer() for _ in range(3)]
        for viewer, target in ((first, "/a"), (leaving, "/b"), (last, "/c")):
            before = len(stage.spy.transits)
            viewer.ask(target)
            await stage.until(lambda before=before: len(stage.spy.transits) > before)  # type: ignore[misc]
        leaving.writer.close()
        await stage.until(lambda: 499 in [line.fields["status"] for line in stage.served.log])
        stage.fake.gate.set()
        assert (await first.answer()).endswith(b"secret")
        assert (await last.answer()).endswith(b"secret")
        expected = ["/prefix/a", "/prefix/c"] if known else ["/prefix/a", "/prefix/b", "/prefix/c"]
        await stage.until(lambda: sorted(seen.target for seen in stage.fake.seen) == expected)

    play(tmp_path, lambda _: ANSWERS["no-store"], scenario, connections_max=1)


def test_who_stands_in_line_when_a_connection_ends_gets_a_new_one(tmp_path: Path) -> None:
    answers = iter([ANSWERS["no-store"], ANSWERS["closing"], ANSWERS["no-store"]])

    async def scenario(stage: Stage) -> None:
        await stage.warm()
        stage.fake.gate = asyncio.Event()
        viewers = [await stage.viewer() for _ in range(2)]
        for viewer in viewers:
            viewer.ask("/a" if viewer is viewers[0] else "/b")
            await stage.until(lambda: bool(stage.spy.transits))
        await stage.until(lambda: len(stage.spy.transits) == 2)
        stage.fake.gate.set()
        assert (await viewers[0].answer()).endswith(b"bye")
        assert (await viewers[1].answer()).endswith(b"secret")
        assert _live(stage) == 1
        assert stage.spy.arrived == 0

    play(tmp_path, lambda _: next(answers), scenario, connections_max=1)


MESH = """
[pops.fra]
latitude = 50.1
longitude = 8.7
url = "http://127.0.0.1:1"
[pops.iad]
latitude = 39.0
longitude = -77.5
url = "http://127.0.0.1:2"
[router]
pop = "fra"
steering = "{way}"
mesh_secret = "sixteen bytes or more"
"""
GERMANY, AMERICA = "84.128.0.1", "24.0.0.1"


def join(stage: Stage, mesh: str) -> None:
    """Have the POP be one of several from now on, none of which is ever probed."""
    app = stage.served.app
    assert app._front_task is not None
    app._front_task.cancel()
    app._front_task = None
    site = SITE.format(port=stage.fake.port, patience=30, line=30, about="") + mesh
    app.reconfigure(parse_site(site, folder=app._resources.data))


@pytest.mark.parametrize("way", ["redirect", "proxy"])
def test_in_a_mesh_what_is_answered_here_goes_through_and_each_request_counts_once(
    tmp_path: Path, way: str
) -> None:
    async def scenario(stage: Stage) -> None:
        app = stage.served.app
        join(stage, MESH.format(way=way))
        for address, goes in (
            (GERMANY, 3),
            (AMERICA, 3 if way == "proxy" else 0),
        ):  # passing on pays only under load
            stage.spy.peer = address, 1
            stage.fake.seen.clear()
            viewer = await stage.viewer()
            await viewer.get(
                f"/{address}"
            )  # there is an idle connection from now on, where it is answered here
            before, arrived = app.explain(address)["requests"], stage.spy.arrived
            for at in range(3):
                answer = await viewer.get(f"/{address}/{at}")
                assert answer.startswith(b"HTTP/1.1 200 " if goes else b"HTTP/1.1 307 ")
            assert stage.spy.arrived - arrived == goes
            assert app.explain(address)["requests"] == before + 3  # type: ignore[operator]
            assert all(seen.headers["x-forwarded-for"] == address for seen in stage.fake.seen)

    play(tmp_path, lambda _: ANSWERS["no-store"], scenario)


def test_a_router_in_front_sends_nothing_through(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        join(stage, MESH.format(way="proxy").replace('pop = "fra"', ""))
        assert not stage.served.app._now.shortcuts.misses
        assert b" 502 " in (await (await stage.viewer()).get("/a"))[:20]
        assert not stage.fake.seen

    play(tmp_path, lambda _: ANSWERS["no-store"], scenario)


def test_of_several_nodes_the_owner_of_a_key_sends_it_through(tmp_path: Path) -> None:
    here = "http://here.example"
    mesh = MESH.format(way="answer").replace("url =", f'nodes = ["{here}", "http://127.0.0.1:1"]\nurl =', 1)

    async def scenario(stage: Stage) -> None:
        join(stage, f'{mesh}node = "{here}"\n')
        nodes = stage.served.app._front._nodes
        assert nodes is not None
        asked = [Request(method="GET", path=f"/{at}", host="a.example") for at in range(40)]
        owned = [not nodes.owners(request) for request in asked]
        assert 0 < sum(owned) < 40
        viewer = await stage.viewer()
        await viewer.get(f"/{owned.index(True)}")  # there is an idle connection from now on
        for at in range(40):
            before = stage.spy.arrived
            assert (await viewer.get(f"/{at}")).endswith(b"secret")  # the other node is gone: answered here
            if owned[at] or at == owned.index(False):  # after that the other node is known to be gone
                assert stage.spy.arrived - before == owned[at]

    play(tmp_path, lambda _: ANSWERS["no-store"], scenario)
