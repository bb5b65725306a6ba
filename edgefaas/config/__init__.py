"""``edgefaas.toml`` → ``Site``. Input is checked here, once; what comes out is known to be good.

Pure but for reading the files that the site names. Every refusal is a ConfigError that names file, line and
key, and says what to write instead. The keys and their defaults are described in docs/configuration.md.
"""

from pathlib import Path

from edgefaas.config.behaviours import read_behaviour
from edgefaas.config.functions import limits, read_function_spec
from edgefaas.config.kv import read_namespaces
from edgefaas.config.listening import read_certificate, read_listening
from edgefaas.config.names import PATH, must_exist, named
from edgefaas.config.origins import read_group, read_origin
from edgefaas.config.pages import read_error_page, read_public_key
from edgefaas.config.routing import check_routing, read_dns, read_pop, read_router
from edgefaas.config.telemetry import read_access_log, read_telemetry
from edgefaas.site import KEEP_VERSIONS, Behaviour, CacheSizes, ErrorPage, FunctionSpec, KvNamespace, Site
from edgefaas.table import Table, parse_toml, read_toml

__all__ = ["limits", "load_site", "parse_site"]


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
    compatibility = about.choice("compatibility", ("edgefaas", "aws"), "edgefaas")
    access_log = about.choice("access_log", ("requests", "all", "off"), "requests")
    server_timing = about.choice("server_timing", ("asked", "always", "never"), "asked")
    if not hosts:
        raise about.refuse("hosts", "names no host, so every request would be refused", 'Write ["*"].')
    keep_versions = about.integer("keep_versions", KEEP_VERSIONS, low=0, high=1_000_000)
    default_root = about.text("default_root").lstrip("/")
    if not PATH.match(default_root):
        raise about.refuse(
            "default_root", f"is {default_root!r}, not a path", "Percent-encode it; leave out ? and #."
        )
    about.done()
    functions = {name: read_function_spec(name, t, folder) for name, t in named(root, "functions").items()}
    origins = {name: read_origin(name, t, folder, functions) for name, t in named(root, "origins").items()}
    groups = {name: read_group(name, t, origins) for name, t in named(root, "origin_groups").items()}
    keys = {name: read_public_key(t, folder) for name, t in named(root, "public_keys").items()}
    behaviours = tuple(
        read_behaviour(table, origins={*origins, *groups}, functions=functions, keys=keys)
        for table in root.tables("behaviors")
    )
    if not behaviours and len(origins) == 1:
        behaviours = (Behaviour(pattern="*", origin=next(iter(origins))),)
    pages = _error_pages(root.tables("error_pages"))
    pops = {name: read_pop(name, t) for name, t in named(root, "pops").items()}
    router = read_router(root.table("router"), pops, folder)
    dns = read_dns(root.table("dns"), pops)
    kv = read_namespaces(named(root, "kv"), functions, folder, aws=compatibility == "aws")
    _check_kv(root, functions, kv)
    sizes = _cache_sizes(root.table("cache"))
    certificates = tuple(read_certificate(table, folder) for table in root.tables("certificates"))
    listening = read_listening(root.table("listen"), certificates, probed=bool(pops))
    telemetry = read_telemetry(root.table("telemetry"), site_name)
    access_file = read_access_log(root.table("access_log"), folder)
    root.done()
    site = Site(
        name=site_name,
        hosts=hosts,
        origins=origins,
        functions=functions,
        behaviours=behaviours,
        pops=pops,
        router=router,
        origin_groups=groups,
        error_pages=pages,
        public_keys=keys,
        compatibility=compatibility,
        access_log=access_log,
        server_timing=server_timing,
        default_root=default_root,
        cache_sizes=sizes,
        listening=listening,
        certificates=certificates,
        dns=dns,
        telemetry=telemetry,
        kv=kv,
        access_file=access_file,
        keep_versions=keep_versions,
    )
    if pops:
        check_routing(site)
    return site


def _check_kv(root: Table, functions: dict[str, FunctionSpec], kv: dict[str, KvNamespace]) -> None:
    for name, spec in functions.items():
        for wanted in spec.kv or ():
            must_exist(root.inner("functions", name), "kv", wanted, kv, "kv")


def _error_pages(tables: list[Table]) -> dict[int, ErrorPage]:
    pages: dict[int, ErrorPage] = {}
    for table in tables:
        page = read_error_page(table)
        if page.status in pages:
            raise table.refuse("status", f"is {page.status} for the second time", "Leave one of them.")
        pages[page.status] = page
    return pages


def _cache_sizes(table: Table) -> CacheSizes:
    known = CacheSizes()
    sizes = CacheSizes(
        memory_bytes=table.integer("memory_mb", known.memory_bytes >> 20, low=1, high=1 << 20) << 20,
        disk_bytes=table.integer("disk_mb", known.disk_bytes >> 20, low=0, high=1 << 30) << 20,
    )
    table.done()
    return sizes
