"""What the admin API tells of the logs: the last lines, and those that come, as NDJSON or server-sent events."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import orjson
from starlette.responses import Response, StreamingResponse

from edgefaas.control.endpoint import BadRequestError, Call, Endpoint, Parameter, count, flag
from edgefaas.control.hub import Follower, LogHub
from edgefaas.control.loglines import LEVELS, LineFilter
from edgefaas.control.logring import Line
from edgefaas.control.pop import Pop
from edgefaas.errors import EdgeError

LOG_LINES = 100
LOG_LINES_MAX = 10_000
STREAM_IDLE_S = 15.0  # then a blank line, so that a vanished reader is found out
INSTANT_MAX_S = 1e11  # 5138 AD


class TooManyReadersError(EdgeError):
    """Every log stream is taken."""

    status = 503


@dataclass(frozen=True, slots=True, kw_only=True)
class LogApi:
    """The endpoints; ``log_endpoints`` says where each is found."""

    hub: LogHub
    pop: Pop

    async def logs(self, call: Call) -> Any:
        """Return the last lines as NDJSON (or server-sent events); ``follow=1`` goes on."""
        wanted = _filter(call)
        events = "text/event-stream" in call.request.headers.get("accept", "")
        media_type = "text/event-stream" if events else "application/x-ndjson"
        encode = partial(_as_event if events else _as_line, self.pop.site.router.pop)
        last = self.hub.last(wanted, limit=call.count("limit", LOG_LINES, high=LOG_LINES_MAX))
        if not call.flag("follow"):
            return Response(b"".join(map(encode, last)), media_type=media_type)
        follower = self.hub.follow(wanted)
        if follower is None:
            raise TooManyReadersError("Too many readers follow the logs", remedy="End one of them.")
        body = self._stream(last, follower, encode, idle=b": idle\n\n" if events else b"\n")
        return StreamingResponse(body, media_type=media_type, headers={"Cache-Control": "no-store"})

    async def _stream(
        self, last: Sequence[Line], follower: Follower, encode: Callable[[Line], bytes], *, idle: bytes
    ) -> AsyncIterator[bytes]:
        try:
            yield b"".join(map(encode, last)) + idle  # an idle line ends what was there before
            async for lines in follower.batches(idle_s=STREAM_IDLE_S):
                yield b"".join(map(encode, lines)) or idle
        finally:
            self.hub.leave(follower)


def log_endpoints(api: LogApi) -> list[Endpoint]:
    """Return the table of these endpoints."""
    log_query: dict[str, str | Parameter] = {
        "follow": flag("go on with what comes"),
        "limit": count("how many of the last lines", high=LOG_LINES_MAX),
        "function": "only of this function",
        "level": Parameter("this level and graver", {"enum": list(LEVELS)}),
        "status": "only requests with this status: 404, 5xx",
        "request_id": "only of this request",
        "text": "only lines that contain this",
        "since": Parameter(
            "only lines later than this instant (Unix time)",
            {"type": "number", "minimum": 0, "exclusiveMaximum": INSTANT_MAX_S},
        ),
    }
    return [
        Endpoint(method="GET", path="/v1/logs", summary="Read the logs", answer=api.logs, query=log_query),
    ]


def _filter(call: Call) -> LineFilter:
    level = call.query("level")
    if level and level not in LEVELS:
        raise BadRequestError(f'level is "{level[:80]}"', remedy=f"Use one of {', '.join(LEVELS)}.")
    return LineFilter(
        function=call.query("function"),
        level=level,
        request_id=call.query("request_id"),
        text=call.query("text"),
        status=call.query("status"),
        since_s=_instant(call.query("since")),
    )


def _instant(text: str) -> float:
    """Return a query parameter that is Unix time; 0 for none. Raises BadRequestError."""
    try:
        at_s = float(text or 0)
    except ValueError:
        at_s = -1.0
    if not 0 <= at_s < INSTANT_MAX_S:
        raise BadRequestError(f'since is "{text[:80]}"', remedy="Use Unix time in seconds.")
    return at_s


def _as_line(pop: str, line: Line) -> bytes:
    return orjson.dumps(_of_pop(pop, line), option=orjson.OPT_APPEND_NEWLINE)


def _as_event(pop: str, line: Line) -> bytes:
    return b"data: " + orjson.dumps(_of_pop(pop, line)) + b"\n\n"


def _of_pop(pop: str, line: Line) -> Line:
    return {**line, "pop": pop} if pop else line
