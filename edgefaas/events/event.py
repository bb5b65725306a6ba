"""What goes into an event and what comes out of a function: values of both event APIs.

Pure. The journey fills an ``EventContext``, hands ``SentEvent.payload`` to the sandbox and performs what the
decoded ``Result`` says. Source: the event structures of Lambda@Edge and CloudFront Functions.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from edgefaas.events.origins import OriginChange, OriginDescription
from edgefaas.message import Request, Response
from edgefaas.site import Trigger

KIB = 1024


class Api(StrEnum):
    """Which of the two event APIs a function speaks (``facts["api"]`` of its build)."""

    LAMBDA_EDGE = "lambda-edge"
    CLOUDFRONT_FUNCTIONS = "cloudfront-functions"


@dataclass(frozen=True, slots=True)
class ShownBody:
    """The part of the request body that a function may read, and whether more followed."""

    data: bytes
    truncated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EventContext:
    """What an event says besides request and response.

    ``body`` is None unless the behaviour includes bodies; ``origin`` is None outside the origin triggers.
    """

    distribution_id: str = "EDGEFAAS"
    distribution_domain: str = "edgefaas.localhost"
    body: ShownBody | None = None
    origin: OriginDescription | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How strict the decoder is. ``aws`` adds the limits that protect AWS's own service only."""

    aws: bool = False

    def body_shown_bytes(self, trigger: Trigger) -> int:
        """Return how many bytes of a request body a function is shown; the rest is truncated."""
        viewer = trigger is Trigger.VIEWER_REQUEST
        if self.aws:
            return 40 * KIB if viewer else KIB * KIB
        return KIB * KIB if viewer else 4 * KIB * KIB

    def body_returned_chars(self, trigger: Trigger, *, base64: bool) -> int | None:
        """Return how long a returned body may be, as encoded, or None where only the sandbox bounds it."""
        if not self.aws:
            return None
        if trigger in (Trigger.VIEWER_REQUEST, Trigger.VIEWER_RESPONSE):
            return 54_476 if base64 else 40 * KIB  # 53.2 KB
        return 1_394_606 if base64 else KIB * KIB  # 1.33 MB


AWS_RULES = Rules(aws=True)
OPEN_RULES = Rules(aws=False)


@dataclass(slots=True)  # made for every request: freezing it would take 0.6 µs
class SentEvent:
    """One encoded event, kept until its result is decoded.

    ``payload`` is the JSON for the guest. ``shown`` is the message in it that the function may change (its
    request in a request trigger, its response in a response trigger), so that the decoder checks differences
    only.
    """

    api: Api
    trigger: Trigger
    payload: bytes
    request: Request
    response: Response | None
    shown: Mapping[str, Any]


@dataclass(slots=True)
class Continue:
    """Go on with ``request``: the very object that was sent when the function changed nothing in it.

    ``origin`` says which other origin was chosen; ``host`` is the Host field when the function set another
    one; ``body_replaced`` is True when ``request.body`` is the function's (complete bytes). ``passage`` is by what
    the next request that comes out of the function as this one is known; see ``express``.
    """

    request: Request
    origin: OriginChange | None = None
    host: str | None = None
    body_replaced: bool = False
    passage: tuple[str, bytes, bytes, str, bytes] | None = None


@dataclass(slots=True)
class GeneratedResponse:
    """Answer with ``response``; nobody else is asked. Its body is complete bytes."""

    response: Response


@dataclass(slots=True)
class ModifiedResponse:
    """Go on with ``response``: the very object that was sent when the function changed nothing.

    With ``body_replaced`` its body is complete bytes of the function's and Content-Length is theirs; else it is
    the body (stream) of the response that was sent.
    """

    response: Response
    body_replaced: bool = False


Result = Continue | GeneratedResponse | ModifiedResponse
