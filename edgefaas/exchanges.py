"""Take note of finished exchanges, as the site says: counters, spans, lines of the log and of the access log."""

from collections.abc import Callable
from dataclasses import replace

from edgefaas.accesslog import AccessLog
from edgefaas.background import Background
from edgefaas.cache.cache_status import XCache, x_cache
from edgefaas.contract import Exchange, LogLine, LogSink
from edgefaas.paths import path_of
from edgefaas.site import Pretence, Site
from edgefaas.telemetry import Meter
from edgefaas.tracing.semantics import finish_exchange
from edgefaas.tracing.spans import Span

HIT = x_cache(XCache.HIT)


class Exchanges:
    """Notes what was exchanged, as soon as it was told a site to ``serve``. ``wall_s`` gives Unix seconds."""

    _site: Site

    def __init__(
        self, *, meter: Meter, log: LogSink, background: Background, wall_s: Callable[[], float]
    ) -> None:
        self._meter = meter
        self._log = log
        self._background = background
        self._wall_s = wall_s
        self._access: AccessLog | None = None

    def serve(self, site: Site) -> None:
        """Note as ``site`` says; an access log that stays as it is goes on."""
        self._site = site
        if self._access is not None:
            if self._access.wanted(site.access_file, site.router.pop):
                return
            self._background.start(self._access.close(), name="end of an access log")
        self._access = None
        if site.access_file.file is not None:
            self._access = AccessLog(site.access_file, pop=site.router.pop, wall_s=self._wall_s)

    @property
    def unlogged(self) -> bool:
        """Whether exchanges are only counted."""
        return self._site.access_log == "off"

    def count(self, status: int, body_bytes: int, took_s: float, word: str) -> None:
        """Count an exchange of which nothing else is to be noted; ``word`` is its X-Cache."""
        self._meter.exchanged(status, body_bytes, took_s, word)

    def note(self, exchange: Exchange) -> None:
        """Count a finished exchange, and write its line into the log."""
        site, request = self._site, exchange.request
        kept = site.access_log
        word = request.begun if isinstance(request.begun, str) else ""
        self._meter.exchanged(exchange.status, exchange.body_bytes, exchange.took_s, word)
        if request.trace is not None:
            finish_exchange(request.trace, exchange, word, site.router.pop)
        if self._access is not None:
            self._access.note(exchange, word)
        if request.trace is not None and (steps := request.trace.trace.kept) is not None:
            self._log(self._path_line(exchange, steps, word))
        elif kept == "all" or (kept == "requests" and word != HIT):
            self._log(access_line(exchange, word, self._wall_s()))

    def _path_line(self, exchange: Exchange, steps: list[Span], word: str) -> LogLine:
        """Return the log's line of a request whose path was kept."""
        line, pretence = access_line(exchange, word, self._wall_s()), self._site.pretence or Pretence()
        path = path_of(exchange, steps, pop=self._site.router.pop, pretence=pretence)
        return replace(line, fields={**line.fields, "path": path})

    def stats(self) -> dict[str, object]:
        """Return what the access log has done, if there is one."""
        return {} if self._access is None else {"access_log": self._access.stats()}

    async def close(self) -> None:
        """Write what waits."""
        if self._access is not None:
            await self._access.close()


def access_line(exchange: Exchange, word: str, at_s: float) -> LogLine:
    """Return the access log's line of one exchange."""
    request = exchange.request
    took_ms = round(exchange.took_s * 1000, 3)
    level = "error" if exchange.status >= 500 else "info"  # noqa: PLR2004 - server errors
    ran = request.ran or {}
    by = "".join(f" {name}@{version[:7]}" for name, version in ran.items())
    traced = (
        {}
        if request.trace is None or not request.trace.recorded or not request.trace.trace.tells
        else {"trace_id": request.trace.trace.trace_id}
    )
    return LogLine(
        at_s=at_s,
        request_id=request.id,
        level=level,
        text=f"{request.method} {request.target} {exchange.status} {took_ms} ms{f' {word}' if word else ''}{by}",
        fields={
            "method": request.method,
            "host": request.host,
            "target": request.target,
            "status": exchange.status,
            "bytes": exchange.body_bytes,
            "took_ms": took_ms,
            "viewer": request.viewer_ip,
            "x_cache": word,
            "aborted": exchange.aborted,
            "versions": ran,
            **traced,
        },
    )
