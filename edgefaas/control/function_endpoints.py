"""What the admin API can do with what is deployed: list, show, run once, remove, prune."""

import base64
import dataclasses
from dataclasses import dataclass
from typing import Any

from edgefaas.control.access import ForbiddenError
from edgefaas.control.deploy import Deployer
from edgefaas.control.endpoint import Call, Endpoint, count, flag
from edgefaas.control.masking import without_values
from edgefaas.control.pop import Pop
from edgefaas.control.representations import (
    NOTHING_COUNTED,
    order_of,
    rollout_row,
    tagged,
    totals,
    version_row,
)
from edgefaas.control.tokens import Scope
from edgefaas.control.usage import users_by_function, users_of
from edgefaas.control.versions import unknown_function
from edgefaas.control.workshop import Shelf
from edgefaas.release import KIND, is_release

EVENT_BODY_BYTES = 8 * 1024 * 1024
KEEP_MAX = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionApi:
    """The endpoints; ``function_endpoints`` says where each is found."""

    deployer: Deployer
    shelf: Shelf
    pop: Pop

    async def functions(self, _: Call) -> Any:
        """Return every function and its live version."""
        store = self.shelf.store

        def at_one_instant() -> tuple[Any, ...]:
            return store.live(), store.live_since(), store.rollouts()

        lives, since, rollouts = await self.shelf.disk.run(at_one_instant)
        users = users_by_function(self.pop.site)
        rows = []
        for name, version in lives.items():
            rows.append(
                version_row(version)
                | {
                    "since_s": since[name],
                    "used_by": users.get(name, []),
                    "running": name in self.deployer.live,
                    "rollout": rollout_row(rollouts.get(name)),
                }
            )
        return {"functions": rows}

    async def function(self, call: Call) -> Any:
        """Return one function with its versions and its history."""
        told = await self._versions(call) | {"used_by": users_of(self.pop.site, call.name)}
        return tagged(told)

    async def versions(self, call: Call) -> Any:
        """Return a function's versions, the newest first, and the last changes of what was live.

        The ETag is the live version: with If-Match a change is refused when another is live by then.
        """
        return tagged(await self._versions(call))

    async def _versions(self, call: Call) -> dict[str, Any]:
        store = self.shelf.store

        def at_one_instant() -> tuple[Any, ...]:
            # One turn of the thread that also writes: who compares the history with what is live sees no half change.
            return store.versions.of(call.name), store.live(), store.history(call.name), store.rollouts()

        versions, lives, history, rollouts = await self.shelf.disk.run(at_one_instant)
        if not versions:
            raise unknown_function(call.name)
        live, rollout = lives.get(call.name), rollouts.get(call.name)
        counts = totals(await self.pop.stats())
        return {
            "name": call.name,
            "live": live.version if live else None,
            "rollout": rollout_row(rollout),
            "versions": [
                version_row(version) | {"counts": counts.get((call.name, version.version), NOTHING_COUNTED)}
                for version in versions
            ],
            "history": [dataclasses.asdict(change) for change in history],
        }

    async def version(self, call: Call) -> Any:
        """Return one version; with ``files=1`` what is in it.

        What is in it, and the values of its environment, are for those who may deploy.
        """
        store, blobs = self.shelf.store, self.shelf.blobs
        trusted, with_files = call.may(Scope.DEPLOY), call.flag("files")
        if with_files and not trusted:
            raise ForbiddenError(
                "The token may not read what is deployed", remedy=f"Use one with scope {Scope.DEPLOY}."
            )

        def at_one_instant() -> tuple[Any, ...]:
            # Else a version might be pruned in between, and its files be said to be lost.
            version = store.versions.find(call.name, call.request.path_params["version"])
            shown = with_files and version.kind != KIND  # a folder's files may be gigabytes
            contents = {path: blobs.get(blob) for path, blob in version.files.items()} if shown else None
            return version, store.versions.build(call.name, version.version), contents

        version, build, contents = await self.shelf.disk.run(at_one_instant)
        row = version_row(version) | {
            "entry": version.entry,
            "handler": version.handler,
            "settings": dict(version.settings) if trusted else without_values(version.settings),
            "files": dict(version.files),
            "facts": dict(build.facts) if build else {},
            "warnings": list(build.warnings) if build else [],
        }
        if contents is not None:
            row["contents"] = {path: base64.b64encode(data).decode() for path, data in contents.items()}
        return row

    async def invoke(self, call: Call) -> Any:
        """Run a function once with the body as its event."""
        call.json()
        if call.name not in self.deployer.live:
            raise unknown_function(call.name)
        return await self.pop.invoke(call.name, call.body)

    async def remove(self, call: Call) -> Any:
        """Remove a function with all its versions; ``force=1`` even when the site uses it."""
        # Without a release its folder on disk is served again: no request fails.
        unneeded = call.flag("force") or is_release(call.name)
        used_by = [] if unneeded else users_of(self.pop.site, call.name)
        await self.deployer.remove(call.name, order_of(call, "rm"), used_by=used_by)
        return {"removed": call.name}

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


def function_endpoints(api: FunctionApi) -> list[Endpoint]:
    """Return the table of these endpoints."""
    function = "/v1/functions/{name}"
    return [
        Endpoint(method="GET", path="/v1/functions", summary="List functions", answer=api.functions),
        Endpoint(method="GET", path=function, summary="Show a function", answer=api.function),
        Endpoint(
            method="DELETE",
            path=function,
            summary="Remove a function",
            answer=api.remove,
            scope=Scope.DEPLOY,
            query={"force": flag("even when the site uses it")},
        ),
        Endpoint(method="GET", path=f"{function}/versions", summary="List versions", answer=api.versions),
        Endpoint(
            method="GET",
            path=f"{function}/versions/{{version}}",
            summary="Show a version",
            answer=api.version,
            query={"files": flag("with the files' contents")},
        ),
        Endpoint(
            method="POST",
            path=f"{function}/invoke",
            summary="Run a function once",
            answer=api.invoke,
            scope=Scope.DEPLOY,
            body_max=EVENT_BODY_BYTES,
            body_schema="Event",
        ),
        Endpoint(
            method="POST",
            path="/v1/prune",
            summary="Forget old versions",
            answer=api.prune,
            scope=Scope.DEPLOY,
            query={
                "keep": count("how many of each function; by default what the site says", high=KEEP_MAX),
                "dry_run": flag("only say which"),
            },
        ),
    ]
