"""``edgefaas.toml`` → ``Site``. Input is checked here, once; what comes out is known to be good.

Pure but for reading the file. Every refusal is a ConfigError that names file, line and key, and says what to
write instead. The keys and their defaults are the contract of docs/configuration.md.
"""

import ipaddress
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from edgefaas.site import (
    Behaviour,
    CachePolicy,
    DirectoryOrigin,
    FunctionOrigin,
    FunctionSpec,
    Origin,
    Pop,
    RouterPolicy,
    Selection,
    Site,
    Steering,
    Trigger,
    UrlOrigin,
)
from edgefaas.table import Table, parse_toml, read_toml
from sandbox.contract import Limits

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}\Z")
PATTERN_MAX = 255  # CloudFront's limit on a path pattern
TTL_MAX_S = 31_536_000_000
METHODS_READ = frozenset({"GET", "HEAD", "OPTIONS"})
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")  # RFC 9110, 5.6.2
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*\Z")  # RFC 9110, 5.5


def load_site(path: Path) -> Site:
    """Return the site that the file describes. Relative paths are taken from the file's folder."""
    return _site(read_toml(path), path.resolve().parent)


def parse_site(text: str, *, folder: Path, name: str = "edgefaas.toml") -> Site:
    """Return the site that ``text`` describes; relative paths are taken from ``folder``."""
    return _site(parse_toml(name, text), folder)


def _site(root: Table, folder: Path) -> Site:
    about = root.table("site")
    site_name = about.text("name", "site")
    hosts = tuple(host.lower() for host in about.strings("hosts", ("*",)))
    about.done()
    functions = {name: _function(name, table, folder) for name, table in _named(root, "functions").items()}
    origins = {
        name: _origin(name, table, folder, functions) for name, table in _named(root, "origins").items()
    }
    behaviours = tuple(_behaviour(table, origins, functions) for table in root.tables("behaviors"))
    if not behaviours and len(origins) == 1:
        behaviours = (Behaviour(pattern="*", origin=next(iter(origins))),)
    pops = {name: _pop(name, table) for name, table in _named(root, "pops").items()}
    router = _router(root.table("router"), pops, folder)
    root.done()
    return Site(
        name=site_name,
        hosts=hosts,
        origins=origins,
        functions=functions,
        behaviours=behaviours,
        pops=pops,
        router=router,
    )


def _named(root: Table, key: str) -> dict[str, Table]:
    tables = root.named(key)
    for name, table in tables.items():
        if not NAME.match(name):
            raise table.refuse("", "is not a name", "Use letters, digits, - and _, at most 63.")
    return tables


def limits(table: Table) -> Limits:
    """Return the limits that a ``limits`` table asks for. Raises ConfigError."""
    known = Limits()
    result = Limits(
        memory_bytes=table.integer("memory_mb", known.memory_bytes >> 20, low=1, high=4096) << 20,
        cpu_ms=table.integer("cpu_ms", known.cpu_ms, low=1, high=60_000),
        wall_ms=table.integer("wall_ms", known.wall_ms, low=1, high=300_000),
        output_bytes=table.integer("output_bytes", known.output_bytes, low=1024, high=1 << 28),
        log_bytes=table.integer("log_bytes", known.log_bytes, low=0, high=1 << 24),
        host_calls=table.integer("host_calls", known.host_calls, low=0, high=1_000_000),
    )
    table.done()
    return result


def _function(name: str, table: Table, folder: Path) -> FunctionSpec:
    source = folder / table.required_text("source", '"functions/hello.js"')
    spec = FunctionSpec(
        name=name,
        source=source,
        environment=table.string_map("environment"),
        limits=limits(table.table("limits")) if "limits" in table else None,
    )
    table.done()
    return spec


def _origin(name: str, table: Table, folder: Path, functions: Mapping[str, FunctionSpec]) -> Origin:
    kinds = [key for key in ("url", "directory", "function") if key in table]
    if len(kinds) != 1:
        raise table.refuse(
            "",
            "needs exactly one of url, directory and function",
            'Write for example url = "http://127.0.0.1:8000".',
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
        _known_name(table, "function", function, functions, "functions")
        origin = FunctionOrigin(name=name, function=function)
    table.done()
    return origin


def _url_origin(name: str, table: Table) -> UrlOrigin:
    url = table.text("url")
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        good = good and not (parts.query or parts.fragment or parts.username)
    except ValueError:
        good = False
    if not good:
        raise table.refuse(
            "url",
            f'is "{url}", not an http or https address',
            'Write "http://host:port" or "https://host/prefix".',
        )
    headers = table.string_map("headers")
    for key, value in headers.items():
        if not _TOKEN.match(key) or not _VALUE.match(value):
            raise table.refuse(
                "headers", f"has {key!r}: not a valid field", "Use a field name and a one-line value."
            )
    return UrlOrigin(
        name=name,
        url=url.rstrip("/"),
        host_header=table.text("host_header") or None,
        headers=headers,
        connect_timeout_s=table.number("connect_timeout", 5.0, low=0.05, high=120),
        first_byte_timeout_s=table.number("first_byte_timeout", 30.0, low=0.05, high=3600),
        idle_timeout_s=table.number("idle_timeout", 30.0, low=0.05, high=3600),
    )


def _known_name(table: Table, key: str, name: str, known: Mapping[str, object], section: str) -> None:
    if name not in known:
        listed = ", ".join(known) or "none is defined"
        raise table.refuse(
            key,
            f'is "{name}", which [{section}] does not define',
            f"Define [{section}.{name}], or use one of: {listed}.",
        )


def _behaviour(
    table: Table, origins: Mapping[str, Origin], functions: Mapping[str, FunctionSpec]
) -> Behaviour:
    pattern = table.required_text("path", '"/assets/*"')
    if len(pattern) > PATTERN_MAX:
        raise table.refuse(
            "path", f"has {len(pattern)} characters, over {PATTERN_MAX}", "Shorten the pattern."
        )
    triggers: dict[Trigger, str] = {}
    for trigger in Trigger:
        key = trigger.value.replace("-", "_")
        if name := table.text(key):
            _known_name(table, key, name, functions, "functions")
            triggers[trigger] = name
    origin = table.text("origin") or None
    if origin is not None:
        _known_name(table, "origin", origin, origins, "origins")
    elif not {Trigger.VIEWER_REQUEST, Trigger.ORIGIN_REQUEST} & triggers.keys():
        raise table.refuse(
            "origin",
            "is missing, and no function answers instead",
            "Add origin, viewer_request or origin_request.",
        )
    methods = table.choice("methods", ("all", "read"), "all")
    behaviour = Behaviour(
        pattern=pattern,
        origin=origin,
        methods=METHODS_READ if methods == "read" else None,
        cache=_cache(table),
        triggers=triggers,
        include_body=table.boolean("include_body", default=False),
        location_headers=table.strings("location_headers"),
    )
    table.done()
    return behaviour


def _cache(behaviour: Table) -> CachePolicy:
    table = behaviour.table("cache")
    base = CachePolicy()
    low = table.number("min_ttl", base.min_ttl_s, low=0, high=TTL_MAX_S)
    high = table.number("max_ttl", max(base.max_ttl_s, low), low=0, high=TTL_MAX_S)
    default = table.number("default_ttl", base.default_ttl_s, low=0, high=TTL_MAX_S)
    if low > high:
        raise table.refuse("min_ttl", f"is {low:g}, over max_ttl {high:g}", "Lower min_ttl or raise max_ttl.")
    headers = table.strings("headers", tuple(sorted(base.headers)))
    for header in headers:
        if not _TOKEN.match(header):
            raise table.refuse(
                "headers", f'holds "{header}", not a field name', "Use names such as Accept-Language."
            )
    result = CachePolicy(
        min_ttl_s=low,
        default_ttl_s=default,
        max_ttl_s=high,
        error_ttl_s=table.number("error_ttl", base.error_ttl_s, low=0, high=TTL_MAX_S),
        query=_selection(table, "query", base.query),
        headers=frozenset(header.lower() for header in headers),
        cookies=_selection(table, "cookies", base.cookies, extra=("forward",)),
        store_set_cookie=table.boolean("store_set_cookie", default=base.store_set_cookie),
    )
    table.done()
    return result


def _selection(table: Table, key: str, default: Selection, extra: tuple[str, ...] = ()) -> Selection:
    words = ("none", "all", *extra)
    value = table.take(key, (str, list, dict), f"{', '.join(words)}, a list or {{ except = [...] }}")
    if value is None:
        return default
    names: object = value
    mode = "only"
    if isinstance(value, str):
        if value not in words:
            raise table.refuse(
                key, f'is "{value}"', f'Use one of {", ".join(words)}, ["name"] or {{ except = ["name"] }}.'
            )
        return Selection(mode=value)
    if isinstance(value, dict):
        mode = "except"
        names = value.get("except")
        if set(value) != {"except"}:
            raise table.refuse(key, "is a table without except", 'Write { except = ["name"] }.')
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise table.refuse(key, "is not a list of names", 'Write ["name", "other"].')
    return Selection(mode=mode, names=frozenset(names))


def _pop(name: str, table: Table) -> Pop:
    url = table.text("url")
    parts = urlsplit(url)
    if url and (parts.scheme not in ("http", "https") or not parts.hostname):
        raise table.refuse("url", f'is "{url}", not an http or https address', 'Write "http://host:port".')
    for key in ("latitude", "longitude"):
        if key not in table:
            raise table.refuse(key, "is missing", f"Add {key} in degrees.")
    pop = Pop(
        name=name,
        latitude=table.number("latitude", 0, low=-90, high=90),
        longitude=table.number("longitude", 0, low=-180, high=180),
        url=url.rstrip("/"),
        city=table.text("city"),
    )
    table.done()
    return pop


def _router(table: Table, pops: Mapping[str, Pop], folder: Path) -> RouterPolicy:
    pop = table.text("pop")
    if pop:
        _known_name(table, "pop", pop, pops, "pops")
    steering = Steering(table.choice("steering", tuple(Steering), Steering.ANSWER))
    if steering is not Steering.ANSWER:
        for name, other in pops.items():
            if not other.url and name != pop:
                raise table.refuse(
                    "steering", f"needs the address of POP {name}", f"Add url to [pops.{name}]."
                )
    trusted = table.strings("trusted")
    for network in trusted:
        try:
            ipaddress.ip_network(network)
        except ValueError:
            raise table.refuse(
                "trusted", f'holds "{network}", not a network', 'Use CIDR such as "10.0.0.0/8".'
            ) from None
    city, asn = table.text("geoip_city"), table.text("geoip_asn")
    result = RouterPolicy(
        pop=pop,
        steering=steering,
        trusted=trusted,
        forwarding_header=table.text("forwarding_header", "x-forwarded-for").lower(),
        geoip_city=folder / city if city else None,
        geoip_asn=folder / asn if asn else None,
        mesh_secret=table.text("mesh_secret"),
        health_path=table.text("health_path", "/.edgefaas/health"),
    )
    table.done()
    return result
