"""Which parts of a site use a function, and what a function uses that the site has not. Pure."""

from collections.abc import Iterable

from edgefaas.arms import release_of
from edgefaas.site import FunctionOrigin, Site


def users_of(site: Site, function: str) -> list[str]:
    """Return the behaviours and origins that name ``function``, or the origin of a release, as sentences' parts."""
    return users_by_function(site).get(function, [])


def users_by_function(site: Site) -> dict[str, list[str]]:
    """Return the users of every function that has any; one pass, for whoever asks about many."""
    users: dict[str, list[str]] = {}
    for behaviour in site.behaviours:
        for trigger, name in behaviour.triggers.items():
            users.setdefault(name, []).append(f'behaviour "{behaviour.pattern}" ({trigger.value})')
    for origin in site.origins.values():
        if isinstance(origin, FunctionOrigin):
            users.setdefault(origin.function, []).append(f'origin "{origin.name}"')
    for behaviour in site.behaviours:
        if behaviour.origin is not None:
            for name in dict.fromkeys(map(release_of, _members(site, behaviour.origin))):
                users.setdefault(name, []).append(f'behaviour "{behaviour.pattern}"')
    return users


def _members(site: Site, origin: str) -> tuple[str, ...]:
    """Return the origins that are meant by a name, an origin's or a group's."""
    group = site.origin_groups.get(origin)
    return group.origins if group else (origin,)


def missing_namespaces(site: Site, names: Iterable[str]) -> list[str]:
    """Return a warning for each key-value namespace that a function names and the site does not have."""
    return [
        f'It names the key-value namespace "{name}", which the site does not have yet: add [kv.{name}].'
        for name in names
        if name not in site.kv
    ]
