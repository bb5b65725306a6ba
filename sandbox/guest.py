"""One invocation as host functions see it: its host, its limits, what it has used.

``CURRENT`` names the guest whose generator is being resumed: guests run on one thread, one at a time, so host
functions need no other way to find it.
"""

import asyncio
import json
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any

from sandbox.capi import Memory
from sandbox.contract import Host, Limit, Limits

if TYPE_CHECKING:
    from sandbox.wasi import Wasi


class LimitReachedError(Exception):
    """Ends the invocation with ``OverLimit``; raised inside host functions and programs."""

    def __init__(self, limit: Limit, allowed: int) -> None:
        super().__init__(f"{limit.value} limit of {allowed}")
        self.limit = limit
        self.allowed = allowed


class GuestThrewError(Exception):
    """Ends the invocation with ``Threw``: the guest's language raised an error."""

    def __init__(self, message: str, detail: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.detail = detail


class GuestFaultError(Exception):
    """Ends the invocation with ``Trapped``: the guest broke its ABI (bad pointer, lying length …)."""


def description_of(output: bytes) -> dict[str, Any]:
    """Return the JSON object by which a guest tells of its error. Raises GuestFaultError: a guest may say anything."""
    try:
        told = json.loads(output)
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        raise GuestFaultError("it told of an error in words that are no JSON object")
    return told


class Guest:
    """The invocation that a program runs. Counts against its limits.

    ``memory`` is that of its live instance: the program sets it as soon as there is one. ``waiting`` is what
    the guest is suspended for; the scheduler resumes it when that is done. ``result`` is the answer to the
    last host call, which the guest has yet to take, all but the first ``taken_bytes``. ``wasi`` is what it
    sees through WASI, once it has looked. ``scratch`` belongs to the program. ``started_ns`` is when it began
    to run, by the monotonic clock.
    """

    # What most invocations leave as it is stands in the class: one guest is made per invocation.
    host_calls = 0
    log_bytes = 0
    log_full = False
    memory: Memory | None = None
    memory_bytes = 0
    result = b""
    scratch: object = None
    taken_bytes = 0
    started_ns = 0
    wasi: "Wasi | None" = None
    waiting: "asyncio.Future[Any] | None" = None

    def __init__(self, event: bytes, limits: Limits, host: Host) -> None:
        self.event = event
        self.limits = limits
        self.host = host
        self.cpu_ns = 0

    def log(self, level: str, text: str, size: int | None = None) -> None:
        """Pass one line to the host; beyond ``log_bytes`` the rest is dropped, with one line that says so.

        ``size`` is the line's length in bytes when it is known already.
        """
        if self.log_full:
            return
        if size is None:
            size = len(text.encode("utf-8", "replace"))
        if self.log_bytes + size > self.limits.log_bytes:
            self.log_full = True
            self.host.log("warn", f"log cut: the limit is {self.limits.log_bytes} bytes per invocation")
            return
        self.log_bytes += size
        self.host.log(level, text)

    def log_at(self, memory: Memory, pointer: int, length: int, level: str) -> None:
        """Pass one line that stands in ``memory``. Raises GuestPointerError."""
        if self.log_full:
            return
        # What would be cut anyway is not copied first.
        text = memory.read(pointer, length) if length <= self.limits.log_bytes else b""
        self.log(level, text.decode("utf-8", "replace"), length)

    def call_host(self, name: str, payload: bytes) -> bytes | Awaitable[bytes]:
        """Do a host operation. Raises HostCallError for the guest to see, LimitReachedError to end it."""
        self.count_host_call()
        return self.host.call(name, payload)

    def count_host_call(self) -> None:
        """Count one call of the guest to the host. Raises LimitReachedError beyond the limit."""
        self.host_calls += 1
        if self.host_calls > self.limits.host_calls:
            raise LimitReachedError(Limit.HOST_CALLS, self.limits.host_calls)


class _Current:
    """Holds the guest whose generator runs."""

    __slots__ = ("guest",)

    guest: Guest


CURRENT = _Current()
