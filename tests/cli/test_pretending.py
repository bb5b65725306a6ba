"""The options of ``dev`` and ``test`` that pretend, and the line that tells a request's path."""

import contextlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.pathline import path_line
from cli.pretending import find_viewer, make_pretence, read_pops
from edgefaas.config import parse_site
from edgefaas.errors import UsageError
from edgefaas.site import Pretence, Site

MESH = """
[[behaviors]]
path = "*"
viewer_request = "x"
[functions.x]
source = "x.js"
[pops.fra]
latitude = 50.1
longitude = 8.7
url = "http://192.0.2.1"
[pops.iad]
latitude = 38.9
longitude = -77.4
url = "http://192.0.2.2"
"""
names = st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    folder = tmp_path_factory.mktemp("site")
    (folder / "x.js").write_text("")
    return parse_site(MESH, folder=folder)


@given(st.dictionaries(names, st.integers(0, 10_000), min_size=1, max_size=5))
def test_pops_are_read_as_they_are_written(pops: dict[str, int]) -> None:
    for unit in ("", "ms"):
        text = ",".join(f"{name}={ms}{unit}" for name, ms in pops.items())
        assert read_pops(text, []) == pops


@given(st.text(max_size=20))
def test_any_text_is_pops_or_is_refused(text: str) -> None:
    with contextlib.suppress(UsageError):  # and nothing else
        assert read_pops(text, ["fra"])


@pytest.mark.parametrize(
    "text", ["", "fra=", "fra=8s", "fra=-1", "fra=8,fra=9", "gru", "fra=10000.5", "fra 8", "mesh"]
)
def test_what_is_no_list_of_pops_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        read_pops(text, [] if text == "mesh" else ["fra"])


def test_the_nearest_pop_answers_that_much_later(site: Site) -> None:
    assert make_pretence(site, None, "iad=95ms,sin=160,fra=8.5ms", caches=True)[0] == Pretence(
        pop="fra", round_trip_ms=8.5
    )


def test_the_sites_own_pops_are_as_far_away_as_the_router_expects(site: Site) -> None:
    viewer = find_viewer("US", None, site=site, geo=None)
    assert viewer is not None
    pretence, said = make_pretence(site, viewer, "mesh", caches=False)
    assert (pretence.viewer, pretence.pop, pretence.caches) == (viewer.address, "iad", False)
    assert 1 < pretence.round_trip_ms < 60
    assert "iad serves them" in said[1]
    without_pops, _ = make_pretence(site, viewer, None, caches=True)
    assert (without_pops.pop, without_pops.round_trip_ms) == ("iad", 0)
    with pytest.raises(UsageError, match="depends on where viewers are"):
        make_pretence(site, None, "mesh", caches=True)


@pytest.mark.parametrize(
    ("country", "address", "words"),
    [
        ("XX", None, '"XX" is not the code of a country'),
        ("UK", None, '"UK" is not the code of a country'),
        (None, "1.2.3", "is not an IP address"),
        ("DE", "1.2.3.4", "exclude each other"),
    ],
)
def test_nobody_is_from_nowhere(country: str | None, address: str | None, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        find_viewer(country, address, site=None, geo=None)


def test_a_viewer_is_found_by_country_or_address() -> None:
    by_country = find_viewer("de", None, site=None, geo=None)
    assert by_country is not None
    assert by_country.place == "Germany"
    by_address = find_viewer(None, "2001:4860:4860:0::8888", site=None, geo=None)
    assert by_address is not None
    assert by_address.address == "2001:4860:4860::8888"
    assert find_viewer(None, None, site=None, geo=Path("/nowhere")) is None


def line(**path: Any) -> dict[str, Any]:
    return {
        "at_s": 1_700_000_000.0,
        "request_id": "r1",
        "method": "GET",
        "target": "/a?b",
        "status": 200,
        "bytes": 1234,
        "took_ms": 12.34,
        "path": {"pop": "", "steps": [], **path},
    }


def test_a_path_is_one_line_with_everything_on_it() -> None:
    steps = [
        {"step": "viewer-request", "function": "ab", "version": "v", "cpu_us": 310, "wall_us": 400, "ms": 0.4},
        {"step": "cache", "verdict": "miss", "reason": "uri-miss"},
        {"step": "origin", "origin": "app", "status": 200, "ms": 25.11},
        {"step": "origin-response", "function": "slow", "version": "v", "cpu_us": 90, "wall_us": 5_000, "ms": 5},
        {"step": "viewer-response", "function": "bad", "version": "v", "cpu_us": 7, "wall_us": 7, "ms": 1,
         "error": "Threw"},
    ]  # fmt: skip
    told = path_line(
        line(
            pop="fra", away_ms=8.0, behavior="/a*", steps=steps, cache_status="edgefaas; fwd=uri-miss; stored"
        )
    )
    import click

    assert "\n" not in told
    assert click.unstyle(told).partition(" r1 ")[2] == (
        "GET /a?b 200 1.2 kB 12.3 ms  fra, 8 ms away → /a* → viewer-request ab 310 µs → cache miss (uri-miss)"
        " → origin app 200 25.1 ms → origin-response slow 90 µs (5.0 ms in all) → viewer-response bad 7 µs Threw"
        " → stored"
    )
    assert click.unstyle(path_line(line())).endswith("12.3 ms  no behavior")
