"""DNS: each viewer gets the address of its POP, nobody gets more than asked for, and garbage gets little."""

import asyncio
import socket
from collections.abc import Callable

import dns.edns
import dns.flags
import dns.message
import dns.opcode
import dns.query
import dns.rcode
import dns.rdatatype
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.choice import Chooser
from router.dns_answer import DnsAnswerer, DnsZone
from router.dns_limit import BURST, RATE_PER_S, DnsLimit, Verdict
from router.dns_server import _Stream, serve_dns
from router.errors import DnsSettingsError
from router.geo import GeoDatabase
from router.mesh import Mesh, Pop

MESH = Mesh(
    [
        Pop(name="fra", latitude=50.1, longitude=8.7),
        Pop(name="iad", latitude=39, longitude=-77.5),
        Pop(name="sin", latitude=1.35, longitude=103.8),
    ]
)
ADDRESSES = {
    "fra": ("192.0.2.1", "2001:db8::1"),
    "iad": ("192.0.2.2", "2001:db8::2"),
    "sin": ("192.0.2.3",),
}
ZONE = DnsZone(
    name="edge.example.net",
    addresses=ADDRESSES,
    nameservers={"ns1": ("192.0.2.53",), "ns2.example.org.": ()},
    hosts=("@", "www"),
)
GERMANY, AMERICA = "84.128.0.1", "24.0.0.1"
GEO = GeoDatabase.open()


def answerer(zone: DnsZone = ZONE, chooser: Chooser | None = None) -> DnsAnswerer:
    return DnsAnswerer(zone, chooser or Chooser(MESH), GEO)


def ask(
    name: str = "www.edge.example.net.",
    kind: str = "A",
    *,
    source: str = GERMANY,
    subnet: dns.edns.ECSOption | None = None,
    by: DnsAnswerer | None = None,
) -> dns.message.Message:
    query = dns.message.make_query(name, kind, use_edns=0, options=[subnet] if subnet else [])
    wire = (by or answerer()).answer(query.to_wire(), source, 0.0)
    assert wire is not None
    response = dns.message.from_wire(wire)
    assert query.is_response(response)
    return response


def texts(response: dns.message.Message) -> set[str]:
    return {rdata.to_text() for rrset in response.answer for rdata in rrset}


def subnet_of(response: dns.message.Message) -> dns.edns.ECSOption | None:
    return next((o for o in response.options if isinstance(o, dns.edns.ECSOption)), None)


def test_a_resolver_gets_the_address_of_its_own_pop() -> None:
    assert texts(ask(source=GERMANY)) == {"192.0.2.1"}
    assert texts(ask(source=AMERICA)) == {"192.0.2.2"}
    assert texts(ask(source=GERMANY, kind="AAAA")) == {"2001:db8::1"}
    assert ask().flags & dns.flags.AA
    assert not ask().flags & dns.flags.RA


def test_a_client_subnet_decides_when_the_resolver_tells_one() -> None:
    response = ask(source=GERMANY, subnet=dns.edns.ECSOption("24.0.0.0", 24))
    assert texts(response) == {"192.0.2.2"}


@pytest.mark.parametrize(
    ("subnet", "scope"),
    [
        (("24.0.0.0", 24), 24),
        (("24.0.0.1", 32), 24),
        (("24.0.0.0", 16), 16),
        (("2600::", 56), 48),
        (("2600::", 32), 32),
    ],
)
def test_the_scope_is_what_was_really_used(subnet: tuple[str, int], scope: int) -> None:
    echoed = subnet_of(ask(subnet=dns.edns.ECSOption(*subnet)))
    assert echoed is not None
    assert (echoed.srclen, echoed.scopelen) == (subnet[1], scope)


def test_a_resolver_that_does_not_tell_is_answered_by_its_own_address() -> None:
    response = ask(source=GERMANY, subnet=dns.edns.ECSOption("0.0.0.0", 0))
    assert texts(response) == {"192.0.2.1"}
    echoed = subnet_of(response)
    assert echoed is not None
    assert echoed.scopelen == 0


def test_answers_that_are_the_same_for_all_have_scope_zero() -> None:
    echoed = subnet_of(ask("edge.example.net.", "SOA", subnet=dns.edns.ECSOption("24.0.0.0", 24)))
    assert echoed is not None
    assert echoed.scopelen == 0


def test_a_query_with_a_scope_is_malformed() -> None:
    assert ask(subnet=dns.edns.ECSOption("24.0.0.0", 24, 24)).rcode() == dns.rcode.FORMERR


def test_client_subnets_teach_nothing() -> None:
    chooser = Chooser(MESH)
    by = answerer(chooser=chooser)
    for i in range(50):
        ask(subnet=dns.edns.ECSOption(f"24.0.{i}.0", 24), by=by)
    assert chooser.explain("24.0.7.1", GEO.locate("24.0.7.1"), 0.0).requests == 0


def test_the_zone_has_its_soa_and_nameservers() -> None:
    assert texts(ask("edge.example.net.", "NS")) == {"ns1.edge.example.net.", "ns2.example.org."}
    soa = ask("edge.example.net.", "SOA")
    assert "hostmaster.edge.example.net." in next(iter(texts(soa)))
    assert texts(ask("ns1.edge.example.net.", "A")) == {"192.0.2.53"}


def test_names_and_types_that_are_not_there_get_a_negative_answer_with_the_soa() -> None:
    missing = ask("other.edge.example.net.")
    assert missing.rcode() == dns.rcode.NXDOMAIN
    no_data = ask("www.edge.example.net.", "TXT")
    assert no_data.rcode() == dns.rcode.NOERROR
    for response in (missing, no_data):
        assert not response.answer
        assert response.authority[0].rdtype == dns.rdatatype.SOA
        assert response.authority[0].ttl == ZONE.negative_ttl_s


def test_names_of_other_zones_are_refused() -> None:
    assert ask("www.example.com.").rcode() == dns.rcode.REFUSED


def test_a_wildcard_answers_for_any_name() -> None:
    zone = DnsZone(name="edge.example.net", addresses=ADDRESSES, nameservers={"ns1": ("192.0.2.53",)})
    assert texts(ask("a.b.edge.example.net.", by=answerer(zone))) == {"192.0.2.1"}
    assert texts(ask("edge.example.net.", by=answerer(zone))) == {"192.0.2.1"}


def test_the_answer_and_its_ttl_follow_the_health_of_the_pops() -> None:
    chooser = Chooser(MESH)
    by = answerer(chooser=chooser)
    assert ask(by=by).answer[0].ttl == ZONE.ttl_s
    chooser.set_health("fra", 0)
    away = ask(by=by)
    assert texts(away) == {"192.0.2.2"}
    assert away.answer[0].ttl == ZONE.unrest_ttl_s
    for name in ("iad", "sin"):
        chooser.set_health(name, 0)
    assert texts(ask(by=by)) == {"192.0.2.1", "192.0.2.2", "192.0.2.3"}


def test_a_pop_without_an_address_of_that_family_is_passed_over() -> None:
    japan = ask(source="133.0.0.1", kind="AAAA")
    assert texts(japan) <= {"2001:db8::1", "2001:db8::2"}
    assert texts(japan)


def test_the_next_best_pop_can_be_given_for_clients_that_retry() -> None:
    zone = DnsZone(
        name="edge.example.net", addresses=ADDRESSES, nameservers={"ns1": ("192.0.2.53",)}, extra_pop=True
    )
    assert texts(ask(by=answerer(zone))) == {"192.0.2.1", "192.0.2.2"}


def test_other_operations_are_not_implemented() -> None:
    query = dns.message.make_query("www.edge.example.net.", "A")
    query.set_opcode(dns.opcode.NOTIFY)
    wire = answerer().answer(query.to_wire(), GERMANY, 0.0)
    assert wire is not None
    assert dns.message.from_wire(wire).rcode() == dns.rcode.NOTIMP


@given(st.binary(max_size=120))
def test_garbage_gets_at_most_a_format_error(data: bytes) -> None:
    answer = FUZZED.answer(data, GERMANY, 0.0)
    if len(data) < 12 or data[2] & 0x80:
        assert answer is None
    else:
        assert answer is not None
        assert answer[:2] == data[:2]
        assert len(answer) <= max(len(data), 12) + 600


@given(st.integers(0, 100), st.binary(min_size=1, max_size=3))
def test_a_query_damaged_anywhere_never_breaks_the_server(at: int, damage: bytes) -> None:
    subnet = dns.edns.ECSOption("24.0.0.0", 24)
    wire = dns.message.make_query("www.edge.example.net.", "A", use_edns=0, options=[subnet]).to_wire()
    at %= len(wire)
    FUZZED.answer(wire[:at] + damage + wire[at + len(damage) :], GERMANY, 0.0)
    FUZZED.answer(wire[:at], GERMANY, 0.0)


FUZZED = answerer()


@pytest.mark.parametrize(
    "zone",
    [
        DnsZone(name="..", addresses=ADDRESSES, nameservers={"ns1": ()}),
        DnsZone(name="a.example", addresses={"fra": ("nowhere",)}, nameservers={"ns1": ()}),
        DnsZone(name="a.example", addresses={"lhr": ("192.0.2.1",)}, nameservers={"ns1": ()}),
        DnsZone(name="a.example", addresses=ADDRESSES, nameservers={}),
        DnsZone(name="a.example", addresses={}, nameservers={"ns1": ()}),
    ],
)
def test_a_zone_that_cannot_be_served_is_refused(zone: DnsZone) -> None:
    with pytest.raises(DnsSettingsError):
        answerer(zone)


def test_a_network_gets_its_burst_and_then_its_rate() -> None:
    limit = DnsLimit()
    first = [limit.judge(f"192.0.2.{i % 250}", 0.0) for i in range(round(BURST) + 4)]
    assert first.count(Verdict.ANSWER) == round(BURST)
    assert first[-4:] == [Verdict.DROP, Verdict.TRUNCATE, Verdict.DROP, Verdict.TRUNCATE]
    assert limit.judge("192.0.3.1", 0.0) is Verdict.ANSWER
    later = [limit.judge("192.0.2.1", 1.0) for _ in range(round(RATE_PER_S) + 1)]
    assert later.count(Verdict.ANSWER) == round(RATE_PER_S)


Client = Callable[[int], list[dns.message.Message]]


def served(
    client: Client, limit: DnsLimit | None = None, by: DnsAnswerer | None = None
) -> list[dns.message.Message]:
    async def run() -> list[dns.message.Message]:
        async with serve_dns(by or answerer(), "127.0.0.1", 0, limit) as port:
            return await asyncio.to_thread(client, port)

    return asyncio.run(run())


def test_a_real_client_is_answered_over_udp_and_tcp() -> None:
    query = dns.message.make_query(
        "www.edge.example.net.", "A", use_edns=0, options=[dns.edns.ECSOption("24.0.0.0", 24)]
    )

    def client(port: int) -> list[dns.message.Message]:
        return [
            dns.query.udp(query, "127.0.0.1", timeout=30, port=port),
            dns.query.tcp(query, "127.0.0.1", timeout=30, port=port),
        ]

    for response in served(client):
        assert texts(response) == {"192.0.2.2"}


def test_a_client_who_left_before_it_was_looked_at_ends_quietly() -> None:
    """Its socket has no name any more, as one of a pair has none."""

    async def run() -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            reader, writer = await asyncio.open_unix_connection(sock=ours)
            await _Stream(answerer()).serve(reader, writer)
            assert writer.is_closing()

    asyncio.run(run())


def test_who_asks_too_much_over_udp_is_sent_to_tcp_and_served_there() -> None:
    query = dns.message.make_query("www.edge.example.net.", "A")

    def client(port: int) -> list[dns.message.Message]:
        first = dns.query.udp(query, "127.0.0.1", timeout=30, port=port)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as dropped:
            dropped.sendto(query.to_wire(), ("127.0.0.1", port))
        limited = dns.query.udp(query, "127.0.0.1", timeout=30, port=port)
        return [first, limited, dns.query.tcp(query, "127.0.0.1", timeout=30, port=port)]

    first, limited, by_tcp = served(client, DnsLimit(rate_per_s=0.0, burst=1.0))
    assert first.answer
    assert limited.flags & dns.flags.TC
    assert not limited.answer
    assert by_tcp.answer


def test_an_answer_too_large_for_udp_comes_over_tcp() -> None:
    many = {"fra": tuple(f"2001:db8::{i:x}" for i in range(1, 41))}
    zone = DnsZone(
        name="edge.example.net",
        addresses=many,
        nameservers={f"{'n' * 60}{i}": (f"192.0.2.{i}",) for i in range(1, 13)},
    )
    query = dns.message.make_query("edge.example.net.", "NS")

    def client(port: int) -> list[dns.message.Message]:
        return [
            dns.query.udp(query, "127.0.0.1", timeout=30, port=port),
            dns.query.tcp(query, "127.0.0.1", timeout=30, port=port),
        ]

    by_udp, by_tcp = served(client, by=answerer(zone))
    assert by_udp.flags & dns.flags.TC
    assert len(texts(by_tcp)) == 12


def test_a_tcp_client_may_ask_several_times_and_leave_in_the_middle() -> None:
    query = dns.message.make_query("www.edge.example.net.", "A")

    def client(port: int) -> list[dns.message.Message]:
        with socket.create_connection(("127.0.0.1", port), timeout=30) as rude:
            rude.sendall(b"\x00\xff\x01")
        with socket.create_connection(("127.0.0.1", port), timeout=30) as polite:
            answers = []
            for _ in range(3):
                dns.query.send_tcp(polite, query)
                answers.append(dns.query.receive_tcp(polite)[0])
        return answers

    assert all(response.answer for response in served(client))
