"""Do what the cache core decided about storing: keep, bring up to date, drop. A thin shell around the stores.

Sources: RFC 9111, 3 (storing), 4.3.4 (304), 4.3.5 (HEAD), 4.4 (invalidation).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from edgefaas.cache import (
    MemoryStore,
    Pass,
    Store,
    StoredResponse,
    Timing,
    collapsible,
    freshen,
    freshen_from_head,
    invalidated_by,
    storability,
)
from edgefaas.cache.vary import select_variant
from edgefaas.message import Request, Response
from edgefaas.recorder import read_all, record, rejoined
from edgefaas.site import CachePolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A request that went to the origin: its key, its policy, and the purges done when it set out."""

    request: Request
    policy: CachePolicy
    key: str
    token: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeper:
    """Keeps responses in the store of this worker."""

    store: MemoryStore

    def freshened(self, ask: Ask, held: StoredResponse, newer: Response, timing: Timing) -> StoredResponse:
        """Bring ``held`` up to date by a 304 and return what to answer with."""
        result = freshen(ask.request, held, newer, ask.policy, timing)
        if result.keep:
            self.store.put(result.stored, ask.token)
        else:
            self.store.remove(held)
        return result.stored

    async def keep(
        self, ask: Ask, response: Response, timing: Timing
    ) -> tuple[Store | Pass, StoredResponse | None]:
        """Store a response if it may be, and drop what it outdates.

        Returns the decision, and what is stored by now: None while the body streams past (``response.body``
        then is replaced by a stream that keeps a copy).
        """
        for uri in invalidated_by(ask.request, response):
            self.store.invalidate(uri)
        decided = storability(ask.request, response, ask.policy, ask.key, timing)
        if isinstance(decided, Store):
            return decided, await self._body(ask, decided, response)
        if decided.supersedes:
            outdated = select_variant(ask.request.headers, self.store.get(ask.key))
            if outdated is not None:
                self.store.remove(outdated)
        elif ask.request.method == "HEAD":
            self._learn_from_head(ask, response, timing)
        return decided, None

    async def _body(self, ask: Ask, decided: Store, response: Response) -> StoredResponse | None:
        limit_bytes = self.store.object_bytes_max
        body = response.body
        if not isinstance(body, bytes) and not collapsible(ask.request):
            # The viewer wants a part or has a condition: the whole must be there to answer that.
            whole = await read_all(body, limit_bytes=limit_bytes)
            if isinstance(whole, list):
                response.body = rejoined(whole, body)
                return None
            body = response.body = whole
        if isinstance(body, bytes):
            return self._put(ask, decided, body) if len(body) <= limit_bytes else None
        response.body = record(body, limit_bytes=limit_bytes, complete=self._putter(ask, decided))
        return None

    def _putter(self, ask: Ask, decided: Store) -> Callable[[bytes], None]:
        def complete(body: bytes) -> None:
            self._put(ask, decided, body)

        return complete

    def _put(self, ask: Ask, decided: Store, body: bytes) -> StoredResponse:
        stored = decided.with_body(body)
        self.store.put(stored, ask.token)
        return stored

    def _learn_from_head(self, ask: Ask, response: Response, timing: Timing) -> None:
        for held in self.store.get(ask.key):
            result = freshen_from_head(ask.request, held, response, ask.policy, timing)
            if result is not None and result.keep:
                self.store.put(result.stored, ask.token)
            elif result is not None:
                self.store.remove(held)


def policy_for(policy: CachePolicy, error_ttl_s: float | None) -> CachePolicy:
    """Return the policy with another TTL for errors, where one is given."""
    return policy if error_ttl_s is None else replace(policy, error_ttl_s=error_ttl_s)
