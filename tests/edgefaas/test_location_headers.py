"""Location and device fields."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefaas.location_headers import (
    MAKERS,
    Device,
    ViewerLocation,
    canonical_name,
    classify,
    located,
    percent_encoded,
)
from edgefaas.message import Headers, Request
from edgefaas.policies import CLOUDFRONT_HEADERS_2022_06
from router import Location


@dataclass(frozen=True)
class Place:
    """What a GeoIP record would say."""

    country: str | None = None
    country_name: str | None = None
    region: str | None = None
    region_name: str | None = None
    city: str | None = None
    postal_code: str | None = None
    metro_code: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    time_zone: str | None = None
    asn: int | None = None


_: type[ViewerLocation] = Place
__: type[ViewerLocation] = Location

ATLANTA = Place(
    country="US",
    country_name="United States",
    region="GA",
    region_name="Georgia",
    city="Atlanta",
    postal_code="30303",
    metro_code="524",
    latitude=33.7485,
    longitude=-84.3871,
    time_zone="America/New_York",
    asn=7018,
)


def request(*lines: tuple[str, str]) -> Request:
    return Request(
        method="GET",
        path="/",
        scheme="https",
        viewer_ip="198.51.100.10",
        viewer_port=46532,
        headers=Headers([("Host", "www.example.com"), ("User-Agent", "curl/8"), *lines]),
    )


def test_every_field_of_a_viewer_whose_place_is_known() -> None:
    made = dict(located(request(), MAKERS, ATLANTA, tls="TLSv1.3:TLS_AES_128_GCM_SHA256:fullHandshake"))
    del made["Host"], made["User-Agent"]
    assert made == {
        "CloudFront-Viewer-Address": "198.51.100.10:46532",
        "CloudFront-Viewer-ASN": "7018",
        "CloudFront-Viewer-Country": "US",
        "CloudFront-Viewer-Country-Name": "United States",
        "CloudFront-Viewer-Country-Region": "GA",
        "CloudFront-Viewer-Country-Region-Name": "Georgia",
        "CloudFront-Viewer-City": "Atlanta",
        "CloudFront-Viewer-Postal-Code": "30303",
        "CloudFront-Viewer-Metro-Code": "524",
        "CloudFront-Viewer-Latitude": "33.74850",
        "CloudFront-Viewer-Longitude": "-84.38710",
        "CloudFront-Viewer-Time-Zone": "America/New_York",
        "CloudFront-Is-Android-Viewer": "false",
        "CloudFront-Is-Desktop-Viewer": "true",
        "CloudFront-Is-IOS-Viewer": "false",
        "CloudFront-Is-Mobile-Viewer": "false",
        "CloudFront-Is-SmartTV-Viewer": "false",
        "CloudFront-Is-Tablet-Viewer": "false",
        "CloudFront-Forwarded-Proto": "https",
        "CloudFront-Viewer-Http-Version": "1.1",
        "CloudFront-Viewer-TLS": "TLSv1.3:TLS_AES_128_GCM_SHA256:fullHandshake",
        "CloudFront-Viewer-Header-Order": "Host:User-Agent",
        "CloudFront-Viewer-Header-Count": "2",
    }


@pytest.mark.parametrize("location", [None, Place()])
def test_what_is_unknown_is_left_out(location: Place | None) -> None:
    made = located(
        request(), ["CloudFront-Viewer-Country", "CloudFront-Viewer-City", "CloudFront-Viewer-TLS"], location
    )
    assert made == request().headers


@pytest.mark.parametrize("asked", [(), ("CloudFront-Viewer-Country",), ("cloudfront-viewer-city",)])
def test_a_clients_own_copies_are_dropped_or_overwritten(asked: tuple[str, ...]) -> None:
    forged = [(name, "forged") for name in MAKERS] + [("cloudfront-VIEWER-country", "forged")]
    made = located(request(*forged), asked, ATLANTA)
    assert "forged" not in [value for _, value in made]
    assert len(made) == 2 + len(asked)


def test_nothing_to_do_gives_the_very_same_fields() -> None:
    asking = request(("X-A", "1"))
    assert located(asking, (), ATLANTA) is asking.headers


def test_names_outside_ascii_are_percent_encoded() -> None:
    made = located(request(), ["CloudFront-Viewer-City"], Place(city="São Paulo"))
    assert made.get("cloudfront-viewer-city") == "S%C3%A3o Paulo"


@given(st.text(max_size=12))
def test_every_value_that_is_made_can_be_sent(text: str) -> None:
    encoded = percent_encoded(text)
    assert encoded.isascii()
    assert not encoded or encoded.isprintable()


def test_http_versions_are_written_with_a_minor_number() -> None:
    asking = request()
    asking.http_version = "2"
    assert (
        located(asking, ["CloudFront-Viewer-Http-Version"], None).get("cloudfront-viewer-http-version")
        == "2.0"
    )


def test_names_are_known_in_any_case_and_policies_name_known_ones() -> None:
    assert canonical_name("CLOUDFRONT-VIEWER-ASN") == "CloudFront-Viewer-ASN"
    assert canonical_name("CloudFront-Viewer-Shoe-Size") is None
    assert set(CLOUDFRONT_HEADERS_2022_06) <= set(MAKERS)


AGENTS = {
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Mobile/15E148 Safari/604.1": Device(
        mobile=True, ios=True
    ),
    "Mozilla/5.0 (iPad; CPU OS 16_5 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 Safari/604.1": Device(
        tablet=True, ios=True
    ),
    "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 Chrome/120.0 Mobile Safari/537.36": Device(
        mobile=True, android=True
    ),
    "Mozilla/5.0 (Linux; Android 13; SM-X900) AppleWebKit/537.36 Chrome/120.0 Safari/537.36": Device(
        tablet=True, android=True
    ),
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/120.0 Safari/537.36": Device(desktop=True),
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/17.0 Safari/605.1.15": Device(desktop=True),
    "Mozilla/5.0 (Web0S; Linux/SmartTV) AppleWebKit/537.36 Chrome/79.0 Safari/537.36": Device(smart_tv=True),
    "Mozilla/5.0 (Linux; Android 9; AFTKA) AppleWebKit/537.36 Chrome/110.0 Mobile Safari/537.36": Device(
        smart_tv=True, android=True
    ),
    "Mozilla/5.0 (SMART-TV; Linux; Tizen 6.0) AppleWebKit/537.36 Version/6.0 TV Safari/537.36": Device(
        smart_tv=True
    ),
    "Mozilla/5.0 (Windows Phone 10.0; Android 6.0.1; Lumia 950) Mobile Safari/537.36 Edge/15": Device(
        mobile=True
    ),
    "Opera/9.80 (J2ME/MIDP; Opera Mini/9.80) Presto/2.12": Device(mobile=True),
    "curl/8.5.0": Device(desktop=True),
    "": Device(desktop=True),
}


@pytest.mark.parametrize(("agent", "device"), AGENTS.items())
def test_a_user_agent_names_its_device(agent: str, device: Device) -> None:
    assert classify(agent) == device


@given(
    st.text(max_size=80)
    | st.lists(st.sampled_from(["android", "ipad", "mobile", "tv", "tizen", " "])).map("".join)
)
def test_a_device_is_exactly_one_of_the_four_kinds(agent: str) -> None:
    device = classify(agent)
    assert [device.desktop, device.mobile, device.smart_tv, device.tablet].count(True) == 1
