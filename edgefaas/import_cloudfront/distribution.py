"""A whole distribution → the text of a site. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edgefaas.errors import UsageError
from edgefaas.import_cloudfront.behaviours import Found, behaviour_table
from edgefaas.import_cloudfront.notes import Names, Notes, mapping, number, objects, text, texts
from edgefaas.import_cloudfront.origins import group_table, origin_table
from edgefaas.import_cloudfront.text import Value, comments, table

NAME_MAX_CHARS = 60


@dataclass(frozen=True, slots=True)
class Imported:
    """The text of ``edgefaas.toml``; ``left_out`` are sentences, ``functions`` the sources that it expects."""

    toml: str
    left_out: tuple[str, ...]
    functions: tuple[str, ...]


def import_distribution(data: Any) -> Imported:
    """Return the site of a distribution.

    ``data`` is the JSON value printed by ``get-distribution-config`` or ``get-distribution``, or the bare
    ``DistributionConfig``. Raises UsageError when it is none of them; who typed the command is at fault.
    """
    config = _config(data)
    notes, origins, functions, found = Notes(), Names(), Names(), Found()
    origin_list = objects(config.get("Origins"), "Origins")
    group_list = objects(config.get("OriginGroups"), "OriginGroups")
    _check_ids([*origin_list, *group_list])
    origin_tables = [origin_table(origin, origins, notes) for origin in origin_list]
    group_tables = [group_table(group, origins, notes) for group in group_list]
    behaviours = [
        *objects(config.get("CacheBehaviors"), "CacheBehaviors"),
        mapping(config["DefaultCacheBehavior"], "DefaultCacheBehavior"),
    ]
    behaviour_tables = [behaviour_table(item, origins, functions, found, notes) for item in behaviours]
    page_tables = [
        _error_page(page) for page in objects(config.get("CustomErrorResponses"), "CustomErrorResponses")
    ]
    _note_the_rest(config, notes)
    for name, source in found.functions.items():
        notes.add(f'the code of function "{name}" is not in this file', f"put it into {source}")
    parts = [
        table("[site]", _site(config)),
        *origin_tables,
        *group_tables,
        *(table(f"[functions.{name}]", {"source": source}) for name, source in found.functions.items()),
        *(table(f"[public_keys.{name}]", {"file": f"keys/{name}.pem"}) for name in found.keys),
        *behaviour_tables,
        *page_tables,
    ]
    if notes.sentences:
        parts.insert(0, "# Not carried over from CloudFront:\n" + comments(notes.sentences))
    return Imported("\n".join(parts), tuple(notes.sentences), tuple(found.functions.values()))


def _config(data: Any) -> Mapping[str, Any]:
    for name in ("Distribution", "DistributionConfig"):
        if isinstance(data, Mapping) and isinstance(data.get(name), Mapping):
            data = data[name]
    if not isinstance(data, Mapping) or "DefaultCacheBehavior" not in data or "Origins" not in data:
        raise UsageError(
            "this is not the configuration of a distribution: it has no Origins or no DefaultCacheBehavior",
            remedy="Give the output of: aws cloudfront get-distribution-config --id ID.",
        )
    return data


def _check_ids(things: list[Mapping[str, Any]]) -> None:
    """Refuse origins and groups that have no Id, or share one."""
    seen: set[str] = set()
    for thing in things:
        identifier = text(thing.get("Id"))
        if not identifier or identifier in seen:
            raise UsageError(
                f"the Id {identifier!r} of an origin or origin group is empty or used twice",
                remedy="Give the output of: aws cloudfront get-distribution-config --id ID.",
            )
        seen.add(identifier)


def _site(config: Mapping[str, Any]) -> dict[str, Value]:
    aliases = texts(config.get("Aliases"), "Aliases")
    comment = " ".join(text(config.get("Comment")).split())[:NAME_MAX_CHARS]
    site: dict[str, Value] = {"name": comment or (aliases[0] if aliases else "distribution")}
    site["hosts"] = aliases or ["*"]
    if root := text(config.get("DefaultRootObject")):
        site["default_root"] = root.lstrip("/")
    return site


def _error_page(page: Mapping[str, Any]) -> str:
    members: dict[str, Value] = {"status": int(number(page.get("ErrorCode"), 404))}
    if path := text(page.get("ResponsePagePath")):
        members["path"] = path
        if code := text(page.get("ResponseCode")):
            members["response_status"] = int(number(code, 200))
    if page.get("ErrorCachingMinTTL") is not None:
        members["ttl"] = number(page["ErrorCachingMinTTL"], 10)
    return table("[[error_pages]]", members)


def _note_the_rest(config: Mapping[str, Any], notes: Notes) -> None:
    if config.get("Enabled") is False:
        notes.add("the distribution is disabled", "this site serves as soon as a POP runs it")
    certificate = mapping(config.get("ViewerCertificate"), "ViewerCertificate")
    if certificate and certificate.get("CloudFrontDefaultCertificate") is not True:
        notes.add("the certificate stays with AWS", "end TLS in front of the POP with one of your own")
    if text(config.get("WebACLId")):
        notes.add("the web ACL is not carried over", "check requests in a viewer-request function")
    restrictions = mapping(config.get("Restrictions"), "Restrictions")
    geo = mapping(restrictions.get("GeoRestriction"), "GeoRestriction")
    if text(geo.get("RestrictionType")) not in ("", "none"):
        kind = "only" if geo.get("RestrictionType") == "whitelist" else "all but"
        notes.add(
            f"countries are restricted to {kind} {', '.join(texts(geo, 'GeoRestriction'))}",
            "check CloudFront-Viewer-Country in a viewer-request function; until then every country is served",
        )
    if mapping(config.get("Logging"), "Logging").get("Enabled") is True:
        notes.add("logs are written to a bucket", "use edgefaas logs")
    if text(config.get("ContinuousDeploymentPolicyId")):
        notes.add("the distribution has a staging twin", "deploy and roll back functions instead")
