"""The steps of the journey as spans: behaviour, cache lookup, waiting for somebody else's fetch. Pure."""

from collections.abc import Iterator
from contextlib import contextmanager

from edgefaas.admission import Refusal
from edgefaas.cache.cache_status import Forward
from edgefaas.cache.verdict import Fetch, Serve, ServeAndRevalidate, Verdict
from edgefaas.message import Request
from edgefaas.site import Behaviour, UrlOrigin
from edgefaas.tracing.semantics import asking
from edgefaas.tracing.spans import Span


def end_behaviour(span: Span, viewer: Request, behaviour: Behaviour, admitted: Request | Refusal) -> None:
    """End the step that chose a behaviour and let the request in, or did not."""
    if not span.reported:
        return
    span.attributes["edgefaas.behavior"] = behaviour.pattern
    if viewer.trace is not None:
        viewer.trace.attributes.setdefault(
            "http.route", behaviour.pattern
        )  # a redirection within the site keeps it
    if isinstance(admitted, Refusal):
        span.attributes["edgefaas.refused"] = admitted.reason or admitted.word.value
    span.end()


def end_lookup(span: Span, verdict: Verdict) -> None:
    """End the step that looked into the cache, with its verdict and why the request goes to the origin, if it does."""
    if not span.reported:
        return
    span.attributes["edgefaas.cache.verdict"] = type(verdict).__name__
    span.attributes["edgefaas.cache.hit"] = isinstance(verdict, Serve | ServeAndRevalidate)
    reason = getattr(verdict, "reason", None)
    if reason is not None:
        span.attributes["edgefaas.cache.reason"] = str(reason)
    span.end()


def passing(trace: Span, viewer: Request, behaviour: Behaviour, origin: UrlOrigin) -> Span:
    """Note the steps of a request that goes to its origin at once; return the one of asking there, as it begins."""
    if not trace.recorded:
        return trace
    end_behaviour(trace.child("behavior"), viewer, behaviour, viewer)
    end_lookup(trace.child("cache lookup"), Fetch(Forward.URI_MISS))
    return asking(trace, viewer, origin)


@contextmanager
def waiting(trace: Span | None) -> Iterator[None]:
    """Make the block a step of ``trace``, if there is one: another viewer's request fetches the same object."""
    if trace is None:
        yield
        return
    span = trace.child("wait for a collapsed request")
    try:
        yield
    finally:
        span.end()
