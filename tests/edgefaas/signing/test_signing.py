"""Signed URLs and cookies: what is granted, and everything that is not."""

import base64
import fnmatch
import ipaddress
import re
from functools import cache
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from edgefaas.message import Headers, Request
from edgefaas.signing import (
    Denied,
    Granted,
    Policy,
    authorise,
    canned_text,
    custom_text,
    read_policy,
    sign_cookies,
    sign_url,
)
from edgefaas.signing.keys import from_url, private_key, public_key, to_url
from edgefaas.signing.policy import matches

NOW = 1_800_000_000
URL = "https://d111.example/private/film.mp4?size=large"


@cache
def rsa_pair(name: str = "one") -> tuple[bytes, bytes]:
    return pems(rsa.generate_private_key(65537, 2048))


@cache
def ec_pair() -> tuple[bytes, bytes]:
    return pems(ec.generate_private_key(ec.SECP256R1()))


def pems(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> tuple[bytes, bytes]:
    """Return private and public PEM."""
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return private, public


def keys() -> dict[str, bytes]:
    return {"K1": rsa_pair()[1], "KE": ec_pair()[1]}


def asking(url: str, *, cookies: dict[str, str] | None = None, address: str = "203.0.113.9") -> Request:
    parts = urlsplit(url)
    lines = [("Host", parts.netloc)]
    if cookies:
        lines.append(("Cookie", "; ".join(f"{name}={value}" for name, value in cookies.items())))
    return Request(
        method="GET",
        scheme=parts.scheme,
        path=parts.path,
        query=parts.query,
        headers=Headers(lines),
        viewer_ip=address,
    )


def custom(**fields: object) -> Policy:
    return Policy(**{"resource": "https://d111.example/private/*", "before_s": NOW + 60, **fields})  # type: ignore[arg-type]


def signed(policy: Policy | int = NOW + 60, url: str = URL, hash_name: str = "SHA1") -> str:
    return sign_url(url, key_id="K1", key_pem=rsa_pair()[0], policy=policy, hash_name=hash_name)


def verdict(url: str, now_s: float = NOW, address: str = "203.0.113.9") -> Granted | Denied:
    return authorise(asking(url, address=address), keys(), now_s=now_s)


def denial(url: str, now_s: float = NOW, address: str = "203.0.113.9") -> str:
    found = verdict(url, now_s, address)
    assert isinstance(found, Denied)
    return found.reason


@pytest.mark.parametrize("hash_name", ["SHA1", "SHA256"])
@pytest.mark.parametrize("policy", [NOW + 60, custom()], ids=["canned", "custom"])
def test_a_signed_url_is_granted_and_the_signature_leaves_the_query(
    policy: Policy | int, hash_name: str
) -> None:
    assert verdict(signed(policy, hash_name=hash_name)) == Granted("size=large")
    bare = "https://d111.example/private/a"
    assert verdict(signed(policy, bare, hash_name)) == Granted("")


def test_a_canned_policy_is_the_documented_text_to_the_byte() -> None:
    assert canned_text("http://d111.example/a.jpg?x=1", 1426500000) == (
        '{"Statement":[{"Resource":"http://d111.example/a.jpg?x=1",'
        '"Condition":{"DateLessThan":{"AWS:EpochTime":1426500000}}}]}'
    )


def test_a_signature_made_by_other_tools_is_granted() -> None:
    """Signs with the library alone, in the way that the developer guide describes."""
    key = serialization.load_pem_private_key(rsa_pair()[0], password=None)
    assert isinstance(key, rsa.RSAPrivateKey)
    condition = f'{{"DateLessThan":{{"AWS:EpochTime":{NOW + 9}}}}}'
    text = f'{{"Statement":[{{"Resource":"{URL}","Condition":{condition}}}]}}'
    octets = key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA1())
    signature = base64.b64encode(octets).decode().replace("+", "-").replace("=", "_").replace("/", "~")
    assert verdict(f"{URL}&Expires={NOW + 9}&Signature={signature}&Key-Pair-Id=K1") == Granted("size=large")


def test_an_ecdsa_key_signs_as_well() -> None:
    url = sign_url(URL, key_id="KE", key_pem=ec_pair()[0], policy=NOW + 60, hash_name="SHA256")
    assert verdict(url) == Granted("size=large")


@pytest.mark.parametrize("policy", [NOW + 60, custom()], ids=["canned", "custom"])
def test_signed_cookies_are_granted_and_the_query_stays(policy: Policy | int) -> None:
    cookies = sign_cookies(URL, key_id="K1", key_pem=rsa_pair()[0], policy=policy)
    found = authorise(asking(URL, cookies={"other": "1", **cookies}), keys(), now_s=NOW)
    assert found == Granted("size=large")


def test_a_signed_url_goes_before_cookies() -> None:
    cookies = sign_cookies(URL, key_id="K1", key_pem=rsa_pair()[0], policy=NOW + 60)
    expired = signed(NOW - 1)
    found = authorise(asking(expired, cookies=cookies), keys(), now_s=NOW)
    assert found == Denied("AccessDenied", "the signature has expired")


@pytest.mark.parametrize("policy", [NOW + 60, custom()], ids=["canned", "custom"])
def test_a_signature_ends_at_its_very_second(policy: Policy | int) -> None:
    url = signed(policy)
    assert isinstance(verdict(url, NOW + 59.999), Granted)
    assert denial(url, NOW + 60) == "the signature has expired"


def test_a_custom_policy_begins_at_its_very_second() -> None:
    url = signed(custom(after_s=NOW + 10))
    assert denial(url, NOW + 9.999) == "the signature is not valid yet"
    assert isinstance(verdict(url, NOW + 10), Granted)


def test_a_custom_policy_holds_for_its_addresses_only() -> None:
    url = signed(custom(network=ipaddress.ip_network("203.0.113.0/24")))
    assert isinstance(verdict(url, address="203.0.113.255"), Granted)
    assert isinstance(verdict(url, address="::ffff:203.0.113.1"), Granted)
    assert denial(url, address="203.0.114.0") == "the signature is for another address"
    assert denial(url, address="2001:db8::1") == "the signature is for another address"
    assert denial(url, address="") == "the signature is for another address"


def test_a_custom_policy_holds_for_its_resources_only() -> None:
    policy = custom(resource="http*://d111.example/a?/*.mp4")
    good, bad = "https://d111.example/ab/x/y.mp4", "https://d111.example/a/x.mp4"
    assert isinstance(verdict(signed(policy, good)), Granted)
    assert isinstance(verdict(signed(policy, good.replace("https", "http"))), Granted)
    assert denial(signed(policy, bad)) == "the signature is for another resource"
    assert denial(signed(policy, good + "?x=1")) == "the signature is for another resource"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("film.mp4", "other.mp4"),
        ("size=large", "size=small"),
        ("https:", "http:"),
        ("d111.example", "d222.example"),
        (f"Expires={NOW + 60}", f"Expires={NOW + 61}"),
        ("Signature=", "Signature=A"),
    ],
)
def test_a_changed_url_does_not_fit_its_signature(old: str, new: str) -> None:
    assert denial(signed().replace(old, new)) in (
        "the signature does not match",
        "the signature is malformed",
    )


def test_a_signature_of_another_key_is_refused() -> None:
    url = sign_url(URL, key_id="K1", key_pem=rsa_pair("two")[0], policy=NOW + 60)
    assert denial(url) == "the signature does not match"
    assert verdict(signed().replace("Key-Pair-Id=K1", "Key-Pair-Id=K9")) == Denied(
        "InvalidKey", "Unknown Key"
    )


def test_what_is_missing_is_named_in_cloudfronts_words() -> None:
    assert verdict(URL) == Denied("MissingKey", "Missing Key-Pair-Id query parameter or cookie value")
    without = re.sub(r"&Signature=[^&]*", "", signed())
    assert denial(without) == "Missing Signature query parameter or cookie value"
    assert "Missing Policy" in denial(re.sub(r"&Expires=[^&]*", "", signed()))


@pytest.mark.parametrize("name", ["Expires", "Signature", "Key-Pair-Id", "Policy"])
def test_a_part_given_twice_is_refused(name: str) -> None:
    assert denial(f"{signed(custom())}&{name}=x&{name}=x") == "a part of the signature is given twice"


def test_a_wildcard_cannot_be_smuggled_into_a_canned_policy() -> None:
    url = signed(NOW + 60, "https://d111.example/private/*")
    assert denial(url) == "the signature does not match"


def test_a_quote_cannot_be_smuggled_into_a_canned_policy() -> None:
    inner = '/x","Condition":{"DateLessThan":{"AWS:EpochTime":9999999999}},"Y":"'
    assert denial(signed(NOW - 60, f"https://d111.example{inner}")) == "the signature does not match"


@pytest.mark.parametrize(
    ("expires", "granted"), [("9" * 12, True), ("9" * 13, False), ("+1", False), ("1e9", False)]
)
def test_an_end_is_a_plain_number_of_at_most_twelve_digits(expires: str, granted: bool) -> None:
    text = canned_text(URL, 0).replace(":0}", f":{expires}}}")
    key = private_key(rsa_pair()[0])
    assert isinstance(key, rsa.RSAPrivateKey)
    signature = to_url(key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA1()))
    found = verdict(f"{URL}&Expires={expires}&Signature={signature}&Key-Pair-Id=K1")
    assert isinstance(found, Granted) is granted


def test_an_unknown_hash_is_refused() -> None:
    assert "Hash-Algorithm" in denial(signed() + "&Hash-Algorithm=MD5")


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"{}",
        b'{"Statement":[]}',
        b'{"Statement":[{},{}]}',
        b'{"Statement":[{"Resource":"*"}]}',
        b'{"Statement":[{"Resource":"*","Condition":{"DateGreaterThan":{"AWS:EpochTime":1}}}]}',
        b'{"Statement":[{"Resource":"*","Condition":{"DateLessThan":{"AWS:EpochTime":"9999999999"}}}]}',
        b'{"Statement":[{"Resource":7,"Condition":{"DateLessThan":{"AWS:EpochTime":9999999999}}}]}',
        b'{"Statement":[{"Condition":{"DateLessThan":{"AWS:EpochTime":9},"IpAddress":{"AWS:SourceIp":"x"}}}]}',
        b"\xff",
        b"[" * 100_000,
    ],
)
def test_a_malformed_policy_is_no_policy(text: bytes) -> None:
    assert read_policy(text) is None


def test_a_signed_but_malformed_policy_is_refused() -> None:
    key = private_key(rsa_pair()[0])
    assert isinstance(key, rsa.RSAPrivateKey)
    text = b'{"Statement":[]}'
    signature = to_url(key.sign(text, padding.PKCS1v15(), hashes.SHA1()))
    url = f"{URL}&Policy={to_url(text)}&Signature={signature}&Key-Pair-Id=K1"
    assert verdict(url) == Denied("MalformedPolicy", "the policy is malformed")


def test_keys_of_other_sorts_are_refused() -> None:
    other = ec.generate_private_key(ec.SECP384R1())
    with pytest.raises(ValueError, match="neither RSA nor ECDSA P-256"):
        public_key(pems(other)[1])
    with pytest.raises(ValueError, match=r"\w"):
        public_key(b"no key")
    with pytest.raises(ValueError, match=r"\w"):
        private_key(b"no key")


policies = st.builds(
    Policy,
    resource=st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=12),
    before_s=st.integers(0, 2**40),
    after_s=st.none() | st.integers(0, 2**40),
    network=st.none() | st.ip_addresses(v=4).map(lambda address: ipaddress.ip_network(f"{address}/32")),
)


@given(policies)
def test_a_custom_policy_is_read_as_it_was_written(policy: Policy) -> None:
    assert read_policy(custom_text(policy).encode()) == policy


@given(st.binary(max_size=40))
def test_the_alphabet_of_urls_carries_every_octet(octets: bytes) -> None:
    text = to_url(octets)
    assert from_url(text) == octets
    assert not set(text) & set("+/=&%")


@given(st.text("ab*?", max_size=8), st.text("ab", max_size=8))
def test_patterns_match_as_shell_patterns_do(pattern: str, text: str) -> None:
    assert matches(pattern, text) is (re.fullmatch(fnmatch.translate(pattern), text) is not None)


def test_a_pattern_of_many_stars_takes_no_exponential_time() -> None:
    assert not matches("*a" * 200 + "b", "a" * 3000)


@settings(max_examples=50)
@given(st.text(max_size=60), st.text(max_size=60))
def test_no_query_or_cookie_of_a_stranger_is_granted(query: str, cookie: str) -> None:
    request = Request(
        method="GET",
        path="/private/x",
        query=f"Policy={query}&Signature={cookie}&Key-Pair-Id=K1",
        headers=Headers([("Host", "d111.example"), ("Cookie", f"CloudFront-Policy={cookie}")]),
    )
    assert isinstance(authorise(request, keys(), now_s=NOW), Denied)
