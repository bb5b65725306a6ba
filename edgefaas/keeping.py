"""Do what the cache core decided about storing: keep, bring up to date, drop. A thin shell around the stores.

Sources: RFC 9111, 3 (storing), 4.3.4 (304), 4.3.5 (HEAD), 4.4 (invalidation).
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from functools import partial

from edgefaas.cache import (
    Answer,
    FileSlice,
    MemoryStore,
    Pass,
    Store,
    StoredResponse,
    StreamedBody,
    TieredStore,
    Timing,
    freshen,
    freshen_from_head,
    invalidated_by,
    storability,
)
from edgefaas.cache.respond import Segment
from edgefaas.cache.spool import Spool
from edgefaas.cache.vary import select_variant
from edgefaas.message import Body, Request, Response
from edgefaas.recorder import read_all, record, rejoined
from edgefaas.site import CachePolicy

SERVER_ERROR = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A request that went to the origin: its key, its policy, and the purges done when it set out."""

    request: Request
    policy: CachePolicy
    key: str
    token: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeper:
    """Keeps responses in the store of this worker, and on the disk that all workers share; none unless it ``keeps``."""

    store: MemoryStore
    keeps: bool = True

    def freshened(self, ask: Ask, held: StoredResponse, newer: Response, timing: Timing) -> StoredResponse:
        """Bring ``held`` up to date by a 304 and return what to answer with."""
        result = freshen(ask.request, held, newer, ask.policy, timing)
        if result.keep:
            self.store.put(result.stored, ask.token)
        else:
            self.store.remove(held)
        return result.stored

    async def decide(self, ask: Ask, response: Response, timing: Timing) -> Store | Pass:
        """Return whether a response is to be stored, and drop from the store what its head has outdated.

        What an unsafe request invalidates is gone from every worker when this returns.
        """
        if uris := invalidated_by(ask.request, response, ask.policy):
            await self.store.invalidate_everywhere(uris)
        if not self.keeps:
            return Pass("the cache is off")
        decided = storability(ask.request, response, ask.policy, ask.key, timing)
        if isinstance(decided, Store) and sets_a_cookie_unsaid(decided):
            decided = Pass("set-cookie without a lifetime", supersedes=response.status < SERVER_ERROR)
        if isinstance(decided, Store):
            return decided
        if decided.supersedes:
            outdated = select_variant(ask.request.headers, self.store.get(ask.key))
            if outdated is not None:
                self.store.remove(outdated)
        elif ask.request.method == "HEAD":
            self._learn_from_head(ask, response, timing)
        return decided

    def keep(self, ask: Ask, decided: Store, body: bytes) -> StoredResponse:
        """Store a complete body; one too large, or purged meanwhile, is answered with all the same."""
        stored = decided.with_body(body)
        # What a POST invalidates is older than its own response, which answers GETs from now on (RFC 9110, 9.3.3).
        self.store.put(stored, self.store.token() if ask.request.method == "POST" else ask.token)
        return stored

    async def keep_spooled(self, ask: Ask, decided: Store, spool: Spool) -> None:
        """Store a body that several viewers are reading from a spool; a large one by taking over its file."""
        if isinstance(self.store, TieredStore):
            await self.store.put_spooled(decided, spool, ask.token)
        elif spool.whole_in_memory:
            self.store.put(decided.with_body(spool.body(), digest=spool.digest), ask.token)

    def body_of(self, stored: StoredResponse, answer: Answer) -> Body:
        """Return the body of an answer from the store; what lies on disk is streamed, checked piece by piece."""
        if answer.in_memory:
            return answer.body
        segments = answer.segments
        if len(segments) == 1 and isinstance(segments[0], FileSlice):
            return StreamedBody(segments[0], partial(self._damaged, stored))
        return self._streamed(stored, segments)

    def _damaged(self, stored: StoredResponse) -> None:
        if isinstance(self.store, TieredStore):
            self.store.damaged(stored)

    async def _streamed(self, stored: StoredResponse, segments: Sequence[Segment]) -> AsyncIterator[bytes]:
        ahead = b""  # goes out with what follows from disk: the first piece shows that the file is there
        for segment in segments:
            if isinstance(segment, bytes):
                ahead += segment
                continue
            async with aclosing(StreamedBody(segment, partial(self._damaged, stored))) as body:
                async for piece in body:
                    yield ahead + piece if ahead else piece
                    ahead = b""
        if ahead:
            yield ahead

    async def keep_whole(self, ask: Ask, decided: Store, response: Response) -> StoredResponse | None:
        """Read the whole body and store it, for a viewer who wants a part of it or has a condition.

        Returns None for a body that is too large: ``response`` then still holds all of it.
        """
        body = response.body
        whole = await read_all(body, limit_bytes=self.store.object_bytes_max)
        if isinstance(whole, bytes):
            return self.keep(ask, decided, whole)
        assert not isinstance(body, bytes)
        response.body = rejoined(whole, body)
        return None

    def keep_passing(self, ask: Ask, decided: Store, body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Return the body as a stream that is stored once it has ended."""
        limit_bytes = self.store.object_bytes_max

        def complete(whole: bytes) -> None:
            self.keep(ask, decided, whole)

        return record(body, limit_bytes=limit_bytes, complete=complete)

    def _learn_from_head(self, ask: Ask, response: Response, timing: Timing) -> None:
        for held in self.store.get(ask.key):
            result = freshen_from_head(ask.request, held, response, ask.policy, timing)
            if result is not None and result.keep:
                self.store.put(result.stored, ask.token)
            elif result is not None:
                self.store.remove(held)


def sets_a_cookie_unsaid(decided: Store) -> bool:
    """Return whether a response sets cookies, and nobody said that it may be used for others without asking.

    RFC 9111, 7.3 lets a shared cache reuse Set-Cookie, and asks origins to say how long. Where one says nothing,
    a lifetime guessed from Last-Modified, or a 304 to another viewer, would hand one viewer's session to the next.
    """
    unsaid = decided.no_cache or decided.lifetime.heuristic or decided.lifetime.seconds <= 0
    return unsaid and "set-cookie" in decided.headers


async def begun(body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Return a body whose first piece has been read. Raises what reading it raises, DamagedBodyError above all."""
    if isinstance(body, StreamedBody):
        await body.begin()
        return body
    first = await anext(body, b"")
    return rejoined([first], body)


def policy_for(policy: CachePolicy, error_ttl_s: float | None) -> CachePolicy:
    """Return the policy with another TTL for errors, where one is given."""
    return policy if error_ttl_s is None else replace(policy, error_ttl_s=error_ttl_s)
