"""``[[behaviors]]``: path pattern, origin, methods, cache, triggers. Pure."""

from collections.abc import Collection, Mapping

from edgefaas.config.names import field_names, must_exist
from edgefaas.config.pages import TTL_MAX_S
from edgefaas.location_headers import MAKERS, canonical_name
from edgefaas.policies import CACHE_POLICIES, ORIGIN_REQUEST_POLICIES, cache_policy, origin_request_policy
from edgefaas.site import (
    Behaviour,
    CachePolicy,
    FunctionSpec,
    OriginRequestPolicy,
    Selection,
    Trigger,
    ViewerProtocol,
)
from edgefaas.table import Table

PATTERN_MAX = 255  # CloudFront's limit on a path pattern
METHODS_READ = frozenset({"GET", "HEAD", "OPTIONS"})


def read_behaviour(
    table: Table,
    *,
    origins: Collection[str],
    functions: Mapping[str, FunctionSpec],
    keys: Mapping[str, bytes],
) -> Behaviour:
    """Return one behaviour; its references must mean something."""
    pattern = table.required_text("path", '"/assets/*"')
    if len(pattern) > PATTERN_MAX:
        raise table.refuse(
            "path", f"has {len(pattern)} characters, over {PATTERN_MAX}", "Shorten the pattern."
        )
    triggers: dict[Trigger, str] = {}
    for trigger in Trigger:
        key = trigger.value.replace("-", "_")
        if name := table.text(key):
            must_exist(table, key, name, functions, "functions")
            triggers[trigger] = name
    origin = table.text("origin") or None
    if origin is not None:
        must_exist(table, "origin", origin, origins, "origins")
    elif not {Trigger.VIEWER_REQUEST, Trigger.ORIGIN_REQUEST} & triggers.keys():
        raise table.refuse(
            "origin",
            "is missing, and no function answers instead",
            "Add origin, viewer_request or origin_request.",
        )
    trusted = table.strings("trusted_keys")
    for key in trusted:
        must_exist(table, "trusted_keys", key, keys, "public_keys")
    methods = table.choice("methods", ("all", "read"), "all")
    cache, forwards = _cache(table), _origin_request(table)
    behaviour = Behaviour(
        pattern=pattern,
        origin=origin,
        methods=METHODS_READ if methods == "read" else None,
        cache=cache,
        triggers=triggers,
        include_body=table.boolean("include_body", default=False),
        location_headers=_location_headers(table, cache, forwards),
        origin_request=forwards,
        trusted_keys=trusted,
        viewer_protocol=ViewerProtocol(
            table.choice("viewer_protocol", tuple(ViewerProtocol), ViewerProtocol.ALLOW_ALL)
        ),
    )
    table.done()
    return behaviour


def _location_headers(
    table: Table, cache: CachePolicy, forwards: OriginRequestPolicy | None
) -> tuple[str, ...]:
    """Return the fields that the POP has to make: asked for, keyed on, or forwarded by name."""
    asked = field_names(table, "location_headers")
    for name in asked:
        if canonical_name(name) is None:
            raise table.refuse(
                "location_headers",
                f'holds "{name}", no field that a POP makes',
                f"Use some of {', '.join(MAKERS)}.",
            )
    used = [*asked, *sorted(cache.headers), *(forwards.location_headers if forwards else ())]
    return tuple(dict.fromkeys(filter(None, map(canonical_name, used))))


def _cache(behaviour: Table) -> CachePolicy:
    table = behaviour.table("cache")
    base = CachePolicy()
    if name := table.text("policy"):
        managed = cache_policy(name)
        if managed is None:
            known = ", ".join(CACHE_POLICIES)
            raise table.refuse("policy", f'is "{name}", no policy of that name', f"Use one of {known}.")
        base = managed
    low = table.number("min_ttl", base.min_ttl_s, low=0, high=TTL_MAX_S)
    high = table.number("max_ttl", max(base.max_ttl_s, low), low=0, high=TTL_MAX_S)
    if low > high:
        raise table.refuse("min_ttl", f"is {low:g}, over max_ttl {high:g}", "Lower min_ttl or raise max_ttl.")
    headers = field_names(table, "headers", tuple(sorted(base.headers)))
    result = CachePolicy(
        min_ttl_s=low,
        default_ttl_s=table.number("default_ttl", base.default_ttl_s, low=0, high=TTL_MAX_S),
        max_ttl_s=high,
        error_ttl_s=table.number("error_ttl", base.error_ttl_s, low=0, high=TTL_MAX_S),
        query=selection(table, "query", base.query),
        headers=frozenset(header.lower() for header in headers),
        cookies=selection(table, "cookies", base.cookies, extra=("forward",)),
        store_set_cookie=table.boolean("store_set_cookie", default=base.store_set_cookie),
        stale_on_error=table.boolean("stale_on_error", default=base.stale_on_error),
        compress=table.boolean("compress", default=base.compress),
    )
    table.done()
    return result


def _origin_request(behaviour: Table) -> OriginRequestPolicy | None:
    """Return the origin request policy: CloudFront's by name, or a table of what is forwarded."""
    value = behaviour.take("forward", (str, dict), "a policy's name or a table")
    if value is None:
        return None
    if isinstance(value, str):
        managed = origin_request_policy(value)
        if managed is None:
            known = ", ".join(ORIGIN_REQUEST_POLICIES)
            raise behaviour.refuse("forward", f'is "{value}", no policy of that name', f"Use one of {known}.")
        return managed
    table = Table(value, behaviour.document, (*behaviour.path, "forward"))
    headers = selection(table, "headers", Selection(mode="none"))
    policy = OriginRequestPolicy(
        headers=Selection(mode=headers.mode, names=frozenset(name.lower() for name in headers.names)),
        cookies=selection(table, "cookies", Selection(mode="none")),
        query=selection(table, "query", Selection(mode="none")),
        location_headers=field_names(table, "location_headers"),
    )
    table.done()
    return policy


def selection(table: Table, key: str, default: Selection, extra: tuple[str, ...] = ()) -> Selection:
    """Return which members of a set are meant: a word, a list, or all but a list."""
    words = ("none", "all", *extra)
    value = table.take(key, (str, list, dict), f"{', '.join(words)}, a list or {{ except = [...] }}")
    if value is None:
        return default
    if isinstance(value, str):
        if value not in words:
            raise table.refuse(
                key, f'is "{value}"', f'Use one of {", ".join(words)}, ["name"] or {{ except = ["name"] }}.'
            )
        return Selection(mode=value)
    names, mode = value, "only"
    if isinstance(value, dict):
        names, mode = value.get("except"), "except"
        if set(value) != {"except"}:
            raise table.refuse(key, "is a table without except", 'Write { except = ["name"] }.')
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise table.refuse(key, "is not a list of names", 'Write ["name", "other"].')
    return Selection(mode=mode, names=frozenset(names))
