"""What the admin API can do about versions on their way: plan, watch, promote, prune."""

import re
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from edgefaas.control.api import BadRequestError, Call
from edgefaas.control.deploy import Deployer
from edgefaas.control.endpoints import NOTHING_COUNTED, deployed_row, order_of, rollout_row, totals
from edgefaas.control.orders import FUNCTIONS_MAX
from edgefaas.control.planning import planned, read_outline
from edgefaas.control.usage import users_of
from edgefaas.control.workshop import Shelf
from edgefaas.site import Site
from edgefaas.split import read_share

KEEP_MAX = 1_000_000
_DIGEST = re.compile(r"[0-9a-f]{64}\Z")


class Pop(Protocol):
    """The running POP, as far as these endpoints ask it."""

    @property
    def site(self) -> Site:
        """Return the site that is served."""
        ...

    async def stats(self) -> list[dict[str, Any]]:
        """Return every worker's counters."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutApi:
    """The collaborators of these endpoints."""

    deployer: Deployer
    shelf: Shelf
    pop: Pop

    async def plan(self, call: Call) -> Any:
        """Say what a deploy would change; nothing is built, stored or changed."""
        asked = call.object()
        outlines, canary = asked.get("functions"), asked.get("canary", False)
        if not isinstance(outlines, list) or not 0 < len(outlines) <= FUNCTIONS_MAX:
            raise BadRequestError("functions is not a list", remedy=f"Send 1 to {FUNCTIONS_MAX} outlines.")
        if not isinstance(canary, bool):
            raise BadRequestError("canary is not true or false", remedy="Send true for a deploy to some.")
        store, wanted = self.shelf.store, [read_outline(outline) for outline in outlines]

        def at_one_instant() -> tuple[Any, ...]:
            versions = {outline.name: store.versions(outline.name) for outline in wanted}
            return store.live(), store.rollouts(), versions

        live, rollouts, versions = await self.shelf.disk.run(at_one_instant)
        steps = []
        for outline in wanted:
            name = outline.name
            step = planned(outline, live.get(name), rollouts.get(name), versions[name], canary=canary)
            steps.append(asdict(step) | {"used_by": users_of(self.pop.site, name)})
        return {"plan": steps}

    async def missing_files(self, call: Call) -> Any:
        """Say which of these files are yet to be sent before a release may name them."""
        names = call.object().get("files")
        if not isinstance(names, list) or not all(
            isinstance(name, str) and _DIGEST.match(name) for name in names
        ):
            raise BadRequestError("files is not a list of SHA-256", remedy="Send 64 hex digits for each.")
        return {"missing": await self.deployer.house.missing_files(dict.fromkeys(names))}

    async def take_file(self, call: Call) -> Any:
        """Keep a file for a release that will name it within the hour."""
        await self.deployer.house.take_file(str(call.request.path_params["digest"]), call.body)
        return {"bytes": len(call.body)}

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

    async def prune(self, call: Call) -> Any:
        """Forget old versions, and remove what only they needed; ``dry_run=1`` only says which."""
        keep = call.count("keep", self.pop.site.keep_versions or KEEP_MAX, high=KEEP_MAX)
        pruned = await self.deployer.house.prune(keep, dry_run=call.flag("dry_run"))
        call.about(f"{len(pruned.versions)} versions")
        return {
            "keep": keep,
            "versions": [
                {"name": item.function, "version": item.version, "number": item.number}
                for item in pruned.versions
            ],
            "files": pruned.files,
            "artifacts": pruned.artifacts,
            "done": not call.flag("dry_run"),
        }
