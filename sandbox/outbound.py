"""Which hosts a function may fetch from. Pure decisions: no resolver, no sockets.

Whoever sends the request asks three times: for the URL (``may_ask``), for each address that its name resolved to
(``may_connect``), and, because a name may resolve to something else the next time, for the address that the
socket is connected to (``may_connect`` again). A redirect is a new URL and is asked for anew.

Sources: the special-purpose registries of IANA (RFC 6890, RFC 8190) as Python's ``ipaddress`` knows them; RFC 6052 and
RFC 3056 for addresses that embed IPv4 ones; the metadata addresses of the public clouds.
"""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_PORTS = {"http": 80, "https": 443}
_PORT_MAX = 65_535
_NAME_MAX = 253  # RFC 1035, 2.3.4
_LABEL_MAX = 63
_METADATA = frozenset(
    ipaddress.ip_address(text)
    for text in (
        "169.254.169.254",  # AWS, Azure, GCP, OpenStack, DigitalOcean
        "169.254.170.2",  # AWS ECS
        "169.254.170.23",  # AWS EKS
        "100.100.100.200",  # Alibaba Cloud
        "192.0.0.192",  # Oracle Cloud
        "168.63.129.16",  # Azure's wire server: a public address that means the host
        "fd00:ec2::254",  # AWS
        "fd00:ec2::23",  # AWS EKS
        "fd20:ce::254",  # GCP
    )
)
_SHARED = ipaddress.ip_network("100.64.0.0/10")  # RFC 6598
_NAT64 = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("64:ff9b:1::/48"))  # RFC 6052, RFC 8215
_COMPATIBLE = ipaddress.ip_network("::/96")  # RFC 4291, 2.5.5.1, deprecated


class OutboundRuleError(ValueError):
    """An entry of the allow list is not understood; the message says what it should look like."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One entry of an allow list. ``host`` is a lower-case name or an address; ``wildcard`` means below it."""

    scheme: str
    host: str
    port: int
    wildcard: bool = False

    @property
    def address(self) -> Address | None:
        """Return the address that the entry names, None for a name."""
        return _address(self.host)

    def covers(self, target: "Target") -> bool:
        """Whether the entry allows asking for this target."""
        if (self.scheme, self.port) != (target.scheme, target.port):
            return False
        if self.wildcard:
            return target.address is None and target.host.endswith("." + self.host)
        mine, its = self.address, target.address
        return mine == its if mine is not None or its is not None else self.host == target.host


@dataclass(frozen=True, slots=True)
class Target:
    """Where a URL leads."""

    scheme: str
    host: str
    port: int

    @property
    def address(self) -> Address | None:
        """Return the address if the URL has one instead of a name."""
        return _address(self.host)


@dataclass(frozen=True, slots=True)
class Allowed:
    """It may be done, on account of this rule."""

    rule: Rule


@dataclass(frozen=True, slots=True)
class Refused:
    """It may not; ``why`` is for the function's author."""

    why: str


Verdict = Allowed | Refused


def parse_rules(entries: Iterable[str]) -> tuple[Rule, ...]:
    """Return the rules of an allow list. Raises OutboundRuleError naming the entry."""
    return tuple(parse_rule(entry) for entry in entries)


def with_scheme(entry: str) -> str:
    """Return an entry of an allow list with its scheme; https where it says none."""
    return entry if "://" in entry else f"https://{entry}"


def parse_rule(entry: str) -> Rule:
    """Parse ``https://api.example.com:443``, ``https://*.example.com``, ``http://10.0.0.5:8080``.

    The scheme is http or https; the port is the scheme's own when left out; ``*.`` stands for one or more
    labels, never for none. Raises OutboundRuleError.
    """
    wildcard = "://*." in entry
    try:
        parts = urlsplit(entry.replace("://*.", "://", 1))
        target = _target(entry.replace("://*.", "://", 1))
    except ValueError as error:
        raise OutboundRuleError(f"{entry!r}: {error}; write it as https://api.example.com:443") from error
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise OutboundRuleError(f"{entry!r} has a path; write only scheme, host and port")
    if wildcard and (target.address is not None or "." not in target.host):
        raise OutboundRuleError(f"{entry!r}: a wildcard needs a domain of two labels or more below it")
    return Rule(target.scheme, target.host, target.port, wildcard)


def may_ask(url: str, rules: Iterable[Rule]) -> Verdict:
    """Say whether a function with these rules may ask for this URL."""
    try:
        target = _target(url)
    except ValueError as error:
        return Refused(f"{url!r} is no URL that can be fetched: {error}")
    for rule in rules:
        if rule.covers(target):
            return Allowed(rule)
    return Refused(
        f"{target.scheme}://{target.host}:{target.port} is not among the hosts that function.toml allows"
    )


def may_connect(address: str, rule: Rule) -> Verdict:
    """Say whether a request that this rule allowed may go to this address.

    Addresses that lead inside (loopback, private, link-local, metadata, multicast …) are refused unless the
    rule names exactly that address, or is for ``localhost``.
    """
    parsed = _address(address)
    if parsed is None:
        return Refused(f"{address!r} is no address")
    if rule.address is not None:
        same = rule.address == parsed
        return (
            Allowed(rule) if same else Refused(f"{address} is not the address {rule.host} that was allowed")
        )
    if (
        rule.host == "localhost" and not rule.wildcard and parsed.is_loopback
    ):  # RFC 6761, 6.3: as good as named
        return Allowed(rule)
    inside = why_inside(parsed)
    return Refused(f"{rule.host} leads to {address}, which is {inside}") if inside else Allowed(rule)


def why_inside(address: Address) -> str:
    """Return what makes an address unfit for guests, "" when nothing does."""
    embedded = _embedded_ipv4(address)
    if embedded is not None and (why := why_inside(embedded)):
        return f"{why}, embedded in IPv6"
    if address in _METADATA:
        return "a metadata service"
    for property_name, why in (
        ("is_unspecified", "unspecified"),
        ("is_loopback", "loopback"),
        ("is_link_local", "link-local"),
        ("is_multicast", "multicast"),
        ("is_private", "private"),
        ("is_reserved", "reserved"),
    ):
        if getattr(address, property_name):
            return why
    if address.version == 4 and address in _SHARED:  # noqa: PLR2004  # the version of IP
        return "shared address space"
    if isinstance(address, ipaddress.IPv6Address) and address.is_site_local:
        return "site-local"
    return "" if address.is_global else "not a public address"


def _embedded_ipv4(address: Address) -> ipaddress.IPv4Address | None:
    """Return the IPv4 address that an IPv6 one may deliver to."""
    if not isinstance(address, ipaddress.IPv6Address):
        return None
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    low = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    if any(address in network for network in _NAT64):
        return low
    return low if address in _COMPATIBLE and int(address) > 1 else None


def _address(text: str) -> Address | None:
    try:
        return ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return None


def _target(url: str) -> Target:
    """Return where a URL leads. Raises ValueError."""
    if any(character <= " " or character in "\\\x7f" for character in url):
        raise ValueError("it holds spaces, control characters or backslashes")
    parts = urlsplit(url)
    if parts.scheme not in _PORTS:
        raise ValueError("the scheme must be http or https")
    if parts.username is not None or parts.password is not None:
        raise ValueError("user and password are not allowed in it")
    host = (parts.hostname or "").removesuffix(".")
    if _address(host) is None:
        _check_name(host)
    port = parts.port if parts.port is not None else _PORTS[parts.scheme]
    if not 0 < port <= _PORT_MAX:
        raise ValueError(f"port {port} is not between 1 and {_PORT_MAX}")
    return Target(parts.scheme, host, port)


def _check_name(host: str) -> None:
    """Raise ValueError unless the host is a name of ordinary labels (RFC 1123, 2.1) and cannot be an address.

    Forms such as ``0x7f.1`` or ``2130706433`` are addresses to some resolvers: a last label of digits is refused.
    """
    labels = host.split(".")
    if not host or len(host) > _NAME_MAX:
        raise ValueError("the host name is empty or too long")
    for label in labels:
        plain = label.replace("-", "a").replace("_", "a")
        if not (plain.isascii() and plain.isalnum() and len(label) <= _LABEL_MAX):
            raise ValueError(f"{host!r} is no host name (write international names as xn--…)")
    last = labels[-1]
    if last.isdigit() or last.startswith("0x"):
        raise ValueError(f"{host!r} is an address in an unusual form")
