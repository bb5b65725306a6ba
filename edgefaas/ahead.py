"""Start a viewer-request function before anything else is made of its request.

Of a plain GET under a behaviour with such a function, the journey decides nothing before the function runs: no
signature, no location, no other POP. So the function is started from what is known at once (target, fields, address),
and where it answers by itself what it answered before, that is the answer. Otherwise the journey goes its whole way,
and takes the function as it was started. What is decided here is when nobody can tell the difference: ``may_start`` for
the behaviour, the wire's facts for the request, and the memos by which front and admission say that they change
nothing in these fields. Tests compare events and octets with the journey's.
"""

from collections.abc import Callable, Container
from dataclasses import dataclass, field
from functools import lru_cache

import orjson

from edgefaas.admission import UNPRETENDED
from edgefaas.arms import Arms
from edgefaas.cache.cache_status import XCache, x_cache
from edgefaas.events import Api
from edgefaas.events.assembly import Assembly, assembly_of
from edgefaas.express import Express, Passage
from edgefaas.front import UNFORGED
from edgefaas.gateway.letters import GATEWAY_KINDS
from edgefaas.guests import MSGPACK, Guests, Invocation, Loaded
from edgefaas.made import MadeMemo
from edgefaas.message import Prepared
from edgefaas.routes import Routes
from edgefaas.site import Behaviour, Trigger, ViewerProtocol
from edgefaas.ways import Ways, lead_of
from edgefaas.wire import http_date
from edgefaas.wire.fields import FieldBlock, WireHeaders
from sandbox.contract import Finished

HIT = x_cache(XCache.HIT)
ADDRESSES_MAX = 4_096


def may_start(behaviour: Behaviour) -> bool:
    """Return whether the viewer-request function sees a plain GET just as it came, whoever sent it."""
    return (
        Trigger.VIEWER_REQUEST in behaviour.triggers
        and (behaviour.methods is None or "GET" in behaviour.methods)
        and behaviour.viewer_protocol is ViewerProtocol.ALLOW_ALL
        and not behaviour.trusted_keys
        and not behaviour.location_headers
    )


@lru_cache(maxsize=ADDRESSES_MAX)
def _shown(address: str) -> bytes:
    """Return an address as JSON has it, without the quotes."""
    return orjson.dumps(address)[1:-1]


def without_address(output: bytes, address: str) -> bytes:
    """Return a request that a function let pass without the address of its viewer, which it may not change. Pure."""
    shown = b'{"clientIp":"%b",' % address.encode("latin-1", "replace")
    rest = output.removeprefix(shown)
    return output if b'"clientIp"' in rest else rest


@dataclass(slots=True)
class HeadStart:
    """A function that was started for the request ``id``; its answer and the word of X-Cache, where those are known.

    ``passage`` is by what its output is known in case that it lets the request pass.
    """

    id: str
    loaded: Loaded
    invocation: Invocation
    prepared: Prepared | None = None
    word: str = ""
    passage: Passage | None = None


@dataclass(slots=True)
class Way:
    """Where a target leads: the name of its function ("": none may be started), and what it says in an event.

    ``api``, ``assembly`` and ``piece`` are for ``loaded``; without an assembly, that may not be started.
    """

    name: str
    path: str = ""
    query: str = ""
    shows_body: bool = False
    loaded: Loaded | None = None
    api: str = ""
    assembly: Assembly | None = None
    piece: bytes = b""


NO_WAY = Way("")


@dataclass(slots=True, kw_only=True)
class Ahead:
    """Starts functions for one site. ``never`` are paths whose requests are not the functions' at all.

    ``express`` answers hits behind them, where the site allows that.
    """

    routes: Routes
    guests: Guests
    arms: Arms
    made: MadeMemo
    express: Express | None
    next_id: Callable[[], str]
    wall_s: Callable[[], float]
    never: Container[str]
    _ways: Ways[Way] = field(default_factory=Ways, init=False)

    def start(self, target: bytes, block: FieldBlock, scheme: str, address: str) -> HeadStart | None:
        """Start the function of a plain GET for ``target`` with these fields; None where the journey comes first."""
        way = self._ways.get(target) or self._find(target)
        loaded = self.guests.look(way.name)
        if loaded is None:
            return None
        if loaded is not way.loaded:
            self._prepare(way, loaded)
        assembly, api = way.assembly, way.api
        if assembly is None:
            return None
        memo = block.memo
        fields = memo.get(api)
        if fields is None:
            if UNFORGED not in memo or UNPRETENDED not in memo:  # the first request of these fields
                return None
            fields = memo[api] = assembly.of_fields(WireHeaders(block))
        assert isinstance(fields, bytes)
        request_id = self.next_id()
        event = assembly.event(request_id.encode("ascii"), _shown(address), way.piece, fields)
        invocation = self.guests.start(loaded, event, request_id)
        started = HeadStart(request_id, loaded, invocation)
        outcome = invocation.outcome
        if isinstance(outcome, Finished):
            made = self.made.get(api, outcome.output)
            if made is not None and made.template is not None:
                self.guests.ended(loaded.function, outcome)
                self.guests.answered(loaded, made.response.status)
                started.prepared = made.template.fill(request_id, http_date())
                started.word = made.word
            elif made is None and self.express is not None:
                output = without_address(outcome.output, address)
                passage = started.passage = scheme, target, block.raw, api, output
                started.prepared = self.express.answer_passage(passage, self.wall_s(), request_id)
                if started.prepared is not None:
                    self.guests.ended(loaded.function, outcome)
                    started.word = HIT
        return started

    def _prepare(self, way: Way, loaded: Loaded) -> None:
        """Find out how the event of what is live now is put together, if it may be started."""
        way.loaded, way.assembly = loaded, None
        function = loaded.function
        if way.name in self.arms.splits:  # who gets the canary is the journey's to say
            return
        if function.encoding == MSGPACK or function.kind in GATEWAY_KINDS:  # they are asked otherwise
            return
        way.api = str(function.facts.get("api", Api.LAMBDA_EDGE))
        way.assembly = assembly_of(way.api, shows_body=way.shows_body)
        way.piece = way.assembly.of_target(way.path, way.query)

    def _find(self, target: bytes) -> Way:
        way, lead = NO_WAY, lead_of(target, self.routes, self.never)
        if lead is not None and may_start(lead.behaviour):
            name = lead.behaviour.triggers[Trigger.VIEWER_REQUEST]
            way = Way(name, lead.path, lead.query, shows_body=lead.behaviour.include_body)
        return self._ways.keep(target, way)
