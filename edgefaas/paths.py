"""The path of a request through the POP, told in one line: what ``edgefaas dev`` shows.

Pure; the clock is an argument. Made from the spans of the request's trace (``tracing``), so what is told is what was
measured where it happened. A trace that is kept for this alone is nobody else's business: no origin is told of it.
"""

import re
from collections.abc import Callable
from typing import Any

from edgefaas.contract import Exchange
from edgefaas.message import Request
from edgefaas.site import Pretence
from edgefaas.tracing.spans import Attribute, Span, Trace

_CACHE_STATUS = re.compile(rb"(?im)^cache-status:[ \t]*([^\r\n]*)")


def follow(request: Request, now_ns: Callable[[], int]) -> None:
    """Keep the steps of this request as they end, in its trace; it gets one where it has none."""
    steps: list[Span] = []
    if request.trace is None:
        trace = Trace(None, recorded=True, now_ns=now_ns, ended=steps.append, tells=False)
        request.trace = Span(trace, request.method)
    else:
        trace = request.trace.trace
        before = trace.ended

        def both(ended: Span) -> None:
            before(ended)
            steps.append(ended)

        trace.ended = both
    trace.kept = steps


def path_of(exchange: Exchange, steps: list[Span], *, pop: str, pretence: Pretence) -> dict[str, Any]:
    """Return the path of an exchange as JSON values; ``steps`` are those kept by ``follow``.

    They are told in the order in which they began, with ``ms`` where they take time; functions with ``cpu_us`` and
    ``wall_us``, origins with their ``status``, where there was an answer.
    """
    steps = sorted(steps, key=lambda span: span.start_ns)
    told: dict[str, Any] = {"pop": pop}
    if pretence.round_trip_ms:
        told["away_ms"] = pretence.round_trip_ms
    behaviours = [span.attributes[_BEHAVIOUR] for span in steps if _BEHAVIOUR in span.attributes]
    if behaviours:
        told["behavior"] = behaviours[0]  # later ones are of redirections within the site
    told["steps"] = [row for span in steps if (row := _step(span, caches=pretence.caches))]
    found = _CACHE_STATUS.search(exchange.head)
    if found is not None:
        told["cache_status"] = found[1].decode("latin-1").strip()
    return told


def _step(span: Span, *, caches: bool) -> dict[str, Any] | None:
    """Return one step as JSON values; None for what is no step of its own."""
    known = span.attributes
    if "faas.name" in known:
        return _timed(
            span,
            step=span.name.partition(" ")[0],
            function=known["faas.name"],
            version=known["faas.version"],
            cpu_us=known["edgefaas.function.cpu_us"],
            wall_us=known["edgefaas.function.wall_us"],
        )
    if "edgefaas.cache.verdict" in known:
        verdict = _VERDICTS[str(known["edgefaas.cache.verdict"])] if caches else "off"
        reason = known.get("edgefaas.cache.reason")
        return {"step": "cache", "verdict": verdict} | ({"reason": reason} if reason and caches else {})
    if "edgefaas.origin" in known:
        return _timed(span, step="origin", origin=known["edgefaas.origin"])
    if "url.full" in known:
        return _timed(span, step="fetch", url=known["url.full"])
    if "edgefaas.refused" in known:
        return {"step": "refused", "reason": known["edgefaas.refused"]}
    return _timed(span, step="wait") if span.name.startswith("wait ") else None


def _timed(span: Span, **known: Attribute) -> dict[str, Any]:
    """Return a step with what every step that takes time has."""
    status = span.attributes.get("http.response.status_code")
    return {
        **known,
        **({} if status is None else {"status": status}),
        "ms": round((span.end_ns - span.start_ns) / 1e6, 3),
        **({"error": span.error} if span.error else {}),
    }


_BEHAVIOUR = "edgefaas.behavior"
_VERDICTS = {
    "Serve": "hit",
    "ServeAndRevalidate": "stale hit",
    "Revalidate": "revalidate",
    "Fetch": "miss",
    "Bypass": "bypass",
    "GatewayTimeout": "only-if-cached",
}
