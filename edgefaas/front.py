"""Where a request comes from, and which POP should answer it.

A thin shell around ``router``: it holds the GeoIP files, the prober and what is known of the other POPs, and
passes requests on. The decisions (whose address, which POP, which way) are that package's.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from edgefaas.errors import ConfigError, OriginError
from edgefaas.message import Headers, Request, Response
from edgefaas.pages import error_page
from edgefaas.site import Site, UrlOrigin
from router import (
    AnswerHere,
    Arrival,
    Chooser,
    Decision,
    GeoDatabase,
    Health,
    Hop,
    HopError,
    Location,
    Mesh,
    NowhereToGo,
    ProbePolicy,
    Prober,
    ProbeResult,
    ProxyTo,
    RedirectTo,
    RouterError,
    Steering,
    SteeringPolicy,
    TrustPolicy,
    Way,
    retry_elsewhere,
    sign_hop,
    untrusted_header,
    verify_hop,
    viewer_address,
)
from router import Pop as MeshPop

logger = logging.getLogger("edgefaas.front")

HOP_HEADER = "x-edge-hop"
GEO_RELOAD_EVERY_S = 5.0


class Fetches(Protocol):
    """The origin client, as far as it is used here."""

    async def fetch(self, origin: UrlOrigin, request: Request) -> Response:
        """Return the response's head and its streaming body. Raises OriginError."""
        ...


@dataclass(frozen=True, slots=True)
class Received:
    """What ``receive`` learnt: how often the request was passed on, and by which POP."""

    hops: int = 0
    sender: str = ""


DIRECT = Received()
UNFORGED = "nothing that only a proxy may send"


class Front:
    """Receives requests for one POP, or for a router in front of several."""

    def __init__(
        self, site: Site, *, fetch: Fetches, wall_s: Callable[[], float], mono_s: Callable[[], float]
    ) -> None:
        policy = site.router
        self._here = policy.pop
        self._secret = policy.mesh_secret.encode()
        self._fetch = fetch
        self._wall_s = wall_s
        self._mono_s = mono_s
        self._trust = TrustPolicy(networks=policy.trusted, header=policy.forwarding_header)
        self.geo = open_geo(site)
        pops = [
            MeshPop(name=p.name, latitude=p.latitude, longitude=p.longitude, url=p.url)
            for p in site.pops.values()
        ]
        way = Way(policy.steering.value)
        # Without POPs, or where every request is answered where it arrives, there is nothing to choose.
        self.steers = bool(pops) and way in (Way.PROXY, Way.REDIRECT)
        self._health: dict[str, Health] = {}
        self._prober: Prober | None = None
        if pops:
            self._mesh = Mesh(pops)
            self._chooser = Chooser(self._mesh, here=policy.pop)
            self._steering = Steering(self._mesh, SteeringPolicy(way=way, here=policy.pop))
            self._health = {pop.name: Health() for pop in pops}
        if self.steers:
            others = [pop for pop in pops if pop.name != policy.pop]
            self._prober = Prober(others, ProbePolicy(path=policy.health_path), self._probed)

    @property
    def attribution_due(self) -> bool:
        """Whether the embedded GeoIP database is in use, whose credit must be shown."""
        return self.geo.embedded

    def receive(self, request: Request) -> Received:
        """Set whose request this is, and drop every field that only a trusted peer may send.

        The wire put the socket's peer into ``viewer_ip``. Changes ``request`` in place.
        """
        headers = request.headers
        memo = headers.memo
        if memo is not None and UNFORGED in memo and not self._trust.networks:
            return DIRECT
        value = headers.get(HOP_HEADER)
        if value is not None:
            headers.remove(HOP_HEADER)
            if received := self._passed_on(value, request):
                return received
        found = viewer_address(request.viewer_ip, list(headers), self._trust)
        if found.forwarded:
            request.viewer_ip, request.viewer_port = found.address, 0
        if not found.peer_trusted:
            forged = {name.lower() for name, _ in headers if untrusted_header(name)}
            if forged:
                headers.remove(*forged)
            elif memo is not None and value is None:
                memo[UNFORGED] = True
        return DIRECT

    def _passed_on(self, value: str, request: Request) -> Received | None:
        if not self._secret:
            return None
        try:
            hop = verify_hop(value, [self._secret], receiver=self._here, now_s=self._wall_s())
        except HopError as error:
            logger.warning("a hop header was not believed: %s", error)
            return None
        request.viewer_ip, request.viewer_port, request.id = hop.viewer, 0, hop.request_id
        return Received(hops=hop.count, sender=hop.sender)

    def locate(self, address: str) -> Location:
        """Return where an address is, as far as is known."""
        return self.geo.locate(address)

    def choose(self, address: str) -> Decision:
        """Return which POP should serve an address, and why."""
        now_s = self._mono_s()
        for name, health in self._health.items():
            self._chooser.set_health(name, health.share(now_s))
        return self._chooser.choose(address, self.locate(address), now_s)

    def steer(self, request: Request, received: Received) -> ProxyTo | RedirectTo | NowhereToGo | None:
        """Say what becomes of a request; None where it is answered here."""
        if not self.steers:
            return None
        decision = self.choose(request.viewer_ip)
        arrival = Arrival(
            method=request.method,
            host=request.host,
            target=request.target,
            hops=received.hops,
            has_body=request.body != b"",
            upgrade="upgrade" in request.headers,
        )
        steer = self._steering.steer(arrival, decision.pop, gain_ms=decision.gain_ms)
        return None if isinstance(steer, AnswerHere) else steer

    async def follow(self, steer: ProxyTo | RedirectTo | NowhereToGo, request: Request) -> Response:
        """Pass the request on, send the viewer elsewhere, or say that no POP is in service."""
        match steer:
            case RedirectTo(location=location, status=status):
                headers = Headers(
                    [("Location", location), ("Cache-Control", "no-store"), ("Content-Length", "0")]
                )
                headers.add("X-Cache", "Redirect from edgefaas")
                return Response(status=status, headers=headers)
            case NowhereToGo():
                response = error_page(503, request)
                response.headers.set("Retry-After", "1")
                return response
            case ProxyTo(pop=pop):
                return await self._pass_on(pop, request)

    async def _pass_on(self, pop: MeshPop, request: Request) -> Response:
        replayable = isinstance(request.body, bytes)
        alternatives = [name for name in self.choose(request.viewer_ip).alternatives if name != pop.name]
        tried = 0
        while True:
            tried += 1
            try:
                return await self._fetch.fetch(self._origin_for(pop), self._signed(pop, request))
            except OriginError as error:
                self._health[pop.name].failed_request(now_s=self._mono_s())
                logger.warning("POP %s did not answer request %s: %s", pop.name, request.id, error)
                other = retry_elsewhere(
                    request.method, body_replayable=replayable, alternatives=alternatives, tried=tried
                )
                if other is None:
                    raise
                pop = self._mesh.pop(other)

    def _origin_for(self, pop: MeshPop) -> UrlOrigin:
        return UrlOrigin(name=f"pop {pop.name}", url=pop.url, connect_timeout_s=2.0)

    def _signed(self, pop: MeshPop, request: Request) -> Request:
        headers = request.headers.copy()
        if self._secret:
            hop = Hop(
                sender=self._here or "router",
                receiver=pop.name,
                viewer=request.viewer_ip,
                request_id=request.id,
                sent_at_s=self._wall_s(),
            )
            headers.add("X-Edge-Hop", sign_hop(hop, self._secret))
        return replace(request, headers=headers)

    def _probed(self, pop: MeshPop, result: ProbeResult, now_s: float) -> None:
        changed = self._health[pop.name].probed(ok=result.ok, now_s=now_s, draining=result.draining)
        if changed:
            state = self._health[pop.name].state
            logger.info("POP %s is %s%s", pop.name, state, f": {result.problem}" if result.problem else "")

    async def run(self) -> None:
        """Probe the other POPs and reload GeoIP files that changed, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._reload_geo())
            if self._prober is not None:
                group.create_task(self._prober.run())

    async def _reload_geo(self) -> None:
        while True:
            await asyncio.sleep(GEO_RELOAD_EVERY_S)
            try:
                if self.geo.reload_if_changed():
                    logger.info("the GeoIP database was replaced: %s", self.geo.description)
            except RouterError as error:
                logger.warning("the GeoIP database on disk is no good, the old one stays: %s", error)

    def close(self) -> None:
        """Let go of the GeoIP files."""
        self.geo.close()


def open_geo(site: Site) -> GeoDatabase:
    """Return the site's GeoIP database; one that knows nothing, and a warning, when its file is no good.

    A POP whose GeoIP file is damaged must still serve.
    """
    try:
        return GeoDatabase.open(site.router.geoip_city, site.router.geoip_asn)
    except RouterError as error:
        logger.warning("serving without locations: %s. %s", error, error.remedy)
        return GeoDatabase.empty()


def check_mesh(site: Site) -> None:
    """Refuse what the router would refuse later. Raises ConfigError."""
    try:
        if site.pops:
            Mesh(
                [MeshPop(name=p.name, latitude=p.latitude, longitude=p.longitude) for p in site.pops.values()]
            )
        TrustPolicy(networks=site.router.trusted, header=site.router.forwarding_header)
    except RouterError as error:
        raise ConfigError(str(error), remedy=error.remedy) from error
