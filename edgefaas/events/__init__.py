"""Events that functions see: Lambda@Edge and CloudFront Functions, encoded, decoded and validated.

``encode_event`` makes a ``SentEvent`` whose ``payload`` goes to the sandbox; ``decode_result`` turns what
that returned into a ``Continue``, ``GeneratedResponse`` or ``ModifiedResponse``, or raises
FunctionValidationError.
"""

from edgefaas.events import cloudfront_functions, lambda_edge
from edgefaas.events.event import (
    AWS_RULES,
    OPEN_RULES,
    Api,
    Continue,
    EventContext,
    GeneratedResponse,
    ModifiedResponse,
    Result,
    Rules,
    SentEvent,
    ShownBody,
)
from edgefaas.events.origin_views import describe_origin
from edgefaas.events.origins import (
    CustomOrigin,
    OriginChange,
    OriginDescription,
    OriginGroupChoice,
    OriginUpdate,
    S3Origin,
    describe_url,
)
from edgefaas.message import Request, Response
from edgefaas.site import Trigger

__all__ = [
    "AWS_RULES",
    "OPEN_RULES",
    "Api",
    "Continue",
    "CustomOrigin",
    "EventContext",
    "GeneratedResponse",
    "ModifiedResponse",
    "OriginChange",
    "OriginDescription",
    "OriginGroupChoice",
    "OriginUpdate",
    "Result",
    "Rules",
    "S3Origin",
    "SentEvent",
    "ShownBody",
    "decode_result",
    "describe_origin",
    "describe_url",
    "encode_event",
]


def encode_event(
    api: str, trigger: Trigger, request: Request, response: Response | None, context: EventContext
) -> SentEvent:
    """Return the event that a function of ``api`` sees in ``trigger``.

    ``response`` is given exactly in the response triggers. ``api`` is the build's ``facts["api"]``; anything
    but ``cloudfront-functions`` means Lambda@Edge.
    """
    if api == Api.CLOUDFRONT_FUNCTIONS:
        return cloudfront_functions.encode(trigger, request, response, context)
    return lambda_edge.encode(trigger, request, response, context)


def decode_result(sent: SentEvent, output: bytes, rules: Rules = OPEN_RULES) -> Result:
    """Return what the function asks for, given the JSON that it returned.

    Raises:
        FunctionValidationError: it returned what its trigger does not allow; its author is at fault.
    """
    if sent.api is Api.CLOUDFRONT_FUNCTIONS:
        return cloudfront_functions.decode(sent, output, rules)
    return lambda_edge.decode(sent, output, rules)
