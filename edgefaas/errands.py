"""What a request carries on its way to the origin and back: errand, question, outcome. Plain values."""

from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol

from edgefaas.cache import Flight, Forward, Pass, Store, StoredResponse, XCache
from edgefaas.events import Continue
from edgefaas.message import Headers, Request, Response
from edgefaas.site import Behaviour, Trigger


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """One request as it stands after viewer-request, with all that its way to the origin needs."""

    request: Request
    turned: Continue
    behaviour: Behaviour
    key: str
    token: int  # which purges had been done when it set out
    variants: tuple[StoredResponse, ...]  # what was stored then
    for_error_page: bool = False
    alone: bool = False  # what others fetch, or what is stored, is not for this one


class Asked(Protocol):
    """A request that was sent to its origin ahead of its journey, at ``at_s``; see ``through``."""

    @property
    def at_s(self) -> float:
        """When it was sent, in Unix seconds."""
        ...

    async def response(self) -> Response:
        """Return what the origin answers. Raises OriginError. To be called once."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What the origin is asked, and why.

    ``held`` is what is stored; ``conditional`` are the fields that ask about it. Where it has been ``asked`` already,
    ``flight`` is the trip that others may have boarded since; None where they go by themselves.
    """

    errand: Errand
    reason: Forward
    held: StoredResponse | None = None
    conditional: Headers | None = None
    asked: Asked | None = None
    flight: "Flight[FromStore | FromOrigin] | None" = None


@dataclass(frozen=True, slots=True)
class FromStore:
    """The origin's word made (or left) a stored response good enough."""

    stored: StoredResponse
    word: XCache


@dataclass(frozen=True, slots=True, kw_only=True)
class FromOrigin:
    """The origin, or a function in its place, gave this response.

    ``kept`` tells that its body is being stored already, ``collapsed`` that another viewer asked for it.
    """

    response: Response
    reason: Forward
    generated_by: Trigger | None
    decided: Store | Pass
    collapsed: bool = False
    kept: bool = False


def shareable(got: FromStore | FromOrigin, now_s: float) -> bool:
    """Return whether what came may answer others who asked meanwhile (RFC 9111, 4)."""
    if isinstance(got, FromStore):
        return got.stored.is_shareable(now_s)
    return isinstance(got.decided, Store) and got.decided.shareable


class Interim:
    """Passes 1xx responses on (``Request.interim``) until the ``with`` that it is made for ends."""

    __slots__ = ("_pass_on",)

    def __init__(self, pass_on: Callable[[int, Headers], None]) -> None:
        self._pass_on: Callable[[int, Headers], None] | None = pass_on

    def __call__(self, status: int, headers: Headers) -> None:
        """Pass one on, while somebody waits for it."""
        if self._pass_on is not None:
            self._pass_on(status, headers)

    def __enter__(self) -> "Interim":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pass_on = None
