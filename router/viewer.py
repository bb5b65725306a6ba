"""Whose address is it? The peer's, or the one that a chain of trusted proxies vouches for.

Pure. A forwarding header is believed only as far as the networks that wrote it are trusted, and it is read
from the right, where the proxies closest to us wrote. Whatever a viewer puts in it stays left of that.
Sources: RFC 7239 (Forwarded), RFC 9110 section 5.6 (quoted strings), X-Forwarded-For as proxies write it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from router.address import Networks, canonical, packed

ENTRIES_MAX = 32  # a longer chain of proxies than anybody runs; what lies left of it is ignored
X_FORWARDED_FOR = "x-forwarded-for"
FORWARDED = "forwarded"

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105  RFC 9110's word for it, no secret
_PAIR = re.compile(rf'\s*({_TOKEN})=(?:({_TOKEN})|"((?:[^"\\]|\\.)*)")\s*')
_WITH_PORT = re.compile(r"\[([0-9A-Fa-f:.]{2,45})\](?::\d{1,5})?|(\d{1,3}(?:\.\d{1,3}){3}):\d{1,5}")
_FORGEABLE = ("x-forwarded-", "x-edge-")


@dataclass(frozen=True)  # no slots: the networks are parsed once and kept
class TrustPolicy:
    """Which networks' forwarding header is believed, and which header that is.

    ``networks`` are CIDR texts. ``header`` is ``x-forwarded-for`` (read from the right), ``forwarded`` (RFC
    7239, likewise) or the name of a header with one address, such as ``cf-connecting-ip``. Nothing is trusted
    by default.

    Raises:
        AddressError: a network is not written as one.
    """

    networks: tuple[str, ...] = ()
    header: str = X_FORWARDED_FOR

    def __post_init__(self) -> None:
        object.__setattr__(self, "header", self.header.lower())
        assert self.parsed is not None  # raises now, not at the first viewer

    @cached_property
    def parsed(self) -> Networks:
        """The networks, ready to be asked."""
        return Networks(self.networks)

    def trusts(self, address: str) -> bool:
        """Say whether this address belongs to a trusted proxy."""
        octets = packed(address)
        return octets is not None and octets in self.parsed


@dataclass(frozen=True, slots=True)
class ViewerAddress:
    """``address`` is the viewer's, in canonical text; ``peer`` is who holds the connection.

    ``forwarded`` says that the two were told apart by a trusted header; ``peer_trusted`` that the peer may
    speak for others, so that its ``X-Forwarded-*`` fields need not be stripped. A measured round trip of the
    connection belongs to ``peer``, never to a forwarded ``address``.
    """

    address: str
    peer: str
    forwarded: bool = False
    peer_trusted: bool = False


def viewer_address(peer: str, headers: Sequence[tuple[str, str]], policy: TrustPolicy) -> ViewerAddress:
    """Return whose request this is. Never raises: a header that makes no sense is not believed.

    ``peer`` is the socket's other end (or what a PROXY header of a trusted peer said); a peer without an
    address, such as a Unix socket, is kept as it is and is trusted by nobody.
    """
    octets = packed(peer)
    if octets is None or not policy.parsed or octets not in policy.parsed:
        return ViewerAddress(peer, peer)
    peer = canonical(peer) or peer
    lines = [value for name, value in headers if name.lower() == policy.header]
    if policy.header == X_FORWARDED_FOR:
        address = _walk(peer, _entries(lines), policy.parsed)
    elif policy.header == FORWARDED:
        address = _walk(peer, _forwarded_nodes(lines), policy.parsed)
    else:  # one value, which the proxy overwrites: two lines mean that it did not
        single = _address(lines[0].strip()) if len(lines) == 1 else None
        address = peer if single is None else single
    return ViewerAddress(address, peer, forwarded=address != peer, peer_trusted=True)


def untrusted_header(name: str) -> bool:
    """Say whether a field of this name must be stripped from a request whose peer is not trusted."""
    lower = name.lower()
    return lower.startswith(_FORGEABLE) or lower == FORWARDED


def _walk(peer: str, nodes: Sequence[str | None], trusted: Networks) -> str:
    """Go left from the peer while the writer of the next entry is trusted; stop at what is no address."""
    current = peer
    for node in nodes:
        if node is None:
            return current
        current = node
        octets = packed(node)
        if octets is None or octets not in trusted:
            return current
    return current


def _entries(lines: Sequence[str]) -> list[str | None]:
    """Return the addresses of X-Forwarded-For from right to left; None where an entry is no address."""
    found: list[str | None] = []
    for line in reversed(lines):
        room = ENTRIES_MAX - len(found)
        if room <= 0:
            break
        parts = line.rsplit(",", room)
        found += [_address(entry.strip()) for entry in reversed(parts[-room:])]
    return found


def _forwarded_nodes(lines: Sequence[str]) -> list[str | None]:
    """Return the ``for`` addresses from right to left; a malformed line ends the list (RFC 7239, 4).

    A viewer may send an open quote that swallows what the next proxy appends to the same line. Such a line
    does not parse, and then nothing in it is believed.
    """
    found: list[str | None] = []
    for line in reversed(lines):
        elements = _forwarded_line(line)
        if elements is None:
            found.append(None)
            break
        found += reversed(elements)
        if len(found) >= ENTRIES_MAX:
            break
    return found[:ENTRIES_MAX]


def _forwarded_line(line: str) -> list[str | None] | None:
    """Return the ``for`` address of each element, in order; None for a line that is not RFC 7239's."""
    elements: list[str | None] = []
    node: str | None = None
    seen: set[str] = set()
    at = 0
    while True:
        pair = _PAIR.match(line, at)
        if pair is None:
            return None
        name = pair[1].lower()
        if name in seen:  # "each parameter MUST NOT occur more than once" (RFC 7239, 4)
            return None
        seen.add(name)
        if name == "for":
            value = pair[2] if pair[2] is not None else re.sub(r"\\(.)", r"\1", pair[3])
            node = _address(value)
        at = pair.end()
        if at == len(line) or line[at] == ",":
            elements.append(node)
            node, seen = None, set()
            if at == len(line):
                return elements
        elif line[at] != ";":
            return None
        at += 1


def _address(text: str) -> str | None:
    """Return the canonical address of an entry, whose port (if any) does not matter.

    None for anything else.
    """
    if "%" in text:  # a zone means something on one machine only
        return None
    with_port = _WITH_PORT.fullmatch(text)
    if with_port is not None:
        text = with_port[1] or with_port[2]
    return canonical(text)
