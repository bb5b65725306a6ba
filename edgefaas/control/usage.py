"""Which parts of a site use a function, and what a function uses that the site has not. Pure."""

from collections.abc import Iterable

from edgefaas.arms import release_of
from edgefaas.site import FunctionOrigin, Site


def users_of(site: Site, function: str) -> list[str]:
    """Return the behaviours and origins that name ``function``, or the origin of a release, as sentences' parts."""
    users = [
        f'behaviour "{behaviour.pattern}" ({trigger.value})'
        for behaviour in site.behaviours
        for trigger, name in behaviour.triggers.items()
        if name == function
    ]
    users += [
        f'origin "{origin.name}"'
        for origin in site.origins.values()
        if isinstance(origin, FunctionOrigin) and origin.function == function
    ]
    users += [
        f'behaviour "{behaviour.pattern}"'
        for behaviour in site.behaviours
        if behaviour.origin is not None
        and function in {release_of(name) for name in _members(site, behaviour.origin)}
    ]
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
