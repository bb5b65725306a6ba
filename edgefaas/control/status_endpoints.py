"""What the admin API tells of how the POP does: its health, its figures, where a viewer would be served."""

from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

import orjson
from starlette.responses import Response

from edgefaas import __version__
from edgefaas.control import metrics
from edgefaas.control.endpoint import BadRequestError, Call, Endpoint, Parameter, flag
from edgefaas.control.pop import Pop
from edgefaas.errors import ConfigError


class NoMeshError(ConfigError):
    """The site names no POPs to choose from."""

    status = 409


@dataclass(frozen=True, slots=True)
class StatusApi:
    """The endpoints; ``status_endpoints`` says where each is found."""

    pop: Pop

    async def health(self, _: Call) -> Any:
        """Say whether the POP works."""
        workers = self.pop.workers
        running = sum(1 for worker in workers if worker["running"])
        body = {
            "status": "ok" if running == len(workers) else "degraded" if running else "down",
            "workers": len(workers),
            "running": running,
            "version": __version__,
        }
        return Response(
            orjson.dumps(body), status_code=200 if running else 503, media_type="application/json"
        )

    async def stats(self, _: Call) -> Any:
        """Return every worker's counters."""
        return {
            "workers": await self.pop.stats(),
            "states": self.pop.workers,
            "supervisor": self.pop.own_metrics,
        }

    async def live(self, call: Call) -> Any:
        """Return what this POP and its mesh do just now; ``history=1`` with the curves of the last minutes."""
        running = [worker["running"] for worker in self.pop.workers]
        about = {"version": __version__, "workers": len(running), "running": sum(running)}
        live = await self.pop.live(history=call.flag("history"), idle=call.flag("idle"))
        return {**live, "process": about}

    async def metrics(self, _: Call) -> Any:
        """Return the same for Prometheus."""
        text = metrics.render(await self.pop.stats(), own=self.pop.own_metrics, pop=self.pop.site.router.pop)
        return Response(text, media_type=metrics.MEDIA_TYPE)

    async def route(self, call: Call) -> Any:
        """Say where a viewer with this address would be served now, and why."""
        address = call.query("address")
        try:
            ip_address(address)
        except ValueError:
            raise BadRequestError(
                f'address is "{address[:80]}", not an IP address', remedy="Write for example 203.0.113.7."
            ) from None
        try:
            return await self.pop.explain(address)
        except ConfigError as error:
            raise NoMeshError(str(error), remedy=error.remedy) from None


def status_endpoints(api: StatusApi) -> list[Endpoint]:
    """Return the table of these endpoints."""
    return [
        Endpoint(method="GET", path="/v1/health", summary="Is the POP well?", answer=api.health, scope=None),
        Endpoint(method="GET", path="/v1/stats", summary="Counters of every worker", answer=api.stats),
        Endpoint(
            method="GET",
            path="/v1/live",
            summary="What this POP and its mesh do just now",
            answer=api.live,
            query={
                "history": flag("with the curves of the last five minutes"),
                "idle": flag("with the functions that ran before, but not just now"),
            },
        ),
        Endpoint(method="GET", path="/v1/metrics", summary="The same for Prometheus", answer=api.metrics),
        Endpoint(
            method="GET",
            path="/v1/route",
            summary="Where would a viewer be served, and why?",
            answer=api.route,
            query={
                "address": Parameter(
                    "the viewer's IP address",
                    {"type": "string", "anyOf": [{"format": "ipv4"}, {"format": "ipv6"}]},
                    required=True,
                )
            },
        ),
    ]
