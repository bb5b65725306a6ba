"""Which fields travel, as pure rules."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefaas.errors import ConfigError
from edgefaas.message import Headers, Request
from edgefaas.origin.connect import endpoint_of
from edgefaas.origin.dns import interleave
from edgefaas.origin.fields import HOP_BY_HOP, from_origin, to_origin
from edgefaas.site import UrlOrigin

ORIGIN = UrlOrigin(name="app", url="http://o")


def sent(*lines: tuple[str, str], origin: UrlOrigin = ORIGIN, viewer_ip: str = "192.0.2.1") -> Headers:
    request = Request(method="GET", path="/", headers=Headers(lines), viewer_ip=viewer_ip)
    return to_origin(request, origin, authority="o:81")


def test_host_is_the_origins_own_unless_the_site_says_otherwise() -> None:
    assert sent(("host", "viewer.example")).values("host") == ["o:81"]
    named = UrlOrigin(name="app", url="http://o", host_header="h.example")
    assert sent(("Host", "viewer.example"), origin=named).values("host") == ["h.example"]


def test_the_viewers_address_is_appended_once() -> None:
    assert sent().values("x-forwarded-for") == ["192.0.2.1"]
    assert sent(("X-Forwarded-For", "198.51.100.1")).values("x-forwarded-for") == ["198.51.100.1, 192.0.2.1"]
    forwarded = sent(("X-Forwarded-For", "192.0.2.9"), ("x-forwarded-for", "192.0.2.1"))
    assert forwarded.get("x-forwarded-for") == "192.0.2.9, 192.0.2.1"


def test_via_names_this_hop_after_those_before() -> None:
    assert sent(("Via", "1.0 x")).get("via") == "1.0 x, 1.1 edgefaas"


def test_headers_of_the_site_replace_those_of_the_viewer() -> None:
    origin = UrlOrigin(name="app", url="http://o", headers={"X-Secret": "s"})
    assert sent(("x-secret", "forged"), origin=origin).values("x-secret") == ["s"]


def test_fields_that_connection_names_stay_behind() -> None:
    fields = sent(
        ("Connection", "close, X-A"), ("connection", " x-b "), ("X-A", "1"), ("X-B", "2"), ("X-C", "3")
    )
    assert "x-a" not in fields
    assert "x-b" not in fields
    assert "connection" not in fields
    assert fields.get("x-c") == "3"


def test_connection_cannot_be_used_to_drop_the_host_or_hide_the_viewer() -> None:
    fields = sent(("Connection", "host, x-forwarded-for, via"), ("X-Forwarded-For", "198.51.100.1"))
    assert fields.get("host") == "o:81"
    assert fields.get("x-forwarded-for") == "192.0.2.1"
    assert fields.get("via") == "1.1 edgefaas"


names = st.sampled_from(sorted({*HOP_BY_HOP, "x-a", "accept", "content-length", "expect", "host"}))


@given(st.lists(st.tuples(names, st.sampled_from(["1", "close", "x-a", "accept, x-a"]))))
def test_nothing_hop_by_hop_travels_either_way(lines: list[tuple[str, str]]) -> None:
    headers = Headers(lines)
    named = {name.strip() for name in (headers.get("connection") or "").split(",")}
    for travelled in (from_origin(headers), sent(*lines)):
        assert not {name for name, _ in travelled} & (HOP_BY_HOP | (named - {"host"}))
    kept = [line for line in lines if line[0] not in HOP_BY_HOP | named]
    assert list(from_origin(headers)) == kept


@pytest.mark.parametrize(
    ("url", "authority", "host", "port", "prefix"),
    [
        ("http://o", "o", "o", 80, ""),
        ("http://o:80/", "o", "o", 80, ""),
        ("https://o:443/base/", "o", "o", 443, "/base"),
        ("https://o:8443", "o:8443", "o", 8443, ""),
        ("http://[::1]:81", "[::1]:81", "::1", 81, ""),
    ],
)
def test_a_url_names_an_endpoint(url: str, authority: str, host: str, port: int, prefix: str) -> None:
    endpoint = endpoint_of(url)
    assert (endpoint.authority, endpoint.host, endpoint.port, endpoint.prefix) == (
        authority,
        host,
        port,
        prefix,
    )


@pytest.mark.parametrize("url", ["o", "ftp://o", "http://", "http://o:99999", "http://o?x", "http://o:0"])
def test_another_url_is_refused(url: str) -> None:
    with pytest.raises(ConfigError):
        endpoint_of(url)


@given(st.lists(st.sampled_from(["::1", "::2", "::3", "10.0.0.1", "10.0.0.2", "10.0.0.3"])))
def test_addresses_are_tried_in_turns_of_family_each_once(addresses: list[str]) -> None:
    ordered = interleave(addresses)
    assert sorted(ordered) == sorted(set(addresses))
    if addresses:
        assert ordered[0] == addresses[0]
    families = [":" in address for address in ordered]
    mixed = families[: 2 * min(families.count(True), families.count(False))]
    assert all(one != other for one, other in itertools.pairwise(mixed))
