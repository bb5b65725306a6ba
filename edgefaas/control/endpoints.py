"""What the admin API can do: one method per endpoint. ``catalogue`` says where each is found."""

import base64
import dataclasses
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_address
from typing import Any, Protocol

import orjson
from starlette.responses import Response, StreamingResponse

from edgefaas import __version__
from edgefaas.control import metrics
from edgefaas.control.access import TOKEN_LIFE_MAX_S, Access, ForbiddenError, Scope, read_audit
from edgefaas.control.api import BadRequestError, Call, wall_s
from edgefaas.control.bundle import Bundle
from edgefaas.control.deploy import Deployer, Order, Shelf
from edgefaas.control.hub import LEVELS, Follower, LineFilter, LogHub
from edgefaas.control.logring import Line
from edgefaas.control.masking import without_secrets, without_values
from edgefaas.control.orders import Deployed, Terms, read_delivery
from edgefaas.control.plain import to_plain
from edgefaas.control.purging import Purger, checked_purge
from edgefaas.control.rollout import Rollout, rule_to_json
from edgefaas.control.sessions import TICKET_LIFE_S
from edgefaas.control.store import Change, Version, unknown_function
from edgefaas.control.usage import missing_namespaces, users_by_function, users_of
from edgefaas.errors import ConfigError, EdgeError
from edgefaas.release import KIND, Release, is_release
from edgefaas.site import DirectoryOrigin, Site
from edgefaas.split import WHOLE

NOTHING_COUNTED = dict.fromkeys(("runs", "errors", "throttled", "server_errors", "cpu_us"), 0)
LOG_LINES = 100
LOG_LINES_MAX = 10_000
STREAM_IDLE_S = 15.0  # then a blank line, so that a vanished reader is found out
INSTANT_MAX_S = 1e11  # 5138 AD


class Pop(Protocol):
    """The running POP, as far as the API asks it."""

    @property
    def site(self) -> Site:
        """Return the site that is served."""
        ...

    async def reload(self) -> list[str]:
        """Read the site's file again; return warnings. Raises EdgeError and keeps the old site."""
        ...

    async def invoke(self, function: str, event: bytes) -> dict[str, Any]:
        """Run a function once."""
        ...

    async def explain(self, address: str) -> dict[str, Any]:
        """Say where a viewer would be served, and why. Raises ConfigError: the site has no POPs."""
        ...

    async def stats(self) -> list[dict[str, Any]]:
        """Return every worker's counters."""
        ...

    async def live(self, *, history: bool, idle: bool) -> dict[str, Any]:
        """Return what this POP and its mesh do just now."""
        ...

    @property
    def workers(self) -> list[dict[str, Any]]:
        """Return every worker's state."""
        ...

    @property
    def own_metrics(self) -> dict[str, float]:
        """Return the supervisor's own numbers."""
        ...


class SiteRefusedError(ConfigError):
    """The site's file is wrong; the site that was served is still served."""

    status = 422


class NoMeshError(ConfigError):
    """The site names no POPs to choose from."""

    status = 409


class TooManyReadersError(EdgeError):
    """Every log stream is taken."""

    status = 503


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """The collaborators of every endpoint."""

    deployer: Deployer
    shelf: Shelf
    purger: Purger
    hub: LogHub
    access: Access
    pop: Pop

    # Functions

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
                _summary(version)
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
        return _tagged(told)

    async def versions(self, call: Call) -> Any:
        """Return a function's versions, the newest first, and the last changes of what was live.

        The ETag is the live version: with If-Match a change is refused when another is live by then.
        """
        return _tagged(await self._versions(call))

    async def _versions(self, call: Call) -> dict[str, Any]:
        store = self.shelf.store

        def at_one_instant() -> tuple[Any, ...]:
            # One turn of the thread that also writes: who compares the history with what is live sees no half change.
            return store.versions(call.name), store.live(), store.history(call.name), store.rollouts()

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
                _summary(version) | {"counts": counts.get((call.name, version.version), NOTHING_COUNTED)}
                for version in versions
            ],
            "history": [_change(change) for change in history],
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
            version = store.find(call.name, call.request.path_params["version"])
            shown = with_files and version.kind != KIND  # a folder's files may be gigabytes
            contents = {path: blobs.get(blob) for path, blob in version.files.items()} if shown else None
            return version, store.build(call.name, version.version), contents

        version, build, contents = await self.shelf.disk.run(at_one_instant)
        row = _summary(version) | {
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

    async def rollback(self, call: Call) -> Any:
        """Make a stored version live again; without ``version`` the one before."""
        wanted = call.object().get("version")
        if wanted is not None and not isinstance(wanted, str):
            raise BadRequestError("version is not a string", remedy="Send its number or its first digits.")
        deployed = await self.deployer.rollback(call.name, wanted, order_of(call, "rollback"))
        return deployed_row(deployed)

    async def remove(self, call: Call) -> Any:
        """Remove a function with all its versions; ``force=1`` even when the site uses it."""
        # Without a release its folder on disk is served again: no request fails.
        unneeded = call.flag("force") or is_release(call.name)
        used_by = [] if unneeded else users_of(self.pop.site, call.name)
        await self.deployer.remove(call.name, order_of(call, "rm"), used_by=used_by)
        return {"removed": call.name}

    async def invoke(self, call: Call) -> Any:
        """Run a function once with the body as its event."""
        call.json()
        if call.name not in self.deployer.live:
            raise unknown_function(call.name)
        return await self.pop.invoke(call.name, call.body)

    # Cache and site

    async def purge(self, call: Call) -> Any:
        """Purge; in force in every worker when this answers."""
        asked = call.object()
        kind, value, soft = asked.get("kind", ""), asked.get("value", ""), asked.get("soft", False)
        if not isinstance(kind, str) or not isinstance(value, str) or not isinstance(soft, bool):
            raise BadRequestError("kind, value or soft has a wrong type", remedy="See /v1/openapi.json.")
        purge = checked_purge(kind, value, soft=soft)
        call.about(f"{kind} {value}".strip())
        hit = await self.purger.purge(purge, actor=call.actor)
        return {"removed": hit.number, "complete": hit.complete}

    async def purges(self, call: Call) -> Any:
        """Return the last purges."""
        records = await self.shelf.disk.run(
            self.shelf.store.purges, limit=call.count("limit", 100, high=1000)
        )
        return {"purges": [dataclasses.asdict(record) for record in records]}

    async def site(self, _: Call) -> Any:
        """Return the site that is served, without what may be secret in it."""
        return without_secrets(to_plain(self.pop.site))

    async def reload(self, _: Call) -> Any:
        """Read the site's file again."""
        try:
            warnings = await self.pop.reload()
        except ConfigError as error:
            raise SiteRefusedError(str(error), remedy=error.remedy) from None
        return {"site": self.pop.site.name, "warnings": warnings}

    # Watching

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

    async def logs(self, call: Call) -> Any:
        """Return the last lines as NDJSON (or server-sent events); ``follow=1`` goes on."""
        wanted = _filter(call)
        events = "text/event-stream" in call.request.headers.get("accept", "")
        media_type = "text/event-stream" if events else "application/x-ndjson"
        encode = partial(_as_event if events else _as_line, self.pop.site.router.pop)
        last = self.hub.last(wanted, limit=call.count("limit", LOG_LINES, high=LOG_LINES_MAX))
        if not call.flag("follow"):
            return Response(b"".join(map(encode, last)), media_type=media_type)
        follower = self.hub.follow(wanted)
        if follower is None:
            raise TooManyReadersError("Too many readers follow the logs", remedy="End one of them.")
        body = self._stream(last, follower, encode, idle=b": idle\n\n" if events else b"\n")
        return StreamingResponse(body, media_type=media_type, headers={"Cache-Control": "no-store"})

    async def _stream(
        self, last: Sequence[Line], follower: Follower, encode: Callable[[Line], bytes], *, idle: bytes
    ) -> AsyncIterator[bytes]:
        try:
            yield b"".join(map(encode, last)) + idle  # an idle line ends what was there before
            async for lines in follower.batches(idle_s=STREAM_IDLE_S):
                yield b"".join(map(encode, lines)) or idle
        finally:
            self.hub.leave(follower)

    async def audit(self, call: Call) -> Any:
        """Return the last changes that were asked for, by whom, and how they ended."""
        limit = call.count("limit", 100, high=1000)
        return {"audit": await self.shelf.disk.run(read_audit, self.shelf.store, limit=limit)}

    # Tokens

    async def tokens(self, _: Call) -> Any:
        """Return the tokens, without their secrets."""
        tokens = await self.shelf.disk.run(self.access.tokens)
        return {"tokens": [_token_row(token) for token in tokens]}

    async def create_token(self, call: Call) -> Any:
        """Make a token; its secret is in this answer and nowhere else."""
        asked = call.object()
        name, scopes, expires = asked.get("name"), asked.get("scopes"), asked.get("expires_in_s")
        if not isinstance(name, str) or not isinstance(scopes, list):
            raise BadRequestError("name or scopes is missing", remedy="Send a name and a list of scopes.")
        if expires is not None and (type(expires) not in (int, float) or not 0 < expires <= TOKEN_LIFE_MAX_S):
            raise BadRequestError(
                f"expires_in_s is not a number of seconds up to {TOKEN_LIFE_MAX_S}",
                remedy="Send seconds, or leave it out.",
            )
        call.about(name)
        secret = await self.shelf.disk.run(
            self.access.create,
            name,
            scopes=[str(scope) for scope in scopes],
            now_s=wall_s(),
            expires_in_s=expires,
        )
        return {"name": name, "scopes": sorted(map(str, scopes)), "token": secret}

    async def whoami(self, call: Call) -> Any:
        """Return whose token this is, and what it may do."""
        assert call.token is not None
        return _token_row(call.token)

    async def make_ticket(self, call: Call) -> Any:
        """Make what signs one browser in: good once, and briefly."""
        assert call.token is not None
        ticket = self.access.ticket(call.token, now_s=wall_s())
        return {"ticket": ticket, "expires_in_s": TICKET_LIFE_S}

    async def sign_in(self, call: Call) -> Any:
        """Turn a ticket into a session; its secret is used as a token."""
        ticket = call.object().get("ticket")
        if not isinstance(ticket, str):
            raise BadRequestError("ticket is missing", remedy="Send the one that /v1/tickets gave.")
        secret, token = self.access.sign_in(ticket, now_s=wall_s())
        return {**_token_row(token), "token": secret}

    async def revoke_token(self, call: Call) -> Any:
        """Make a token worthless."""
        await self.shelf.disk.run(self.access.revoke, call.name)
        return {"revoked": call.name}


def totals(stats: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str], dict[str, int]]:
    """Return what all workers counted, by function and version."""
    found: dict[tuple[str, str], dict[str, int]] = {}
    for worker in stats:
        for row in (*(worker.get("functions") or ()), *(worker.get("releases") or ())):
            counts = found.setdefault((row["name"], row["version"]), dict(NOTHING_COUNTED))
            for name in NOTHING_COUNTED:
                counts[name] += int(row[name])
    return found


def rollout_row(rollout: Rollout | None) -> dict[str, Any] | None:
    """Return what is on its way as JSON values."""
    if rollout is None:
        return None
    return {
        "version": rollout.version,
        "previous": rollout.previous,
        "percent": rollout.share * 100 / WHOLE,
        "affinity": str(rollout.affinity),
        "group": rollout.salt,
        "since_s": rollout.since_s,
        "watch": rule_to_json(rollout.rule),
        "until_s": rollout.until_s,
    }


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


def deployed_row(deployed: Deployed) -> dict[str, Any]:
    """Return what came of a change as JSON values."""
    row = dataclasses.asdict(deployed)
    return row | {"percent": row.pop("share") * 100 / WHOLE}


def order_of(call: Call, action: str) -> Order:
    """Return the order; ``If-Match: "<version>"`` and ``If-None-Match: *`` say what must be live now."""
    headers = call.request.headers
    expected: str | None = None
    if "if-match" in headers:
        expected = headers["if-match"].strip().removeprefix("W/").strip('"')
        if not expected or "," in expected:
            raise BadRequestError("If-Match is not one ETag", remedy="Send the one that a read gave, or *.")
    elif headers.get("if-none-match", "").strip() == "*":
        expected = ""
    return Order(actor=call.actor, action=action, expected=expected)


def _filter(call: Call) -> LineFilter:
    level = call.query("level")
    if level and level not in LEVELS:
        raise BadRequestError(f'level is "{level[:80]}"', remedy=f"Use one of {', '.join(LEVELS)}.")
    return LineFilter(
        function=call.query("function"),
        level=level,
        request_id=call.query("request_id"),
        text=call.query("text"),
        status=call.query("status"),
        since_s=_instant(call.query("since")),
    )


def _tagged(told: dict[str, Any]) -> Response:
    """Return a function's facts, with its live version as ETag; without one where nothing is live."""
    headers = {"ETag": f'"{told["live"]}"'} if told["live"] else {}
    return Response(orjson.dumps(told), media_type="application/json", headers=headers)


def _instant(text: str) -> float:
    """Return a query parameter that is Unix time; 0 for none. Raises BadRequestError."""
    try:
        at_s = float(text or 0)
    except ValueError:
        at_s = -1.0
    if not 0 <= at_s < INSTANT_MAX_S:
        raise BadRequestError(f'since is "{text[:80]}"', remedy="Use Unix time in seconds.")
    return at_s


def _summary(version: Version) -> dict[str, Any]:
    return {
        "name": version.function,
        "version": version.version,
        "number": version.number,
        "kind": version.kind,
        "size_bytes": version.size_bytes,
        "created_at_s": version.created_at_s,
    }


def _change(change: Change) -> dict[str, Any]:
    return dataclasses.asdict(change)


def _token_row(token: Any) -> dict[str, Any]:
    return {
        "name": token.name,
        "scopes": sorted(token.scopes),
        "created_at_s": token.created_at_s,
        "expires_at_s": token.expires_at_s,
    }


def _as_line(pop: str, line: Line) -> bytes:
    return orjson.dumps(_of_pop(pop, line), option=orjson.OPT_APPEND_NEWLINE)


def _as_event(pop: str, line: Line) -> bytes:
    return b"data: " + orjson.dumps(_of_pop(pop, line)) + b"\n\n"


def _of_pop(pop: str, line: Line) -> Line:
    return {**line, "pop": pop} if pop else line
