"""When a trigger does not run, and what may be stored of what a function made.

Pure. Source: "CloudFront events that can trigger a function", "Generating HTTP responses in request triggers"
(CloudFront developer guide).
"""

from edgefaas.errors import FunctionError
from edgefaas.events.event import Api
from edgefaas.site import Trigger

ERROR_MIN = 400


def runs_origin_response(*, from_cache: bool, generated_by: Trigger | None) -> bool:
    """Return whether origin-response runs: only for what the origin itself answered just now."""
    return not from_cache and generated_by is None


def runs_viewer_response(
    *,
    origin_status: int,
    generated_by: Trigger | None,
    error_page: bool = False,
    https_redirect: bool = False,
) -> bool:
    """Return whether viewer-response runs.

    ``origin_status`` is the status that the origin (or the cache) gave, before any function changed it. It
    does not run for an error status, a custom error page, a redirect to HTTPS, nor after a viewer-request
    function answered by itself; it does after an origin-request function did.
    """
    if generated_by is Trigger.VIEWER_REQUEST or error_page or https_redirect:
        return False
    return origin_status < ERROR_MIN


def may_store_generated(trigger: Trigger) -> bool:
    """Return whether a generated response goes into the cache: that of an origin-request function does."""
    return trigger is Trigger.ORIGIN_REQUEST


def generated_word(api: str) -> str:
    """Return the word of ``X-Cache`` for a response that a function made."""
    return "FunctionGeneratedResponse" if api == Api.CLOUDFRONT_FUNCTIONS else "LambdaGeneratedResponse"


def failure_word(api: str, error: FunctionError) -> str:
    """Return the word of ``X-Cache`` for a function that failed."""
    if api != Api.CLOUDFRONT_FUNCTIONS:
        return error.x_cache
    return error.x_cache.replace("LambdaLimitExceeded", "FunctionThrottledError").replace(
        "Lambda", "Function"
    )
