"""Which viewers get the canary of a function, and which stay with what is live. Pure.

A viewer's place in a split is a hash of who they are (address, cookie or header field) and of what was deployed
together, and of nothing else: the same in every worker and every POP, at every request. The canary takes the places
below its share, so who has it at 10 % has it at 50 %, too. Functions that were deployed together have one salt, so a
viewer gets all of their canaries or none.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from ipaddress import IPv6Address, ip_address

from edgefaas.errors import DeployError
from edgefaas.message import Headers, Request

OVERRIDE = "edge-version"
"""The request field by which a viewer asks for one side: ``canary``, ``live``, ``hello=canary``, ``hello=1a2b3c4d``."""

WHOLE = 10_000
"""All viewers, in the unit of ``Split.share``: hundredths of a percent."""

CANARY = "canary"
LIVE = "live"
DIGITS_MIN = 4  # of a version in the override field, as in commands
_PLACES = 1 << 64
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")  # RFC 9110, 5.6.2; RFC 6265, 4.1.1
_KEY_BYTES_MAX = 64  # BLAKE2b takes no longer key
_V6_VIEWER_BITS = 64  # one viewer's network; what is below changes daily with privacy addresses (RFC 8981)


@dataclass(frozen=True, slots=True)
class Affinity:
    """By what a viewer is known again: ``address``, ``cookie:NAME`` or ``header:NAME``."""

    kind: str = "address"
    name: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}" if self.name else self.kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Who gets version ``canary`` where version ``live`` serves all others.

    ``share`` is 1 to 9,999 hundredths of a percent; ``salt`` tells apart what was deployed at different times.
    """

    live: str
    canary: str
    share: int
    affinity: Affinity
    salt: str


def read_affinity(text: str) -> Affinity:
    """Return the affinity that ``text`` asks for. Raises DeployError."""
    kind, colon, name = text.partition(":")
    if kind == "address" and not colon:
        return Affinity()
    if kind in ("cookie", "header") and _TOKEN.match(name):
        return Affinity(kind, name.lower() if kind == "header" else name)
    raise DeployError(
        f'Viewers cannot be known again by "{text[:80]}"', remedy="Use address, cookie:NAME or header:NAME."
    )


def read_share(percent: float) -> int:
    """Return a share of viewers in hundredths of a percent. Raises DeployError: not from 0.01 to 99.99 %."""
    share = round(percent * 100) if abs(percent) < WHOLE else WHOLE
    if not 0 < share < WHOLE:
        raise DeployError(
            f"A canary cannot have {percent:g} % of the viewers",
            remedy="Give it 0.01 to 99.99 %; without --canary a deploy is for everybody.",
        )
    return share


def salt_of(versions: Mapping[str, str]) -> str:
    """Return the salt of what goes out together: a digest of names and versions, the same at every POP."""
    told = "\n".join(f"{name} {version}" for name, version in sorted(versions.items()))
    return blake2b(told.encode(), digest_size=_KEY_BYTES_MAX // 4).hexdigest()


def known_as(request: Request, affinity: Affinity) -> str:
    """Return what the viewer is known by; by the address where the cookie or field is not there."""
    if affinity.kind == "cookie":
        value = _cookie(request.headers, affinity.name)
    elif affinity.kind == "header":
        value = request.headers.get(affinity.name)
    else:
        value = None
    return _network(request.viewer_ip) if value is None else f"={value}"


def place(salt: str, viewer: str) -> int:
    """Return the viewer's place, 0 to 2**64 - 1, evenly spread over viewers."""
    key = salt.encode()[:_KEY_BYTES_MAX]
    return int.from_bytes(
        blake2b(viewer.encode("utf-8", "surrogatepass"), digest_size=8, key=key).digest(), "big"
    )


def takes(share: int, at: int) -> bool:
    """Return whether a canary with ``share`` has the viewer at this place."""
    return at * WHOLE < share * _PLACES


def asked_for(field: str) -> dict[str, str]:
    """Return what an override field asks for, by function; ``""`` stands for every function."""
    asked: dict[str, str] = {}
    for part in field.split(","):
        name, equals, side = part.strip().rpartition("=")
        if side:
            asked[name.strip() if equals else ""] = side.strip().lower()
    return asked


def overridden(split: Split, side: str) -> bool | None:
    """Return whether ``side`` means the canary; None where it means neither version."""
    if side in (CANARY, LIVE):
        return side == CANARY
    if len(side) >= DIGITS_MIN:
        if split.canary.startswith(side):
            return True
        if split.live.startswith(side):
            return False
    return None


def chosen(splits: Mapping[str, Split], request: Request) -> frozenset[str]:
    """Return the names whose canary this request gets."""
    field = request.headers.get(OVERRIDE)
    asked = asked_for(field) if field is not None else {}
    places: dict[tuple[Affinity, str], int] = {}
    names: list[str] = []
    for name, split in splits.items():
        side = asked.get(name, asked.get("")) if asked else None
        canary = overridden(split, side) if side is not None else None
        if canary is None:
            group = (split.affinity, split.salt)
            at = places.get(group)
            if at is None:
                at = places[group] = place(split.salt, known_as(request, split.affinity))
            canary = takes(split.share, at)
        if canary:
            names.append(name)
    return frozenset(names)


def _cookie(headers: Headers, name: str) -> str | None:
    for line in headers.values("cookie"):
        for part in line.split(";"):
            key, equals, value = part.strip(" \t").partition("=")
            if equals and key == name:
                return value
    return None


def _network(address: str) -> str:
    """Return the address, or the network that one viewer has of IPv6."""
    if ":" not in address:
        return address
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    assert isinstance(parsed, IPv6Address)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(IPv6Address(int(parsed) >> _V6_VIEWER_BITS << _V6_VIEWER_BITS))
