"""One viewer request, from viewer to viewer: the whole semantics of a POP in one file.

behaviour → viewer-request → cache → origin-request → origin → origin-response → store → viewer-response

The branches live here; what decides is pure (``routes``, ``cache``, ``events``), what acts is behind
``triggers`` and ``origins``. Run eagerly (see ``eager``): a hit ends inside the wire's callback, and
everything from ``_ask_origin`` on runs in a task.
Sources: "CloudFront events that can trigger a function"; RFC 9111, 3 and 4; RFC 5861; RFC 9110, 9.2.1.
"""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from typing import assert_never

from edgefaas.answers import Answers
from edgefaas.background import Background
from edgefaas.cache import (
    Bypass,
    Fetch,
    Forward,
    GatewayTimeout,
    MemoryStore,
    Pass,
    Revalidate,
    Serve,
    ServeAndRevalidate,
    ServeStale,
    Store,
    StoredResponse,
    Timing,
    XCache,
    cache_key,
    collapsible,
    freshen,
    freshen_from_head,
    invalidated_by,
    judge,
    on_origin_failure,
    storability,
)
from edgefaas.cache.vary import select_variant
from edgefaas.eager import in_task
from edgefaas.errors import OriginError, RequestError
from edgefaas.events import Continue, GeneratedResponse
from edgefaas.events.skipping import generated_word, runs_viewer_response
from edgefaas.forwarding import forwarded
from edgefaas.message import Headers, Prepared, Request, Response
from edgefaas.origins import Origins, release
from edgefaas.recorder import read_all, record, rejoined
from edgefaas.routes import Routes
from edgefaas.site import Behaviour, Trigger
from edgefaas.triggers import Triggers

NOT_MODIFIED = 304
SERVER_ERRORS = range(500, 600)


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """One request as it stands after viewer-request, with all that its way to the origin needs."""

    turned: Continue
    behaviour: Behaviour
    key: str
    token: int  # which purges had been done when it set out

    @property
    def request(self) -> Request:
        """The viewer's request after its functions."""
        return self.turned.request


@dataclass(frozen=True, slots=True, kw_only=True)
class Journey:
    """The way of every request that this POP answers itself. Collaborators are built once, in ``app``."""

    routes: Routes
    triggers: Triggers
    store: MemoryStore
    origins: Origins
    answers: Answers
    background: Background
    wall_s: Callable[[], float]
    refreshing: set[str]

    async def answer(self, viewer: Request) -> Response | Prepared:
        """Answer one viewer request.

        Raises:
            EdgeError: rendered by ``app`` (404, 405, 502, 503, 504 …).
        """
        behaviour = self.routes.match(viewer.path)
        if behaviour is None:
            raise RequestError(
                f"no behaviour covers {viewer.path}",
                remedy='Add a behaviour with path = "*".',
                status_code=404,
            )
        if behaviour.methods is not None and viewer.method not in behaviour.methods:
            return self.answers.method_not_allowed(viewer, behaviour)
        turned = await self.triggers.viewer_request(viewer, behaviour)
        if isinstance(turned, GeneratedResponse):  # never stored, and viewer-response is skipped
            api = self.triggers.api(behaviour, Trigger.VIEWER_REQUEST)
            return self.answers.generated(viewer, turned.response, api)
        return await self._cache(turned, behaviour)

    async def _cache(self, turned: Continue, behaviour: Behaviour) -> Response | Prepared:
        request = turned.request
        key = cache_key(request, behaviour.cache, namespace=behaviour.origin or "")
        errand = Errand(turned=turned, behaviour=behaviour, key=key, token=self.store.token())
        now_s = self.wall_s()
        verdict = judge(request, self.store.get(key), now_s)
        match verdict:
            case Serve(stored):
                return await self._from_store(errand, stored, now_s)
            case ServeAndRevalidate(stored, headers):
                self._refresh_behind(errand, stored, headers)
                return await self._from_store(errand, stored, now_s)
            case Revalidate(stored, headers, reason):
                return await self._ask_origin(errand, reason, stored, headers)
            case Fetch(reason, fallback):
                return await self._ask_origin(errand, reason, fallback, None)
            case Bypass(reason):
                return await self._ask_origin(errand, reason, None, None)
            case GatewayTimeout():
                return self.answers.only_if_cached(request)
            case _:
                assert_never(verdict)

    async def _from_store(
        self, errand: Errand, stored: StoredResponse, now_s: float, word: XCache = XCache.HIT
    ) -> Response | Prepared:
        behaviour = errand.behaviour
        runs = Trigger.VIEWER_RESPONSE in behaviour.triggers
        if not runs and word is XCache.HIT:
            return self.answers.hit(errand.request, stored, now_s)
        response = self.answers.stored(errand.request, stored, now_s, word)
        if runs and runs_viewer_response(origin_status=stored.status, generated_by=None):
            response = await self.triggers.viewer_response(errand.request, response, behaviour)
        return response

    async def _ask_origin(
        self, errand: Errand, reason: Forward, held: StoredResponse | None, conditional: Headers | None
    ) -> Response | Prepared:
        """Go to the origin. ``held`` is what is stored; ``conditional`` are the fields that ask about it."""
        await in_task()
        request, policy = errand.request, errand.behaviour.cache
        sent = request if conditional is None else replace(request, headers=conditional)
        asked_s = self.wall_s()
        try:
            response, generated_by = await self._origin(sent, errand)
        except OriginError:
            now_s = self.wall_s()
            stand_in = on_origin_failure(held, request, policy, status=None, now_s=now_s)
            if isinstance(stand_in, ServeStale):
                return await self._from_store(errand, stand_in.stored, now_s)
            raise
        now_s = self.wall_s()
        timing = Timing(request_time_s=asked_s, response_time_s=now_s)
        if held is not None and generated_by is None:
            if response.status == NOT_MODIFIED and conditional is not None:
                await release(response)
                fresh = self._freshened(errand, held, response, timing)
                return await self._from_store(errand, fresh, now_s, XCache.REFRESH_HIT)
            if response.status in SERVER_ERRORS:
                stand_in = on_origin_failure(held, request, policy, status=response.status, now_s=now_s)
                if isinstance(stand_in, ServeStale):
                    await release(response)
                    return await self._from_store(errand, stand_in.stored, now_s)
        return await self._to_viewer(errand, reason, response, generated_by, timing)

    async def _origin(self, sent: Request, errand: Errand) -> tuple[Response, Trigger | None]:
        """origin-request → origin → origin-response. Says which trigger answered in the origin's place."""
        behaviour = errand.behaviour
        described = self.origins.describe(behaviour)
        request = forwarded(sent, behaviour)
        turned = await self.triggers.origin_request(request, behaviour, described)
        if isinstance(turned, GeneratedResponse):  # may be stored; origin-response is skipped
            return turned.response, Trigger.ORIGIN_REQUEST
        if turned.origin is None and errand.turned.origin is not None:
            turned = replace(turned, origin=errand.turned.origin)
        if turned.host is None and errand.turned.host is not None:
            turned = replace(turned, host=errand.turned.host)
        response = await self.origins.ask(turned, behaviour)
        response = await self.triggers.origin_response(turned.request, response, behaviour, described)
        return response, None

    def _freshened(
        self, errand: Errand, held: StoredResponse, newer: Response, timing: Timing
    ) -> StoredResponse:
        """Bring what is stored up to date by a 304 (RFC 9111, 4.3.4)."""
        result = freshen(errand.request, held, newer, errand.behaviour.cache, timing)
        if result.keep:
            self.store.put(result.stored, errand.token)
        else:
            self.store.remove(held)
        return result.stored

    async def _to_viewer(
        self,
        errand: Errand,
        reason: Forward,
        response: Response,
        generated_by: Trigger | None,
        timing: Timing,
    ) -> Response | Prepared:
        """Store what may be stored, run viewer-response, sign."""
        request, behaviour = errand.request, errand.behaviour
        for uri in invalidated_by(request, response):
            self.store.invalidate(uri)
        origin_status = response.status
        decided = storability(request, response, behaviour.cache, errand.key, timing)
        stored_now: StoredResponse | None = None
        match decided:
            case Store():
                stored_now = await self._keep(errand, decided, response)
            case Pass(supersedes=True):
                self._supersede(errand)
            case Pass() if request.method == "HEAD":
                self._learn_from_head(errand, response, timing)
        if stored_now is not None and not collapsible(request):
            # What was fetched whole answers this viewer's range or condition (RFC 9110, 13.2.1 and 14.2).
            return await self._from_store(errand, stored_now, self.wall_s(), XCache.MISS)
        word = XCache.MISS
        if generated_by is not None:
            word = XCache(generated_word(self.triggers.api(behaviour, generated_by)))
        self.answers.forwarded(request, response, reason, word, stored=isinstance(decided, Store))
        if runs_viewer_response(origin_status=origin_status, generated_by=generated_by):
            response = await self.triggers.viewer_response(request, response, behaviour)
        return response

    async def _keep(self, errand: Errand, decided: Store, response: Response) -> StoredResponse | None:
        """Store the response: at once where its body is complete or must be, else while it streams past."""

        def complete(body: bytes) -> StoredResponse:
            stored = decided.with_body(body)
            self.store.put(stored, errand.token)
            return stored

        body = response.body
        if not isinstance(body, bytes) and not collapsible(errand.request):
            whole = await read_all(body, limit_bytes=self.store.object_bytes_max)
            if isinstance(whole, list):
                response.body = rejoined(whole, body)
                return None
            body = response.body = whole
        if isinstance(body, bytes):
            return complete(body) if len(body) <= self.store.object_bytes_max else None
        response.body = self._recorded(body, complete)
        return None

    def _recorded(
        self, body: AsyncIterator[bytes], complete: Callable[[bytes], StoredResponse]
    ) -> AsyncIterator[bytes]:
        return record(
            body, limit_bytes=self.store.object_bytes_max, complete=lambda whole: void(complete(whole))
        )

    def _learn_from_head(self, errand: Errand, response: Response, timing: Timing) -> None:
        """Let a HEAD's answer update or outdate what is stored (RFC 9111, 4.3.5)."""
        for held in self.store.get(errand.key):
            result = freshen_from_head(errand.request, held, response, errand.behaviour.cache, timing)
            if result is not None and result.keep:
                self.store.put(result.stored, errand.token)
            elif result is not None:
                self.store.remove(held)

    def _supersede(self, errand: Errand) -> None:
        """Drop the stored response that a newer, unstorable one has outdated."""
        outdated = select_variant(errand.request.headers, self.store.get(errand.key))
        if outdated is not None:
            self.store.remove(outdated)

    def _refresh_behind(self, errand: Errand, stored: StoredResponse, headers: Headers) -> None:
        """Revalidate in the background, once at a time for each key (RFC 5861, 3)."""
        if errand.key in self.refreshing:
            return
        self.refreshing.add(errand.key)
        self.background.start(self._refresh(errand, stored, headers), name=f"refresh {errand.key}")

    async def _refresh(self, errand: Errand, stored: StoredResponse, headers: Headers) -> None:
        try:
            response = await self._ask_origin(errand, Forward.STALE, stored, headers)
            if isinstance(response, Response) and not isinstance(response.body, bytes):
                async for _ in response.body:
                    pass
        except OriginError:
            pass  # the stale answer stays until its window ends
        finally:
            self.refreshing.discard(errand.key)


def void(_: object) -> None:
    """Forget a result."""
