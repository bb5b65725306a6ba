"""Where a request comes from, and which POP should answer it.

A thin shell around ``router``: it holds the GeoIP files and what is known of the other POPs (``neighbours``),
and passes requests on (``passing``). The decisions (whose address, which POP, which way) are that package's.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from edgefaas.errors import ConfigError, StateError
from edgefaas.geo import GeoFiles
from edgefaas.message import Headers, Request, Response
from edgefaas.naming import serve_names
from edgefaas.neighbours import Neighbours, identity
from edgefaas.nodes import Nodes
from edgefaas.pages import error_page
from edgefaas.passing import Fetches, Passing
from edgefaas.peers import FIELD as MESH_FIELD
from edgefaas.site import Site
from router import (
    HOP_HEADER,
    AnswerHere,
    Arrival,
    Decision,
    HopError,
    Location,
    NowhereToGo,
    ProxyTo,
    RedirectTo,
    Steer,
    Steering,
    SteeringPolicy,
    TrustPolicy,
    Way,
    read_rtt_ms,
    untrusted_header,
    verify_hop,
    viewer_address,
)
from router import Pop as MeshPop

logger = logging.getLogger("edgefaas.front")

_HOP = HOP_HEADER.lower()
_MESH = MESH_FIELD.lower()


@dataclass(frozen=True, slots=True)
class Received:
    """What ``receive`` learnt: how often the request was passed on and by whom, and whether from node to node."""

    hops: int = 0
    sender: str = ""
    by_node: bool = False


@dataclass(frozen=True, slots=True)
class Routed:
    """What becomes of a request that is not simply answered here.

    ``steer`` is None where this POP answers, and asks the viewer for a side probe of POP ``look``.
    """

    steer: Steer | None
    alternatives: tuple[MeshPop, ...] = ()
    look: str = ""


DIRECT = Received()
UNFORGED = "nothing that only a proxy may send"


class Front:
    """Receives requests for one POP, or for a router in front of several.

    ``before`` is the front of the site as it was: what it learnt is kept while the POPs stay the same.
    """

    def __init__(
        self,
        site: Site,
        *,
        fetch: Fetches,
        wall_s: Callable[[], float],
        mono_s: Callable[[], float],
        geo_folder: Path | None = None,
        before: "Front | None" = None,
    ) -> None:
        policy = site.router
        self._site = site
        self._here = policy.pop
        self._secret = policy.mesh_secret.encode()
        self._wall_s = wall_s
        self._trust = TrustPolicy(networks=policy.trusted, header=policy.forwarding_header)
        self.geo = GeoFiles(policy, geo_folder)
        way = Way(policy.steering.value)
        # Without POPs, or where every request is answered where it arrives, there is nothing to choose.
        self.steers = bool(site.pops) and way in (Way.PROXY, Way.REDIRECT)
        self._foreseen: tuple[dict[str, object] | None, str, Routed] | None = None
        self.neighbours: Neighbours | None = None
        if site.pops:
            known = before.neighbours if before is not None else None
            if known is None or known.known_as != identity(site):
                known = Neighbours(site, wall_s=wall_s, mono_s=mono_s)
            self.neighbours = known
            self._steering = Steering(known.mesh, SteeringPolicy(way=way, here=policy.pop))
            self._passing = Passing(
                fetch=fetch,
                ledger=known.chooser,
                failed=known.failed,
                here=policy.pop,
                secret=self._secret,
                wall_s=wall_s,
            )
            known.when_down(self._passing.take_back)
        here = site.pops.get(policy.pop)
        self._names: contextlib.AsyncExitStack | None = None
        self._nodes: Nodes | None = None
        if here is not None and here.nodes and policy.node:
            self._nodes = Nodes(here, policy, fetch=fetch, wall_s=wall_s, mono_s=mono_s)

    @property
    def attribution_due(self) -> bool:
        """Whether the embedded GeoIP database is in use, whose credit must be shown."""
        return self.geo.embedded

    @property
    def takes_all(self) -> bool:
        """Whether every request is answered here, and its peer is the viewer: nothing is asked of this front."""
        return not self.steers and self._nodes is None and not self._trust.networks

    @property
    def may_serve(self) -> bool:
        """Whether this is a POP, not only a router in front of some, and every peer is the viewer."""
        return bool(self._here or not self.steers) and not self._trust.networks

    # -- whose request it is -------------------------------------------------------------------------------

    def receive(self, request: Request) -> Received:
        """Set whose request this is, and drop every field that only a trusted peer may send.

        The wire put the socket's peer into ``viewer_ip``. Changes ``request`` in place.
        """
        headers = request.headers
        memo = headers.memo
        if memo is not None and UNFORGED in memo and not self._trust.networks:
            return DIRECT
        value = headers.get(_HOP)
        if value is not None:
            headers.remove(_HOP)
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
        node = self._nodes.name if self._nodes is not None else ""
        hop = None
        for receiver in filter(None, (self._here, node)):
            try:
                hop = verify_hop(value, [self._secret], receiver=receiver, now_s=self._wall_s())
                break
            except HopError as error:
                refusal = error
        if hop is None:
            if self._here:
                logger.warning("a hop header was not believed: %s", refusal)
            return None
        request.viewer_ip, request.viewer_port, request.id = hop.viewer, 0, hop.request_id
        request.scheme = hop.scheme
        return Received(hops=hop.count, sender=hop.sender, by_node=receiver == node)

    def locate(self, address: str) -> Location:
        """Return where an address is, as far as is known."""
        return self.geo.locate(address)

    def connected(self, peer: str, sock: object) -> None:
        """Learn from a connection that ``peer`` just opened how far it is from this POP.

        Not from proxies, whose viewers are elsewhere.
        """
        neighbours = self.neighbours
        if neighbours is None or not self._here or self._trust.trusts(peer):
            return
        rtt_ms = read_rtt_ms(sock)  # type: ignore[arg-type]  # uvloop's stand-in has getsockopt too
        if rtt_ms is not None:
            neighbours.observe(peer, self.locate(peer), rtt_ms)

    # -- where it is answered ------------------------------------------------------------------------------

    def route(self, request: Request, received: Received) -> Routed | None:
        """Say what becomes of a request; None where it is simply answered here."""
        foreseen, self._foreseen = self._foreseen, None
        if foreseen is not None and foreseen[0] is request.headers.memo and foreseen[1] == request.target:
            return foreseen[2]
        if self.steers and (routed := self._steer(request, received)) is not None:
            return routed
        if self._nodes is not None and not received.by_node:
            others = self._nodes.owners(request)
            if others:
                return Routed(ProxyTo(others[0], "it owns the key"), others[1:])
        return None

    def keeps(self, request: Request) -> bool:
        """Say whether a request with fields as the viewer sent them is simply answered here.

        Each such question counts a request, so where it is not, the answer is kept for ``route``, which the journey
        asks next. Only for requests that ``receive`` changed nothing in.
        """
        if not self.steers and self._nodes is None:
            return True
        routed = self.route(request, DIRECT)
        self._foreseen = None if routed is None else (request.headers.memo, request.target, routed)
        return routed is None

    def _steer(self, request: Request, received: Received) -> Routed | None:
        neighbours = self.neighbours
        assert neighbours is not None
        decision = neighbours.choose(request.viewer_ip, self.locate(request.viewer_ip))
        arrival = Arrival(
            method=request.method,
            host=request.host,
            target=request.target,
            hops=received.hops,
            has_body=request.body != b"",
            upgrade="upgrade" in request.headers,
        )
        steer = self._steering.steer(
            arrival,
            decision.pop,
            gain_ms=decision.gain_ms,
            pays=neighbours.chooser.passing_on_pays(decision),
        )
        look = decision.probe or ""
        if isinstance(steer, AnswerHere):
            return Routed(None, look=look) if look and look != self._here else None
        return Routed(steer, self._alternatives(decision, steer), look)

    def _alternatives(self, decision: Decision, steer: Steer) -> tuple[MeshPop, ...]:
        """Return who may be asked when the chosen POP does not answer: next best first, this POP last."""
        if not isinstance(steer, ProxyTo):
            return ()
        neighbours = self.neighbours
        assert neighbours is not None
        names = [n for n in decision.alternatives if n != self._here and neighbours.in_service(n)]
        if self._here:
            names.append(self._here)
        return tuple(neighbours.mesh.pop(name) for name in names)

    async def follow(self, routed: Routed, request: Request) -> Response | None:
        """Pass the request on, send the viewer elsewhere, or say that no POP is in service. In a task.

        None when it is to be answered here after all. Raises OriginError when nobody answered.
        """
        match routed.steer:
            case RedirectTo(location=location, status=status):
                headers = Headers(
                    [("Location", location), ("Cache-Control", "no-store"), ("Content-Length", "0")]
                )
                headers.add("X-Cache", "Redirect from edgefaas")
                return self.ask_viewer(routed, Response(status=status, headers=headers))
            case NowhereToGo():
                response = error_page(503, request)
                response.headers.set("Retry-After", "1")
                return response
            case ProxyTo(pop=pop):
                if self._nodes is not None and pop.name in self._nodes:
                    return await self._nodes.passing.send(
                        pop, request, routed.alternatives, keep=self._nodes.name
                    )
                answer = await self._passing.send(pop, request, routed.alternatives, keep=self._here)
                return None if answer is None else self.ask_viewer(routed, answer)
            case _:
                return None

    def ask_viewer(self, routed: Routed, response: Response) -> Response:
        """Ask the viewer to open a connection to another POP, whose round trip is then known there."""
        if routed.look and self.neighbours is not None and self.neighbours.mesh.pop(routed.look).url:
            url = self.neighbours.mesh.pop(routed.look).url
            response.headers = response.headers.copy()
            response.headers.add("Link", f"<{url}>; rel=preconnect")
        return response

    # -- what others ask of it -----------------------------------------------------------------------------

    def health(self, request: Request) -> str:
        """Return the JSON of the health answer; POPs of the mesh get more of it than others."""
        if self.neighbours is None:
            return f'{{"pop":"{self._here}"}}\n'
        return self.neighbours.answer(request.headers.get(_MESH))

    def peers(self) -> list[dict[str, object]]:
        """Return how each other POP is regarded, and how many requests were passed on to it, as JSON values."""
        neighbours = self.neighbours
        if neighbours is None:
            return []
        return [
            {
                "name": pop.name,
                "in_service": neighbours.in_service(pop.name),
                "state": neighbours.state(pop.name),
                "sent": self._passing.sent[pop.name],
                "failed": self._passing.failed[pop.name],
            }
            for pop in neighbours.mesh
            if pop.name != self._here
        ]

    def began(self) -> None:
        """Count a request that is being worked on; each must be ``ended``."""
        if self.neighbours is not None:
            self.neighbours.teller.began()

    def ended(self, took_s: float) -> None:
        """Count the end of a request."""
        if self.neighbours is not None:
            self.neighbours.teller.ended(took_s * 1000)

    def tell(self, live: Mapping[str, object]) -> None:
        """Take how this whole POP does, for the other POPs to hear."""
        if self.neighbours is not None:
            self.neighbours.teller.live = live

    def explain(self, address: str) -> dict[str, object]:
        """Return where this address would be served and why, as JSON values. Raises ConfigError: no POPs."""
        if self.neighbours is None:
            raise ConfigError(
                f'The site "{self._site.name}" names no POPs', remedy="Add [pops.NAME] to edgefaas.toml."
            )
        location = self.locate(address)
        told = asdict(self.neighbours.explain(address, location))
        for row in told["pops"]:
            row["state"] = self.neighbours.state(row["pop"])
        return {
            "address": address,
            **told,
            "location": asdict(location),
            "database": self.geo.description,
        }

    # -- life ----------------------------------------------------------------------------------------------

    async def listen(self) -> None:
        """Begin to answer DNS queries, where the site wants that. Raises StateError."""
        if self._site.dns is None or self.neighbours is None or self._names is not None:
            return
        names = contextlib.AsyncExitStack()
        await names.enter_async_context(
            serve_names(self._site.dns, self._site.pops, self.neighbours.chooser, self.geo)
        )
        self._names = names

    async def run(self) -> None:
        """Probe the other POPs, answer DNS, reload GeoIP files that changed, until cancelled."""
        try:
            await self._listen_or_say()
            async with asyncio.TaskGroup() as group:
                group.create_task(self.geo.watch())
                if self.neighbours is not None:
                    group.create_task(self.neighbours.run())
                if self._nodes is not None:
                    group.create_task(self._nodes.run())
        finally:
            names, self._names = self._names, None
            if names is not None:
                await names.aclose()

    async def _listen_or_say(self) -> None:
        try:
            await self.listen()
        except StateError as error:  # a running POP goes on: viewers who know its address need no DNS
            logger.error("%s", error.advice)  # noqa: TRY400

    def close(self) -> None:
        """Let go of the GeoIP files."""
        self.geo.close()
