"""The HTTP cache: a sans-IO core that returns verdicts, and the stores behind it.

One request, as the journey uses this package (instants are Unix seconds, everything is pure but the stores):

    key = cache_key(request, policy)
    verdict = judge(request, memory.get(key), now_s)
        Serve(stored, stale) · ServeAndRevalidate(stored, headers) · Revalidate(stored, headers, reason)
        Fetch(reason, fallback) · GatewayTimeout() · Bypass(reason)
    prepared_hit(request, stored, now_s, pop, request_id) -> Prepared | None     the fast path, same octets as
    respond(request, stored, now_s, Signature(...)) -> Answer                    200, 206, 304, 416

    token = memory.token()                        before the request goes to the origin
    storability(request, response, policy, key, Timing(...)) -> Store | Pass     by the head alone
    memory.put(store.with_body(body), token)      False when a purge came in between
    freshen(request, stored, not_modified, policy, Timing(...)) -> Freshened     after a 304
    freshen_from_head(...)                        after a HEAD
    on_origin_failure(stored, request, policy, status=..., now_s=...) -> ServeStale | Fail
    await memory.invalidate_everywhere(invalidated_by(request, response))

A ``Pass`` that ``supersedes`` means that what was stored under the key is outdated: remove the variant.
``headers`` of a verdict are all request fields to send to the origin, conditions included. The token of a
POST whose response is stored is taken after what the POST invalidates.

Around it, on asyncio:

    store = open_tiers(folder, memory_bytes=…, disk_bytes=…, clock=…)     memory before disk; used like
    MemoryStore await store.purge_everywhere(purge); await store.invalidate_everywhere(uris); store.close()
    flights = Flights(background.start, directory=…)                    one trip for simultaneous misses
    flight, led = flights.board(collapse_key(key, variants, request.headers), fetch) await
    flight.outcome(led=led, patience_s=…) -> Shared | Private | Failed | Alone await
    store.put_spooled(decided, flight.spool, token)               also for bodies larger than memory
    StreamedBody(file_slice)                                            a checked body from disk,
    wanted = form_for(request.headers, stored, AVAILABLE)         content codings; then if wanted:
    form_maker.want(stored, wanted)                          made behind, once
"""

from edgefaas.cache.bodies import DamagedBodyError, StreamedBody
from edgefaas.cache.cache_status import Forward, XCache, forward_status, hit_status, x_cache
from edgefaas.cache.codecs import AVAILABLE, FormMaker, encode, encode_stream
from edgefaas.cache.compression import coded_fields, form_for, is_compressible, negotiate
from edgefaas.cache.conditional import Condition, evaluate, range_applies
from edgefaas.cache.dates import format_http_date, parse_http_date
from edgefaas.cache.fields import HOP_BY_HOP, without_connection_fields
from edgefaas.cache.flight import Alone, Failed, Flight, Flights, Private, Shared
from edgefaas.cache.freshen import Freshened, freshen, freshen_from_head
from edgefaas.cache.invalidation import invalidated_by
from edgefaas.cache.key import cache_key, request_uri, selected_cookies, selected_query
from edgefaas.cache.memory import MemoryStats, MemoryStore, Slot
from edgefaas.cache.purge import Counted, Hit, Purge, PurgeLog, matches, problem_with
from edgefaas.cache.ranges import ByteRange, Unsatisfiable, parse_content_range, parse_range
from edgefaas.cache.respond import Answer, FileSlice, Signature, hit_octets, prepared_hit, respond
from edgefaas.cache.spool import Spool, SpoolError
from edgefaas.cache.storability import Pass, Store, Timing, storability
from edgefaas.cache.stored import BodyFile, PartialRange, StoredResponse
from edgefaas.cache.tiers import TieredStore, open_tiers
from edgefaas.cache.vary import collapse_key, select_variant, selects
from edgefaas.cache.verdict import (
    Bypass,
    Fail,
    Fetch,
    GatewayTimeout,
    Revalidate,
    Serve,
    ServeAndRevalidate,
    ServeStale,
    Verdict,
    collapsible,
    judge,
    on_origin_failure,
)

__all__ = [
    "AVAILABLE",
    "HOP_BY_HOP",
    "Alone",
    "Answer",
    "BodyFile",
    "Bypass",
    "ByteRange",
    "Condition",
    "Counted",
    "DamagedBodyError",
    "Fail",
    "Failed",
    "Fetch",
    "FileSlice",
    "Flight",
    "Flights",
    "FormMaker",
    "Forward",
    "Freshened",
    "GatewayTimeout",
    "Hit",
    "MemoryStats",
    "MemoryStore",
    "PartialRange",
    "Pass",
    "Private",
    "Purge",
    "PurgeLog",
    "Revalidate",
    "Serve",
    "ServeAndRevalidate",
    "ServeStale",
    "Shared",
    "Signature",
    "Slot",
    "Spool",
    "SpoolError",
    "Store",
    "StoredResponse",
    "StreamedBody",
    "TieredStore",
    "Timing",
    "Unsatisfiable",
    "Verdict",
    "XCache",
    "cache_key",
    "coded_fields",
    "collapse_key",
    "collapsible",
    "encode",
    "encode_stream",
    "evaluate",
    "form_for",
    "format_http_date",
    "forward_status",
    "freshen",
    "freshen_from_head",
    "hit_octets",
    "hit_status",
    "invalidated_by",
    "is_compressible",
    "judge",
    "matches",
    "negotiate",
    "on_origin_failure",
    "open_tiers",
    "parse_content_range",
    "parse_http_date",
    "parse_range",
    "prepared_hit",
    "problem_with",
    "range_applies",
    "request_uri",
    "respond",
    "select_variant",
    "selected_cookies",
    "selected_query",
    "selects",
    "storability",
    "without_connection_fields",
    "x_cache",
]
