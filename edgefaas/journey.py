"""One viewer request, from viewer to viewer: the whole semantics of a POP in one file.

behaviour → viewer-request → cache → origin-request → origin → origin-response → store → viewer-response

The branches live here; what decides is pure (``routes``, ``cache``, ``events``), what acts is behind
``triggers``, ``origins`` and ``keeper``. Run eagerly (see ``eager``): a hit ends inside the wire's callback,
and everything from ``_ask_origin`` on runs in a task.
Sources: "CloudFront events that can trigger a function"; RFC 9111, 3 and 4; RFC 5861; RFC 9110, 9.2.1.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import assert_never

from edgefaas.admission import Admission, Refusal
from edgefaas.answers import Answers
from edgefaas.arms import Arms
from edgefaas.background import Background
from edgefaas.cache import (
    AVAILABLE,
    Bypass,
    DamagedBodyError,
    Failed,
    Fetch,
    Flight,
    Flights,
    FormMaker,
    Forward,
    GatewayTimeout,
    Pass,
    Private,
    Revalidate,
    Serve,
    ServeAndRevalidate,
    ServeStale,
    Shared,
    Store,
    StoredResponse,
    Timing,
    XCache,
    cache_key,
    collapse_key,
    collapsible,
    form_for,
    judge,
    on_origin_failure,
    selects,
)
from edgefaas.eager import in_task
from edgefaas.errands import Errand, FromOrigin, FromStore, Interim, Question, shareable
from edgefaas.errors import EdgeError, FunctionValidationError, OriginError, RequestError
from edgefaas.events import Continue, GeneratedResponse
from edgefaas.events.skipping import generated_word, runs_viewer_response
from edgefaas.express import Express, memorable, repeatable
from edgefaas.forwarding import forwarded
from edgefaas.gateway import REDIRECTIONS_MAX, LocalRedirection
from edgefaas.keeping import Ask, Keeper, begun, policy_for
from edgefaas.made import Made
from edgefaas.message import SWITCHING, Headers, Prepared, Request, Response
from edgefaas.namespaces import namespace_of
from edgefaas.origins import Origins, release
from edgefaas.routes import Routes
from edgefaas.site import Behaviour, ErrorPage, Trigger
from edgefaas.tracing.steps import end_behaviour, end_lookup, waiting
from edgefaas.triggers import Triggers

__all__ = ["FromOrigin", "FromStore", "Journey"]

NOT_MODIFIED = 304
ERRORS = range(400, 600)
SERVER_ERRORS = range(500, 600)
PATIENCE_S = 10.0  # how long a viewer waits for somebody else's trip before making one


@dataclass(frozen=True, slots=True, kw_only=True)
class Journey:
    """The way of every request that this POP answers itself. Collaborators are built once, in ``app``."""

    routes: Routes
    admission: Admission
    arms: Arms
    triggers: Triggers
    keeper: Keeper
    origins: Origins
    answers: Answers
    background: Background
    wall_s: Callable[[], float]
    flights: Flights[FromStore | FromOrigin]
    forms: FormMaker
    refreshing: set[str]
    error_pages: Mapping[int, ErrorPage]
    default_root: str
    express: Express | None

    async def answer(self, viewer: Request) -> Response | Prepared:
        """Answer one viewer request.

        Raises:
            EdgeError: rendered by ``app`` (404, 405, 502, 503, 504 …).
        """
        step = None if viewer.trace is None else viewer.trace.child("behavior")
        behaviour = self.routes.match(viewer.path)
        if behaviour is None:
            raise RequestError(
                f"no behaviour covers {viewer.path}",
                remedy='Add a behaviour with path = "*".',
                status_code=404,
            )
        viewer.ran = {}
        if self.arms.splits:
            viewer.canaries = self.arms.choose(viewer)
        admitted = self.admission.admit(viewer, behaviour, self.wall_s())
        if step is not None:
            end_behaviour(step, viewer, behaviour, admitted)
        if isinstance(admitted, Refusal):
            return self.answers.sign(viewer, admitted.response, admitted.word)
        turned = await self.triggers.viewer_request(admitted, behaviour)
        if isinstance(turned, Made):  # never stored, and viewer-response is skipped
            return self.answers.generated(viewer, turned)
        request = turned.request
        if request.path == "/" and self.default_root:
            request = replace(request, path=f"/{self.default_root}")
        if viewer.upgrade is not None:
            return await self._switch(replace(request, upgrade=viewer.upgrade), turned, behaviour)
        return await self._cache(request, turned, behaviour)

    def _errand(
        self, request: Request, turned: Continue, behaviour: Behaviour, *, for_error_page: bool = False
    ) -> Errand:
        at_home = self.routes.match(request.path) is behaviour
        canaries = self.arms.namespace(behaviour, request.canaries) if request.canaries else ""
        namespace = namespace_of(behaviour, turned, at_home=at_home, canaries=canaries)
        key, store = cache_key(request, behaviour.cache, namespace=namespace), self.keeper.store
        return Errand(
            request=request,
            turned=turned,
            behaviour=behaviour,
            key=key,
            token=store.token(),
            variants=() if request.upgrade is not None else store.get(key),  # a switch goes past the cache
            for_error_page=for_error_page,
        )

    async def _switch(self, request: Request, turned: Continue, behaviour: Behaviour) -> Response:
        """Answer a viewer who asks for WebSocket.

        Past the cache, both ways, and with nobody else: the connection is this viewer's. Functions may refuse
        it or send it elsewhere; a 101 passes by the response functions, there is nothing in it to change. Only
        URL origins can switch; a folder or a function answers the GET as it is (RFC 9110, 7.8).
        """
        await in_task()
        errand = self._errand(request, turned, behaviour)
        response, generated_by = await self._origin(request, errand)
        got = FromOrigin(
            response=response, reason=Forward.BYPASS, generated_by=generated_by, decided=Pass("upgrade")
        )
        return await self._finish(errand, got, response.status)

    async def _cache(
        self, request: Request, turned: Continue, behaviour: Behaviour, *, for_error_page: bool = False
    ) -> Response | Prepared:
        errand = self._errand(request, turned, behaviour, for_error_page=for_error_page)
        now_s = self.wall_s()
        step = None if request.trace is None else request.trace.child("cache lookup")
        verdict = judge(request, errand.variants, now_s)
        if step is not None:
            end_lookup(step, verdict)
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
                return await self._ask_origin(replace(errand, alone=True), reason, None, None)
            case GatewayTimeout():
                return self.answers.only_if_cached(request)
            case _:
                assert_never(verdict)

    async def _from_store(
        self, errand: Errand, stored: StoredResponse, now_s: float, word: XCache = XCache.HIT
    ) -> Response | Prepared:
        if stored.status in self.error_pages and not errand.for_error_page:
            page = await self._error_page(errand, stored.status)
            if page is not None:
                return page
        runs = Trigger.VIEWER_RESPONSE in errand.behaviour.triggers and not errand.for_error_page
        shown, wanted = form_for(errand.request.headers, stored, AVAILABLE)
        if wanted is not None:  # a content coding that is made behind, for those who come after
            self.forms.want(stored, wanted)
        if not runs and word is XCache.HIT:
            if self.express is not None and wanted is None:
                self._remember(self.express, errand, stored, shown)
            answer = self.answers.hit(errand.request, shown, now_s)
            if isinstance(answer, Prepared) or isinstance(answer.body, bytes):
                return answer
            response = answer
        else:
            response = self.answers.stored(errand.request, shown, now_s, word)
        if not isinstance(response.body, bytes):
            try:
                response.body = await begun(response.body)
            except DamagedBodyError:  # it is gone from the store now, and nothing was sent yet: a miss
                return await self._ask_origin(replace(errand, alone=True), Forward.URI_MISS, None, None)
        if runs and runs_viewer_response(origin_status=stored.status, generated_by=None):
            turning = self.triggers.viewer_response(errand.request, response, errand.behaviour)
            response = await self._turned_back(response, turning)
        return response

    def _remember(
        self, express: Express, errand: Errand, stored: StoredResponse, shown: StoredResponse
    ) -> None:
        """Note for the next request that is the same how this one is answered."""
        turned, request = errand.turned, errand.request
        if turned.request is not request or self.arms.reaches_store(errand.behaviour):
            return  # it was changed after its function, or another arm may be stored
        if memorable(errand.behaviour, stored):
            express.remember(request, stored, shown)
        elif turned.passage is not None and repeatable(errand.behaviour, request, stored):
            express.remember_passage(turned.passage, request, stored, shown)

    async def _ask_origin(
        self, errand: Errand, reason: Forward, held: StoredResponse | None, conditional: Headers | None
    ) -> Response | Prepared:
        """Go to the origin. ``held`` is what is stored; ``conditional`` are the fields that ask about it."""
        await in_task()
        return await self.go_on(Question(errand=errand, reason=reason, held=held, conditional=conditional))

    async def go_on(self, question: Question) -> Response | Prepared:
        """Go on with a request for which the store has no answer; also with one that went ahead (``through``).

        Raises EdgeError, as ``answer`` does. To be called in a task.
        """
        errand = question.errand
        try:
            got = await self._obtain(question)
            if isinstance(got, FromOrigin):
                return await self._to_viewer(errand, got)
        except OriginError as error:
            page = await self._error_page(errand, error.status)
            if page is not None:
                return page
            raise
        return await self._from_store(errand, got.stored, self.wall_s(), got.word)

    async def _obtain(self, question: Question) -> FromStore | FromOrigin:
        errand = question.errand
        if errand.alone or errand.request.redirections or not collapsible(errand.request):
            return await self._consult(question)
        if question.flight is not None:
            return await self._together_now(question, question.flight.key)
        # Who comes after a purge does not join a trip that began before it.
        key = f"{collapse_key(errand.key, errand.variants, errand.request.headers)}\n{errand.token}"
        if question.asked is not None or self.flights.is_private(key):
            got = await self._consult(question)
            self.flights.learn(key, private=not shareable(got, self.wall_s()))
            return got
        return await self._together_now(question, key)

    async def _together_now(self, question: Question, key: str) -> FromStore | FromOrigin:
        """Share a trip for as long as the viewer is there."""
        errand = question.errand
        interim = errand.request.interim
        if interim is None:
            return await self._together(question, key)
        # The trip may outlast this viewer's request: what comes late must not go out before another answer.
        with Interim(interim) as passing:
            request = replace(errand.request, interim=passing)
            return await self._together(replace(question, errand=replace(errand, request=request)), key)

    async def _together(self, question: Question, key: str) -> FromStore | FromOrigin:
        """Share one trip to the origin with the viewers who miss the same object now."""
        errand = question.errand
        fetch = partial(self._fly, question)
        if question.flight is None:
            flight, led = self.flights.board(key, fetch)
        else:
            flight, led = question.flight, True
            self.flights.take_off(flight, fetch)
        with waiting(None if led else errand.request.trace):
            seat = await flight.outcome(led=led, patience_s=PATIENCE_S)
        match seat:
            case Private(got):
                return got
            case Failed(error):
                raise error
            case Shared(FromStore() as got) if led or selects(got.stored.selectors, errand.request.headers):
                return got
            case Shared(FromOrigin(decided=Store() as decided) as got, body, _):
                if led or selects(decided.selectors, errand.request.headers):
                    response = got.response
                    whole = response.body if body is None else body
                    shared = replace(response, headers=response.headers.copy(), body=whole)
                    return replace(got, response=shared, collapsed=not led, kept=True)
                await release(replace(got.response, body=body or b""))
            case _:
                pass
        # Alone: what is shared is not for this viewer.
        return await self._consult(replace(question, asked=None, flight=None))

    def carry_on(self, question: Question) -> None:
        """End the trip of a request that went ahead and whose viewer has left: others may wait for it."""
        assert question.flight is not None
        self.flights.take_off(question.flight, partial(self._fly, question))

    async def _fly(self, question: Question, flight: Flight[FromStore | FromOrigin]) -> None:
        """The trip itself: a task that outlives the viewer who started it."""
        got = await self._consult(question)
        if not shareable(got, self.wall_s()):
            if not flight.keep_private(got) and isinstance(got, FromOrigin):
                await release(got.response)
        elif isinstance(got, FromStore):
            flight.share(got, bodiless=True)
        else:
            assert isinstance(got.decided, Store)
            body = got.response.body
            flight.share(got)
            if isinstance(body, bytes):
                await flight.write(body)
            else:
                async for chunk in body:
                    await flight.write(chunk)
            flight.land()
            await self.keeper.keep_spooled(
                self._ask(question.errand, got.response.status), got.decided, flight.spool
            )

    async def _consult(self, question: Question) -> FromStore | FromOrigin:
        """Ask the origin, and decide what its answer, or its failure, is worth. Raises OriginError."""
        errand, held, conditional = question.errand, question.held, question.conditional
        request, policy = errand.request, errand.behaviour.cache
        sent = request if conditional is None else replace(request, headers=conditional)
        asked_s = self.wall_s() if question.asked is None else question.asked.at_s
        generated_by = None
        try:
            if question.asked is not None:
                response = await question.asked.response()
            else:
                response, generated_by = await self._origin(sent, errand)
        except OriginError:
            stand_in = on_origin_failure(held, request, policy, status=None, now_s=self.wall_s())
            if isinstance(stand_in, ServeStale):
                return FromStore(stand_in.stored, XCache.HIT)
            raise
        now_s = self.wall_s()
        timing = Timing(request_time_s=asked_s, response_time_s=now_s)
        if held is not None and generated_by is None:
            if response.status == NOT_MODIFIED and conditional is not None:
                await release(response)
                fresh = self.keeper.freshened(self._ask(errand), held, response, timing)
                return FromStore(fresh, XCache.REFRESH_HIT)
            if response.status in SERVER_ERRORS:
                stand_in = on_origin_failure(held, request, policy, status=response.status, now_s=now_s)
                if isinstance(stand_in, ServeStale):
                    await release(response)
                    return FromStore(stand_in.stored, XCache.HIT)
        decided = await self.keeper.decide(self._ask(errand, response.status), response, timing)
        return FromOrigin(
            response=response, reason=question.reason, generated_by=generated_by, decided=decided
        )

    async def _origin(self, sent: Request, errand: Errand) -> tuple[Response, Trigger | None]:
        """origin-request → origin → origin-response. Says which trigger answered in the origin's place."""
        behaviour = errand.behaviour
        described = self.origins.describe(behaviour)
        request = forwarded(sent, behaviour)
        turned = await self.triggers.origin_request(request, behaviour, described)
        if isinstance(turned, GeneratedResponse):  # may be stored; origin-response is skipped
            return turned.response, Trigger.ORIGIN_REQUEST
        turned.request.upgrade = sent.upgrade  # a function that changes the request makes another
        # A viewer-request function may have chosen origin or host already.
        turned.origin, turned.host = turned.origin or errand.turned.origin, turned.host or errand.turned.host
        try:
            response = await self.origins.ask(turned, behaviour)
        except LocalRedirection as redirection:
            response = await self._within(turned.request, redirection.target)
        if response.status == SWITCHING:
            return response, None
        turning = self.triggers.origin_response(turned.request, response, behaviour, described)
        return await self._turned_back(response, turning), None

    async def _within(self, request: Request, target: str) -> Response:
        """Return what a GET of ``target`` gives: a command redirected to it (RFC 3875, 6.2.2)."""
        if request.redirections >= REDIRECTIONS_MAX:
            raise FunctionValidationError(
                f"commands redirected within the site over {REDIRECTIONS_MAX} times, last to {target}",
                remedy="Answer somewhere.",
            )
        path, _, query = target.partition("?")
        headers = request.headers.copy()
        headers.remove("content-length", "content-type", "content-encoding", "transfer-encoding")
        inner = replace(
            request,
            method="HEAD" if request.method == "HEAD" else "GET",
            path=path,
            query=query,
            headers=headers,
            body=b"",
            interim=None,
            timings=None,
            redirections=request.redirections + 1,
        )
        response = self.answers.unprepared(await self.answer(inner))
        response.headers = response.headers.copy()
        response.headers.remove("x-cache", "cache-status", "x-edge-pop", "x-edge-request-id")
        return response

    async def _to_viewer(self, errand: Errand, got: FromOrigin) -> Response | Prepared:
        """Store the body, put an error page in place, run viewer-response, sign."""
        request, response = errand.request, got.response
        origin_status = response.status
        stored = isinstance(got.decided, Store)
        if isinstance(got.decided, Store) and not got.kept:
            ask = self._ask(errand, origin_status)
            if not collapsible(request):
                # What was fetched whole answers this viewer's range or condition (RFC 9110, 13.2.1, 14.2).
                whole = await self.keeper.keep_whole(ask, got.decided, response)
                if whole is not None:
                    if not whole.is_consistent:
                        raise _not_as_said(errand.behaviour, whole)
                    return await self._from_store(errand, whole, self.wall_s(), XCache.MISS)
                stored = False
            elif isinstance(response.body, bytes):
                self.keeper.keep(ask, got.decided, response.body)
            else:
                response.body = self.keeper.keep_passing(ask, got.decided, response.body)
        if origin_status in self.error_pages and not errand.for_error_page:
            page = await self._error_page(errand, origin_status)
            if page is not None:
                await release(response)
                return page
        return await self._finish(errand, got, origin_status, stored=stored)

    async def _finish(
        self, errand: Errand, got: FromOrigin, origin_status: int, *, stored: bool = False
    ) -> Response:
        """Sign what the origin, or a function in its place, answered, and run viewer-response."""
        request, behaviour, response = errand.request, errand.behaviour, got.response
        word = XCache.MISS
        if got.generated_by is not None:
            word = XCache(generated_word(self.triggers.api(behaviour, got.generated_by, request.canaries)))
        self.answers.forwarded(request, response, got.reason, word, stored=stored, collapsed=got.collapsed)
        if response.status != SWITCHING and runs_viewer_response(
            origin_status=origin_status, generated_by=got.generated_by, error_page=errand.for_error_page
        ):
            response = await self._turned_back(
                response, self.triggers.viewer_response(request, response, behaviour)
            )
        return response

    async def _turned_back(self, response: Response, turning: Awaitable[Response]) -> Response:
        """Return what a response function makes of a response; where it fails, nobody reads the body."""
        try:
            return await turning
        except EdgeError:
            await release(response)
            raise

    async def _error_page(self, errand: Errand, status: int) -> Response | None:
        """Return the site's own page for an origin's error, or None where there is none to be had."""
        page = self.error_pages.get(status)
        behaviour = self.routes.match(page.path) if page is not None and page.path else None
        if (
            page is None
            or behaviour is None
            or errand.for_error_page
            or errand.request.method not in ("GET", "HEAD")
        ):
            return None
        request = replace(errand.request, path=page.path, query="", body=b"")
        request.headers = errand.request.headers.copy()
        request.headers.remove(
            "range", "if-none-match", "if-modified-since", "if-match", "if-unmodified-since"
        )
        try:
            answer = await self._cache(request, Continue(request), behaviour, for_error_page=True)
        except EdgeError:
            return None
        response = self.answers.unprepared(answer)
        if response.status in ERRORS:
            await release(response)
            return None
        response.status, response.reason = page.response_status or status, ""
        return self.answers.sign(errand.request, response, XCache.ERROR)

    def _ask(self, errand: Errand, status: int = 200) -> Ask:
        page = self.error_pages.get(status)
        policy = policy_for(errand.behaviour.cache, page.ttl_s if page else None)
        return Ask(request=errand.request, policy=policy, key=errand.key, token=errand.token)

    def _refresh_behind(self, errand: Errand, stored: StoredResponse, headers: Headers) -> None:
        """Revalidate in the background, once at a time for each key (RFC 5861, 3)."""
        if errand.key in self.refreshing:
            return
        self.refreshing.add(errand.key)
        request = replace(errand.request, interim=None, timings=None)  # its viewer has been answered
        behind = replace(errand, request=request)
        self.background.start(self._refresh(behind, stored, headers), name=f"refresh {errand.key}")

    async def _refresh(self, errand: Errand, stored: StoredResponse, headers: Headers) -> None:
        """Bring what is stored up to date. No viewer waits: no error page, and no viewer-response function."""
        try:
            got = await self._obtain(
                Question(errand=errand, reason=Forward.STALE, held=stored, conditional=headers)
            )
            if isinstance(got, FromOrigin):
                if isinstance(got.decided, Store) and not got.kept:
                    ask = self._ask(errand, got.response.status)
                    await self.keeper.keep_whole(ask, got.decided, got.response)
                await release(got.response)
        except EdgeError:
            pass  # the stale answer stays until its window ends
        finally:
            self.refreshing.discard(errand.key)


def _not_as_said(behaviour: Behaviour, part: StoredResponse) -> OriginError:
    """Return what is wrong with a part that has more or fewer octets than its Content-Range says."""
    assert part.partial is not None
    said = f"{part.partial.first}-{part.partial.last}"
    return OriginError(
        f"Origin {behaviour.origin!r} sent {part.length_bytes} bytes, and its Content-Range says {said}",
        remedy="Let the origin send what its Content-Range says, or the whole.",
    )
