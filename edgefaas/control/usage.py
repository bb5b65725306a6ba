"""Which parts of a site use a function, and what a function uses that the site has not. Pure."""

from collections.abc import Iterable

from edgefaas.site import FunctionOrigin, Site


def users_of(site: Site, function: str) -> list[str]:
    """Return the behaviours and origins that name ``function``, as sentences' parts."""
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
    return users


def missing_namespaces(site: Site, names: Iterable[str]) -> list[str]:
    """Return a warning for each key-value namespace that a function names and the site does not have."""
    return [
        f'It names the key-value namespace "{name}", which the site does not have yet: add [kv.{name}].'
        for name in names
        if name not in site.kv
    ]
