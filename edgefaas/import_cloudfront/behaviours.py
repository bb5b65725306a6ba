"""Cache behaviours of a distribution, and the functions that they name. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from edgefaas.import_cloudfront.caching import Caching, from_forwarded_values, from_policies
from edgefaas.import_cloudfront.notes import Names, Notes, items, mapping, objects, text, texts
from edgefaas.import_cloudfront.text import Value, table
from edgefaas.location_headers import canonical_name

READ_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
TRIGGER_KEYS = ("viewer_request", "origin_request", "origin_response", "viewer_response")

RESPONSE_HEADERS_POLICY_NAMES: Mapping[str, str] = {
    "60669652-455b-4ae9-85a4-c4c02393f86c": "SimpleCORS",
    "5cc3b908-e619-4b99-88e5-2cf7f45965bd": "CORS-With-Preflight",
    "e61eb60c-9c35-4d20-a928-2b84e02af89c": "CORS-and-SecurityHeadersPolicy",
    "eaab4381-ed33-4a86-88ca-d9558dc6cd63": "CORS-with-preflight-and-SecurityHeadersPolicy",
    "67f7725c-6f97-4210-82d7-5512b31e9d03": "SecurityHeadersPolicy",
}


@dataclass
class Found:
    """What behaviours refer to: functions by name and source, public keys by name."""

    functions: dict[str, str] = field(default_factory=dict)
    keys: list[str] = field(default_factory=list)


def behaviour_table(
    behaviour: Mapping[str, Any], origins: Names, functions: Names, found: Found, notes: Notes
) -> str:
    """Return ``[[behaviors]]`` of one cache behaviour."""
    path = text(behaviour.get("PathPattern")) or "*"
    members: dict[str, Value] = {"path": path, "origin": origins.of(text(behaviour.get("TargetOriginId")))}
    if READ_METHODS.issuperset(texts(behaviour.get("AllowedMethods"), "AllowedMethods") or ["GET"]):
        members["methods"] = "read"
    protocol = text(behaviour.get("ViewerProtocolPolicy"))
    if protocol in ("redirect-to-https", "https-only"):
        members["viewer_protocol"] = protocol
    members |= _triggers(behaviour, functions, found)
    if keys := _trusted_keys(behaviour, path, found, notes):
        members["trusted_keys"] = keys
    caching = _caching(behaviour, path, notes)
    located = [name for name in map(canonical_name, caching.headers) if name]
    if located:
        members["location_headers"] = sorted(set(located))
    if caching.forward is not None:
        members["forward"] = caching.forward
    cache = dict(caching.cache)
    if behaviour.get("Compress") is False:
        cache["compress"] = False
    if cache:
        members["cache"] = cache
    _note_the_rest(behaviour, path, notes)
    return table("[[behaviors]]", members)


def _caching(behaviour: Mapping[str, Any], path: str, notes: Notes) -> Caching:
    if text(behaviour.get("CachePolicyId")):
        return from_policies(behaviour, path, notes)
    return from_forwarded_values(behaviour, path, notes)


def _triggers(behaviour: Mapping[str, Any], functions: Names, found: Found) -> dict[str, Value]:
    members: dict[str, Value] = {}
    for association in objects(behaviour.get("LambdaFunctionAssociations"), "LambdaFunctionAssociations"):
        # arn:aws:lambda:us-east-1:123456789012:function:NAME:VERSION
        parts = text(association.get("LambdaFunctionARN")).split(":")
        name = functions.of(parts[6] if len(parts) > 6 else parts[-1])  # noqa: PLR2004  # the seventh part
        found.functions[name] = f"functions/{name}"
        members[text(association.get("EventType")).replace("-", "_")] = name
        if association.get("IncludeBody") is True:
            members["include_body"] = True
    for association in objects(behaviour.get("FunctionAssociations"), "FunctionAssociations"):
        # arn:aws:cloudfront::123456789012:function/NAME
        name = functions.of(text(association.get("FunctionARN")).rpartition("/")[2])
        found.functions[name] = f"functions/{name}.js"
        members[text(association.get("EventType")).replace("-", "_")] = name
    return {key: member for key, member in members.items() if key in (*TRIGGER_KEYS, "include_body")}


def _trusted_keys(behaviour: Mapping[str, Any], path: str, found: Found, notes: Notes) -> list[str]:
    names: list[str] = []
    for member in ("TrustedKeyGroups", "TrustedSigners"):
        trusted = mapping(behaviour.get(member), member)
        if trusted.get("Enabled") is True:
            names += [f"key-{item}" for item in texts(trusted, member)] or ["key-unknown"]
    for name in names:
        if name not in found.keys:
            found.keys.append(name)
        notes.add(
            f'behaviour "{path}" trusts the key group or account "{name.removeprefix("key-")}", whose keys are not'
            " in this file",
            f"put the public key into keys/{name}.pem, and rename {name} to its key pair id; until then the site"
            " does not load",
        )
    return names


def _note_the_rest(behaviour: Mapping[str, Any], path: str, notes: Notes) -> None:
    where = f'behaviour "{path}"'
    if policy := text(behaviour.get("ResponseHeadersPolicyId")):
        name = RESPONSE_HEADERS_POLICY_NAMES.get(policy, policy)
        notes.add(f"{where} has the response headers policy {name}", "set them in a viewer-response function")
    if text(behaviour.get("FieldLevelEncryptionId")):
        notes.add(f"{where} encrypts fields", "encrypt them in an origin-request function")
    if text(behaviour.get("RealtimeLogConfigArn")):
        notes.add(f"{where} has real-time logs", "use edgefaas logs -f")
    if behaviour.get("SmoothStreaming") is True:
        notes.add(f"{where} serves Smooth Streaming", "there is no equivalent")
    if mapping(behaviour.get("GrpcConfig"), "GrpcConfig").get("Enabled") is True:
        notes.add(f"{where} serves gRPC", "there is no equivalent")
    methods = mapping(mapping(behaviour.get("AllowedMethods"), "").get("CachedMethods"), "CachedMethods")
    if "OPTIONS" in items(methods, "CachedMethods"):
        notes.add(f"{where} caches answers to OPTIONS", "they go to the origin here")
