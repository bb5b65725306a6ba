"""What the admin API can do with what is yet to be deployed: plan, take files, build, deploy."""

import re
import time
from dataclasses import asdict, dataclass
from typing import Any

from edgefaas.control.bundle import BUNDLE_MAX_BYTES, Bundle
from edgefaas.control.deploy import Deployer
from edgefaas.control.endpoint import BadRequestError, Call, Endpoint, flag
from edgefaas.control.orders import FUNCTIONS_MAX, Terms, read_delivery
from edgefaas.control.planning import planned, read_outline
from edgefaas.control.pop import Pop
from edgefaas.control.records import Version
from edgefaas.control.representations import deployed_row, order_of
from edgefaas.control.tokens import Scope
from edgefaas.control.usage import missing_namespaces, users_of
from edgefaas.control.workshop import Shelf
from edgefaas.release import FILE_MAX_BYTES, Release
from edgefaas.site import DirectoryOrigin, Site
from edgefaas.split import WHOLE

DEPLOY_BODY_BYTES = BUNDLE_MAX_BYTES // 3 * 4 + 1024 * 1024  # base64, and the JSON around it
PLAN_BODY_BYTES = 16 * 1024 * 1024
_DIGEST = re.compile(r"[0-9a-f]{64}\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployApi:
    """The endpoints; ``deploy_endpoints`` says where each is found."""

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
            versions = {outline.name: store.versions.of(outline.name) for outline in wanted}
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

    async def deploy(self, call: Call) -> Any:
        """Deploy one function, or several at once; ``dry_run=1`` only builds."""
        began_s = time.perf_counter()
        delivery = read_delivery(call.json())
        bundles, terms = delivery.bundles, delivery.terms
        call.about(", ".join(bundle.name for bundle in bundles) + _said_of(terms))
        dry_run = call.flag("dry_run")
        if dry_run:
            ready = [await self.deployer.prepare(bundle) for bundle in bundles]
            deployed = [
                {"name": version.function, "version": version.version, "number": version.number}
                | {"warnings": list(record.warnings), "changed": self._would_change(version)}
                for version, record in ready
            ]
        else:
            done = await self.deployer.deploy(bundles, order_of(call, "deploy"), terms)
            deployed = [deployed_row(item) for item in done]
        for bundle, row in zip(bundles, deployed, strict=True):
            said: Any = row["warnings"]
            row["warnings"] = [*said, *_remarks(self.pop.site, bundle)]
            row["used_by"] = users_of(self.pop.site, str(row["name"]))
        took_ms = round((time.perf_counter() - began_s) * 1000, 1)
        return {"deployed": deployed, "live": not dry_run, "took_ms": took_ms}

    def _would_change(self, version: Version) -> bool:
        live = self.deployer.live.get(version.function)
        return live is None or live.version != version.version


def deploy_endpoints(api: DeployApi) -> list[Endpoint]:
    """Return the table of these endpoints."""
    return [
        Endpoint(
            method="POST",
            path="/v1/plan",
            summary="Say what a deploy would change",
            answer=api.plan,
            scope=Scope.DEPLOY,
            body_max=PLAN_BODY_BYTES,
            body_schema="Plan",
            asks_only=True,
        ),
        Endpoint(
            method="POST",
            path="/v1/files/missing",
            summary="Say which files of a release are yet to be sent",
            answer=api.missing_files,
            scope=Scope.DEPLOY,
            body_max=PLAN_BODY_BYTES,
            body_schema="Files",
            asks_only=True,
        ),
        Endpoint(
            method="PUT",
            path="/v1/files/{digest}",
            summary="Send a file of a release, named by its SHA-256",
            answer=api.take_file,
            scope=Scope.DEPLOY,
            body_max=FILE_MAX_BYTES,
            body_schema="Octets",
            asks_only=True,
        ),
        Endpoint(
            method="POST",
            path="/v1/functions",
            summary="Deploy one function, or several at once",
            answer=api.deploy,
            scope=Scope.DEPLOY,
            body_max=DEPLOY_BODY_BYTES,
            body_schema="Deploy",
            query={"dry_run": flag("build only")},
        ),
    ]


def _remarks(site: Site, bundle: Bundle | Release) -> list[str]:
    """Return what the site lacks for a deploy to mean anything."""
    if isinstance(bundle, Bundle):
        return missing_namespaces(site, bundle.kv)
    if isinstance(site.origins.get(bundle.origin), DirectoryOrigin):
        return []
    return [f"The site has no directory origin {bundle.origin} yet: add it to edgefaas.toml, and reload."]


def _said_of(terms: Terms) -> str:
    """Return how it goes out, for the audit log."""
    return "" if terms.share is None else f", canary for {terms.share * 100 / WHOLE:g} %"
