"""What a guest of kind ``http`` or ``cgi`` answers: a head, checked, and what it means. Pure.

Two fields speak to the POP and go no further: ``X-Edge-Continue`` says that this is no answer and the request goes on
(a trigger's business), ``X-Edge-Request-NAME`` sets NAME on the request that goes on.
"""

import re
from dataclasses import dataclass, field

from edgefaas.errors import FunctionValidationError
from edgefaas.message import Headers
from edgefaas.origin.fields import from_origin
from edgefaas.wire.grammar import TOKEN, VALUE_CLASS

CONTINUE = "x-edge-continue"
SET_ON_REQUEST = "x-edge-request-"
STATUS_MIN, STATUS_MAX = 200, 599
REDIRECTIONS_MAX = 10
_BODILESS = frozenset({204, 304})
_VALUE = re.compile(VALUE_CLASS + rb"*+")
_LENGTH = re.compile(r"[0-9]{1,18}", re.ASCII)


class LocalRedirection(Exception):  # noqa: N818  # no error: it says where the answer is to be had
    """A command answered that the object under ``target`` is to be served in place (RFC 3875, 6.2.2)."""

    def __init__(self, target: str) -> None:
        super().__init__(target)
        self.target = target


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The head of an answer.

    ``length`` is its Content-Length, None where it names none. ``goes_on`` is None for an answer; else the request
    goes on, with this path and query, or with its own where it is "". ``local`` is where a command redirects to
    within the site, "" for nowhere.
    """

    status: int
    headers: Headers = field(default_factory=Headers)
    reason: str = ""
    length: int | None = None
    goes_on: str | None = None
    local: str = ""

    def has_body(self, method: str) -> bool:
        """Return whether what the guest writes next goes to the viewer (RFC 9110, 6.4.1)."""
        return method != "HEAD" and self.status not in _BODILESS


def wrong(message: str, remedy: str) -> FunctionValidationError:
    """Return the error of a guest whose answer breaks a rule."""
    return FunctionValidationError(f"the function's answer {message}", remedy=remedy)


def checked(status: int, lines: list[tuple[str, str]], reason: str = "") -> Answer:
    """Return the answer with end-to-end fields only.

    Raises FunctionValidationError: a status that ends no exchange, a field that HTTP forbids, a length that is none.
    """
    if not STATUS_MIN <= status <= STATUS_MAX:
        raise wrong(
            f"has the status {status}, not one from {STATUS_MIN} to {STATUS_MAX}", "Answer with another."
        )
    if not _is_value(reason):
        raise wrong(
            f"has a reason phrase that HTTP forbids: {reason[:80]!r}", "Leave control characters out."
        )
    for name, value in lines:
        if not TOKEN.fullmatch(name.encode("latin-1", "replace")) or not _is_value(value):
            raise wrong(f"has a field that HTTP forbids: {name[:80]!r}", "Correct its name or value.")
    headers = from_origin(Headers(lines))
    lengths = set(headers.values("content-length"))
    if len(lengths) > 1 or not all(_LENGTH.fullmatch(length) for length in lengths):
        raise wrong("has a Content-Length that is not one number", "Declare the true length, or none.")
    asked = headers.values(CONTINUE)
    goes_on = asked[0].strip() if asked else None
    if goes_on and not goes_on.startswith("/"):
        raise wrong(
            f'goes on with "{goes_on[:80]}", no path', 'Write a path that starts with "/", or nothing.'
        )
    return Answer(
        status=status,
        headers=headers,
        reason=reason,
        length=int(lengths.pop()) if lengths else None,
        goes_on=goes_on,
    )


def _is_value(value: str) -> bool:
    try:
        return _VALUE.fullmatch(value.encode("latin-1")) is not None
    except UnicodeEncodeError:
        return False
