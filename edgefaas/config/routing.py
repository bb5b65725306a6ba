"""``[pops.NAME]``, ``[router]`` and ``[dns]``. Pure."""

from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path

from edgefaas.config.names import PATH, TOKEN, is_web_address, must_exist, networks
from edgefaas.errors import ConfigError, UsageError
from edgefaas.listen import parse_address
from edgefaas.site import DnsPolicy, Pop, RouterPolicy, Site, Steering
from edgefaas.table import Table

MESH_SECRET_BYTES_MIN = 16  # the router refuses a shorter one


def read_pop(name: str, table: Table) -> Pop:
    """Return a POP: where it is, and where it answers."""
    url = table.text("url")
    if url and not is_web_address(url):
        raise table.refuse("url", f'is "{url}", not an http or https address', 'Write "http://host:port".')
    nodes = tuple(node.rstrip("/") for node in table.strings("nodes"))
    for node in nodes:
        if not is_web_address(node):
            raise table.refuse("nodes", f'holds "{node}", not an address', 'Write "http://host:port".')
    if len(set(nodes)) < len(nodes):
        raise table.refuse("nodes", "names a node twice", "Name each node once.")
    admin = table.text("admin").rstrip("/")
    if admin and not is_web_address(admin):
        raise table.refuse(
            "admin", f'is "{admin}", not an http or https address', 'Write "http://10.0.0.1:8079".'
        )
    for key in ("latitude", "longitude"):
        if key not in table:
            raise table.refuse(key, "is missing", f"Add {key} in degrees.")
    pop = Pop(
        name=name,
        latitude=table.number("latitude", 0, low=-90, high=90),
        longitude=table.number("longitude", 0, low=-180, high=180),
        url=url.rstrip("/"),
        city=table.text("city"),
        nodes=nodes,
        addresses=_addresses(table, "addresses"),
        admin=admin,
    )
    table.done()
    return pop


def read_router(table: Table, pops: Mapping[str, Pop], folder: Path) -> RouterPolicy:
    """Return how viewers are located and steered."""
    pop = table.text("pop")
    if pop:
        must_exist(table, "pop", pop, pops, "pops")
    steering = Steering(table.choice("steering", tuple(Steering), Steering.ANSWER))
    secret = table.text("mesh_secret")
    if secret and len(secret.encode()) < MESH_SECRET_BYTES_MIN:
        raise table.refuse(
            "mesh_secret",
            f"has {len(secret.encode())} bytes, fewer than {MESH_SECRET_BYTES_MIN}",
            "Make one with: openssl rand -hex 32",
        )
    if steering is not Steering.ANSWER:
        _check_steering(table, pops, pop, secret)
    header = table.text("forwarding_header", "x-forwarded-for")
    if not TOKEN.match(header):
        raise table.refuse(
            "forwarding_header", f'is "{header}", not a field name', 'Write "x-forwarded-for".'
        )
    health_path = table.text("health_path", RouterPolicy().health_path)
    if not health_path.startswith("/") or not PATH.match(health_path):
        raise table.refuse("health_path", f"is {health_path!r}, not a path", 'Write "/.edgefaas/health".')
    city, asn = table.text("geoip_city"), table.text("geoip_asn")
    result = RouterPolicy(
        pop=pop,
        steering=steering,
        trusted=networks(table, "trusted"),
        forwarding_header=header.lower(),
        geoip_city=folder / city if city else None,
        geoip_asn=folder / asn if asn else None,
        mesh_secret=secret,
        health_path=health_path,
        node=_node(table, pops.get(pop), secret),
        side_probes=table.boolean("side_probes", default=False),
        capacity=table.integer("capacity", RouterPolicy().capacity, low=1, high=1_000_000),
    )
    table.done()
    return result


def read_dns(table: Table, pops: Mapping[str, Pop]) -> DnsPolicy | None:
    """Return the zone that is answered for, None when there is no ``[dns]``."""
    if not table.unread():
        return None
    listen = table.required_text("listen", '"0.0.0.0:53"')
    zone = table.required_text("zone", '"edge.example.net"')
    try:
        parse_address(listen, option="listen")
    except UsageError:
        raise table.refuse("listen", f'is "{listen}", not HOST:PORT', 'Write "0.0.0.0:53".') from None
    if not any(pop.addresses for pop in pops.values()):
        raise table.refuse("zone", "has no addresses to answer with", "Add addresses to [pops.NAME] tables.")
    servers = table.table("nameservers")
    names = servers.unread()
    if not names:
        raise table.refuse("nameservers", "is missing", 'Add nameservers = { ns1 = ["192.0.2.53"] }.')
    known = DnsPolicy(listen=listen, zone=zone, nameservers={})
    policy = DnsPolicy(
        listen=listen,
        zone=zone,
        nameservers={name: _addresses(servers, name) for name in names},
        hosts=table.strings("hosts", known.hosts),
        mailbox=table.text("mailbox", known.mailbox),
        ttl_s=table.integer("ttl", known.ttl_s, low=0, high=86_400),
        unrest_ttl_s=table.integer("unrest_ttl", known.unrest_ttl_s, low=0, high=86_400),
        extra_pop=table.boolean("extra_pop", default=False),
    )
    table.done()
    return policy


def check_routing(site: Site) -> None:
    """Refuse what the router would refuse when it starts. Raises ConfigError."""
    from edgefaas.naming import check_dns  # not needed where a site has no POPs
    from router import Mesh, RouterError
    from router import Pop as MeshPop

    places = [MeshPop(name=p.name, latitude=p.latitude, longitude=p.longitude) for p in site.pops.values()]
    try:
        check_dns(site, Mesh(places))
    except RouterError as error:
        raise ConfigError(str(error), remedy=error.remedy) from error


def _addresses(table: Table, key: str) -> tuple[str, ...]:
    texts = table.strings(key)
    for text in texts:
        try:
            ip_address(text)
        except ValueError:
            raise table.refuse(key, f'holds "{text}", not an IP address', 'Write "192.0.2.1".') from None
    return texts


def _node(table: Table, here: Pop | None, secret: str) -> str:
    node = table.text("node").rstrip("/")
    if node and (here is None or node not in here.nodes):
        raise table.refuse("node", f'is "{node}", not one of the nodes of this POP', "Add it to nodes.")
    if node and not secret:
        raise table.refuse(
            "mesh_secret",
            "is missing, and the nodes of a POP must share one",
            "Make one with: openssl rand -hex 32",
        )
    return node


def _check_steering(table: Table, pops: Mapping[str, Pop], pop: str, secret: str) -> None:
    if not pops:
        raise table.refuse(
            "steering", "needs POPs to steer to", "Add [pops.NAME] tables, or remove steering."
        )
    for name, other in pops.items():
        if not other.url and name != pop:
            raise table.refuse("steering", f"needs the address of POP {name}", f"Add url to [pops.{name}].")
    if pop and not secret:
        # Without it a POP takes a request that was passed on for a viewer's, and passes it on again.
        raise table.refuse(
            "mesh_secret",
            "is missing, and POPs that steer must share one",
            "Make one with: openssl rand -hex 32",
        )
