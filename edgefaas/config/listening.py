"""``[listen]`` and ``[[certificates]]``. Pure but for reading the certificates' files."""

import re
from collections.abc import Sequence
from pathlib import Path

from edgefaas.config.names import networks
from edgefaas.errors import ConfigError, UsageError
from edgefaas.listen import parse_address
from edgefaas.site import Certificate, ListenPolicy
from edgefaas.table import Table

CONNECTIONS_MAX = 1_000_000
BODY_LIMIT_MB_MAX = 1 << 20
TIMEOUT_MAX_S = 3600
DRAIN_MAX_S = 600
PROBED_GRACE_S = 3.0  # POPs ask each other every second, and wait a second for the answer

_HOST = re.compile(
    r"(?:\*\.)?(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*\Z"
)


def read_listening(table: Table, certificates: Sequence[Certificate], *, probed: bool) -> ListenPolicy:
    """Return how connections are taken. ``probed``: other POPs ask for this one's health."""
    known = ListenPolicy()
    tls = table.text("tls")
    if tls:
        _check_tls(table, tls, certificates)
    policy = ListenPolicy(
        tls=tls,
        proxy_protocol=networks(table, "proxy_protocol"),
        connections_max=table.integer("connections", known.connections_max, low=1, high=CONNECTIONS_MAX),
        head_timeout_s=_timeout(table, "head_timeout", known.head_timeout_s),
        body_timeout_s=_timeout(table, "body_timeout", known.body_timeout_s),
        idle_timeout_s=_timeout(table, "idle_timeout", known.idle_timeout_s),
        write_timeout_s=_timeout(table, "write_timeout", known.write_timeout_s),
        body_limit_bytes=table.integer(
            "body_limit_mb", known.body_limit_bytes >> 20, low=1, high=BODY_LIMIT_MB_MAX
        )
        << 20,
        drain_grace_s=table.number("drain_grace", PROBED_GRACE_S if probed else 0, low=0, high=DRAIN_MAX_S),
        drain_timeout_s=table.number("drain_timeout", known.drain_timeout_s, low=1, high=DRAIN_MAX_S),
    )
    table.done()
    return policy


def _timeout(table: Table, key: str, default: float) -> float:
    return table.number(key, default, low=1, high=TIMEOUT_MAX_S)


def _check_tls(table: Table, tls: str, certificates: Sequence[Certificate]) -> None:
    try:
        parse_address(tls, option="tls")
    except UsageError:
        raise table.refuse("tls", f'is "{tls}", not HOST:PORT', 'Write "0.0.0.0:443".') from None
    if not certificates:
        raise table.refuse("tls", "needs a certificate", "Add [[certificates]] with certificate and key.")


def read_certificate(table: Table, folder: Path) -> Certificate:
    """Return a certificate whose files are there and belong together."""
    from edgefaas.wire.tls import Certificates  # and the whole wire: commands that read a site need none

    hosts = tuple(host.lower().removesuffix(".") for host in table.strings("hosts"))
    if not hosts:
        raise table.refuse("hosts", "is missing", 'Add hosts = ["www.example.com"].')
    for host in hosts:
        if not _HOST.match(host):
            raise table.refuse(
                "hosts", f'holds "{host}", not a host name', 'Use "www.example.com" or "*.example.com".'
            )
    certificate = Certificate(
        hosts=hosts,
        chain=folder / table.required_text("certificate", '"certificates/example.pem"'),
        key=folder / table.required_text("key", '"certificates/example.key"'),
    )
    table.done()
    try:
        Certificates((certificate,))
    except ConfigError as error:
        raise table.refuse("certificate", f"is not usable: {error}", error.remedy) from None
    return certificate
