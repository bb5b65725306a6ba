"""Which parts of a site use a function. Pure."""

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
