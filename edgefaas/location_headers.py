"""Location and device fields: what the POP knows about a viewer, told to functions and origins.

Pure. Where an address is, is the router's to find out; a ``ViewerLocation`` comes in. What is unknown is
left out. Source: "Add CloudFront request headers" (CloudFront developer guide). Whatever a client itself
sends under these names is dropped, since functions believe them.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from edgefaas.message import Headers, Request

USER_AGENT_MAX_CHARS = 1024  # of a longer one only the beginning is looked at


class ViewerLocation(Protocol):
    """Where a viewer is, as far as is known; a GeoIP City and ASN record has these."""

    @property
    def country(self) -> str | None:
        """ISO 3166-1 alpha-2."""

    @property
    def country_name(self) -> str | None:
        """In English."""

    @property
    def region(self) -> str | None:
        """ISO 3166-2, without the country."""

    @property
    def region_name(self) -> str | None:
        """In English."""

    @property
    def city(self) -> str | None:
        """In English."""

    @property
    def postal_code(self) -> str | None:
        """As the country writes it."""

    @property
    def metro_code(self) -> str | None:
        """In the United States only."""

    @property
    def latitude(self) -> float | None:
        """Degrees."""

    @property
    def longitude(self) -> float | None:
        """Degrees."""

    @property
    def time_zone(self) -> str | None:
        """IANA's name."""

    @property
    def asn(self) -> int | None:
        """Autonomous system number."""


@dataclass(frozen=True, slots=True)
class Device:
    """What kind of device a User-Agent says it is; exactly one of the first four is true."""

    desktop: bool = False
    mobile: bool = False
    smart_tv: bool = False
    tablet: bool = False
    android: bool = False
    ios: bool = False


_TV = re.compile(
    r"smart-?tv|hbbtv|apple ?tv|google ?tv|android ?tv|\bbravia\b|netcast|web0s|tizen.{0,40}\btv\b|\broku\b"
    r"|viera|\baft[a-z]{1,4}\b|\bcrkey\b|philipstv|\btv safari\b|xbox|playstation"
)
_IOS = re.compile(r"iphone|ipad|ipod")
_WINDOWS_PHONE = re.compile(r"windows phone|iemobile")
_TABLET = re.compile(r"ipad|tablet|kindle|playbook|\bsilk/(?!.*mobile)|nexus (?:7|9|10)\b|\bsm-[tx]\d")
_MOBILE = re.compile(
    r"mobi|iphone|ipod|windows phone|blackberry|\bbb10\b|opera mini|nokia|\bsymbian|kaios|webos(?!.*tv)"
)


@lru_cache(maxsize=1024)
def classify(user_agent: str) -> Device:
    """Return the device that a User-Agent names; a desktop when it names none, or is empty."""
    agent = user_agent[:USER_AGENT_MAX_CHARS].lower()
    windows_phone = bool(_WINDOWS_PHONE.search(agent))  # these claim to be both of the others too
    android = "android" in agent and not windows_phone
    ios = bool(_IOS.search(agent)) and not windows_phone
    if _TV.search(agent):
        return Device(smart_tv=True, android=android)
    if _TABLET.search(agent) or (android and "mobile" not in agent):
        return Device(tablet=True, android=android, ios=ios)
    if windows_phone or android or _MOBILE.search(agent):
        return Device(mobile=True, android=android, ios=ios)
    return Device(desktop=True)


@dataclass(frozen=True, slots=True)
class _Viewer:
    """All that the fields are made from."""

    request: Request
    location: ViewerLocation | None
    tls: str | None

    @property
    def device(self) -> Device:
        agent = self.request.headers.get("user-agent") or ""
        return classify(
            agent[:USER_AGENT_MAX_CHARS]
        )  # what is remembered is no longer than what is looked at


def _place(pick: Callable[[ViewerLocation], str | None]) -> Callable[[_Viewer], str | None]:
    return lambda viewer: None if viewer.location is None else pick(viewer.location)


def _is(pick: Callable[[Device], bool]) -> Callable[[_Viewer], str | None]:
    return lambda viewer: "true" if pick(viewer.device) else "false"


def _degrees(value: float | None) -> str | None:
    return None if value is None else f"{value:.5f}"


def _http_version(viewer: _Viewer) -> str:
    version = viewer.request.http_version
    return version if "." in version else f"{version}.0"


MAKERS: Mapping[str, Callable[[_Viewer], str | None]] = {
    "CloudFront-Viewer-Address": lambda viewer: f"{viewer.request.viewer_ip}:{viewer.request.viewer_port}",
    "CloudFront-Viewer-ASN": _place(lambda place: None if place.asn is None else str(place.asn)),
    "CloudFront-Viewer-Country": _place(lambda place: place.country),
    "CloudFront-Viewer-Country-Name": _place(lambda place: place.country_name),
    "CloudFront-Viewer-Country-Region": _place(lambda place: place.region),
    "CloudFront-Viewer-Country-Region-Name": _place(lambda place: place.region_name),
    "CloudFront-Viewer-City": _place(lambda place: place.city),
    "CloudFront-Viewer-Postal-Code": _place(lambda place: place.postal_code),
    "CloudFront-Viewer-Metro-Code": _place(lambda place: place.metro_code),
    "CloudFront-Viewer-Latitude": _place(lambda place: _degrees(place.latitude)),
    "CloudFront-Viewer-Longitude": _place(lambda place: _degrees(place.longitude)),
    "CloudFront-Viewer-Time-Zone": _place(lambda place: place.time_zone),
    "CloudFront-Is-Android-Viewer": _is(lambda device: device.android),
    "CloudFront-Is-Desktop-Viewer": _is(lambda device: device.desktop),
    "CloudFront-Is-IOS-Viewer": _is(lambda device: device.ios),
    "CloudFront-Is-Mobile-Viewer": _is(lambda device: device.mobile),
    "CloudFront-Is-SmartTV-Viewer": _is(lambda device: device.smart_tv),
    "CloudFront-Is-Tablet-Viewer": _is(lambda device: device.tablet),
    "CloudFront-Forwarded-Proto": lambda viewer: viewer.request.scheme,
    "CloudFront-Viewer-Http-Version": _http_version,
    "CloudFront-Viewer-TLS": lambda viewer: viewer.tls,
    "CloudFront-Viewer-Header-Order": lambda viewer: ":".join(name for name, _ in viewer.request.headers),
    "CloudFront-Viewer-Header-Count": lambda viewer: str(len(viewer.request.headers)),
}
VIEWER_FIELDS = tuple(
    name
    for name in MAKERS
    if name.startswith(("CloudFront-Viewer-", "CloudFront-Is-"))
    and not name.endswith(("-Http-Version", "-TLS", "-Header-Order", "-Header-Count"))
)
"""Those that follow from the viewer's address and User-Agent alone, and not from the connection."""
_CANONICAL = {name.lower(): name for name in MAKERS}


def canonical_name(name: str) -> str | None:
    """Return a location or device field's name as it is written, or None when there is no such field."""
    return _CANONICAL.get(name.lower())


def percent_encoded(text: str) -> str:
    """Return ``text`` with everything outside printable ASCII percent-encoded as UTF-8."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        char if " " <= char <= "~" else "".join(f"%{octet:02X}" for octet in char.encode("utf-8", "replace"))
        for char in text
    )


def located(
    request: Request, names: Iterable[str], location: ViewerLocation | None, *, tls: str | None = None
) -> Headers:
    """Return the request's fields with the location and device fields called ``names``.

    ``names`` are known (see ``canonical_name``), in any case. A client's own copies of all these fields
    are gone, those that were not asked for too. ``tls`` is ``version:cipher:handshake`` of the viewer's
    connection, None without TLS. The very object comes back when nothing changes.
    """
    headers = request.headers
    made: list[tuple[str, str]] = []
    viewer = _Viewer(request, location, tls)
    for name in names:
        canonical = _CANONICAL[name.lower()]
        value = MAKERS[canonical](viewer)
        if value is not None:
            made.append((canonical, percent_encoded(value)))
    kept = [line for line in headers if line[0].lower() not in _CANONICAL]
    if not made and len(kept) == len(headers):
        return headers
    return Headers(kept + made)
