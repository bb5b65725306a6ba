"""Why a run of a function is no result: an outcome of the sandbox as an error of edgefaas. Pure."""

from edgefaas.contract import LiveFunction
from edgefaas.errors import FunctionError, FunctionExecutionError, FunctionThrottledError
from sandbox.contract import Cancelled, Finished, Limit, NoRoom, Outcome, OverLimit, Threw, Trapped

_KEYS = {
    Limit.CPU: ("cpu_ms", "ms of CPU"),
    Limit.WALL: ("wall_ms", "ms"),
    Limit.MEMORY: ("memory_mb", "bytes of memory"),
    Limit.OUTPUT: ("output_bytes", "bytes of output"),
    Limit.HOST_CALLS: ("host_calls", "host calls"),
}


def failure(function: LiveFunction, outcome: Outcome) -> FunctionError:
    """Return the error that tells why ``outcome`` is not a result, against which limit, and what to do."""
    label = f'function "{function.name}" version {function.version[:12]}'
    match outcome:
        case Threw(message=message):
            return FunctionExecutionError(
                f"{label} threw: {message}", remedy="Fix it and deploy again; its log has the stack."
            )
        case Trapped(message=message):
            return FunctionExecutionError(f"{label} trapped: {message}", remedy="Fix it and deploy again.")
        case OverLimit(limit=limit, allowed=allowed):
            key, unit = _KEYS[limit]
            return FunctionExecutionError(
                f"{label} was stopped at its limit of {allowed} {unit}",
                remedy=f"Raise limits.{key} of {function.name}, or do less per request.",
            )
        case NoRoom():
            return FunctionThrottledError(
                f"{label} found no free instance",
                remedy="Send fewer requests at once, or raise the pool's size.",
            )
        case Cancelled():
            return FunctionExecutionError(f"{label} was cancelled", remedy="Ask again.")
        case Finished():
            raise AssertionError("a finished invocation is no failure")
