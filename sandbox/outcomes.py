"""What an exception that ended a guest means to the caller. Pure."""

import asyncio
import logging
import re

from sandbox.capi import EngineError, GuestPointerError, GuestTrapError, GuestValueError, TrapCode
from sandbox.contract import (
    Cancelled,
    HostCallError,
    Limit,
    Limits,
    NoRoom,
    Outcome,
    OverLimit,
    Threw,
    Trapped,
    Usage,
)
from sandbox.guest import GuestFaultError, GuestThrewError, LimitReachedError

_log = logging.getLogger("edgefaas.sandbox")
_NEARLY_ALL_BYTES = 1024 * 1024
_FRAME = re.compile(r"^ +\d+: +0x[0-9a-f]+ - [^!\n]*!(.*)$", re.MULTILINE)
_IN_A_COMPONENT = "error while executing"
_FRAMES_MAX = 5
_NAME_MAX = 80
_WORDS: dict[int, str] = {
    TrapCode.STACK_OVERFLOW: "call stack exhausted",
    TrapCode.MEMORY_OUT_OF_BOUNDS: "out of bounds memory access",
    TrapCode.TABLE_OUT_OF_BOUNDS: "out of bounds table access",
    TrapCode.INDIRECT_CALL_TO_NULL: "indirect call to null",
    TrapCode.BAD_SIGNATURE: "indirect call of a function of another type",
    TrapCode.INTEGER_OVERFLOW: "integer overflow",
    TrapCode.INTEGER_DIVISION_BY_ZERO: "integer division by zero",
    TrapCode.BAD_CONVERSION_TO_INTEGER: "invalid conversion to integer",
    TrapCode.UNREACHABLE: "unreachable instruction executed",
}


def outcome_of(error: Exception | asyncio.CancelledError, *, usage: Usage, limits: Limits) -> Outcome:
    """Return the outcome; an exception that is nobody's on purpose is logged as a failure of the host."""
    outcome: Outcome
    match error:
        case LimitReachedError():
            outcome = OverLimit(limit=error.limit, allowed=error.allowed, usage=usage)
        case GuestThrewError():
            outcome = Threw(message=error.message, detail=error.detail, usage=usage)
        case GuestTrapError():
            outcome = _of_trap(error, usage, limits)
        case EngineError():
            outcome = _of_refusal(str(error), usage, limits)
        case GuestFaultError() | GuestPointerError() | GuestValueError() | HostCallError():
            outcome = Trapped(message=str(error), usage=usage)
        case asyncio.CancelledError():
            outcome = Cancelled(usage=usage)
        case _:
            _log.error("the host failed during an invocation", exc_info=error)
            outcome = Trapped(message=f"the host failed: {type(error).__name__}", usage=usage)
    return outcome


def _of_trap(error: GuestTrapError, usage: Usage, limits: Limits) -> Outcome:
    """A guest that gives up with its memory full was refused more: growth itself cannot be watched."""
    margin = min(_NEARLY_ALL_BYTES, limits.memory_bytes // 16)
    gave_up = error.code == TrapCode.UNREACHABLE or "unreachable" in str(error)
    if gave_up and usage.memory_bytes + margin > limits.memory_bytes:
        return OverLimit(limit=Limit.MEMORY, allowed=limits.memory_bytes, usage=usage)
    return Trapped(message=trap_message(error), usage=usage)


def trap_message(error: GuestTrapError) -> str:
    """Say what happened and in which functions; the names are the guest's own, so they are cut."""
    text = str(error)
    return _placed(_WORDS.get(error.code) or text.rpartition("wasm trap:")[2].strip() or text, text)


def _placed(what: str, text: str) -> str:
    frames = [name[:_NAME_MAX] for name in _FRAME.findall(text)[:_FRAMES_MAX]]
    return f"{what}, in {' called by '.join(frames)}" if frames else what


def _of_refusal(text: str, usage: Usage, limits: Limits) -> Outcome:
    """The engine would not make the instance, or go on with a component that broke a rule of its interfaces."""
    if text.startswith(_IN_A_COMPONENT):
        return Trapped(message=_placed(text.rpartition("Caused by:")[2].strip(), text), usage=usage)
    if "maximum concurrent" in text:
        return NoRoom(usage=usage)
    if "memory" in text:
        return OverLimit(limit=Limit.MEMORY, allowed=limits.memory_bytes, usage=usage)
    return Trapped(message=text, usage=usage)
