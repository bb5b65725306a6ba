"""The machines of one POP: each cache key has one that keeps it, and the others ask there.

A thin shell around ``router.NodeRing``: which node owns a key is decided there, from the nodes in service and
the requests in flight. What an owner does not answer is answered here.
"""

import logging
from collections.abc import Callable

from edgefaas.message import Request
from edgefaas.passing import Fetches, Passing
from edgefaas.site import Pop, RouterPolicy
from router import Health, HealthState, NodeRing, ProbePolicy, Prober, ProbeResult
from router import Pop as MeshPop

logger = logging.getLogger("edgefaas.nodes")


class Nodes:
    """The nodes of the POP that this process is one of."""

    def __init__(
        self,
        pop: Pop,
        policy: RouterPolicy,
        *,
        fetch: Fetches,
        wall_s: Callable[[], float],
        mono_s: Callable[[], float],
    ) -> None:
        self.name = policy.node
        self._mono_s = mono_s
        self._ring = NodeRing(pop.nodes)
        self._nodes = {
            url: MeshPop(name=url, latitude=pop.latitude, longitude=pop.longitude, url=url)
            for url in pop.nodes
        }
        self._health = {url: Health() for url in pop.nodes}
        self._in_flight = dict.fromkeys(pop.nodes, 0)
        self.passing = Passing(
            fetch=fetch,
            ledger=self,
            failed=self._failed,
            here=self.name,
            secret=policy.mesh_secret.encode(),
            wall_s=wall_s,
        )
        others = [node for node in self._nodes.values() if node.name != self.name]
        self._prober = Prober(others, ProbePolicy(path=policy.health_path), self._probed)

    def __contains__(self, name: str) -> bool:
        return name in self._nodes

    def owners(self, request: Request) -> tuple[MeshPop, ...]:
        """Return who is to be asked, and whom next (this node); nothing where this node answers itself.

        Only GET and HEAD have keys. The whole target is taken for the key: where the query is not keyed, two
        nodes may keep one object, which costs room and is never wrong.
        """
        if request.method not in ("GET", "HEAD") or request.upgrade is not None:
            return ()
        now_s = self._mono_s()
        in_flight = {
            url: count
            for url, count in self._in_flight.items()
            if url == self.name or self._health[url].share(now_s) > 0
        }
        owner = self._ring.node(f"{request.host}{request.target}".encode(), in_flight)
        return () if owner == self.name else (self._nodes[owner], self._nodes[self.name])

    def sent(self, node: str) -> None:
        """Count a request that another node works on for this one."""
        self._in_flight[node] += 1

    def finished(self, node: str) -> None:
        """Count its end."""
        self._in_flight[node] -= 1

    async def run(self) -> None:
        """Ask the other nodes how they are, until cancelled."""
        await self._prober.run()

    def _failed(self, node: str) -> None:
        self._health[node].failed_request(now_s=self._mono_s())

    def _probed(self, node: MeshPop, result: ProbeResult, now_s: float) -> None:
        health = self._health[node.name]
        if health.probed(ok=result.ok, now_s=now_s, draining=result.draining):
            level = logging.INFO if health.state is HealthState.UP else logging.WARNING
            logger.log(level, "node %s is %s %s", node.name, health.state, result.problem)
            if health.share(now_s) <= 0:
                self.passing.take_back(node.name)
