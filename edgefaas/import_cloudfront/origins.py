"""Origins and origin groups of a distribution. Pure."""

from collections.abc import Mapping
from typing import Any

from edgefaas.import_cloudfront.notes import Names, Notes, mapping, number, objects, text, texts
from edgefaas.import_cloudfront.text import Value, table
from edgefaas.message import Headers

DEFAULT_ATTEMPTS = 3
DEFAULT_CONNECT_S = 10.0
DEFAULT_READ_S = 30.0
READ_MAX_S = 3600.0
CONNECT_MAX_S = 120.0


def origin_table(origin: Mapping[str, Any], names: Names, notes: Notes) -> str:
    """Return ``[origins.NAME]`` of one origin."""
    identifier = text(origin.get("Id"))
    name = names.of(identifier)
    custom = mapping(origin.get("CustomOriginConfig"), "CustomOriginConfig")
    members: dict[str, Value] = {"url": origin_url(origin, custom, name, notes)}
    headers = Headers(
        [
            (text(line.get("HeaderName")), text(line.get("HeaderValue")))
            for line in objects(origin.get("CustomHeaders"), "CustomHeaders")
        ]
    )
    if len(headers):
        members["headers"] = dict(headers)
    connect = number(origin.get("ConnectionTimeout"), DEFAULT_CONNECT_S)
    read = number(custom.get("OriginReadTimeout"), DEFAULT_READ_S)
    members["connect_timeout"] = min(connect, CONNECT_MAX_S)
    members["first_byte_timeout"] = min(read, READ_MAX_S)
    _note_the_rest(origin, name, notes)
    return table(f"[origins.{name}]", members)


def origin_url(origin: Mapping[str, Any], custom: Mapping[str, Any], name: str, notes: Notes) -> str:
    """Return scheme, authority and path of an origin."""
    domain = text(origin.get("DomainName"))
    path = text(origin.get("OriginPath")).rstrip("/")
    protocol = text(custom.get("OriginProtocolPolicy")) or "https-only"
    if protocol == "match-viewer":
        notes.add(
            f'origin "{name}" matches the viewer\'s protocol',
            "it is asked over https here; change its url if it does not speak it",
        )
    plain = protocol == "http-only"
    port = int(number(custom.get("HTTPPort" if plain else "HTTPSPort"), 80 if plain else 443))
    suffix = "" if port == (80 if plain else 443) else f":{port}"
    return f"{'http' if plain else 'https'}://{domain}{suffix}{path}"


def _note_the_rest(origin: Mapping[str, Any], name: str, notes: Notes) -> None:
    bucket = mapping(origin.get("S3OriginConfig"), "S3OriginConfig")
    if text(bucket.get("OriginAccessIdentity")) or text(origin.get("OriginAccessControlId")):
        notes.add(
            f'origin "{name}" is a private bucket that CloudFront signs its requests to',
            "sign them in an origin-request function, or allow the POP's address in the bucket's policy",
        )
    if mapping(origin.get("OriginShield"), "OriginShield").get("Enabled") is True:
        notes.add(f'origin "{name}" has an Origin Shield', "POPs ask the origin directly")
    if int(number(origin.get("ConnectionAttempts"), DEFAULT_ATTEMPTS)) != DEFAULT_ATTEMPTS:
        notes.add(f'origin "{name}" sets ConnectionAttempts', "use an origin group to try elsewhere")
    if origin.get("VpcOriginConfig") is not None:
        notes.add(f'origin "{name}" is in a VPC', "make it reachable for the POP and correct its url")


def group_table(group: Mapping[str, Any], names: Names, notes: Notes) -> str:
    """Return ``[origin_groups.NAME]`` of one origin group."""
    name = names.of(text(group.get("Id")))
    members = [names.of(text(member.get("OriginId"))) for member in objects(group.get("Members"), "Members")]
    criteria = mapping(group.get("FailoverCriteria"), "FailoverCriteria")
    statuses = [int(number(code, 500)) for code in texts(criteria.get("StatusCodes"), "StatusCodes")]
    if text(group.get("SelectionCriteria")) not in ("", "default"):
        notes.add(f'origin group "{name}" selects by media quality', "the first origin is asked first here")
    return table(f"[origin_groups.{name}]", {"origins": members, "statuses": statuses})
