"""What ``edgefaas dev`` pretends: another viewer, another POP, no cache; and the path of each request, told."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefaas.config import parse_site
from edgefaas.location_headers import VIEWER_FIELDS
from edgefaas.message import Request
from edgefaas.pretence import pretend_event, pretend_viewer, pretending
from edgefaas.site import Pretence, Steering, ViewerProtocol
from router import Location
from tests.edgefaas.live import FakeOrigin, Pop, Seen, ask_raw, origin, pop, reply

BERLIN = "46.224.95.105"
GERMANY = Location(country="DE", country_name="Germany", latitude=49.5, longitude=11.0)
SITE = """
[site]
hosts = ["www.example.com"]
[origins.app]
url = "http://127.0.0.1:{port}"
[[behaviors]]
path = "*"
origin = "app"
viewer_protocol = "redirect-to-https"
location_headers = ["CloudFront-Viewer-Country", "CloudFront-Viewer-Address"]
"""
MESH = """
[router]
pop = "iad"
steering = "proxy"
mesh_secret = "a secret of some length, for the mesh"
[pops.iad]
latitude = 38.9
longitude = -77.4
url = "http://192.0.2.1:80"
[pops.fra]
latitude = 50.0
longitude = 8.5
url = "http://192.0.2.2:80"
"""


def play(
    folder: Path,
    pretence: Pretence,
    scenario: Callable[[Pop], Awaitable[None]],
    *,
    replying: Callable[[Seen], bytes] = lambda _: reply("one", Cache_Control="max-age=60"),
    more: str = "",
) -> FakeOrigin:
    async def main() -> FakeOrigin:
        async with origin(replying) as fake:
            site = SITE.format(port=fake.port) + more
            async with pop(site, folder, pretence=pretence) as served:
                await scenario(served)
            return fake

    return asyncio.run(main())


def paths(served: Pop) -> list[dict[str, Any]]:
    """Return the paths that were logged; they travel as JSON."""
    told = [json.loads(json.dumps(line.fields["path"])) for line in served.log if "path" in line.fields]
    for path in told:
        for step in path["steps"]:
            assert step.pop("ms", 0.0) >= 0
    return told


def test_every_request_has_its_path_hits_included(tmp_path: Path) -> None:
    async def scenario(served: Pop) -> None:
        for _ in range(3):
            assert (await served.ask("/a")).body == b"one"
        first, *rest = paths(served)
        assert first == {
            "pop": "",
            "behavior": "*",
            "steps": [
                {"step": "cache", "verdict": "miss", "reason": "uri-miss"},
                {"step": "origin", "origin": "app", "status": 200},
            ],
            "cache_status": "edgefaas; fwd=uri-miss; stored",
        }
        assert [path["steps"] for path in rest] == [[{"step": "cache", "verdict": "hit"}]] * 2

    fake = play(tmp_path, Pretence(), scenario)
    assert "traceparent" not in fake.seen[0].headers  # the origin sees what it would see without


@pytest.mark.parametrize("field", ["max-age=60", "no-store"])
@pytest.mark.parametrize("caches", [True, False])
def test_no_short_cut_hides_a_request(tmp_path: Path, field: str, caches: bool) -> None:
    """What passes through and what is remembered has a way of its own, on which nothing is told."""

    async def main() -> None:
        async with origin(lambda _: reply("one", Cache_Control=field)) as fake:
            site = f'[origins.app]\nurl = "http://127.0.0.1:{fake.port}"\n[[behaviors]]\npath = "*"\norigin = "app"\n'
            async with pop(site, tmp_path, pretence=Pretence(viewer=BERLIN, caches=caches)) as served:
                for path in ("/a", "/a", "/a", "/b", "/b"):
                    assert (await served.ask(path)).body == b"one"
                assert len(paths(served)) == 5
                assert {line.fields["viewer"] for line in served.log} == {BERLIN}

    asyncio.run(main())


def test_a_site_that_pretends_nothing_tells_no_path(tmp_path: Path) -> None:
    async def main() -> None:
        async with origin(lambda _: reply("one")) as fake:
            site = SITE.format(port=fake.port).replace('hosts = ["www.example.com"]', "")
            async with pop(site.replace("redirect-to-https", "allow-all"), tmp_path) as served:
                await served.ask("/a")
                assert "path" not in served.log[0].fields

    asyncio.run(main())


def test_viewers_beside_the_pop_come_from_where_they_seem_to(tmp_path: Path) -> None:
    async def scenario(served: Pop) -> None:
        assert (await served.ask("/a")).status == 200
        assert served.log[0].fields["viewer"] == BERLIN

    fake = play(tmp_path, Pretence(viewer=BERLIN), scenario)
    seen = fake.seen[0].headers
    assert (seen["cloudfront-viewer-country"], seen["cloudfront-viewer-address"].split(":")[0]) == (
        "DE",
        BERLIN,
    )


def test_nothing_is_stored_where_the_cache_is_off(tmp_path: Path) -> None:
    async def scenario(served: Pop) -> None:
        for _ in range(2):
            answer = await served.ask("/a")
            assert (answer.headers["x-cache"], "stored" in answer.headers["cache-status"]) == (
                "Miss from edgefaas",
                False,
            )
        together = await asyncio.gather(*(ask_raw(served.port, "/b") for _ in range(4)))
        assert all(octets.endswith(b"one") for octets in together)
        assert all(path["steps"][0] == {"step": "cache", "verdict": "off"} for path in paths(served))

    assert len(play(tmp_path, Pretence(caches=False), scenario).seen) == 6


def test_the_pop_that_seems_to_answer_is_named_everywhere_and_takes_its_time(tmp_path: Path) -> None:
    async def scenario(served: Pop) -> None:
        answer = await served.ask("/a")
        assert answer.headers["x-edge-pop"] == "fra"
        (path,) = paths(served)
        assert (path["pop"], path["away_ms"]) == ("fra", 30.0)
        took_ms = served.log[0].fields["took_ms"]
        assert isinstance(took_ms, float)
        assert took_ms > 15  # half of it, at the very least, whatever clocks do

    play(tmp_path, Pretence(pop="fra", round_trip_ms=30.0), scenario, more=MESH)


def test_no_real_pop_is_ever_asked() -> None:
    site = parse_site(SITE.format(port=1) + MESH, folder=Path("/nowhere"))
    served = pretending(site, Pretence(pop="fra"))
    assert (served.router.steering, served.router.pop, served.dns) == (Steering.ANSWER, "fra", None)
    assert set(served.pops) == {"iad", "fra"}  # edgefaas route still explains
    assert not pretending(site, Pretence(pop="gru")).pops
    assert served.listening.drain_grace_s == 0


def test_https_is_not_asked_for_unless_the_site_listens_with_it() -> None:
    site = parse_site(SITE.format(port=1), folder=Path("/nowhere"))
    assert pretending(site, Pretence()).behaviours[0].viewer_protocol is ViewerProtocol.ALLOW_ALL
    secure = replace(site, listening=replace(site.listening, tls="127.0.0.1:8443"))
    protocol = pretending(secure, Pretence()).behaviours[0].viewer_protocol
    assert protocol is ViewerProtocol.REDIRECT_TO_HTTPS


@pytest.mark.parametrize(
    ("address", "seems"),
    [("127.0.0.1", BERLIN), ("192.168.1.7", BERLIN), ("::1", BERLIN), ("", BERLIN), ("8.8.8.8", "8.8.8.8")],
)
def test_only_who_no_database_can_place_is_placed(address: str, seems: str) -> None:
    request = Request(method="GET", path="/", viewer_ip=address)
    pretend_viewer(request, Pretence(viewer=BERLIN))
    assert request.viewer_ip == seems
    pretend_viewer(request, Pretence())
    assert request.viewer_ip == seems


LAMBDA = {
    "Records": [
        {
            "cf": {
                "request": {
                    "clientIp": "192.0.2.1",
                    "headers": {
                        "host": [{"key": "Host", "value": "a.example"}],
                        "user-agent": [{"key": "User-Agent", "value": "Mozilla/5.0 (iPhone) Mobile"}],
                        "cloudfront-viewer-city": [{"key": "CloudFront-Viewer-City", "value": "Lima"}],
                        "cloudfront-forwarded-proto": [
                            {"key": "CloudFront-Forwarded-Proto", "value": "https"}
                        ],
                    },
                }
            }
        }
    ]
}
SMALL = {"version": "1.0", "request": {"headers": {"user-agent": {"value": "curl"}, "host": {"value": "a"}}}}


def test_an_event_of_lambda_at_edge_comes_from_there() -> None:
    before = deepcopy(LAMBDA)
    request = pretend_event(LAMBDA, BERLIN, GERMANY)["Records"][0]["cf"]["request"]
    assert before == LAMBDA
    assert request["clientIp"] == BERLIN
    fields = {name: lines[0]["value"] for name, lines in request["headers"].items()}
    assert fields["cloudfront-viewer-country"] == "DE"
    assert fields["cloudfront-viewer-latitude"] == "49.50000"
    assert fields["cloudfront-is-mobile-viewer"] == "true"
    assert fields["cloudfront-forwarded-proto"] == "https"  # of the connection, not of the place
    assert "cloudfront-viewer-city" not in fields  # it is not known there


def test_an_event_of_cloudfront_functions_comes_from_there() -> None:
    event = pretend_event(SMALL, BERLIN, GERMANY)
    assert event["viewer"] == {"ip": BERLIN}
    assert event["request"]["headers"]["cloudfront-viewer-country"] == {"value": "DE"}
    assert event["request"]["headers"]["cloudfront-is-desktop-viewer"] == {"value": "true"}


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=2)
            | st.dictionaries(
                st.sampled_from(["Records", "cf", "request", "headers", "viewer", "x"]), inner, max_size=3
            )
        ),
    )
)
def test_any_json_is_an_event_from_there_or_none_at_all(value: object) -> None:
    changed = pretend_event(value, BERLIN, GERMANY)
    assert changed is None or "cloudfront-viewer-country" in json.dumps(changed)
    assert VIEWER_FIELDS
