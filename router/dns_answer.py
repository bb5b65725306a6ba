"""Answer DNS queries for a zone so that each viewer gets the address of its POP.

The decision is pure; the wire format is dnspython's. A viewer is known by EDNS Client Subnet when the
resolver tells it, else by the resolver's own address. Client subnets are spoofable: they are answered by and
never learnt from. The scope told is what was really used: /24 or /48, less when the resolver told less, 0 for
answers that are the same for all.
Sources: RFC 1035, RFC 2308 (negative answers), RFC 6891 (EDNS), RFC 7871 (client subnet), RFC 8482 (ANY), RFC
9715 (UDP answers that are not fragmented: 1,232 bytes).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Protocol

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from router.address import V4_PREFIX_BITS, V6_PREFIX_BITS
from router.choice import Chooser
from router.decision import Decision
from router.errors import DnsSettingsError
from router.location import Location

UDP_BYTES_MAX = 1_232
ADDRESSES_MAX = 8
_HEADER_BYTES = 12
_V4_BITS, _V6_BITS = 32, 128


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsZone:
    """A zone that this server answers for.

    ``addresses`` are the A and AAAA addresses of each POP; ``hosts`` the names below the zone that viewers
    ask for ("@" is the zone itself, "*" any name). ``nameservers`` are their names and addresses. TTLs are
    seconds: ``ttl_s`` on ordinary days, ``unrest_ttl_s`` while a POP that would serve the viewer is not
    wholly in service.
    """

    name: str
    addresses: Mapping[str, tuple[str, ...]]
    nameservers: Mapping[str, tuple[str, ...]]
    hosts: tuple[str, ...] = ("@", "*")
    mailbox: str = "hostmaster"
    serial: int = 1
    ttl_s: int = 30
    unrest_ttl_s: int = 5
    negative_ttl_s: int = 60
    static_ttl_s: int = 3_600
    extra_pop: bool = False  # also give the next best POP's address, for clients that retry


class Locates(Protocol):
    """What finds addresses: a ``GeoDatabase``, or what holds the one in force."""

    def locate(self, ip: str, /) -> Location:
        """Return where an address is, as far as is known."""
        ...


@dataclass(slots=True)
class _Viewer:
    """For whom an answer is made, and the client subnet to echo."""

    address: str
    subnet: dns.edns.ECSOption | None = None
    used_bits: int = 0


@dataclass(slots=True)
class _Records:
    """A zone ready to be served: names and texts as dnspython wants them."""

    origin: dns.name.Name
    nameservers: dict[dns.name.Name, tuple[str, ...]] = field(default_factory=dict)
    hosts: set[dns.name.Name] = field(default_factory=set)
    any_host: bool = False


class DnsAnswerer:
    """Answers queries for one zone; one per process.

    Raises:
        DnsSettingsError: a name or address of the zone is not one, or a POP is unknown (the operator).
    """

    def __init__(self, zone: DnsZone, chooser: Chooser, geo: Locates) -> None:
        self._zone = zone
        self._chooser = chooser
        self._geo = geo
        self._records = _checked(zone, chooser)
        families: dict[int, dict[str, tuple[str, ...]]] = {4: {}, 6: {}}
        for pop, texts in zone.addresses.items():
            for version, by_pop in families.items():
                by_pop[pop] = tuple(t for t in texts if ip_address(t).version == version)
        self._by_type = {dns.rdatatype.A: families[4], dns.rdatatype.AAAA: families[6]}

    def answer(self, wire: bytes, source: str, now_s: float, *, tcp: bool = False) -> bytes | None:
        """Return the answer to a query that came from ``source``; None for what deserves none.

        Never raises.
        """
        if (
            len(wire) < _HEADER_BYTES or wire[2] & 0x80
        ):  # too short, or itself an answer: never reply to those
            return None
        try:
            query = dns.message.from_wire(wire)
        except (dns.exception.DNSException, ValueError):
            return _format_error(wire)
        response = self._respond(query, source, now_s)
        limit = 65_535 if tcp else min(UDP_BYTES_MAX, max(512, query.payload or 512))
        try:
            return response.to_wire(max_size=limit)
        except dns.exception.TooBig:
            return truncated(query)

    def _respond(self, query: dns.message.Message, source: str, now_s: float) -> dns.message.Message:
        response = dns.message.make_response(query, our_payload=UDP_BYTES_MAX)
        response.flags &= ~dns.flags.RA
        if query.edns > 0:
            response.set_rcode(dns.rcode.BADVERS)
        elif query.opcode() != dns.opcode.QUERY:
            response.set_rcode(dns.rcode.NOTIMP)
        elif len(query.question) != 1:
            response.set_rcode(dns.rcode.FORMERR)
        else:
            self._answer_question(query, response, source, now_s)
        return response

    def _answer_question(
        self, query: dns.message.Message, response: dns.message.Message, source: str, now_s: float
    ) -> None:
        question = query.question[0]
        name, kind, records = question.name, question.rdtype, self._records
        if question.rdclass != dns.rdataclass.IN or not name.is_subdomain(records.origin):
            response.set_rcode(dns.rcode.REFUSED)
            return
        viewer = _viewer(query, source)
        if viewer is None:
            response.set_rcode(dns.rcode.FORMERR)
            return
        response.flags |= dns.flags.AA
        is_host = name in records.hosts or (records.any_host and name != records.origin)
        if name in records.nameservers:
            self._add_addresses(response, name, kind, records.nameservers[name], self._zone.static_ttl_s)
        elif is_host and kind in self._by_type:
            self._add_pop(response, name, kind, viewer, now_s)
        elif name != records.origin and not is_host:
            response.set_rcode(dns.rcode.NXDOMAIN)
        if name == records.origin and kind in (dns.rdatatype.NS, dns.rdatatype.ANY):
            self._add_nameservers(response)
        if name == records.origin and kind in (dns.rdatatype.SOA, dns.rdatatype.ANY):
            response.answer.append(self._soa(self._zone.static_ttl_s))
        if not response.answer:
            response.authority.append(self._soa(self._zone.negative_ttl_s))
        if viewer.subnet is not None:
            subnet = viewer.subnet
            scoped = dns.edns.ECSOption(subnet.address, subnet.srclen, viewer.used_bits)
            response.use_edns(0, 0, UDP_BYTES_MAX, options=[scoped])

    def _add_pop(
        self,
        response: dns.message.Message,
        name: dns.name.Name,
        kind: dns.rdatatype.RdataType,
        viewer: _Viewer,
        now_s: float,
    ) -> None:
        """Add the addresses of the viewer's POP.

        Of all POPs when none is in service, which may be our error.
        """
        decision = self._chooser.consult(viewer.address, self._geo.locate(viewer.address), now_s)
        by_pop = self._by_type[kind]
        addresses = self._addresses(decision, by_pop)
        ttl_s = self._zone.ttl_s if decision.settled else self._zone.unrest_ttl_s
        if viewer.subnet is not None:
            most = V4_PREFIX_BITS if viewer.subnet.family == 1 else V6_PREFIX_BITS
            viewer.used_bits = min(viewer.subnet.srclen, most)
        self._add_addresses(response, name, kind, addresses, ttl_s)

    def _addresses(self, decision: Decision, by_pop: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
        order = [pop for pop in (decision.pop, *decision.alternatives) if pop is not None and by_pop.get(pop)]
        if not order:
            return tuple(a for addresses in by_pop.values() for a in addresses)[:ADDRESSES_MAX]
        wanted = order[: 2 if self._zone.extra_pop else 1]
        return tuple(a for pop in wanted for a in by_pop[pop])[:ADDRESSES_MAX]

    def _add_addresses(
        self,
        response: dns.message.Message,
        name: dns.name.Name,
        kind: dns.rdatatype.RdataType,
        addresses: tuple[str, ...],
        ttl_s: int,
    ) -> None:
        version = {dns.rdatatype.A: 4, dns.rdatatype.AAAA: 6}.get(kind)
        texts = [text for text in addresses if ip_address(text).version == version]
        if texts:
            response.answer.append(dns.rrset.from_text_list(name, ttl_s, "IN", kind, texts))

    def _add_nameservers(self, response: dns.message.Message) -> None:
        ttl_s, records = self._zone.static_ttl_s, self._records
        names = [str(name) for name in records.nameservers]
        response.answer.append(dns.rrset.from_text_list(records.origin, ttl_s, "IN", dns.rdatatype.NS, names))
        for name, addresses in records.nameservers.items():
            for text in addresses:
                kind = dns.rdatatype.A if ip_address(text).version == 4 else dns.rdatatype.AAAA  # noqa: PLR2004
                response.additional.append(dns.rrset.from_text(name, ttl_s, "IN", kind, text))

    def _soa(self, ttl_s: int) -> dns.rrset.RRset:
        zone, records = self._zone, self._records
        first = str(next(iter(records.nameservers)))
        mailbox = f"{zone.mailbox}.{records.origin}"
        text = f"{first} {mailbox} {zone.serial} 3600 600 604800 {zone.negative_ttl_s}"
        return dns.rrset.from_text(records.origin, ttl_s, "IN", dns.rdatatype.SOA, text)


def truncated(query: dns.message.Message) -> bytes:
    """Return the answer that tells a resolver to ask again over TCP."""
    response = dns.message.make_response(query, our_payload=UDP_BYTES_MAX)
    response.flags = (response.flags | dns.flags.TC) & ~dns.flags.RA
    return response.to_wire()


def truncated_wire(wire: bytes) -> bytes | None:
    """Return ``truncated`` of a query as it came; None for what is no query."""
    if len(wire) < _HEADER_BYTES or wire[2] & 0x80:
        return None
    try:
        return truncated(dns.message.from_wire(wire))
    except (dns.exception.DNSException, ValueError):
        return None


def _viewer(query: dns.message.Message, source: str) -> _Viewer | None:
    """Return for whom the answer is; None when the client subnet is malformed (RFC 7871, 7.1.3: FORMERR)."""
    for option in query.options:
        if isinstance(option, dns.edns.ECSOption):
            if option.scopelen != 0:
                return None
            if option.srclen == 0:  # "do not tell": the resolver speaks for itself
                return _Viewer(source, option)
            return _Viewer(option.address, option)
    return _Viewer(source)


def _format_error(wire: bytes) -> bytes:
    """Return FORMERR to a query of which only the header can be read."""
    opcode_and_rd = wire[2] & 0x79
    return wire[:2] + bytes([0x80 | opcode_and_rd, dns.rcode.FORMERR]) + bytes(8)


def _checked(zone: DnsZone, chooser: Chooser) -> _Records:
    try:
        origin = dns.name.from_text(zone.name)
        nameservers = {dns.name.from_text(name, origin): texts for name, texts in zone.nameservers.items()}
        hosts = {origin if h == "@" else dns.name.from_text(h, origin) for h in zone.hosts if h != "*"}
        for texts in (*zone.addresses.values(), *zone.nameservers.values()):
            for text in texts:
                ip_address(text)
    except (dns.exception.DNSException, ValueError) as error:
        raise DnsSettingsError(
            f'DNS zone "{zone.name}" has a name or address that is none: {error}',
            remedy="Write names such as edge.example.net, and plain IPv4 or IPv6 addresses.",
        ) from error
    unknown = [pop for pop in zone.addresses if pop not in chooser.mesh]
    if unknown or not zone.nameservers or not any(zone.addresses.values()):
        problem = f'no POP "{unknown[0]}"' if unknown else "no nameserver, or no address of a POP"
        raise DnsSettingsError(
            f'DNS zone "{zone.name}": {problem}',
            remedy="Name nameservers, and addresses of POPs of this mesh.",
        )
    return _Records(origin, nameservers, hosts, "*" in zone.hosts)
