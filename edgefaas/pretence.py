"""A site as ``edgefaas dev`` serves it: everything as written, but for what only makes sense among viewers and POPs.

Pure. Viewers seem to be somewhere else, another POP seems to answer, and no real one is ever asked.
"""

from copy import deepcopy
from dataclasses import replace
from typing import Any

from edgefaas.location_headers import VIEWER_FIELDS, ViewerLocation, located
from edgefaas.message import Headers, Request
from edgefaas.site import Pretence, Site, Steering, ViewerProtocol
from router import is_beside

DRAIN_TIMEOUT_S = 2.0  # of who pressed Ctrl-C


def pretending(site: Site, pretence: Pretence) -> Site:
    """Return the site for one machine without viewers: it pretends what is asked, and answers every request itself.

    Whichever host it is asked for; over plain HTTP even where viewers are to use HTTPS, unless it listens with TLS. The
    POPs stay known, so that ``edgefaas route`` tells what it would tell, unless the one that seems to answer is none
    of them.
    """
    pop = pretence.pop or site.router.pop
    known = not pretence.pop or pretence.pop in site.pops
    router = replace(site.router, pop=pop, steering=Steering.ANSWER, node="", side_probes=False)
    behaviours = site.behaviours
    if not site.listening.tls:
        behaviours = tuple(replace(item, viewer_protocol=ViewerProtocol.ALLOW_ALL) for item in behaviours)
    timeout_s = min(site.listening.drain_timeout_s, DRAIN_TIMEOUT_S)
    return replace(
        site,
        hosts=("*", *site.hosts),
        behaviours=behaviours,
        pops=site.pops if known else {},
        router=router,
        dns=None,
        listening=replace(site.listening, drain_grace_s=0.0, drain_timeout_s=timeout_s),
        pretence=pretence,
    )


def pretend_viewer(request: Request, pretence: Pretence) -> None:
    """Let a request from this machine or its network come from where it is pretended. Changes it in place."""
    if pretence.viewer and is_beside(request.viewer_ip):
        request.viewer_ip = pretence.viewer


def pretend_event(event: Any, address: str, location: ViewerLocation) -> Any:
    """Return an event with the viewer's address and all location and device fields as they were from there.

    A copy; None for what is no event of Lambda@Edge or of CloudFront Functions.
    """
    changed = deepcopy(event)
    lines: dict[str, Any]
    match changed:
        case {"Records": [{"cf": {"request": {"headers": dict(fields)} as request}}]}:
            request["clientIp"] = address
            agent = fields.get("user-agent")
            agents = [line.get("value") for line in agent] if isinstance(agent, list) else []
            made = _fields_of(agents, address, location)
            lines = {name.lower(): [{"key": name, "value": value}] for name, value in made}
        case {"request": {"headers": dict(fields)}}:
            viewer = changed.setdefault("viewer", {})
            if isinstance(viewer, dict):
                viewer["ip"] = address
            agent = fields.get("user-agent")
            made = _fields_of([agent.get("value")] if isinstance(agent, dict) else [], address, location)
            lines = {name.lower(): {"value": value} for name, value in made}
        case _:
            return None
    for name in VIEWER_FIELDS:
        fields.pop(name.lower(), None)
    fields.update(lines)
    return changed


def _fields_of(agents: list[Any], address: str, location: ViewerLocation) -> Headers:
    headers = Headers([("User-Agent", agent) for agent in agents if isinstance(agent, str)])
    made = located(
        Request(method="GET", path="/", headers=headers, viewer_ip=address), VIEWER_FIELDS, location
    )
    made.remove("user-agent")
    return made
