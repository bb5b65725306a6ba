"""HTTP messages as every part of a POP sees them: fields, requests, responses, bodies.

Field names and values are ``str`` decoded as latin-1 (RFC 9110, 5.5), so every octet survives; names keep
the case they came in, and are compared in lower case (5.1). No parsing of field values happens here.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from edgefaas.openbody import OpenBody

if TYPE_CHECKING:
    from edgefaas.tracing.spans import Span

SWITCHING = 101  # the status after which a connection speaks another protocol (RFC 9110, 15.2.2)

Body = bytes | AsyncIterator[bytes]
"""A body is complete ``bytes``, or a stream of chunks that can be read once."""


class Headers:
    """An ordered list of field lines that can be asked by name.

    Lookups take the **lower-case** name. Lists in the line order of the message.
    """

    __slots__ = ("_lines",)

    def __init__(self, lines: Iterable[tuple[str, str]] = ()) -> None:
        self._lines = list(lines)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._lines)

    def __len__(self) -> int:
        return len(self._lines)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Headers) and self._lines == other._lines

    __hash__ = None  # type: ignore[assignment]  # mutable

    def __repr__(self) -> str:
        return f"Headers({self._lines!r})"

    def __contains__(self, name: str) -> bool:
        return any(key.lower() == name for key, _ in self._lines)

    def values(self, name: str) -> list[str]:
        """Return the value of every line of that name, in order."""
        return [value for key, value in self._lines if key.lower() == name]

    def get(self, name: str) -> str | None:
        """Return the combined value (RFC 9110, 5.3: joined by ``", "``), or None when absent."""
        found = self.values(name)
        if not found:
            return None
        return found[0] if len(found) == 1 else ", ".join(found)

    def add(self, name: str, value: str) -> None:
        """Append one line."""
        self._lines.append((name, value))

    def set(self, name: str, value: str) -> None:
        """Replace every line of that name by one, in the place of the first."""
        lower = name.lower()
        replaced: list[tuple[str, str]] = []
        done = False
        for line in self._lines:
            if line[0].lower() != lower:
                replaced.append(line)
            elif not done:
                replaced.append((name, value))
                done = True
        if not done:
            replaced.append((name, value))
        self._lines = replaced

    def remove(self, *names: str) -> None:
        """Drop every line whose lower-case name is among ``names``."""
        self._lines = [line for line in self._lines if line[0].lower() not in names]

    @property
    def memo(self) -> dict[str, object] | None:
        """Return a place for facts that follow from these lines alone and never change; None where there is none."""
        return None

    def copy(self) -> "Headers":
        """Return an independent copy."""
        return Headers(self._lines)


@dataclass(slots=True, kw_only=True)
class Request:
    """One request on its way through the POP.

    ``path`` and ``query`` are raw as sent (percent-encoded, without the ``?``); ``query`` is ``""`` when
    there is none. ``viewer_ip`` is the address that location and logs go by: the peer's, or the one a
    trusted proxy forwarded. ``id`` is what the viewer sees as ``X-Edge-Request-Id``. ``interim`` passes a 1xx
    response of the origin on to the viewer (RFC 9110, 15.2); None where the viewer cannot take one. ``begun``
    is for the viewer side: what it has started for this request and not finished. ``timings`` collects names and
    milliseconds for ``Server-Timing``, where that was asked for; ``trace`` is the span whose steps are to be its
    children, where traces are kept.
    ``canaries`` are the functions whose canary this request gets, ``ran`` which version of which function it has run.
    ``upgrade`` is set when the viewer asks to switch to WebSocket, and is then what it sends after the switch.
    Such a request goes past the cache; a response with status 101 whose body is the other side's octets switches.
    ``redirections`` counts how often a command sent it on within the site.
    """

    method: str
    path: str
    query: str = ""
    headers: Headers = field(default_factory=Headers)
    body: Body = b""
    host: str = ""
    scheme: str = "http"
    http_version: str = "1.1"
    viewer_ip: str = "127.0.0.1"
    viewer_port: int = 0
    id: str = ""
    interim: "Callable[[int, Headers], None] | None" = None
    upgrade: AsyncIterator[bytes] | None = None
    begun: object = None
    timings: "list[tuple[str, float]] | None" = None
    redirections: int = 0
    trace: "Span | None" = None
    canaries: "frozenset[str] | None" = None
    ran: "dict[str, str] | None" = None

    @property
    def target(self) -> str:
        """Return path and query as they stand in the request line."""
        return f"{self.path}?{self.query}" if self.query else self.path


@dataclass(slots=True, kw_only=True)
class Response:
    """One response on its way to the viewer. ``reason`` may be empty."""

    status: int
    headers: Headers = field(default_factory=Headers)
    body: Body = b""
    reason: str = ""


@dataclass(slots=True)
class Prepared:
    """A whole response as octets, ready for the socket.

    ``head`` is the status line and every field line, each ended by CRLF, without the empty line that ends
    the section; the wire appends ``Connection`` when it closes. ``body`` is empty for HEAD, 204 and 304.
    ``file`` may hold the octets of ``body`` once more, to be sent from there.
    """

    head: bytes
    body: bytes
    file: OpenBody | None = None
