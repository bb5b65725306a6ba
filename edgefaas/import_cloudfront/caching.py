"""What a cache behaviour keys on, keeps and forwards. Pure.

Sources: cache policies, origin request policies, and the older ``ForwardedValues``, of which one
behaviour has either.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from edgefaas.import_cloudfront.notes import Notes, mapping, number, text, texts
from edgefaas.import_cloudfront.text import Value
from edgefaas.policies import (
    CACHE_POLICIES,
    CACHE_POLICY_IDS,
    DAY_S,
    ERROR_TTL_S,
    ORIGIN_REQUEST_POLICY_IDS,
    YEAR_S,
)


@dataclass
class Caching:
    """``cache`` and ``forward`` of a behaviour, and which header names either of them mentions."""

    cache: dict[str, Value] = field(default_factory=dict)
    forward: Value | None = None
    headers: list[str] = field(default_factory=list)


def from_policies(behaviour: Mapping[str, Any], path: str, notes: Notes) -> Caching:
    """Return what a cache policy and an origin request policy say; custom ones are not in the file."""
    caching = Caching()
    cache_id = text(behaviour.get("CachePolicyId"))
    name = CACHE_POLICY_IDS.get(cache_id)
    if name is None:
        notes.add(
            f'behaviour "{path}" has the custom cache policy {cache_id}, which is not in this file',
            f"print it with aws cloudfront get-cache-policy --id {cache_id} and write cache = {{ … }}; until then"
            " the rules of HTTP hold",
        )
    else:
        caching.cache["policy"] = name
        caching.headers += CACHE_POLICIES[name].headers
    forward_id = text(behaviour.get("OriginRequestPolicyId"))
    forwarded = ORIGIN_REQUEST_POLICY_IDS.get(forward_id)
    if forwarded is not None:
        caching.forward = forwarded
    elif forward_id:
        notes.add(
            f'behaviour "{path}" has the custom origin request policy {forward_id}, which is not in this file',
            f"print it with aws cloudfront get-origin-request-policy --id {forward_id} and write"
            " forward = { … }; until then every header goes to the origin",
        )
    elif name is not None:
        # Without an origin request policy only what is in the key goes to the origin.
        caching.forward = {"headers": "none", "cookies": "none", "query": "none"}
    return caching


def from_forwarded_values(behaviour: Mapping[str, Any], path: str, notes: Notes) -> Caching:
    """Return what the older settings say: forwarded values are keyed, unless keys are listed apart."""
    values = mapping(behaviour.get("ForwardedValues"), "ForwardedValues")
    minimum = number(behaviour.get("MinTTL"), 0)
    caching = Caching(
        cache={
            "min_ttl": minimum,
            "default_ttl": max(number(behaviour.get("DefaultTTL"), DAY_S), minimum),
            "max_ttl": max(number(behaviour.get("MaxTTL"), YEAR_S), minimum),
            "error_ttl": ERROR_TTL_S,
            "stale_on_error": True,
        }
    )
    keys = texts(values.get("QueryStringCacheKeys"), "QueryStringCacheKeys")
    forward: dict[str, Value] = {"headers": "all"}
    if values.get("QueryString") is not True:
        caching.cache["query"] = "none"
    elif keys and keys != ["*"]:
        caching.cache["query"] = keys
        forward["query"] = "all"
    _cookies(mapping(values.get("Cookies"), "Cookies"), caching)
    names = texts(values.get("Headers"), "Headers")
    if "*" in names:
        # Every header is forwarded: CloudFront then caches nothing.
        caching.cache |= {"min_ttl": 0, "default_ttl": 0, "max_ttl": 0}
    elif names:
        caching.cache["headers"] = names
        caching.headers += names
    forward["headers"] = _forwarded_headers(names)
    caching.forward = forward
    if text(behaviour.get("DefaultTTL")) == "" and not values:
        notes.add(f'behaviour "{path}" has no cache settings', "CloudFront's defaults are written down")
    return caching


def _cookies(cookies: Mapping[str, Any], caching: Caching) -> None:
    match text(cookies.get("Forward")):
        case "all":
            caching.cache["cookies"] = "all"
        case "whitelist":
            caching.cache["cookies"] = texts(cookies.get("WhitelistedNames"), "WhitelistedNames")
        case _:
            caching.cache["cookies"] = "none"


def _forwarded_headers(names: list[str]) -> Value:
    """Return which headers go to the origin: all, but those that CloudFront takes out unless they are keyed."""
    if "*" in names:
        return "all"
    kept = {name.lower() for name in names}
    removed = [
        "Accept",
        "Accept-Charset",
        "Accept-Language",
        "Authorization",
        "Host",
        "Referer",
        "User-Agent",
    ]
    return {"except": [name.lower() for name in removed if name.lower() not in kept]}
