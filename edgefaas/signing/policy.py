"""Policy statements: which resources, between which instants, from which addresses.

Pure. Source: "Create a policy statement for a signed URL that uses a canned / custom policy" (CloudFront
developer guide). Instants are Unix seconds.
"""

import ipaddress
import json
from dataclasses import dataclass
from typing import Any

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """One statement. ``resource`` may have ``*`` (any run) and ``?`` (any one character)."""

    resource: str
    before_s: int
    after_s: int | None = None
    network: Network | None = None


def canned_text(resource: str, before_s: int) -> str:
    """Return the canned policy, to the byte: what both sides sign and verify without sending it."""
    condition = f'{{"DateLessThan":{{"AWS:EpochTime":{before_s}}}}}'
    return f'{{"Statement":[{{"Resource":"{resource}","Condition":{condition}}}]}}'


def custom_text(policy: Policy) -> str:
    """Return a custom policy as JSON without white space."""
    condition: dict[str, Any] = {"DateLessThan": {"AWS:EpochTime": policy.before_s}}
    if policy.after_s is not None:
        condition["DateGreaterThan"] = {"AWS:EpochTime": policy.after_s}
    if policy.network is not None:
        condition["IpAddress"] = {"AWS:SourceIp": str(policy.network)}
    statement = {"Resource": policy.resource, "Condition": condition}
    return json.dumps({"Statement": [statement]}, separators=(",", ":"))


def read_policy(text: bytes) -> Policy | None:
    """Return the statement of a custom policy, or None when it is malformed.

    A policy without ``Resource`` is about every resource; one without an end is malformed.
    """
    try:
        (statement,) = json.loads(text)["Statement"]
        condition = statement["Condition"]
        resource = statement.get("Resource", "*")
        source = condition.get("IpAddress", {}).get("AWS:SourceIp")
        policy = Policy(
            resource=resource,
            before_s=_instant(condition["DateLessThan"]),
            after_s=_instant(condition["DateGreaterThan"]) if "DateGreaterThan" in condition else None,
            network=None if source is None else ipaddress.ip_network(source, strict=False),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return policy if isinstance(resource, str) else None


def _instant(condition: Any) -> int:
    value = condition["AWS:EpochTime"]
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError("an instant is a whole number")
    return value


def matches(pattern: str, text: str) -> bool:
    """Return whether ``text`` fits a pattern of ``*`` and ``?``, in time |pattern|·|text| at most."""
    at = star = 0
    retry = -1
    position = 0
    while position < len(text):
        if at < len(pattern) and pattern[at] == "*":
            star, retry = at, position
            at += 1
        elif at < len(pattern) and pattern[at] in ("?", text[position]):
            at += 1
            position += 1
        elif retry >= 0:
            retry += 1
            at, position = star + 1, retry
        else:
            return False
    return all(char == "*" for char in pattern[at:])


def refusal(policy: Policy, *, resource: str, address: str, now_s: float) -> str | None:
    """Return why the policy does not allow this now, or None when it does."""
    if now_s >= policy.before_s:
        return "the signature has expired"
    if policy.after_s is not None and now_s < policy.after_s:
        return "the signature is not valid yet"
    if not matches(policy.resource, resource):
        return "the signature is for another resource"
    if policy.network is not None and not _inside(address, policy.network):
        return "the signature is for another address"
    return None


def _inside(address: str, network: Network) -> bool:
    try:
        viewer = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(viewer, ipaddress.IPv6Address) and viewer.ipv4_mapped is not None:
        viewer = viewer.ipv4_mapped
    return viewer in network
