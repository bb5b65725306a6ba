"""Steering over real sockets: routers, POPs and viewers, and what spoofed headers change (nothing)."""

import asyncio
import json
import time
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cli.demo.stage import choose_port
from edgefaas.config import parse_site
from edgefaas.errors import ConfigError, StateError
from edgefaas.geo import install_geo
from edgefaas.message import Headers, Request
from edgefaas.neighbours import OWN_LOAD_EVERY_S, Neighbours
from edgefaas.peers import SAMPLES_MIN
from router import UNKNOWN, Hop, PopLoad, sign_hop
from router.geo import DEFAULT_CITY
from tests.edgefaas.live import Answer, Pop, Seen, ask, origin, pop, reply

SECRET = "sixteen bytes or more"
GERMANY, AMERICA = "84.128.0.1", "24.0.0.1"
PLACES = {"fra": (50.1, 8.7), "iad": (39.0, -77.5), "sin": (1.35, 103.8)}
TRUSTED = 'trusted = ["127.0.0.0/8"]'


def site_of(here: str, way: str, ports: dict[str, int], *, app: int = 1, more: str = TRUSTED) -> str:
    """Return a site of three POPs as one of them, or the router in front (``""``), sees it."""
    lines = ["[site]", 'server_timing = "asked"']
    if here:
        lines += ["[origins.app]", f'url = "http://127.0.0.1:{app}"']
    for name, (latitude, longitude) in PLACES.items():
        lines += [f"[pops.{name}]", f"latitude = {latitude}", f"longitude = {longitude}"]
        lines += [f'url = "http://127.0.0.1:{ports.get(name, 1)}"']
    lines += ["[router]", f'pop = "{here}"', f'steering = "{way}"', f'mesh_secret = "{SECRET}"', more]
    return "\n".join(lines)


def told(seen: Seen) -> bytes:
    return reply(json.dumps({"target": seen.target, **seen.headers}), Cache_Control="no-store")


class World:
    """Three POPs, an origin, and a router in front."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pops: dict[str, Pop] = {}
        self.router: Pop
        self.app = 0

    async def open(self, stack: AsyncExitStack, *, router: str, pops: str = "answer") -> None:
        self.app = (await stack.enter_async_context(origin(told))).port
        for name in PLACES:
            folder = self.folder / name
            folder.mkdir()
            text = site_of(name, "answer", {}, app=self.app)
            self.pops[name] = await stack.enter_async_context(pop(text, folder))
        for name, served in self.pops.items():
            served.app.reconfigure(self.site(name, pops))
        (self.folder / "router").mkdir()
        text = site_of("", router, self.ports)
        self.router = await stack.enter_async_context(pop(text, self.folder / "router"))

    @property
    def ports(self) -> dict[str, int]:
        return {name: served.port for name, served in self.pops.items()}

    def site(self, here: str, way: str, *, more: str = TRUSTED) -> Any:
        text = site_of(here, way, self.ports, app=self.app, more=more)
        return parse_site(text, folder=self.folder)


def run(folder: Path, scenario: Callable[[World], Coroutine[Any, Any, None]], **ways: str) -> None:
    async def all_of_it() -> None:
        async with AsyncExitStack() as stack:
            world = World(folder)
            await world.open(stack, **ways)
            await scenario(world)

    asyncio.run(all_of_it())


async def view(served: Pop, path: str = "/a", viewer: str = GERMANY, **fields: str) -> Answer:
    headers = {"X-Forwarded-For": viewer, **{name.replace("_", "-"): v for name, v in fields.items()}}
    return await ask(served.port, path, headers=headers)


def test_a_router_in_front_passes_each_request_on_to_the_nearest_pop(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        for viewer, near in ((GERMANY, "fra"), (AMERICA, "iad")):
            answer = await view(world.router, viewer=viewer, Host="shop.example")
            assert answer.status == 200
            assert answer.headers["x-edge-pop"] == near
            assert json.loads(answer.body)["x-forwarded-for"].split(", ")[-1] == viewer

    run(tmp_path, scenario, router="proxy")


def test_the_hop_is_shown_in_server_timing(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        answer = await view(world.router, X_Edge_Server_Timing="1")
        assert "pop;desc=fra;dur=" in answer.headers["server-timing"]

    run(tmp_path, scenario, router="proxy")


def test_a_pop_sees_the_host_that_the_viewer_asked_for(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        site = world.site("fra", "answer")
        world.pops["fra"].app.reconfigure(_with_hosts(site, "shop.example"))
        assert (await view(world.router, Host="shop.example")).status == 200
        assert (await view(world.router, Host="other.example")).status == 421

    run(tmp_path, scenario, router="proxy")


def test_a_redirect_leads_to_the_pop_s_own_name_and_no_further(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        first = await view(world.pops["iad"], "/a?b=1", Host="shop.example")
        assert first.status == 307
        assert first.headers["location"] == f"http://127.0.0.1:{world.ports['fra']}/a?b=1"
        assert first.headers["cache-control"] == "no-store"
        own_name = f"127.0.0.1:{world.ports['fra']}"
        second = await view(world.pops["fra"], "/a?b=1", viewer=AMERICA, Host=own_name)
        assert second.status == 200  # who asks for a POP by name is not sent on, wherever he is
        body = await ask(
            world.pops["iad"].port, "/a", method="POST", body=b"x", headers={"X-Forwarded-For": GERMANY}
        )
        assert body.status == 200  # passed on: a body is not sent twice

    run(tmp_path, scenario, router="redirect", pops="redirect")


def test_pops_that_all_steer_pass_a_request_on_once(tmp_path: Path) -> None:
    """Both hold that the other is nearer: a request that was passed on is answered where it arrives."""

    async def scenario(world: World) -> None:
        answer = await view(world.router)
        assert answer.status == 200
        assert answer.headers["x-edge-pop"] == "fra"
        hop = Hop(sender="sin", receiver="iad", viewer=GERMANY, request_id="r1", sent_at_s=_wall_s())
        there = await ask(
            world.pops["iad"].port, "/a", headers={"X-Edge-Hop": sign_hop(hop, SECRET.encode())}
        )
        assert there.status == 200
        assert there.headers["x-edge-pop"] == "iad"
        assert there.headers["x-edge-request-id"] == "r1"

    run(tmp_path, scenario, router="proxy", pops="proxy")


def test_a_request_that_its_pop_does_not_answer_goes_elsewhere_once(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        ports = {**world.ports, "fra": 1}  # nobody listens there
        world.router.app.reconfigure(parse_site(site_of("", "proxy", ports), folder=tmp_path))
        answer = await view(world.router)
        assert answer.status == 200
        assert answer.headers["x-edge-pop"] != "fra"
        await view(world.router)
        again = await view(world.router, X_Edge_Server_Timing="1")
        assert again.headers["x-edge-pop"] in again.headers["server-timing"]
        state = world.router.app.explain(GERMANY)
        rows = {row["pop"]: row for row in state["pops"]}  # type: ignore[attr-defined]
        assert rows["fra"]["state"] == "down"  # two failures were enough

    run(tmp_path, scenario, router="proxy")


def test_with_no_pop_in_service_a_router_says_503_and_when_to_come_back(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        world.router.app.reconfigure(parse_site(site_of("", "proxy", {}), folder=tmp_path))
        answers = [await view(world.router) for _ in range(8)]
        assert all(answer.status in (502, 503) for answer in answers)
        assert answers[-1].status == 503
        assert answers[-1].headers["retry-after"] == "1"

    run(tmp_path, scenario, router="proxy")


LOCATION_SITE = """
[origins.app]
url = "http://127.0.0.1:{port}"
[[behaviors]]
path = "*"
origin = "app"
location_headers = ["CloudFront-Viewer-Country", "CloudFront-Viewer-Address"]
"""
SPOOFABLE = [
    "X-Forwarded-For", "Forwarded", "X-Forwarded-Host", "X-Edge-Hop", "X-Edge-Mesh", "CF-Connecting-IP",
    "X-Real-IP", "CloudFront-Viewer-Country", "CloudFront-Viewer-Address", "X-Edge-Pop",
]  # fmt: skip


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.slow
@given(
    st.lists(
        st.tuples(
            st.sampled_from(SPOOFABLE),
            st.sampled_from([AMERICA, f"for={AMERICA}", f"{GERMANY}, {AMERICA}", "v1;e30;AAAA", "US"])
            | st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=60),
        ),
        max_size=4,
    )
)
def test_a_spoofed_header_changes_neither_location_nor_pop(
    tmp_path: Path, fields: list[tuple[str, str]]
) -> None:
    async def scenario() -> None:
        async with origin(told) as fake, pop(LOCATION_SITE.format(port=fake.port), tmp_path) as served:
            plain = json.loads((await ask(served.port, "/a")).body)
            spoofed = json.loads((await ask(served.port, "/a", headers=dict(fields))).body)
            for name in ("cloudfront-viewer-country", "x-forwarded-for", "x-edge-hop", "x-forwarded-host"):
                assert plain.get(name) == spoofed.get(name), name
            assert spoofed.get("cloudfront-viewer-address", "127.0.0.1:").startswith("127.0.0.1:")

    asyncio.run(scenario())


def test_a_spoofed_header_does_not_choose_the_pop(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        text = site_of("", "proxy", world.ports, more="")  # nobody is trusted
        world.router.app.reconfigure(parse_site(text, folder=tmp_path))
        plain = (await ask(world.router.port, "/a")).headers["x-edge-pop"]
        for viewer in (GERMANY, AMERICA, "1.0.16.1"):
            hop = Hop(sender="", receiver="", viewer=viewer, request_id="x", sent_at_s=_wall_s())
            forged = sign_hop(hop, b"not the secret of this mesh")
            answer = await view(world.router, viewer=viewer, Forwarded=f"for={viewer}", X_Edge_Hop=forged)
            assert answer.headers["x-edge-pop"] == plain

    run(tmp_path, scenario, router="proxy")


def test_a_connection_of_a_viewer_is_learnt_from_and_one_of_a_proxy_is_not(tmp_path: Path) -> None:
    class Socket:
        """What a kernel says of a connection with a round trip of 12 ms."""

        def getsockopt(self, *_: int) -> bytes:
            return bytes(148) + (12_000).to_bytes(4, "little") + bytes(40)

    async def scenario(world: World) -> None:
        app = world.pops["fra"].app
        app.connected(GERMANY, Socket())
        rows = {row["pop"]: row for row in app.explain(GERMANY)["pops"]}  # type: ignore[attr-defined]
        assert rows["fra"]["measured_ms"] == 12.0
        trusting = world.site("fra", "answer", more='trusted = ["84.128.0.0/16", "127.0.0.0/8"]')
        app.reconfigure(trusting)
        app.connected("84.128.7.7", Socket())
        row = app.explain("84.128.7.7")["pops"]
        assert all(one["measured_ms"] is None for one in row)  # type: ignore[attr-defined]

    run(tmp_path, scenario, router="proxy")


def test_what_was_learnt_survives_a_reload_that_leaves_the_pops_alone(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        app = world.pops["fra"].app
        front = app._front
        app.reconfigure(world.site("fra", "answer"))
        assert app._front is not front
        assert app._front.neighbours is front.neighbours
        app.reconfigure(world.site("fra", "answer", more=f"{TRUSTED}\ncapacity = 9"))
        assert app._front.neighbours is not front.neighbours

    run(tmp_path, scenario, router="proxy")


def test_a_viewer_is_asked_for_side_probes_only_where_the_site_says_so(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        plain = [(await view(world.router)).headers for _ in range(5)]
        assert not any("link" in headers for headers in plain)
        text = site_of("", "redirect", world.ports, more=f"{TRUSTED}\nside_probes = true")
        world.router.app.reconfigure(parse_site(text, folder=tmp_path))
        links = [(await view(world.router)).headers.get("link") for _ in range(5)]
        assert any(link is not None and link.endswith("; rel=preconnect") for link in links)

    run(tmp_path, scenario, router="proxy")


FULL = PopLoad(in_flight=500, capacity=10, service_ms=200)


def test_a_router_leaves_a_pop_that_is_full_and_comes_back_to_it(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        neighbours = world.router.app._front.neighbours
        assert neighbours is not None
        for load, there in ((FULL, False), (replace(FULL, in_flight=0), True)):
            neighbours.chooser.set_load("fra", load, time.monotonic())
            answer = await view(world.router)
            assert (answer.headers["x-edge-pop"] == "fra") is there

    run(tmp_path, scenario, router="proxy")


def test_a_pop_passes_on_only_what_is_answered_sooner_elsewhere(tmp_path: Path) -> None:
    """The viewer's way to this POP is travelled anyhow: another that is nearer to the viewer does not help."""

    async def scenario(world: World) -> None:
        far = world.pops["iad"]
        assert (await view(far)).headers["x-edge-pop"] == "iad"
        neighbours = far.app._front.neighbours
        assert neighbours is not None
        neighbours.chooser.set_load("iad", FULL, time.monotonic())
        assert (await view(far)).headers["x-edge-pop"] == "fra"

    run(tmp_path, scenario, router="proxy", pops="proxy")


def test_a_full_pop_answers_itself_when_the_others_are_gone(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        app = world.pops["iad"].app
        ports = {"iad": world.ports["iad"]}
        app.reconfigure(parse_site(site_of("iad", "proxy", ports, app=world.app), folder=tmp_path))
        assert app._front.neighbours is not None
        app._front.neighbours.chooser.set_load("iad", FULL, time.monotonic())
        for _ in range(3):
            answer = await view(world.pops["iad"])
            assert (answer.status, answer.headers["x-edge-pop"]) == (200, "iad")

    run(tmp_path, scenario, router="proxy", pops="proxy")


def test_a_pop_knows_of_a_burst_at_its_own_door_between_two_tellings(tmp_path: Path) -> None:
    now_s = 100.0
    site = parse_site(site_of("fra", "proxy", {}), folder=tmp_path)
    neighbours = Neighbours(site, wall_s=lambda: now_s, mono_s=lambda: now_s)

    def wait_ms() -> float:
        neighbours.choose(GERMANY, UNKNOWN)
        rows = {row.pop: row for row in neighbours.explain(GERMANY, UNKNOWN).pops}
        return rows["fra"].wait_ms

    for _ in range(SAMPLES_MIN):
        neighbours.teller.began()
        neighbours.teller.ended(10.0)
    assert wait_ms() == 0
    for _ in range(2 * site.router.capacity):
        neighbours.teller.began()
    now_s += OWN_LOAD_EVERY_S / 2
    assert wait_ms() == 0  # not at every request
    now_s += OWN_LOAD_EVERY_S / 2 + 0.001
    assert wait_ms() > 0


async def _learnt(world: World, viewer: str, by: str) -> None:
    end_s = asyncio.get_running_loop().time() + 30
    while not any(
        row["measured_ms"] is not None
        for row in world.router.app.explain(viewer)["pops"]  # type: ignore[attr-defined]
        if row["pop"] == by
    ):
        assert asyncio.get_running_loop().time() < end_s, "the news never came"
        await asyncio.sleep(0.05)


@pytest.mark.slow
def test_what_one_pop_measures_the_router_knows_soon_after(tmp_path: Path) -> None:
    class Socket:
        def getsockopt(self, *_: int) -> bytes:
            return bytes(148) + (12_000).to_bytes(4, "little") + bytes(40)

    async def scenario(world: World) -> None:
        world.pops["iad"].app.connected(GERMANY, Socket())
        await _learnt(world, GERMANY, "iad")
        assert world.router.app.explain(GERMANY)["pop"] in PLACES

    run(tmp_path, scenario, router="proxy")


NODES_SITE = """
[origins.app]
url = "http://127.0.0.1:{app}"
[pops.fra]
latitude = 50
longitude = 9
nodes = [{nodes}]
[router]
pop = "fra"
node = "{node}"
mesh_secret = "sixteen bytes or more"
"""


def test_each_object_is_kept_by_one_node_of_a_pop_and_served_by_all(tmp_path: Path) -> None:
    def stored(seen: Seen) -> bytes:
        return reply(seen.target, Cache_Control="max-age=60")

    async def scenario() -> None:
        async with AsyncExitStack() as stack:
            fake = await stack.enter_async_context(origin(stored))
            served = []
            for number in range(3):
                (tmp_path / str(number)).mkdir()
                text = f'[origins.app]\nurl = "http://127.0.0.1:{fake.port}"'
                served.append(await stack.enter_async_context(pop(text, tmp_path / str(number))))
            urls = [f"http://127.0.0.1:{one.port}" for one in served]
            for one, url in zip(served, urls, strict=True):
                text = NODES_SITE.format(app=fake.port, nodes=", ".join(f'"{u}"' for u in urls), node=url)
                one.app.reconfigure(parse_site(text, folder=tmp_path))
            for number in range(12):
                for one in served:
                    answer = await ask(one.port, f"/{number}", headers={"Host": "a.example"})
                    assert (answer.status, answer.body) == (200, f"/{number}".encode())
            assert len(fake.seen) == 12  # the origin was asked once for each, whichever node was

    asyncio.run(scenario())


def test_a_node_that_is_gone_is_answered_for(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with (
            origin(told) as fake,
            pop(f'[origins.app]\nurl = "http://127.0.0.1:{fake.port}"', tmp_path) as one,
        ):
            here = f"http://127.0.0.1:{one.port}"
            text = NODES_SITE.format(app=fake.port, nodes=f'"{here}", "http://127.0.0.1:1"', node=here)
            one.app.reconfigure(parse_site(text, folder=tmp_path))
            for number in range(10):
                assert (await one.ask(f"/{number}")).status == 200

    asyncio.run(scenario())


def test_an_installed_database_is_taken_up_and_a_corrupt_one_changes_nothing(tmp_path: Path) -> None:
    async def scenario() -> None:
        (tmp_path / "pop").mkdir()
        folder = tmp_path / "pop" / "geo"
        async with (
            origin(told) as fake,
            pop(LOCATION_SITE.format(port=fake.port), tmp_path / "pop") as served,
        ):
            geo = served.app._front.geo
            install_geo(DEFAULT_CITY, folder)
            assert geo.refresh()
            assert geo.description
            assert geo._paths[0] == folder / "city.mmdb"
            assert geo.locate(GERMANY).country == "DE"
            bad = tmp_path / "bad.mmdb"
            bad.write_bytes(DEFAULT_CITY.read_bytes()[:100_000])
            with pytest.raises(StateError):
                install_geo(bad, folder)
            link = folder / "next"
            link.symlink_to(bad)
            link.replace(folder / "city.mmdb")  # as by hand
            assert not geo.refresh()
            assert geo.locate(GERMANY).country == "DE"

    asyncio.run(scenario())


def test_installing_checks_every_file_before_the_first_takes_effect(tmp_path: Path) -> None:
    source, folder = tmp_path / "source", tmp_path / "geo"
    source.mkdir()
    (source / "a.mmdb").write_bytes(DEFAULT_CITY.read_bytes())
    (source / "b.mmdb").write_bytes(b"nonsense")
    with pytest.raises(StateError):
        install_geo(source, folder)
    assert not (folder / "city.mmdb").exists()
    (source / "b.mmdb").unlink()
    assert len(install_geo(source, folder)) == 1
    assert (folder / "city.mmdb").resolve().is_file()
    with pytest.raises(StateError):
        install_geo(tmp_path / "nothing", folder)


DNS_MORE = """
[dns]
listen = "127.0.0.1:{port}"
zone = "edge.example.net"
nameservers = {{ ns1 = ["192.0.2.53"] }}
"""


def test_dns_gives_each_viewer_the_address_of_its_pop(tmp_path: Path) -> None:
    import dns.asyncquery
    import dns.edns
    import dns.message

    async def scenario(world: World) -> None:
        with_addresses = site_of("", "dns", world.ports)
        for number, name in enumerate(PLACES):
            with_addresses = with_addresses.replace(
                f"[pops.{name}]", f'[pops.{name}]\naddresses = ["192.0.2.{number}"]'
            )
        port = _free_port()
        (tmp_path / "dns").mkdir()
        async with pop(with_addresses + DNS_MORE.format(port=port), tmp_path / "dns"):
            for ask_by in (dns.asyncquery.udp, dns.asyncquery.tcp):
                for viewer, address in ((GERMANY, "192.0.2.0"), (AMERICA, "192.0.2.1")):
                    query = dns.message.make_query(
                        "www.edge.example.net.", "A", use_edns=0, options=[dns.edns.ECSOption(viewer, 24)]
                    )
                    answer = await ask_by(query, "127.0.0.1", port=port, timeout=30)
                    assert [str(record) for record in answer.answer[0]] == [address]

    run(tmp_path, scenario, router="proxy")


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('[pops.a]\nlatitude=1\nlongitude=1\nnodes=["x"]', "nodes"),
        ('[pops.a]\nlatitude=1\nlongitude=1\nnodes=["http://x","http://x/"]', "nodes"),
        ('[pops.a]\nlatitude=1\nlongitude=1\naddresses=["x"]', "addresses"),
        ('[pops.a]\nlatitude=1\nlongitude=1\n[router]\npop="a"\nnode="http://x"', "node"),
        ("[router]\ncapacity=0", "capacity"),
        ('[dns]\nlisten="x"', "zone"),
        ('[dns]\nlisten="x"\nzone="a.example"', "listen"),
        ('[dns]\nlisten="127.0.0.1:5353"\nzone="a.example"', "zone"),
        (
            '[pops.a]\nlatitude=1\nlongitude=1\naddresses=["192.0.2.1"]\n'
            '[dns]\nlisten="127.0.0.1:5353"\nzone="a.example"',
            "nameservers",
        ),
        (
            '[pops.a]\nlatitude=1\nlongitude=1\naddresses=["192.0.2.1"]\n'
            '[dns]\nlisten="127.0.0.1:5353"\nzone="a..example"\nnameservers={ns1=[]}',
            "a..example",
        ),
    ],
)
def test_a_wrong_routing_key_is_refused_by_name(tmp_path: Path, text: str, key: str) -> None:
    with pytest.raises(ConfigError, match=key.replace(".", r"\.")):
        parse_site(text, folder=tmp_path)


def test_a_hop_from_https_stays_https(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        front = world.pops["fra"].app._front
        hop = Hop(
            sender="", receiver="fra", viewer=GERMANY, request_id="r", sent_at_s=_wall_s(), scheme="https"
        )
        request = Request(
            method="GET", path="/", headers=Headers([("X-Edge-Hop", sign_hop(hop, SECRET.encode()))])
        )
        assert front.receive(request).hops == 1
        assert (request.scheme, request.viewer_ip) == ("https", GERMANY)

    run(tmp_path, scenario, router="proxy")


def _with_hosts(site: Any, *hosts: str) -> Any:
    return replace(site, hosts=hosts)


def _wall_s() -> float:
    return time.time()  # noqa: TID251  # signatures are dated


def _free_port() -> int:
    return choose_port(0, set())
