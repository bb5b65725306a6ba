"""What serves one site: the parts that a request meets, put together once when the site comes into force."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from edgefaas.admission import Admission
from edgefaas.ahead import Ahead
from edgefaas.answers import Answers
from edgefaas.directory import ReleasedFiles
from edgefaas.events import AWS_RULES, OPEN_RULES
from edgefaas.express import Express
from edgefaas.front import Front
from edgefaas.gateway import Gateway
from edgefaas.journey import Journey
from edgefaas.keeping import Keeper
from edgefaas.origins import Origins
from edgefaas.resources import Resources, time_now
from edgefaas.routes import Routes
from edgefaas.shortcuts import Shortcuts, shortcuts_of
from edgefaas.site import DirectoryOrigin, Site
from edgefaas.through import Through
from edgefaas.tracing.tracer import Tracer
from edgefaas.transit import Means
from edgefaas.triggers import Triggers


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """The parts of one site in one worker, in the order in which a request meets them."""

    site: Site
    front: Front
    shortcuts: Shortcuts
    express: Express
    ahead: Ahead
    through: Through
    journey: Journey
    answers: Answers


def put_together(
    site: Site, resources: Resources, *, next_id: Callable[[], str], tracer: Tracer | None, front: Front
) -> Serving:
    """Return what serves ``site`` behind ``front``."""
    guests, store = resources.guests, resources.store
    place = site.router.pop.encode()
    guests.offer("edge.name", lambda _function, _payload: place)
    triggers = Triggers(guests=guests, rules=AWS_RULES if site.compatibility == "aws" else OPEN_RULES)
    origins = _origins(site, resources, triggers)
    routes = Routes(site.behaviours)
    admission = Admission(public_keys=site.public_keys, locate=front.locate)
    keeper = Keeper(store=store, keeps=site.pretence is None or site.pretence.caches)
    answers = Answers(keeper=keeper, pop=site.router.pop)
    express = Express(store, site.router.pop, {}, resources.meter)
    shortcuts = shortcuts_of(site, front)
    journey = Journey(
        routes=routes,
        admission=admission,
        arms=resources.arms,
        triggers=triggers,
        keeper=keeper,
        origins=origins,
        answers=answers,
        background=resources.background,
        wall_s=time_now,
        flights=resources.flights,
        forms=resources.forms,
        refreshing=resources.refreshing,
        error_pages=site.error_pages,
        default_root=site.default_root,
        express=express if shortcuts.hits else None,
    )
    ahead = Ahead(
        routes=routes,
        guests=guests,
        arms=resources.arms,
        made=triggers.made,
        express=express if shortcuts.hits else None,
        next_id=next_id,
        wall_s=time_now,
        never={site.router.health_path},
    )
    means = Means(
        front=front,
        store=store,
        flights=resources.flights,
        origins=origins,
        journey=journey,
        client=resources.client,
        pages=site.error_pages,
        wall_s=time_now,
    )
    through = Through(
        site=site,
        routes=routes,
        admission=admission,
        arms=resources.arms,
        client=resources.client,
        answers=answers,
        tracer=tracer,
        means=means,
        next_id=next_id,
        never={site.router.health_path, *(("/",) if site.default_root else ())},
    )
    return Serving(
        site=site,
        front=front,
        shortcuts=shortcuts,
        express=express,
        ahead=ahead,
        through=through,
        journey=journey,
        answers=answers,
    )


def front_of(site: Site, resources: Resources, before: Front | None) -> Front:
    """Return what receives the requests of ``site``. Raises ConfigError: nothing of the site before is changed then."""
    return Front(
        site,
        fetch=resources.client,
        wall_s=time_now,
        mono_s=time.monotonic,
        geo_folder=resources.data.parent / "geo",
        before=before,
    )


def _origins(site: Site, resources: Resources, triggers: Triggers) -> Origins:
    files = {
        name: ReleasedFiles(origin, resources.releases, resources.meter)
        for name, origin in site.origins.items()
        if isinstance(origin, DirectoryOrigin)
    }
    return Origins(
        by_name=site.origins,
        groups=site.origin_groups,
        files=files,
        client=resources.client,
        triggers=triggers,
        meter=resources.meter,
        gateway=Gateway(guests=resources.guests, background=resources.background),
    )


def serves_host(site: Site, authority: str) -> bool:
    """Return whether the site answers for a host as the viewer gave it; a port is free unless the site names one."""
    if authority in site.hosts:
        return True
    host, colon, port = authority.rpartition(":")
    return bool(colon) and port.isdigit() and host in site.hosts
