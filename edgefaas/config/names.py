"""Names in ``edgefaas.toml``, of things, fields and networks: what is one, and that it means something. Pure."""

import ipaddress
import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from edgefaas.table import Table

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}\Z")
TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")  # RFC 9110, 5.6.2
VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*\Z")  # RFC 9110, 5.5
VISIBLE = re.compile(r"[\x21-\x7e]*\Z")  # what may stand in a request line
PATH = re.compile(r"[\x21\x22\x24-\x3e\x40-\x7e]*\Z")  # the same without # and ?


def is_web_address(url: str) -> bool:
    """Say whether ``url`` is ``http://host``, with a port and a path or without, that can be asked as written."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    return (
        parts.scheme in ("http", "https")
        and bool(parts.hostname)
        and port != 0
        and not ("@" in parts.netloc or "?" in url or "#" in url)
        and bool(VISIBLE.match(url))
    )


def named(root: Table, key: str) -> dict[str, Table]:
    """Return the tables ``[key.NAME]`` by name. Raises ConfigError for what is no name."""
    tables = root.named(key)
    for name, table in tables.items():
        if not NAME.match(name):
            raise table.refuse("", "is not a name", "Use letters, digits, - and _, at most 63.")
    return tables


def must_exist(table: Table, key: str, name: str, known: Iterable[str], section: str) -> None:
    """Refuse ``name`` unless ``[section]`` defines it."""
    known = list(known)
    if name not in known:
        raise table.refuse(
            key,
            f'is "{name}", which [{section}] does not define',
            f"Define [{section}.{name}]{', or use one of: ' if known else ''}{', '.join(known)}.",
        )


def field_names(table: Table, key: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Return a list of header field names as written."""
    names = table.strings(key, default)
    for name in names:
        if not TOKEN.match(name):
            raise table.refuse(key, f'holds "{name}", not a field name', "Use names such as Accept-Language.")
    return names


def networks(table: Table, key: str) -> tuple[str, ...]:
    """Return a list of networks (CIDR) or addresses."""
    listed = table.strings(key)
    for network in listed:
        try:
            ipaddress.ip_network(network)
        except ValueError:
            raise table.refuse(
                key, f'holds "{network}", not a network', 'Use CIDR such as "10.0.0.0/8".'
            ) from None
    return listed
