"""Where functions may fetch from."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.outbound import (
    Allowed,
    OutboundRuleError,
    Refused,
    Rule,
    may_ask,
    may_connect,
    parse_rule,
    parse_rules,
    why_inside,
)

labels = st.from_regex(r"[a-z]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True)
names = st.lists(labels, min_size=2, max_size=4).map(".".join)
schemes = st.sampled_from(["http", "https"])
ports = st.integers(1, 65_535)
API = parse_rule("https://api.example.com")


@pytest.mark.parametrize(
    ("entry", "rule"),
    [
        ("https://api.example.com:443", Rule("https", "api.example.com", 443)),
        ("https://API.Example.com", Rule("https", "api.example.com", 443)),
        ("http://api.example.com/", Rule("http", "api.example.com", 80)),
        ("https://*.example.com:8443", Rule("https", "example.com", 8443, wildcard=True)),
        ("http://10.0.0.5:8080", Rule("http", "10.0.0.5", 8080)),
        ("http://[::1]:8080", Rule("http", "::1", 8080)),
        ("http://localhost:3000", Rule("http", "localhost", 3000)),
    ],
)
def test_an_entry_says_scheme_host_and_port(entry: str, rule: Rule) -> None:
    assert parse_rule(entry) == rule


@pytest.mark.parametrize(
    "entry",
    [
        "", "api.example.com", "ftp://example.com", "https://", "https://*", "https://*.com", "https://*.10.0.0.1",
        "https://a.*.com", "https://user@example.com", "https://example.com/path", "https://example.com?q",
        "https://example.com:0", "https://example.com:65536", "https://example.com:x", "https://exa mple.com",
        "https://2130706433", "https://0x7f.1", "https://0x7f000001", "https://127.1", "https://bücher.example",
        "https://a..b", "https://" + "a" * 64 + ".com", "https://" + "a." * 127 + "com", "https://[::1",
        "https://example.com\\@evil.com",
    ],
)  # fmt: skip
def test_an_entry_that_is_not_understood_is_refused_with_an_example(entry: str) -> None:
    with pytest.raises(OutboundRuleError):
        parse_rules([entry])


@given(scheme=schemes, name=names, port=ports)
def test_a_rule_allows_what_it_names(scheme: str, name: str, port: int) -> None:
    rule = parse_rule(f"{scheme}://{name}:{port}")
    assert may_ask(f"{scheme}://{name}:{port}/path?query#part", [rule]) == Allowed(rule)
    assert may_ask(f"{scheme.upper()}://{name.upper()}.:{port}", [rule]) == Allowed(rule)


@given(scheme=schemes, name=names, other=names, port=ports, other_port=ports)
def test_a_rule_allows_nothing_else(scheme: str, name: str, other: str, port: int, other_port: int) -> None:
    rule = parse_rule(f"{scheme}://{name}:{port}")
    if other != name:
        assert isinstance(may_ask(f"{scheme}://{other}:{port}/", [rule]), Refused)
    if other_port != port:
        assert isinstance(may_ask(f"{scheme}://{name}:{other_port}/", [rule]), Refused)
    wrong = "https" if scheme == "http" else "http"
    assert isinstance(may_ask(f"{wrong}://{name}:{port}/", [rule]), Refused)


@given(name=names, below=labels)
def test_a_wildcard_allows_what_is_below_its_domain_and_not_the_domain(name: str, below: str) -> None:
    rule = parse_rule(f"https://*.{name}")
    assert may_ask(f"https://{below}.{name}/", [rule]) == Allowed(rule)
    assert may_ask(f"https://{below}.{below}.{name}/", [rule]) == Allowed(rule)
    assert isinstance(may_ask(f"https://{name}/", [rule]), Refused)
    assert isinstance(may_ask(f"https://{below}{name}/", [rule]), Refused)
    assert isinstance(may_ask(f"https://{name}.{below}--/", [rule]), Refused)


@pytest.mark.parametrize(
    "url",
    [
        "https://api.example.com@evil.example/",
        "https://api.example.com:443@evil.example/",
        "https://evil.example#@api.example.com/",
        "https://evil.example?api.example.com",
        "https://api.example.com\\.evil.example/",
        "https://api.example.com%2eevil.example/",
        "https://api.example.com\t.evil.example/",
        "https:api.example.com",
        "//api.example.com",
        "file:///etc/passwd",
        "https://api.example.com:99999/",
        "https://[::1/",
        "",
    ],
)
def test_no_trick_makes_another_url_look_allowed(url: str) -> None:
    assert isinstance(may_ask(url, [API]), Refused)


def test_nothing_is_allowed_without_rules() -> None:
    verdict = may_ask("https://api.example.com/", [])
    assert isinstance(verdict, Refused)
    assert "function.toml" in verdict.why


INSIDE = [
    "127.0.0.1", "127.255.255.255", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
    "169.254.1.1", "169.254.169.254", "100.64.0.1", "100.100.100.200", "192.0.0.192", "168.63.129.16", "224.0.0.1",
    "255.255.255.255", "240.0.0.1", "198.18.0.1", "192.0.2.1", "::1", "::", "fe80::1", "fc00::1", "fd00:ec2::254",
    "fec0::1", "ff02::1", "2001:db8::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2002:a00:1::1",
]  # fmt: skip
OUTSIDE = [
    "1.1.1.1",
    "8.8.8.8",
    "172.32.0.1",
    "172.15.255.255",
    "100.128.0.1",
    "2606:4700::1111",
    "169.255.0.1",
]


@pytest.mark.parametrize("address", INSIDE)
def test_a_name_that_leads_inside_is_refused(address: str) -> None:
    verdict = may_connect(address, API)
    assert isinstance(verdict, Refused)
    assert address in verdict.why


@pytest.mark.parametrize("address", OUTSIDE)
def test_a_name_that_leads_outside_is_allowed(address: str) -> None:
    assert may_connect(address, API) == Allowed(API)


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.5", "::1", "169.254.169.254"])
def test_an_inside_address_is_allowed_when_it_is_named(address: str) -> None:
    host = f"[{address}]" if ":" in address else address
    rule = parse_rule(f"http://{host}:8080")
    assert may_ask(f"http://{host}:8080/x", [rule]) == Allowed(rule)
    assert may_connect(address, rule) == Allowed(rule)
    assert isinstance(may_connect("10.9.9.9", rule), Refused)


def test_localhost_is_named_and_leads_to_loopback_only() -> None:
    rule = parse_rule("http://localhost:3000")
    assert may_connect("127.0.0.1", rule) == may_connect("::1", rule) == Allowed(rule)
    assert isinstance(may_connect("10.0.0.1", rule), Refused)


def test_an_address_that_is_none_is_refused() -> None:
    assert isinstance(may_connect("example.com", API), Refused)


@given(address=st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)))
def test_only_public_addresses_pass(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    if not why_inside(address):
        assert address.is_global
        assert not address.is_private
    assert isinstance(may_connect(str(address), API), Refused) == bool(why_inside(address))


@given(address=st.ip_addresses(v=4))
def test_embedding_an_address_in_ipv6_changes_nothing(address: ipaddress.IPv4Address) -> None:
    mapped = ipaddress.ip_address(f"::ffff:{address}")
    nat64 = ipaddress.IPv6Address(int(ipaddress.ip_address("64:ff9b::")) | int(address))
    if why_inside(address):
        assert why_inside(mapped)
        assert why_inside(nat64)
