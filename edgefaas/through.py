"""Pass a plain GET through to a URL origin, and its answer back, without a task.

What nobody may store is asked for again and again: answers of APIs, pages for one viewer. Of such a request, under a
behaviour without functions, the journey decides nothing between the store and the origin. So it is sent from inside the
wire's callback, on an idle connection or, where all are in use, on the next that is free; and where the whole answer
comes in one piece and may not be stored, it goes on to the viewer from inside the origin's callback (``transit``).
Everything else is handed to the journey as it stands: a body that takes its time, an answer to be stored, an origin
that fails.

What is decided here is when nobody can tell the difference: ``passes`` for the behaviour, the wire's facts and the
memos of front and admission for the request, ``glance`` for the response. Tests compare octets, the origin's and the
viewer's.
"""

from collections.abc import Callable, Container
from dataclasses import dataclass, field, replace
from time import monotonic

from edgefaas.admission import UNPRETENDED, Admission
from edgefaas.answers import Answers
from edgefaas.arms import Arms
from edgefaas.cache import Forward, XCache, cache_key
from edgefaas.cache.key import keys_on_fields, namespaced, site_uri
from edgefaas.errors import OriginError
from edgefaas.events import Continue
from edgefaas.front import UNFORGED
from edgefaas.message import Request, Response
from edgefaas.namespaces import namespace_of
from edgefaas.origin import OriginClient
from edgefaas.origin.pool import Checkout
from edgefaas.routes import Routes
from edgefaas.site import Behaviour, Origin, Site, UrlOrigin, ViewerProtocol
from edgefaas.tracing.spans import Span
from edgefaas.tracing.steps import passing
from edgefaas.tracing.tracer import Tracer, sender_of, within_trace
from edgefaas.transit import Means, Plan, Transit, Viewer
from edgefaas.ways import Ways, lead_of
from edgefaas.wire.fields import WireHeaders
from edgefaas.wire.heads import Facts
from edgefaas.wire.render import encode_fields

NOBODY = "in the place of who asks"  # a value that traceparent cannot have
_TOLD = f"\r\ntraceparent: {NOBODY}".encode()
ABSENT_S = 0.25  # what was on no disk so short a time ago is not looked for again
ABSENT_MAX = 4_096
_WITHOUT_A_TASK = (Checkout.REUSE, Checkout.WAIT)


def passes(behaviour: Behaviour, origin: Origin | None) -> bool:
    """Return whether a plain GET goes to its origin as it came, whoever sent it, and nobody looks at the answer."""
    return (
        isinstance(origin, UrlOrigin)
        and not behaviour.triggers
        and (behaviour.methods is None or "GET" in behaviour.methods)
        and behaviour.viewer_protocol is ViewerProtocol.ALLOW_ALL
        and not behaviour.trusted_keys
        and not behaviour.location_headers
        and behaviour.origin_request is None
        and behaviour.cache.cookies.mode == "forward"
    )


@dataclass(slots=True, kw_only=True)
class Through:
    """Passes requests through for one site. ``never`` are paths that mean something else than what they say.

    ``tracer`` is None where nothing is traced.
    """

    site: Site
    routes: Routes
    admission: Admission
    arms: Arms
    client: OriginClient
    answers: Answers
    tracer: Tracer | None
    means: Means
    next_id: Callable[[], str]
    never: Container[str]
    _ways: "Ways[_Known]" = field(default_factory=Ways, init=False)
    _plans: dict[int, tuple[Behaviour, Plan | None]] = field(default_factory=dict, init=False)
    _absent: dict[str, float] = field(default_factory=dict, init=False)

    def start(
        self, target: bytes, facts: Facts, scheme: str, peer: tuple[str, int], viewer: Viewer
    ) -> Transit | None:
        """Send a plain GET with these facts to its origin; None where the journey has to begin, with nothing done."""
        known = self._ways.get(target) or self._find(target)
        plan = known.plan
        if plan is None or facts.conditions or self.arms.splits:
            return None
        request = Request(
            method="GET",
            path=known.path,
            query=known.query,
            headers=WireHeaders(facts.block),
            host=facts.host or "",
            scheme=scheme,
            viewer_ip=peer[0],
            viewer_port=peer[1],
        )
        section = self._section(plan, facts, request)
        pool = plan.way.pool
        checkout = pool.plan()
        if section is None or checkout not in _WITHOUT_A_TASK:
            return None
        store, flights = self.means.store, self.means.flights
        if plan.plain_key:
            key = section.site + known.rest
        else:
            key = cache_key(request, plan.behaviour.cache, namespace=plan.namespace)
        token = store.token()
        trip = f"{key}\n{token}"
        private = flights.is_private(trip)
        if (
            key in store
            or not (private or flights.is_free(trip))
            or not self._is_absent(key, trip, private=private)
        ):
            return None
        if not self.means.front.keeps(request):
            return None
        request.id = self.next_id()
        request.ran = {}
        head = b"GET %b HTTP/1.1%b" % (known.target, section.octets)
        span: Span | None = None
        if self.tracer is not None:
            request.trace = self.tracer.begin(request)
            span = passing(request.trace, request, plan.behaviour, plan.origin)
            if section.rest:
                head += span.context.traceparent.encode("ascii") + section.rest
        transit = Transit(self.means, plan, request, viewer, head, (key, token, trip))
        transit.span = span
        if checkout is Checkout.REUSE:
            transit.send(pool.take_idle())
        else:
            transit.stand_in_line()
        transit.flight = None if private else flights.reserve(trip)
        self.means.front.began()
        return transit

    def _is_absent(self, key: str, trip: str, *, private: bool) -> bool:
        """Return whether nothing is stored for ``key``, which is not in memory.

        Disks are asked four times a second where answers were of late not to be stored.
        """
        now_s, absent, store = monotonic(), self._absent, self.means.store
        if private and absent.get(trip, 0.0) > now_s:
            store.missed()
            return True
        if store.get(key):
            return False
        if len(absent) >= ABSENT_MAX:
            absent.clear()
        absent[trip] = now_s + ABSENT_S
        return True

    def _find(self, target: bytes) -> "_Known":
        found, lead = _NOWHERE, lead_of(target, self.routes, self.never)
        plan = None if lead is None else self._plan_of(lead.behaviour)
        if (
            lead is not None
            and plan is not None
            and not (lead.query and plan.behaviour.cache.query.mode != "all")
        ):
            asked = f"{lead.path}?{lead.query}" if lead.query else lead.path
            sent = (plan.way.prefix + asked).encode("ascii")
            found = _Known(plan, lead.path, lead.query, sent, asked + namespaced(plan.namespace))
        return self._ways.keep(target, found)

    def _plan_of(self, behaviour: Behaviour) -> Plan | None:
        known = self._plans.get(id(behaviour))
        if known is not None and known[0] is behaviour:
            return known[1]
        plan = None
        origin = self.site.origins.get(behaviour.origin or "")
        if isinstance(origin, UrlOrigin) and passes(behaviour, origin):
            unsigned = Response(status=200)
            asking = Request(method="GET", path="/")
            signed = self.answers.forwarded(
                asking, unsigned, Forward.URI_MISS, XCache.MISS, stored=False, collapsed=False
            )
            plan = Plan(
                behaviour=behaviour,
                origin=origin,
                namespace=namespace_of(behaviour, Continue(asking), at_home=True),
                plain_key=not keys_on_fields(behaviour.cache),
                way=self.client.way(origin),
                memo=f"through {origin.name}",
                signed=encode_fields(list(signed.headers)).removesuffix(b"\r\n"),
            )
        self._plans[id(behaviour)] = behaviour, plan
        return plan

    def _section(self, plan: Plan, facts: Facts, request: Request) -> "_Section | None":
        """Return what follows the request line for the origin; None where a field is not to be passed on as it came."""
        memo = facts.block.memo
        known = memo.get(plan.memo)
        if (
            isinstance(known, _Section)
            and known.plan is plan
            and known.address == request.viewer_ip
            and known.scheme == request.scheme
        ):
            return known
        if UNFORGED not in memo or UNPRETENDED not in memo:
            self.means.front.receive(request)
            if self.admission.admit(request, plan.behaviour, self.means.wall_s()) is not request:
                return None
            if UNFORGED not in memo or UNPRETENDED not in memo:
                return None
        sent = request
        if self.tracer is not None:
            sender = sender_of(request.headers)
            headers = within_trace(request.headers, NOBODY, sender.state if sender is not None else "")
            sent = replace(request, headers=headers)
        try:
            head = self.client.head(plan.origin, sent)
        except OriginError:  # the journey says so
            return None
        site = site_uri(request.host, request.scheme)
        octets, told, rest = head[head.index(b"\r\n") :].partition(_TOLD)
        if told:
            octets += told.removesuffix(NOBODY.encode())
        section = memo[plan.memo] = _Section(plan, request.viewer_ip, request.scheme, octets, rest, site)
        return section


@dataclass(frozen=True, slots=True)
class _Section:
    """What a connection's repeated fields come to: what follows the request line, and the URI up to the path.

    Where the origin is told of a trace, ``octets`` end before the value of ``traceparent``, and ``rest`` is behind it.
    """

    plan: Plan
    address: str
    scheme: str
    octets: bytes
    rest: bytes
    site: str


@dataclass(frozen=True, slots=True)
class _Known:
    """Where a target leads: ``target`` is what the origin is asked, ``rest`` ends the key of a plain request."""

    plan: Plan | None
    path: str = ""
    query: str = ""
    target: bytes = b""
    rest: str = ""


_NOWHERE = _Known(None)
