"""What this cache tells viewers about its doing: Cache-Status (RFC 9211) and X-Cache (CloudFront's words).

Pure.
"""

from enum import StrEnum

CACHE_NAME = "edgefaas"


class XCache(StrEnum):
    """The words of ``X-Cache``, each followed by "from edgefaas" on the wire."""

    HIT = "Hit"
    REFRESH_HIT = "RefreshHit"
    MISS = "Miss"
    ERROR = "Error"
    REDIRECT = "Redirect"
    FUNCTION_GENERATED = "FunctionGeneratedResponse"
    FUNCTION_EXECUTION_ERROR = "FunctionExecutionError"
    FUNCTION_VALIDATION_ERROR = "FunctionValidationError"
    FUNCTION_THROTTLED = "FunctionThrottledError"
    LAMBDA_GENERATED = "LambdaGeneratedResponse"
    LAMBDA_EXECUTION_ERROR = "LambdaExecutionError"
    LAMBDA_VALIDATION_ERROR = "LambdaValidationError"
    LAMBDA_LIMIT_EXCEEDED = "LambdaLimitExceeded"


class Forward(StrEnum):
    """Why a request went towards the origin (RFC 9211, 2.2)."""

    BYPASS = "bypass"
    METHOD = "method"
    URI_MISS = "uri-miss"
    VARY_MISS = "vary-miss"
    MISS = "miss"
    REQUEST = "request"
    STALE = "stale"
    PARTIAL = "partial"


def x_cache(word: XCache | str) -> str:
    """Return the value of ``X-Cache``."""
    return f"{word} from {CACHE_NAME}"


def hit_status(ttl_s: int, *, detail: str = "") -> str:
    """Return the Cache-Status of an answer from the store; ``ttl_s`` is negative when it is stale."""
    member = f"{CACHE_NAME}; hit; ttl={ttl_s}"
    return f"{member}; detail={detail}" if detail else member


def forward_status(
    why: Forward,
    *,
    fwd_status: int | None = None,
    stored: bool = False,
    collapsed: bool = False,
    ttl_s: int | None = None,
    detail: str = "",
) -> str:
    """Return the Cache-Status of an answer that came from the origin.

    ``fwd_status`` is the origin's status where it differs from the answer's; ``stored`` tells that the
    response was stored, ``collapsed`` that another viewer's request fetched it. ``detail`` is a token.
    """
    member = f"{CACHE_NAME}; fwd={why}"
    if fwd_status is not None:
        member += f"; fwd-status={fwd_status}"
    if stored:
        member += "; stored"
    if collapsed:
        member += "; collapsed"
    if ttl_s is not None:
        member += f"; ttl={ttl_s}"
    return f"{member}; detail={detail}" if detail else member
