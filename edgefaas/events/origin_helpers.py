"""The origin helpers of CloudFront Functions, as the JavaScript engine records them in the returned request.

Pure. ``cf.updateRequestOrigin(parameters)``, ``cf.selectRequestOriginById(id, overrides)`` and
``cf.createRequestOriginGroup(parameters)`` leave ``request["edgefaas:origin"]``, an object with exactly one
member: ``{"update": parameters}``, ``{"select": {"originId": id, …overrides}}`` or ``{"group": parameters}``;
the last call wins. Source: "Helper methods for origin modification" (CloudFront developer guide).
"""

from typing import Any

from edgefaas.events.origins import OriginChange, OriginGroupChoice, OriginReader, OriginUpdate
from edgefaas.events.parts import expect_object
from edgefaas.events.refusal import refuse
from edgefaas.site import Trigger

HELPER_FIELD = "edgefaas:origin"

GROUP_SIZE = 2
FAILOVER_STATUSES = frozenset({400, 403, 404, 416, 429, 500, 502, 503, 504})


def read_origin_helper(trigger: Trigger, value: Any, *, aws: bool) -> OriginChange:
    """Return what the helper asked for. Raises FunctionValidationError."""
    call = expect_object(trigger, value, HELPER_FIELD)
    if set(call) == {"update"}:
        return _update(trigger, expect_object(trigger, call["update"], "updateRequestOrigin"), aws=aws)
    if set(call) == {"select"}:
        chosen = expect_object(trigger, call["select"], "selectRequestOriginById")
        origin_id = chosen.get("originId")
        if not isinstance(origin_id, str) or not origin_id:
            refuse(trigger, f"selectRequestOriginById got {origin_id!r}", "Give the name of an origin.")
        return _update(trigger, chosen, aws=aws, origin_id=origin_id)
    if set(call) != {"group"}:
        refuse(trigger, f"{HELPER_FIELD} is {value!r}", "Use the helpers of the cloudfront module.")
    return _group(trigger, expect_object(trigger, call["group"], "createRequestOriginGroup"))


def _update(
    trigger: Trigger, given: dict[str, Any], *, aws: bool, origin_id: str | None = None
) -> OriginUpdate:
    where = "updateRequestOrigin" if origin_id is None else "selectRequestOriginById"
    reader = OriginReader(trigger, aws=aws, where=where)
    custom = expect_object(trigger, given.get("customOriginConfig") or {}, f"{where}.customOriginConfig")
    timeouts = expect_object(trigger, given.get("timeouts") or {}, f"{where}.timeouts")
    port = custom.get("port", given.get("port"))
    protocol = custom.get("protocol", given.get("protocol"))
    domain, host, path = given.get("domainName"), given.get("hostHeader"), given.get("originPath")

    def seconds(name: str) -> float | None:
        value = timeouts.get(name, given.get(name))
        return None if value is None else reader.seconds(name, value)

    return OriginUpdate(
        origin_id=origin_id,
        domain_name=None if domain is None else reader.domain(domain),
        host_header=None if host is None else reader.domain(host),
        path=None if path is None else reader.path(path),
        port=None if port is None else reader.port(port),
        protocol=None if protocol is None else reader.protocol(protocol),
        custom_headers=reader.custom_headers(given["customHeaders"]) if given.get("customHeaders") else None,
        connect_timeout_s=seconds("connectionTimeout"),
        read_timeout_s=seconds("readTimeout"),
        keepalive_timeout_s=seconds("keepAliveTimeout"),
    )


def _group(trigger: Trigger, given: dict[str, Any]) -> OriginGroupChoice:
    members = given.get("originIds")
    listed = members if isinstance(members, list) else []
    ids = [item.get("originId") if isinstance(item, dict) else item for item in listed]
    if len(ids) != GROUP_SIZE or not all(isinstance(item, str) and item for item in ids):
        refuse(trigger, f"createRequestOriginGroup.originIds is {members!r}", "Give two origins.")
    criteria = expect_object(trigger, given.get("failoverCriteria") or {}, "failoverCriteria")
    statuses = criteria.get("statusCodes")
    if (
        not isinstance(statuses, list)
        or not statuses
        or not all(isinstance(status, int) and status in FAILOVER_STATUSES for status in statuses)
    ):
        refuse(
            trigger,
            f"failoverCriteria.statusCodes is {statuses!r}",
            f"Choose among {', '.join(map(str, sorted(FAILOVER_STATUSES)))}.",
        )
    return OriginGroupChoice(origin_ids=tuple(map(str, ids)), status_codes=frozenset(statuses))
