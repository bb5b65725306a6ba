"""How the admin API shows what is deployed, and reads under which condition it may be changed. Pure.

A function's ETag is its live version; ``If-Match`` and ``If-None-Match`` ask for it (RFC 9110, 8.8.3 and 13.1).
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from starlette.responses import Response

from edgefaas.control.endpoint import BadRequestError, Call
from edgefaas.control.orders import Deployed, Order
from edgefaas.control.records import Version
from edgefaas.control.rollout import Rollout, rule_to_json
from edgefaas.split import WHOLE

NOTHING_COUNTED = dict.fromkeys(("runs", "errors", "throttled", "server_errors", "cpu_us"), 0)


def version_row(version: Version) -> dict[str, Any]:
    """Return what a version is, without what is in it, as JSON values."""
    return {
        "name": version.function,
        "version": version.version,
        "number": version.number,
        "kind": version.kind,
        "size_bytes": version.size_bytes,
        "created_at_s": version.created_at_s,
    }


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


def deployed_row(deployed: Deployed) -> dict[str, Any]:
    """Return what came of a change as JSON values."""
    row = dataclasses.asdict(deployed)
    return row | {"percent": row.pop("share") * 100 / WHOLE}


def totals(stats: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str], dict[str, int]]:
    """Return what all workers counted, by function and version."""
    found: dict[tuple[str, str], dict[str, int]] = {}
    for worker in stats:
        for row in (*(worker.get("functions") or ()), *(worker.get("releases") or ())):
            counts = found.setdefault((row["name"], row["version"]), dict(NOTHING_COUNTED))
            for name in NOTHING_COUNTED:
                counts[name] += int(row[name])
    return found


def tagged(told: dict[str, Any]) -> Response:
    """Return a function's facts, with its live version as ETag; without one where nothing is live."""
    headers = {"ETag": f'"{told["live"]}"'} if told["live"] else {}
    return Response(orjson.dumps(told), media_type="application/json", headers=headers)


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
