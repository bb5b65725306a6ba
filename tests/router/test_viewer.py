"""Whose address: nothing that a viewer writes changes the answer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.address import canonical
from router.errors import AddressError
from router.viewer import ENTRIES_MAX, TrustPolicy, untrusted_header, viewer_address

PROXY = "10.0.0.1"
VIEWER = "203.0.113.7"
XFF = TrustPolicy(networks=("10.0.0.0/8", "2001:db8:ffff::/48"))
FORWARDED = TrustPolicy(networks=("10.0.0.0/8",), header="Forwarded")
SINGLE = TrustPolicy(networks=("10.0.0.0/8",), header="CF-Connecting-IP")

public = st.one_of(
    st.ip_addresses(v=4, network="198.18.0.0/15"), st.ip_addresses(v=6, network="2001:db8:1::/48")
).map(str)
field_value = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF), max_size=80)


def xff(value: str, peer: str = PROXY) -> str:
    return viewer_address(peer, [("X-Forwarded-For", value)], XFF).address


def forwarded(*values: str, peer: str = PROXY) -> str:
    return viewer_address(peer, [("Forwarded", value) for value in values], FORWARDED).address


@given(field_value, field_value, public)
def test_an_untrusted_peer_is_the_viewer_whatever_it_writes(one: str, two: str, peer: str) -> None:
    lines = [("X-Forwarded-For", one), ("Forwarded", two), ("CF-Connecting-IP", one)]
    for policy in (XFF, FORWARDED, SINGLE, TrustPolicy()):
        found = viewer_address(peer, lines, policy)
        assert found.address == found.peer == peer
        assert not found.peer_trusted


@given(field_value, public)
def test_what_a_viewer_writes_before_a_trusted_proxy_appends_changes_nothing(
    spoofed: str, viewer: str
) -> None:
    assert xff(f"{spoofed}, {viewer}") == viewer
    lines = [("x-forwarded-for", spoofed), ("X-Forwarded-For", viewer)]
    assert viewer_address(PROXY, lines, XFF).address == viewer


@given(st.lists(field_value, max_size=4), public)
def test_nothing_in_a_forwarded_header_of_the_viewer_chooses_an_address(
    spoofed: list[str], viewer: str
) -> None:
    node = f'"[{viewer}]:4711"' if ":" in viewer else viewer
    in_own_line = forwarded(*spoofed, f"for={node};proto=https")
    assert in_own_line == viewer
    in_one_line = forwarded(", ".join([*spoofed, f"for={node}"]))
    assert in_one_line in (viewer, PROXY)  # PROXY: an open quote made the line malformed


@given(
    st.lists(st.tuples(st.sampled_from(["X-Forwarded-For", "Forwarded", "CF-Connecting-IP"]), field_value))
)
def test_the_answer_is_always_an_address(lines: list[tuple[str, str]]) -> None:
    for policy in (XFF, FORWARDED, SINGLE):
        address = viewer_address(PROXY, lines, policy).address
        assert canonical(address) == address


def test_the_walk_goes_through_trusted_proxies_and_stops_at_the_first_stranger() -> None:
    assert xff(f"1.1.1.1, {VIEWER}, 10.2.2.2, 2001:db8:ffff::9") == VIEWER
    assert xff("10.9.9.9, 10.2.2.2") == "10.9.9.9"  # all are ours: the farthest


def test_an_entry_that_is_no_address_ends_the_walk() -> None:
    assert xff(f"{VIEWER}, unknown, 10.2.2.2") == "10.2.2.2"
    assert xff("") == PROXY


def test_an_entry_may_carry_a_port() -> None:
    assert xff(f"{VIEWER}:51234") == VIEWER
    assert xff("[2001:db8:1::7]:443") == "2001:db8:1::7"


def test_entries_beyond_the_longest_chain_are_not_read() -> None:
    inner = ", ".join(["10.0.0.2"] * (ENTRIES_MAX - 1))
    assert xff(f"{VIEWER}, {inner}") == VIEWER
    assert xff(f"{VIEWER}, {inner}, 10.0.0.3") == "10.0.0.2"


def test_forwarded_is_read_as_rfc_7239_writes_it() -> None:
    assert forwarded('for=192.0.2.43, for="[2001:db8:1::1]:99";by=_x;host=a') == "2001:db8:1::1"
    assert forwarded("For=192.0.2.43;Proto=http") == "192.0.2.43"
    assert forwarded("for=192.0.2.60, for=10.1.1.1") == "192.0.2.60"
    assert forwarded("for=192.0.2.60, for=unknown") == PROXY
    assert forwarded("for=192.0.2.60, for=_hidden, for=10.1.1.1") == "10.1.1.1"
    assert forwarded(r'for="192.0.2\.60"') == "192.0.2.60"


@pytest.mark.parametrize(
    "value", ['for="192.0.2.1', "for=192.0.2.1;for=192.0.2.2", "for", "for=1.2.3.4 x", ""]
)
def test_a_malformed_forwarded_line_is_not_believed(value: str) -> None:
    assert forwarded(value) == PROXY


def test_a_single_value_header_counts_once_or_not_at_all() -> None:
    def single(*values: str) -> str:
        return viewer_address(PROXY, [("cf-connecting-ip", v) for v in values], SINGLE).address

    assert single(VIEWER) == VIEWER
    assert single(VIEWER, "192.0.2.9") == PROXY
    assert single(f"{VIEWER}, 192.0.2.9") == PROXY
    assert single("fe80::1%eth0") == PROXY


def test_a_peer_without_an_address_is_kept_and_not_trusted() -> None:
    found = viewer_address("", [("X-Forwarded-For", VIEWER)], TrustPolicy(networks=("0.0.0.0/0", "::/0")))
    assert found.address == ""
    assert not found.peer_trusted


def test_ipv4_peers_of_a_dual_stack_socket_are_recognised() -> None:
    found = viewer_address(f"::ffff:{PROXY}", [("X-Forwarded-For", VIEWER)], XFF)
    assert (found.address, found.peer, found.forwarded) == (VIEWER, PROXY, True)


@given(public)
def test_the_peer_and_the_viewer_are_told_apart(viewer: str) -> None:
    found = viewer_address(PROXY, [("X-Forwarded-For", viewer)], XFF)
    assert found.peer == PROXY
    assert found.forwarded


def test_the_edges_of_a_trusted_network_are_exact() -> None:
    policy = TrustPolicy(networks=("192.0.2.64/26", "2001:db8::1"))
    assert policy.trusts("192.0.2.64")
    assert policy.trusts("192.0.2.127")
    assert not policy.trusts("192.0.2.63")
    assert not policy.trusts("192.0.2.128")
    assert policy.trusts("2001:db8::1")
    assert not policy.trusts("2001:db8::2")


def test_a_policy_with_a_network_that_is_none_is_refused_when_it_is_made() -> None:
    with pytest.raises(AddressError, match="not a network"):
        TrustPolicy(networks=("everybody",))


def test_headers_that_speak_for_others_are_stripped_from_strangers() -> None:
    assert untrusted_header("X-Forwarded-Proto")
    assert untrusted_header("x-edge-hop")
    assert untrusted_header("Forwarded")
    assert not untrusted_header("X-Requested-With")
