"""Every address of the admin API, the scope that it needs, and the largest body that it takes."""

from typing import Any

from edgefaas.control.access import Scope
from edgefaas.control.api import SMALL_BODY_BYTES, Call, Endpoint, Parameter, count, flag
from edgefaas.control.bundle import BUNDLE_MAX_BYTES
from edgefaas.control.endpoints import INSTANT_MAX_S, LOG_LINES_MAX, Api
from edgefaas.control.hub import LEVELS
from edgefaas.control.kv_endpoints import KvApi, kv_endpoints
from edgefaas.control.openapi import document
from edgefaas.control.rollout_endpoints import KEEP_MAX, RolloutApi
from edgefaas.control.secret_endpoints import SecretApi, secret_endpoints
from edgefaas.release import FILE_MAX_BYTES

DEPLOY_BODY_BYTES = BUNDLE_MAX_BYTES // 3 * 4 + 1024 * 1024  # base64, and the JSON around it
PLAN_BODY_BYTES = 16 * 1024 * 1024
EVENT_BODY_BYTES = 8 * 1024 * 1024


def endpoints(api: Api, rollouts: RolloutApi, kv: KvApi, secrets: SecretApi) -> list[Endpoint]:
    """Return the table of all endpoints."""
    function = "/v1/functions/{name}"
    log_query: dict[str, str | Parameter] = {
        "follow": flag("go on with what comes"),
        "limit": count("how many of the last lines", high=LOG_LINES_MAX),
        "function": "only of this function",
        "level": Parameter("this level and graver", {"enum": list(LEVELS)}),
        "status": "only requests with this status: 404, 5xx",
        "request_id": "only of this request",
        "text": "only lines that contain this",
        "since": Parameter(
            "only lines later than this instant (Unix time)",
            {"type": "number", "minimum": 0, "exclusiveMaximum": INSTANT_MAX_S},
        ),
    }
    table = [
        Endpoint(method="GET", path="/v1/health", summary="Is the POP well?", answer=api.health, scope=None),
        Endpoint(method="GET", path="/v1/functions", summary="List functions", answer=api.functions),
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
            path=f"{function}/rollback",
            summary="Make a stored version live again",
            answer=api.rollback,
            scope=Scope.DEPLOY,
            body_max=SMALL_BODY_BYTES,
            body_schema="Rollback",
        ),
        Endpoint(
            method="POST",
            path=f"{function}/promote",
            summary="Make a canary live for everybody, or for another share of the viewers",
            answer=rollouts.promote,
            scope=Scope.DEPLOY,
            body_max=SMALL_BODY_BYTES,
            body_schema="Promote",
        ),
        Endpoint(
            method="POST",
            path="/v1/plan",
            summary="Say what a deploy would change",
            answer=rollouts.plan,
            scope=Scope.DEPLOY,
            body_max=PLAN_BODY_BYTES,
            body_schema="Plan",
            asks_only=True,
        ),
        Endpoint(
            method="POST",
            path="/v1/files/missing",
            summary="Say which files of a release are yet to be sent",
            answer=rollouts.missing_files,
            scope=Scope.DEPLOY,
            body_max=PLAN_BODY_BYTES,
            body_schema="Files",
            asks_only=True,
        ),
        Endpoint(
            method="PUT",
            path="/v1/files/{digest}",
            summary="Send a file of a release, named by its SHA-256",
            answer=rollouts.take_file,
            scope=Scope.DEPLOY,
            body_max=FILE_MAX_BYTES,
            body_schema="Octets",
            asks_only=True,
        ),
        Endpoint(
            method="GET",
            path="/v1/rollouts",
            summary="List versions on their way, with the figures of both sides",
            answer=rollouts.rollouts,
        ),
        Endpoint(
            method="POST",
            path="/v1/prune",
            summary="Forget old versions",
            answer=rollouts.prune,
            scope=Scope.DEPLOY,
            query={
                "keep": count("how many of each function; by default what the site says", high=KEEP_MAX),
                "dry_run": flag("only say which"),
            },
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
            path="/v1/purge",
            summary="Purge the cache",
            answer=api.purge,
            scope=Scope.PURGE,
            body_max=SMALL_BODY_BYTES,
            body_schema="Purge",
        ),
        Endpoint(method="GET", path="/v1/purges", summary="List purges", answer=api.purges),
        Endpoint(method="GET", path="/v1/site", summary="Show the site", answer=api.site),
        Endpoint(
            method="POST",
            path="/v1/site/reload",
            summary="Read the site's file again",
            answer=api.reload,
            scope=Scope.DEPLOY,
        ),
        Endpoint(method="GET", path="/v1/logs", summary="Read the logs", answer=api.logs, query=log_query),
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
            method="GET", path="/v1/audit", summary="Who changed what", answer=api.audit, scope=Scope.ADMIN
        ),
        Endpoint(method="GET", path="/v1/whoami", summary="Whose token is this?", answer=api.whoami),
        Endpoint(
            method="POST",
            path="/v1/tickets",
            summary="Make a ticket that signs one browser in, once",
            answer=api.make_ticket,
        ),
        Endpoint(
            method="POST",
            path="/v1/sessions",
            summary="Turn a ticket into a session, whose secret is a token",
            answer=api.sign_in,
            scope=None,
            body_max=SMALL_BODY_BYTES,
            body_schema="Ticket",
        ),
        Endpoint(
            method="GET", path="/v1/tokens", summary="List tokens", answer=api.tokens, scope=Scope.ADMIN
        ),
        Endpoint(
            method="POST",
            path="/v1/tokens",
            summary="Make a token",
            answer=api.create_token,
            scope=Scope.ADMIN,
            body_max=SMALL_BODY_BYTES,
            body_schema="NewToken",
        ),
        Endpoint(
            method="DELETE",
            path="/v1/tokens/{name}",
            summary="Revoke a token",
            answer=api.revoke_token,
            scope=Scope.ADMIN,
        ),
    ]

    table += kv_endpoints(kv)
    table += secret_endpoints(secrets)

    async def describe(_: Call) -> Any:
        return document(table)

    table.append(
        Endpoint(
            method="GET", path="/v1/openapi.json", summary="This description", answer=describe, scope=None
        )
    )
    return table
