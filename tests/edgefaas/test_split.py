"""Who gets a canary: the same viewers everywhere, and more of them as it grows."""

import subprocess
import sys

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from edgefaas.errors import DeployError
from edgefaas.message import Headers, Request
from edgefaas.split import (
    WHOLE,
    Affinity,
    Split,
    asked_for,
    chosen,
    known_as,
    place,
    read_affinity,
    read_share,
    salt_of,
    takes,
)

salts = st.text("0123456789abcdef", min_size=1, max_size=80)
viewers = st.text(max_size=30)
shares = st.integers(1, WHOLE - 1)
LIVE, CANARY = "1" * 64, "2" * 64


def split(share: int = 1_000, affinity: str = "address", salt: str = "salt") -> Split:
    return Split(live=LIVE, canary=CANARY, share=share, affinity=read_affinity(affinity), salt=salt)


def request(address: str = "192.0.2.1", **fields: str) -> Request:
    headers = Headers((name.replace("_", "-"), value) for name, value in fields.items())
    return Request(method="GET", path="/", viewer_ip=address, headers=headers)


@given(salt=salts, viewer=viewers, one=shares, other=shares)
def test_who_has_a_canary_keeps_it_when_it_grows(salt: str, viewer: str, one: int, other: int) -> None:
    at = place(salt, viewer)
    small, large = sorted((one, other))
    assert takes(large, at) or not takes(small, at)


@given(salt=salts)
def test_a_share_is_met_within_what_chance_allows(salt: str) -> None:
    count = 4_000
    got = sum(takes(1_000, place(salt, f"viewer {number}")) for number in range(count))
    assert abs(got - 400) < 6 * (count * 0.1 * 0.9) ** 0.5


@given(one=salts, other=salts)
def test_another_deploy_has_other_viewers(one: str, other: str) -> None:
    assume(one[:64] != other[:64])
    names = [f"viewer {number}" for number in range(400)]
    first = {name for name in names if takes(5_000, place(one, name))}
    second = {name for name in names if takes(5_000, place(other, name))}
    assert first != second


def test_another_process_gives_the_same_place() -> None:
    code = "from edgefaas.split import place; print(place('0123abcd', '192.0.2.1'))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(said.stdout) == place("0123abcd", "192.0.2.1") == 6793538535131996549


@pytest.mark.parametrize(("percent", "share"), [(0.01, 1), (10, 1_000), (99.99, 9_999)])
def test_shares_are_hundredths_of_a_percent(percent: float, share: int) -> None:
    assert read_share(percent) == share
    assert not takes(share, (1 << 64) - 1)
    assert takes(share, 0)


@pytest.mark.parametrize("percent", [0, 0.004, 99.996, 100, -1, 1e300, float("inf"), float("nan")])
def test_nobody_and_everybody_are_no_shares(percent: float) -> None:
    with pytest.raises(DeployError):
        read_share(percent)


@pytest.mark.parametrize("text", ["address", "cookie:session", "header:x-user"])
def test_an_affinity_is_written_as_it_is_read(text: str) -> None:
    assert str(read_affinity(text)) == text


@pytest.mark.parametrize("text", ["", "cookie", "cookie:", "cookie:a b", "header:ä", "address:x", "ip"])
def test_what_is_no_affinity_is_refused_with_what_is_one(text: str) -> None:
    with pytest.raises(DeployError) as refusal:
        read_affinity(text)
    assert "cookie:NAME" in refusal.value.remedy


def test_a_viewer_is_known_by_cookie_or_field_and_else_by_address() -> None:
    cookie, header = Affinity("cookie", "session"), Affinity("header", "x-user")
    asked = request(Cookie='a="1"; session=abc; session=later', X_User="ann")
    assert known_as(asked, cookie) == "=abc"
    assert known_as(asked, header) == "=ann"
    assert known_as(request(Cookie="sessions=abc"), cookie) == "192.0.2.1"
    assert known_as(asked, Affinity()) == "192.0.2.1"


def test_one_household_of_ipv6_is_one_viewer_and_a_mapped_address_is_its_ipv4() -> None:
    known = {known_as(request(address), Affinity()) for address in ("2001:db8::1", "2001:db8::abcd:1")}
    assert len(known) == 1
    assert known_as(request("2001:db8:0:1::1"), Affinity()) not in known
    assert known_as(request("::ffff:192.0.2.1"), Affinity()) == "192.0.2.1"
    assert known_as(request("fe80::1%eth0"), Affinity()) == "fe80::"
    assert known_as(request("no:address"), Affinity()) == "no:address"


@given(address=st.ip_addresses().map(str), share=shares)
def test_what_was_deployed_together_is_had_together(address: str, share: int) -> None:
    both = {"a": split(share), "b": split(share)}
    assert chosen(both, request(address)) in (frozenset(), frozenset({"a", "b"}))


def test_the_salt_of_a_deploy_is_the_same_in_any_order_and_another_for_another_version() -> None:
    assert salt_of({"a": LIVE, "b": CANARY}) == salt_of({"b": CANARY, "a": LIVE})
    assert salt_of({"a": LIVE}) != salt_of({"a": CANARY})


@pytest.mark.parametrize(
    ("field", "got"),
    [
        ("canary", {"a", "b"}),
        ("live", set()),
        ("a=canary", {"a"}),
        ("a=canary, b=canary", {"a", "b"}),
        ("canary, b=live", {"a"}),
        ("A=canary", set()),
        ("a=2222", {"a"}),
        (f"a={CANARY}", {"a"}),
        ("a=222", set()),
        ("a=1111, b=CANARY", {"b"}),
        ("a=nonsense", set()),
        (",,=,a=", set()),
        ("", set()),
    ],
)
def test_a_viewer_may_ask_for_a_side(field: str, got: set[str]) -> None:
    splits = {"a": split(share=1), "b": split(share=1)}
    assert chosen(splits, request(Edge_Version=field)) == got


@given(field=st.text(st.characters(max_codepoint=255), max_size=60))
def test_whatever_is_asked_for_is_answered(field: str) -> None:
    asked_for(field)
    assert chosen({"a": split()}, request(Edge_Version=field)) <= {"a"}
