"""What the parts of a POP ask of each other. Protocols and values only.

``wire`` owns sockets and asks a ``ViewerSide`` for answers; the worker process drives a ``PopSide`` on behalf
of the supervisor. ``edgefaas/app.py`` implements both; fakes in the tests prove that they fit.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from edgefaas.cache.purge import Counted, Purge
from edgefaas.message import Prepared, Request, Response
from edgefaas.site import Site
from edgefaas.split import Split
from sandbox.contract import Kind, Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveFunction:
    """One deployed version of a function, as workers run it.

    ``version`` is the SHA-256 (hex) of what was deployed; ``artifact`` names its build in that folder;
    ``facts`` are the build's (``sandbox.contract.Built``). ``allow`` lists the hosts it may fetch from
    (``a.example``, ``*.example``, ``host:port``, ``*``); ``encoding`` is how kind ``event`` takes its event;
    ``kv`` are the key-value namespaces that it names, its own first. ``split`` is set for a canary:
    which viewers get it. ``secrets`` says which variables of ``environment`` are not of the version but secrets.
    """

    name: str
    version: str
    kind: Kind
    artifact: str
    facts: Mapping[str, object] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    environment: Mapping[str, str] = field(default_factory=dict)
    allow: tuple[str, ...] = ()
    encoding: str = "json"
    kv: tuple[str, ...] = ()
    split: Split | None = None
    secrets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveRelease:
    """One deployed version of the files of a directory origin; ``name`` is ``origins.`` and the origin's.

    ``folder`` holds its tree, relative to the artefact folder. ``also`` are the trees of versions whose files stay
    reachable beside its own, ``before`` those of which only the files with a content hash in their name do.
    """

    name: str
    version: str
    folder: str
    also: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    split: Split | None = None


Live = LiveFunction | LiveRelease
"""What a worker is told to have live, by the name that it is run under: ``hello``, ``hello@canary``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One line for ``edgefaas logs``: from a function, or of a request (``function`` is "")."""

    at_s: float  # Unix time
    request_id: str
    level: str
    text: str
    function: str = ""
    version: str = ""
    fields: Mapping[str, object] = field(default_factory=dict)


LogSink = Callable[[LogLine], None]
"""Takes a line at once, never blocks and never raises; delivery is batched behind it."""


AskSupervisor = Callable[[str, Mapping[str, Any]], Awaitable[Any]]
"""Asks the supervisor to do an operation; its answer is plain values. Raises EdgeError."""
NO_TLS = ("", "")


@dataclass(slots=True, kw_only=True)  # not frozen: one is made per request, and that costs a microsecond
class Exchange:
    """What the wire knows at the end of one request; times are seconds.

    ``head`` is that of the response as sent (with HTTP/2 as HTTP/1.1 would have it), "" where there was none;
    ``first_byte_s`` is when it went out. ``tls`` are protocol version and cipher.
    """

    request: Request
    status: int
    body_bytes: int
    took_s: float
    aborted: bool = False
    head: bytes = b""
    first_byte_s: float = 0.0
    tls: tuple[str, str] = NO_TLS


class ViewerSide(Protocol):
    """Answers viewers; called by the wire on the event loop."""

    def inline(self, request: Request) -> Prepared | None:
        """Answer at once, or return None when the request needs a task. Never raises, never blocks."""
        ...

    async def answer(self, request: Request) -> Response:
        """Answer; errors come back as responses. Raises only CancelledError (the viewer left)."""
        ...

    def finished(self, exchange: Exchange) -> None:
        """Take note of a finished exchange (access log, metrics)."""
        ...


class PopSide(Protocol):
    """What the supervisor asks of a worker."""

    def activate(self, functions: Mapping[str, Live]) -> None:
        """Make exactly these versions live, all or none. Raises DeployError and keeps the old ones."""
        ...

    def reconfigure(self, site: Site) -> None:
        """Serve this site from the next request on."""
        ...

    async def count_shared(self, purge: Purge) -> Counted:
        """Return how many responses a purge would hit of those that all workers share."""
        ...

    async def purge(self, purge: Purge) -> int:
        """Drop (or mark stale) what matches; in force on return. Returns how many entries of this worker."""
        ...

    async def invoke(self, function: str, event: bytes) -> dict[str, object]:
        """Run a function once with a JSON event; return outcome, result, logs and usage as JSON values."""
        ...

    def explain(self, address: str) -> dict[str, object]:
        """Return where a viewer with this address would be served, and why, as JSON values.

        Raises ConfigError: the site has no POPs.
        """
        ...

    def stats(self) -> dict[str, object]:
        """Return counters and gauges as plain JSON values."""
        ...

    def live(self, told: Mapping[str, object]) -> dict[str, object]:
        """Return what this worker has done since it was last asked (see ``deltas``).

        ``told`` is how the whole POP does, for the other POPs to hear (``figures.Figures.short``).
        """
        ...

    def drain(self) -> None:
        """Say from now on, to those who ask for the POP's health, that it ends; viewers get answers as before."""
        ...

    async def close(self) -> None:
        """Finish background work and let go of everything."""
        ...
