"""What the admin API can do about which viewers get which version: watch a rollout, promote, roll back."""

from dataclasses import dataclass
from typing import Any

from edgefaas.control.deploy import Deployer
from edgefaas.control.endpoint import SMALL_BODY_BYTES, BadRequestError, Call, Endpoint
from edgefaas.control.pop import Pop
from edgefaas.control.representations import NOTHING_COUNTED, deployed_row, order_of, rollout_row, totals
from edgefaas.control.tokens import Scope
from edgefaas.control.workshop import Shelf
from edgefaas.split import read_share


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutApi:
    """The endpoints; ``rollout_endpoints`` says where each is found."""

    deployer: Deployer
    shelf: Shelf
    pop: Pop

    async def rollouts(self, _: Call) -> Any:
        """Return every version on its way, with the figures of both sides since the workers started."""
        found = await self.shelf.disk.run(self.shelf.store.rollouts)
        counts = totals(await self.pop.stats()) if found else {}
        rows = []
        for name, item in found.items():
            both = {
                version: counts.get((name, version), NOTHING_COUNTED)
                for version in (item.version, item.previous)
            }
            rows.append({"name": name, **(rollout_row(item) or {}), "counts": both})
        return {"rollouts": rows}

    async def promote(self, call: Call) -> Any:
        """Make a canary live for everybody, with those it was deployed with; or give it another share."""
        percent = call.object().get("percent")
        if percent is not None and (isinstance(percent, bool) or not isinstance(percent, int | float)):
            raise BadRequestError("percent is not a number", remedy="Send 0.01 to 99.99, or nothing for all.")
        share = None if percent is None or percent == 100 else read_share(percent)  # noqa: PLR2004  # percent
        done = await self.deployer.promote(call.name, order_of(call, "promote"), share=share)
        return {"promoted": [deployed_row(item) for item in done]}

    async def rollback(self, call: Call) -> Any:
        """Make a stored version live again; without ``version`` the one before."""
        wanted = call.object().get("version")
        if wanted is not None and not isinstance(wanted, str):
            raise BadRequestError("version is not a string", remedy="Send its number or its first digits.")
        deployed = await self.deployer.rollback(call.name, wanted, order_of(call, "rollback"))
        return deployed_row(deployed)


def rollout_endpoints(api: RolloutApi) -> list[Endpoint]:
    """Return the table of these endpoints."""
    function = "/v1/functions/{name}"
    return [
        Endpoint(
            method="GET",
            path="/v1/rollouts",
            summary="List versions on their way, with the figures of both sides",
            answer=api.rollouts,
        ),
        Endpoint(
            method="POST",
            path=f"{function}/promote",
            summary="Make a canary live for everybody, or for another share of the viewers",
            answer=api.promote,
            scope=Scope.DEPLOY,
            body_max=SMALL_BODY_BYTES,
            body_schema="Promote",
        ),
        Endpoint(
            method="POST",
            path=f"{function}/rollback",
            summary="Make a stored version live again",
            answer=api.rollback,
            scope=Scope.DEPLOY,
            body_max=SMALL_BODY_BYTES,
            body_schema="Rollback",
        ),
    ]
