"""Where in a trace a request is: the fields ``traceparent`` and ``tracestate``, read strictly and written.

Pure. Source: W3C Recommendation "Trace Context" (2021-11-23), 3.2 (traceparent), 3.3 (tracestate), 3.4 and 4
(what is passed on, and when a trace begins anew). Keys of ``tracestate`` may also begin with a digit, as Level 2
has it: that refuses nothing that Level 1 allows.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

SAMPLED = 0x01
MEMBERS_MAX = 32  # 3.3.1.1: more, and the whole list is refused
STATE_CHARS_MAX = 1_024  # 3.3.1.5: at least 512 are to be passed on
LONG_MEMBER_CHARS = 128  # 3.3.1.5: members longer than this go first
VERSION_0_CHARS = 55

_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.DOTALL)
_KEY = r"[a-z0-9][a-z0-9_*/-]{0,255}|[a-z0-9][a-z0-9_*/-]{0,240}@[a-z][a-z0-9_*/-]{0,13}"
_VALUE = r"[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]"
_MEMBER = re.compile(rf"({_KEY})=({_VALUE})")
_NO_TRACE = "0" * 32
_NO_SPAN = "0" * 16


@dataclass(frozen=True, slots=True)
class TraceContext:
    """Who asks, as one request says it.

    ``trace_id`` are 32 and ``span_id`` 16 lower-case hexadecimal digits, not all zero; ``state`` is the list of
    ``tracestate`` ("" for none), checked.
    """

    trace_id: str
    span_id: str
    sampled: bool = False
    state: str = ""

    @property
    def traceparent(self) -> str:
        """Return the field's value, of version 00."""
        return f"00-{self.trace_id}-{self.span_id}-{'01' if self.sampled else '00'}"


def read_context(parents: Sequence[str], states: Sequence[str] = ()) -> TraceContext | None:
    """Return what the lines of ``traceparent`` and ``tracestate`` say; None where a trace has to begin anew.

    A ``tracestate`` that is malformed is dropped and harms nothing else (3.3.1.1).
    """
    if len(parents) != 1:
        return None
    match = _TRACEPARENT.fullmatch(parents[0])
    if match is None:
        return None
    version, trace_id, span_id, flags, rest = match.groups()
    if version == "ff" or trace_id == _NO_TRACE or span_id == _NO_SPAN:
        return None
    if version == "00" and rest is not None:  # a later version may say more (3.2.4)
        return None
    return TraceContext(trace_id, span_id, bool(int(flags, 16) & SAMPLED), read_state(states))


def read_state(lines: Sequence[str]) -> str:
    """Return the lines of ``tracestate`` as one list, cut to ``STATE_CHARS_MAX``; "" when it is malformed.

    Of members with the same key the first, which is the latest, stays.
    """
    members: dict[str, str] = {}
    count = 0
    for part in ",".join(lines).split(","):
        member = part.strip(" \t")
        if not member:
            continue
        count += 1
        match = _MEMBER.fullmatch(member)
        if match is None or count > MEMBERS_MAX:
            return ""
        members.setdefault(match[1], member)
    return ",".join(_fitting(list(members.values())))


def _fitting(members: list[str]) -> list[str]:
    """Return what fits: long members go first, then the oldest, which stand at the end."""

    def size() -> int:
        return sum(map(len, members)) + len(members) - 1

    while size() > STATE_CHARS_MAX:
        long = [number for number, member in enumerate(members) if len(member) > LONG_MEMBER_CHARS]
        members.pop(long[-1] if long else -1)
    return members
