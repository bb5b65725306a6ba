"""Answer DNS queries for the site's zone, so that viewers come to their POP before the first request.

A thin shell around ``router.dns_server``, which is imported only where a site wants it. Every worker answers
on the same port; the kernel spreads the queries.
"""

import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING

from edgefaas.errors import StateError
from edgefaas.listen import parse_address
from edgefaas.site import DnsPolicy, Pop, Site
from router import Chooser, Mesh, RouterError

if TYPE_CHECKING:
    from edgefaas.geo import GeoFiles
    from router.dns_answer import DnsZone


def zone_of(policy: DnsPolicy, pops: Mapping[str, Pop]) -> "DnsZone":
    """Return the zone as the router serves it."""
    from router.dns_answer import DnsZone

    return DnsZone(
        name=policy.zone,
        addresses={pop.name: pop.addresses for pop in pops.values() if pop.addresses},
        nameservers=policy.nameservers,
        hosts=policy.hosts,
        mailbox=policy.mailbox,
        ttl_s=policy.ttl_s,
        unrest_ttl_s=policy.unrest_ttl_s,
        extra_pop=policy.extra_pop,
    )


def check_dns(site: Site, mesh: Mesh) -> None:
    """Refuse a zone that cannot be served. Raises RouterError."""
    if site.dns is not None:
        from router import GeoDatabase
        from router.dns_answer import DnsAnswerer

        DnsAnswerer(zone_of(site.dns, site.pops), Chooser(mesh), GeoDatabase.empty())


@contextlib.asynccontextmanager
async def serve_names(
    policy: DnsPolicy, pops: Mapping[str, Pop], chooser: Chooser, geo: "GeoFiles"
) -> AsyncIterator[int]:
    """Serve until the block ends; yields the port.

    Raises:
        StateError: the zone cannot be served, or the address is not to be had.
    """
    from router.dns_answer import DnsAnswerer
    from router.dns_server import serve_dns

    address = parse_address(policy.listen, option="dns.listen")
    try:
        answerer = DnsAnswerer(zone_of(policy, pops), chooser, geo)
    except RouterError as error:
        raise StateError(str(error), remedy=error.remedy) from error
    async with contextlib.AsyncExitStack() as stack:
        try:
            port = await stack.enter_async_context(
                serve_dns(answerer, address.host, address.port, shared=True)
            )
        except OSError as error:
            raise StateError(
                f"DNS cannot listen on {policy.listen}: {error.strerror or error}",
                remedy="Choose another dns.listen, or give the POP the right to ports below 1024.",
            ) from error
        yield port
