"""What callers of the sandbox hand in and get back. Pure values; no wasmtime here.

A guest's end is always an ``Outcome``, never an exception: hostile code is the normal case.
"""

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol


class Kind(StrEnum):
    """What a function is written as; see docs/architecture.md."""

    EVENT = "event"
    JS = "js"
    PYTHON = "python"
    HTTP = "http"
    CGI = "cgi"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What an author hands in: files by relative path, and which of them is the entry.

    ``handler`` names the export to call; "" means the kind's default.
    """

    kind: Kind
    files: Mapping[str, bytes]
    entry: str
    handler: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """What a build made: ``artifact`` names it in the artefact folder of this machine.

    ``facts`` are what the build learnt, as plain JSON values (kind ``js``: ``{"api": "lambda-edge" |
    "cloudfront-functions", "handler": …}``); ``warnings`` are sentences for the author.
    """

    artifact: str
    facts: Mapping[str, object] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one invocation may use. Times are milliseconds; sizes are bytes."""

    memory_bytes: int = 128 * 1024 * 1024
    cpu_ms: int = 200
    wall_ms: int = 5_000
    output_bytes: int = 6 * 1024 * 1024
    log_bytes: int = 64 * 1024
    host_calls: int = 1_000


class Host(Protocol):
    """What one invocation may ask for. A new one for each invocation."""

    @property
    def environment(self) -> Mapping[str, str]:
        """The function's environment variables; nothing of the process's own."""
        ...

    def log(self, level: str, text: str) -> None:
        """Take one log line; ``level`` is debug, info, warn or error. Must not raise."""
        ...

    def call(self, name: str, payload: bytes) -> bytes | Awaitable[bytes]:
        """Do a named host operation (``fetch``, ``kv.get`` …).

        An awaitable suspends the guest until it is done and leaves the loop free. Raises HostCallError
        for the guest to see.
        """
        ...


class HostCallError(Exception):
    """A host operation failed in a way the guest may see; the message is shown to it."""


class Limit(StrEnum):
    """Which limit ended an invocation."""

    CPU = "cpu"
    WALL = "wall"
    MEMORY = "memory"
    OUTPUT = "output"
    HOST_CALLS = "host_calls"


@dataclass(slots=True, kw_only=True)  # made for every invocation: freezing it would take a microsecond
class Usage:
    """What an invocation used. ``cpu_us`` counts guest slices only."""

    cpu_us: int = 0
    wall_us: int = 0
    memory_bytes: int = 0
    host_calls: int = 0
    log_bytes: int = 0


@dataclass(slots=True, kw_only=True)  # as Usage
class Finished:
    """The guest returned ``output``."""

    output: bytes
    usage: Usage = field(default_factory=Usage)


@dataclass(frozen=True, slots=True, kw_only=True)
class Threw:
    """The guest's code raised an error of its language; ``detail`` is its stack or traceback."""

    message: str
    detail: str = ""
    usage: Usage = field(default_factory=Usage)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trapped:
    """WebAssembly trapped (unreachable, out of bounds, bad pointer, stack exhausted …)."""

    message: str
    usage: Usage = field(default_factory=Usage)


@dataclass(frozen=True, slots=True, kw_only=True)
class OverLimit:
    """The invocation was stopped at ``limit``, whose bound is ``allowed`` (ms or bytes or calls)."""

    limit: Limit
    allowed: int
    usage: Usage = field(default_factory=Usage)


@dataclass(frozen=True, slots=True, kw_only=True)
class NoRoom:
    """The instance pool and its queue are full; come back in ``retry_after_s``."""

    retry_after_s: int = 1
    usage: Usage = field(default_factory=Usage)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled:
    """The caller gave up (the viewer went away, the POP drains)."""

    usage: Usage = field(default_factory=Usage)


Outcome = Finished | Threw | Trapped | OverLimit | NoRoom | Cancelled
