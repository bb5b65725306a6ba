"""``[origins.NAME]`` and ``[origin_groups.NAME]``. Pure."""

from collections.abc import Mapping
from pathlib import Path

from edgefaas.config.names import TOKEN, VALUE, VISIBLE, is_web_address, must_exist
from edgefaas.site import DirectoryOrigin, FunctionOrigin, FunctionSpec, Origin, OriginGroup, UrlOrigin
from edgefaas.table import Table

FRAMING = frozenset(
    {"content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer", "keep-alive", "expect"}
)
FAILOVER_STATUSES = range(400, 600)


def read_origin(name: str, table: Table, folder: Path, functions: Mapping[str, FunctionSpec]) -> Origin:
    """Return an origin: a url, a directory, or a function."""
    kinds = [key for key in ("url", "directory", "function") if key in table]
    if len(kinds) != 1:
        raise table.refuse(
            "",
            "needs exactly one of url, directory and function",
            f'Write for example url = "http://127.0.0.1:8000"{table.misspelt("url", "directory", "function")}.',
        )
    origin: Origin
    if kinds == ["url"]:
        origin = _url_origin(name, table)
    elif kinds == ["directory"]:
        origin = DirectoryOrigin(
            name=name,
            directory=(folder / table.required_text("directory", '"public"')).resolve(),
            index=table.text("index", "index.html"),
            fallback=table.text("fallback") or None,
        )
    else:
        function = table.text("function")
        must_exist(table, "function", function, functions, "functions")
        origin = FunctionOrigin(name=name, function=function)
    table.done()
    return origin


def _url_origin(name: str, table: Table) -> UrlOrigin:
    url = table.text("url")
    if not is_web_address(url):
        raise table.refuse(
            "url",
            f'is "{url}", not an http or https address',
            'Write "http://host:port" or "https://host/prefix".',
        )
    headers = table.string_map("headers")
    for key, value in headers.items():
        if not TOKEN.match(key) or not VALUE.match(value):
            raise table.refuse(
                "headers", f"has {key!r}: not a valid field", "Use a field name and a one-line value."
            )
        if key.lower() in FRAMING:
            raise table.refuse("headers", f"has {key!r}, which only the POP itself may say", "Remove it.")
    host_header = table.text("host_header") or None
    if host_header is not None and not VISIBLE.match(host_header):
        raise table.refuse("host_header", f"is {host_header!r}, not a host", 'Write "www.example.com".')
    return UrlOrigin(
        name=name,
        url=url.rstrip("/"),
        host_header=host_header,
        headers=headers,
        connect_timeout_s=table.number("connect_timeout", 5.0, low=0.05, high=120),
        first_byte_timeout_s=table.number("first_byte_timeout", 30.0, low=0.05, high=3600),
        idle_timeout_s=table.number("idle_timeout", 30.0, low=0.05, high=3600),
    )


def read_group(name: str, table: Table, origins: Mapping[str, Origin]) -> OriginGroup:
    """Return a group of origins: the next is asked when one fails."""
    members = table.strings("origins")
    if not members:
        raise table.refuse("origins", "names no origin", 'Write origins = ["primary", "secondary"].')
    for member in members:
        must_exist(table, "origins", member, origins, "origins")
    if name in origins:
        raise table.refuse("", "has the name of an origin", "Give the group a name of its own.")
    statuses = table.take("statuses", list, "a list of statuses", [500, 502, 503, 504])
    for status in statuses:
        if not isinstance(status, int) or status not in FAILOVER_STATUSES:
            raise table.refuse("statuses", f"holds {status!r}", "Use statuses from 400 to 599.")
    table.done()
    return OriginGroup(name=name, origins=members, statuses=frozenset(statuses))
