"""What [listen] and [[certificates]] may say, and how a wrong one is refused."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import given
from hypothesis import strategies as st

from edgefaas.config import parse_site
from edgefaas.config.listening import PROBED_GRACE_S
from edgefaas.control.plain import from_plain, to_plain
from edgefaas.errors import ConfigError
from edgefaas.site import ListenPolicy, Site
from tests.edgefaas.wire import certificates

NOWHERE = Path("/srv/site")
POP = "[pops.fra]\nlatitude = 50.1\nlongitude = 8.7\n"

RANGES = [
    ("connections", "connections_max", 1, 1_000_000, 1),
    ("body_limit_mb", "body_limit_bytes", 1, 1 << 20, 1 << 20),
    ("head_timeout", "head_timeout_s", 1, 3600, 1),
    ("body_timeout", "body_timeout_s", 1, 3600, 1),
    ("idle_timeout", "idle_timeout_s", 1, 3600, 1),
    ("write_timeout", "write_timeout_s", 1, 3600, 1),
    ("drain_grace", "drain_grace_s", 0, 600, 1),
    ("drain_timeout", "drain_timeout_s", 1, 600, 1),
]


def listening(lines: str, before: str = "") -> ListenPolicy:
    return parse_site(f"{before}[listen]\n{lines}\n", folder=NOWHERE).listening


def refusal(text: str, folder: Path = NOWHERE) -> str:
    with pytest.raises(ConfigError) as refused:
        parse_site(text, folder=folder)
    assert refused.value.remedy
    return str(refused.value)


def test_a_site_that_says_nothing_listens_as_the_wire_does_by_itself() -> None:
    assert listening("") == ListenPolicy()


@pytest.mark.parametrize(("key", "field", "low", "high", "unit"), RANGES)
def test_every_limit_takes_what_is_in_its_range_and_names_the_line_of_what_is_not(
    key: str, field: str, low: int, high: int, unit: int
) -> None:
    assert getattr(listening(f"{key} = {low}"), field) == low * unit
    assert getattr(listening(f"{key} = {high}"), field) == high * unit
    for wrong in (low - 1, high + 1, '"9"', "true", "nan"):
        assert f"line 2: listen.{key} is" in refusal(f"[listen]\n{key} = {wrong}\n")


@given(value=st.floats(-10, 4000, allow_nan=False))
def test_a_timeout_is_taken_exactly_inside_its_range(value: float) -> None:
    lines = f"idle_timeout = {value:.4f}"
    if 1 <= round(value, 4) <= 3600:
        assert listening(lines).idle_timeout_s == pytest.approx(value, abs=1e-3)
    else:
        assert "outside 1 to 3600" in refusal(f"[listen]\n{lines}\n")


def test_a_pop_that_others_probe_says_that_it_drains_before_it_stops() -> None:
    assert listening("", POP).drain_grace_s == PROBED_GRACE_S
    assert listening("drain_grace = 0", POP).drain_grace_s == 0


def test_proxy_protocol_takes_networks_only() -> None:
    assert listening('proxy_protocol = ["10.0.0.0/8", "::1"]').proxy_protocol == ("10.0.0.0/8", "::1")
    said = refusal('[listen]\nproxy_protocol = ["10.0.0.1/8"]\n')
    assert 'line 2: listen.proxy_protocol holds "10.0.0.1/8", not a network' in said


def test_tls_needs_an_address_and_a_certificate(tmp_path: Path) -> None:
    certificates.make(tmp_path, "a", "a.example")
    tables = '[[certificates]]\nhosts = ["A.example."]\ncertificate = "a.pem"\nkey = "a.key"\n'
    site = parse_site(f'[listen]\ntls = ":0"\n{tables}', folder=tmp_path)
    assert site.listening.tls == ":0"
    (certificate,) = site.certificates
    assert (certificate.hosts, certificate.chain) == (("a.example",), tmp_path / "a.pem")
    assert from_plain(Site, to_plain(site)) == site
    assert 'line 2: listen.tls is "443"' in refusal(f'[listen]\ntls = "443"\n{tables}', tmp_path)
    assert "line 2: listen.tls needs a certificate" in refusal('[listen]\ntls = ":443"\n')


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ('certificate = "a.pem"\nkey = "a.key"', "line 1: certificates[0].hosts is missing"),
        ('hosts = ["a b"]\ncertificate = "a.pem"\nkey = "a.key"', 'hosts holds "a b", not a host name'),
        ('hosts = ["*"]\ncertificate = "a.pem"\nkey = "a.key"', 'hosts holds "*", not a host name'),
        ('hosts = ["a.example"]\nkey = "a.key"', "certificate is missing"),
        ('hosts = ["a.example"]\ncertificate = "a.pem"', "key is missing"),
        ('hosts = ["a.example"]\ncertificate = "none.pem"\nkey = "a.key"', "line 3: certificates[0].certificate"),
        ('hosts = ["a.example"]\ncertificate = "a.pem"\nkey = "b.key"', "line 3: certificates[0].certificate"),
        ('hosts = ["a.example"]\ncertificate = "a.pem"\nkey = "locked.key"', "is not usable"),
        ('hosts = ["a.example"]\ncertificate = "a.pem"\nkey = "a.key"\nkeys = 1', "did you mean key"),
    ],
)  # fmt: skip
def test_a_certificate_that_cannot_be_used_is_refused(tmp_path: Path, lines: str, says: str) -> None:
    made = certificates.make(tmp_path, "a", "a.example")
    certificates.make(tmp_path, "b", "b.example")
    key = serialization.load_pem_private_key(made.key.read_bytes(), None)
    locked = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )
    (tmp_path / "locked.key").write_bytes(locked)
    with pytest.raises(ConfigError) as refused:
        parse_site(f"[[certificates]]\n{lines}\n", folder=tmp_path)
    assert says in f"{refused.value} {refused.value.remedy}"
