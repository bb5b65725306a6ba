"""Finish answers: what this POP adds to every response, whoever made it.

No clock, no sockets. Field names are the contract's: X-Cache, Cache-Status (RFC 9211), X-Edge-Pop,
X-Edge-Request-Id, and Age for what came from the store (RFC 9111, 5.1).
"""

from dataclasses import dataclass

from edgefaas.cache import Signature, XCache, forward_status, prepared_hit, respond, x_cache
from edgefaas.cache.cache_status import Forward
from edgefaas.cache.stored import StoredResponse
from edgefaas.events.skipping import generated_word
from edgefaas.keeping import Keeper
from edgefaas.made import MARKED_DATE, MARKED_ID, Made, template_of
from edgefaas.message import Headers, Prepared, Request, Response
from edgefaas.pages import error_page
from edgefaas.wire import http_date, prepare


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """Signs responses for one POP; ``pop`` is its name, "" when the site names none."""

    keeper: Keeper
    pop: str = ""

    def hit(self, request: Request, stored: StoredResponse, now_s: float) -> Response | Prepared:
        """Return a hit as octets where the request is plain, else as a response."""
        prepared = prepared_hit(request, stored, now_s, self.pop, request.id)
        return prepared or self.stored(request, stored, now_s)

    def stored(
        self,
        request: Request,
        stored: StoredResponse,
        now_s: float,
        word: XCache = XCache.HIT,
        status: str | None = None,
    ) -> Response:
        """Return a response made from the store; ``status`` replaces the usual Cache-Status."""
        signature = Signature(pop=self.pop, x_cache=word, cache_status=status, request_id=request.id)
        answer = respond(request, stored, now_s, signature)
        return Response(
            status=answer.status,
            reason=answer.reason,
            headers=answer.headers,
            body=self.keeper.body_of(stored, answer),
        )

    def sign(
        self, request: Request, response: Response, word: XCache | str, status: str | None = None
    ) -> Response:
        """Add this POP's fields to a response that did not come from the store. Changes it in place."""
        headers = response.headers
        headers.set("X-Cache", x_cache(word))
        if status is not None:
            # RFC 9211, 2: each cache on the way appends its own member.
            headers.add("Cache-Status", status)
        if self.pop:
            headers.set("X-Edge-Pop", self.pop)
        headers.set("X-Edge-Request-Id", request.id)
        return response

    def generated(self, request: Request, made: Made) -> Response | Prepared:
        """Sign what a viewer-request function answered by itself; it is never stored."""
        word = x_cache(generated_word(made.api))
        if request.method == "GET" and request.timings is None:
            if not made.tried:
                made.tried, made.word = True, word
                marked = self._signed(made.copy(), word, MARKED_ID)
                made.template = template_of(prepare(marked, method="GET", date=MARKED_DATE))
            if made.template is not None:
                request.begun = word
                return made.template.fill(request.id, http_date())
        return self._signed(made.copy(), word, request.id)

    def _signed(self, response: Response, word: str, request_id: str) -> Response:
        """Append this POP's fields; functions cannot set them, so nothing is replaced."""
        headers = response.headers
        headers.add("X-Cache", word)
        if self.pop:
            headers.add("X-Edge-Pop", self.pop)
        headers.add("X-Edge-Request-Id", request_id)
        return response

    def forwarded(
        self,
        request: Request,
        response: Response,
        reason: Forward,
        word: XCache,
        *,
        stored: bool,
        collapsed: bool,
    ) -> Response:
        """Sign what came from the origin, or from a function in its place."""
        return self.sign(request, response, word, forward_status(reason, stored=stored, collapsed=collapsed))

    def unprepared(self, answer: Response | Prepared) -> Response:
        """Return an answer as a response, whatever form it has."""
        return as_response(answer) if isinstance(answer, Prepared) else answer

    def only_if_cached(self, request: Request) -> Response:
        """Return the 504 that RFC 9111, 5.2.1.7 asks for."""
        return self.sign(
            request, error_page(504, request), XCache.ERROR, "edgefaas; fwd=request; detail=only-if-cached"
        )


def as_response(prepared: Prepared) -> Response:
    """Return a prepared answer as the response it stands for."""
    lines = prepared.head.decode("latin-1").split("\r\n")
    _, status, reason = lines[0].split(" ", 2)
    headers = Headers(
        (name, value) for name, _, value in (line.partition(": ") for line in lines[1:] if line)
    )
    return Response(status=int(status), reason=reason, headers=headers, body=prepared.body)
