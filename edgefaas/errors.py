"""Every error that edgefaas raises on purpose.

EdgeError
├── ConfigError                  the operator must edit edgefaas.toml
├── UsageError                   who typed the command must type it differently
├── StateError                   the data folder is in use, damaged or not writable
├── DeployError                  the function's author must fix and redeploy
│   └── UnknownFunctionError     no such function or version
├── KvError                      who writes pairs: a key, a value or a batch is not allowed
│   ├── KvNotFoundError          no such namespace
│   │   └── KvKeyNotFoundError   no such key
│   ├── KvAccessError            the site does not let this function do that
│   ├── KvConflictError          somebody else wrote first
│   ├── KvQuotaError             a value, or the namespace, would be too large
│   └── KvThrottledError         too many writes at once
├── RequestError                 the viewer's request is refused (4xx)
├── FunctionError                the function's author; the viewer gets 502 or 503
│   ├── FunctionValidationError  it returned what it may not (502)
│   ├── FunctionExecutionError   it threw, trapped or ran out of a limit (503)
│   └── FunctionThrottledError   no room to run it now (503, Retry-After)
└── OriginError                  the origin's owner; 502, or a stale answer if allowed
    ├── OriginTimeoutError       504
    └── OriginBusyError          too many wait for it already (503, Retry-After)

``sandbox`` and ``router`` raise trees of their own; the seam in ``edgefaas`` that calls them translates.
"""

from typing import ClassVar


class EdgeError(Exception):
    """Root of the tree. ``remedy`` is one imperative sentence for the reader."""

    status: ClassVar[int] = 500

    def __init__(self, message: str, *, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy

    @property
    def advice(self) -> str:
        """Return what is wrong and what to do as whole sentences, for a log or a terminal."""
        message = str(self)
        return f"{message}{'' if message.endswith(('.', '!', '?')) else '.'} {self.remedy}"


class ConfigError(EdgeError):
    """A wrong key or value in ``edgefaas.toml`` or ``function.toml``."""


class UsageError(EdgeError):
    """The command line was wrong; exit code 2."""

    status: ClassVar[int] = 400


class StateError(EdgeError):
    """The data folder cannot be used as it is."""


class DeployError(EdgeError):
    """A deploy is refused; what was live stays live."""

    status: ClassVar[int] = 422


class UnknownFunctionError(DeployError):
    """No function, or no version of it, has that name."""

    status: ClassVar[int] = 404


class KvError(EdgeError):
    """A key, a value or a request about them is malformed; ``code`` is what guests see."""

    status: ClassVar[int] = 422
    code: ClassVar[str] = "ValidationError"


class KvNotFoundError(KvError):
    """There is no such namespace."""

    status: ClassVar[int] = 404
    code: ClassVar[str] = "StoreNotFound"


class KvKeyNotFoundError(KvNotFoundError):
    """There is no such key."""

    code: ClassVar[str] = "KeyNotFound"


class KvAccessError(KvError):
    """The function does not name the namespace, or the site does not let it do that."""

    status: ClassVar[int] = 403
    code: ClassVar[str] = "AccessDenied"


class KvConflictError(KvError):
    """The pair or the namespace is not as the writer believes."""

    status: ClassVar[int] = 412
    code: ClassVar[str] = "Conflict"


class KvQuotaError(KvError):
    """A key or value is too large, or the namespace is full."""

    status: ClassVar[int] = 413
    code: ClassVar[str] = "QuotaExceeded"


class KvThrottledError(KvError):
    """More writes than the site allows, or than the disk takes."""

    status: ClassVar[int] = 429
    code: ClassVar[str] = "Throttled"


class RequestError(EdgeError):
    """The viewer's request cannot be served as sent; ``status_code`` is the 4xx or 5xx it gets."""

    status: ClassVar[int] = 400

    def __init__(self, message: str, *, remedy: str, status_code: int = 400) -> None:
        super().__init__(message, remedy=remedy)
        self.status_code = status_code


class FunctionError(EdgeError):
    """A function failed; ``x_cache`` is CloudFront's word for it where the function speaks Lambda@Edge.

    ``api`` is which event API it speaks, set by who knows: CloudFront has words of its own for CloudFront
    Functions (``events.skipping.failure_word``).
    """

    status: ClassVar[int] = 503
    x_cache: ClassVar[str] = "LambdaExecutionError"
    api: str = ""


class FunctionValidationError(FunctionError):
    """The function returned something that its trigger does not allow."""

    status: ClassVar[int] = 502
    x_cache: ClassVar[str] = "LambdaValidationError"


class FunctionExecutionError(FunctionError):
    """The function threw, trapped, or went over a limit."""


class FunctionThrottledError(FunctionError):
    """There is no room to run the function now; ``Retry-After`` says when to come back."""

    x_cache: ClassVar[str] = "LambdaLimitExceeded"


class OriginError(EdgeError):
    """The origin refused the connection, broke it, or did not speak HTTP."""

    status: ClassVar[int] = 502


class OriginTimeoutError(OriginError):
    """The origin missed its connect, first-byte or idle deadline."""

    status: ClassVar[int] = 504


class OriginBusyError(OriginError):
    """As many requests as may wait for the origin do so already; ``Retry-After`` says when to come back."""

    status: ClassVar[int] = 503
