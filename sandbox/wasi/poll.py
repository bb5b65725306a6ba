"""``poll_oneoff``: wait for a time or for a stream. The guest sleeps suspended; the loop is free.

The three streams are always ready, so a call that asks for one of them never waits.
"""

import asyncio
import time
from dataclasses import dataclass

from sandbox.capi import GuestPointerError, Pending
from sandbox.guest import CURRENT, Guest
from sandbox.suspend import sleep
from sandbox.wasi import abi
from sandbox.wasi.abi import Errno, EventType
from sandbox.wasi.streams import Input, Wasi, memory_of, wasi_of


@dataclass(frozen=True, slots=True)
class Subscription:
    """One thing to wait for; ``wait_ns`` 0 is ready now."""

    userdata: int
    kind: int
    errno: int
    wait_ns: int
    nbytes: int = 0

    def event(self) -> bytes:
        """Return the event that tells the guest of it."""
        return abi.EVENT.pack(self.userdata, self.errno, self.kind, self.nbytes, 0)


def parse(data: bytes, wasi: Wasi, *, realtime_ns: int, monotonic_ns: int) -> list[Subscription] | None:
    """Return the subscriptions in a buffer; None when one is of no known kind. Pure."""
    found = []
    for userdata, kind, subject, timeout, _precision, flags in abi.SUBSCRIPTION.iter_unpack(data):
        if kind == EventType.CLOCK:
            found.append(_clock(userdata, subject, timeout, (flags, realtime_ns, monotonic_ns)))
        elif kind in (EventType.FD_READ, EventType.FD_WRITE):
            found.append(_stream(userdata, kind, subject, wasi))
        else:
            return None
    return found


def _clock(userdata: int, clock: int, timeout: int, now: tuple[int, int, int]) -> Subscription:
    flags, realtime_ns, monotonic_ns = now
    if clock not in (abi.ClockId.REALTIME, abi.ClockId.MONOTONIC):
        return Subscription(userdata, EventType.CLOCK, Errno.INVAL, 0)
    if flags & abi.ABSTIME:
        timeout -= realtime_ns if clock == abi.ClockId.REALTIME else monotonic_ns
    return Subscription(userdata, EventType.CLOCK, Errno.SUCCESS, max(0, timeout))


def _stream(userdata: int, kind: int, descriptor: int, wasi: Wasi) -> Subscription:
    stream = wasi.streams.get(descriptor)
    if stream is None or (kind == EventType.FD_READ) != isinstance(stream, Input):
        return Subscription(userdata, kind, Errno.BADF, 0)
    nbytes = stream.left_bytes if isinstance(stream, Input) else 65_536
    return Subscription(userdata, kind, Errno.SUCCESS, 0, nbytes)


def poll_oneoff(subscriptions: int, events: int, count: int, result: int) -> int | Pending:
    """Wait for the first of ``count`` subscriptions; write an event for each that is ready."""
    guest = CURRENT.guest
    if not 0 < count <= abi.SUBSCRIPTIONS_MAX:
        return Errno.INVAL
    try:
        memory = memory_of(guest)
        data = memory.read(subscriptions, count * abi.SUBSCRIPTION.size)
        memory.read(events, count * abi.EVENT.size)  # where the events go must be there before the wait
        asked = parse(data, wasi_of(guest), realtime_ns=time.time_ns(), monotonic_ns=time.monotonic_ns())
        if asked is None:
            return Errno.INVAL
        wait_ns = min(each.wait_ns for each in asked)
        if wait_ns:
            guest.count_host_call()
            return _Sleep(guest, wait_ns, (asked, events, result))
        return _tell(guest, asked, (0, events, result))
    except GuestPointerError:
        return Errno.FAULT


def _tell(guest: Guest, asked: list[Subscription], where: tuple[int, int, int]) -> int:
    waited_ns, events, result = where
    memory = memory_of(guest)
    ready = [each.event() for each in asked if each.wait_ns <= waited_ns]
    memory.write(events, b"".join(ready))
    memory.write(result, abi.U32.pack(len(ready)))
    return Errno.SUCCESS


class _Sleep:
    """A guest that sleeps."""

    __slots__ = ("_asked", "_future", "_guest", "_wait_ns")

    def __init__(self, guest: Guest, wait_ns: int, asked: tuple[list[Subscription], int, int]) -> None:
        self._guest = guest
        self._wait_ns = wait_ns
        self._asked = asked
        self._future: asyncio.Future[bytes] = sleep(wait_ns / 1e6)
        guest.waiting = self._future

    def result(self) -> int | None:
        """Return the errno once it is awake."""
        if not self._future.done():
            return None
        self._future.result()
        self._guest.waiting = None
        asked, events, result = self._asked
        try:
            return _tell(self._guest, asked, (self._wait_ns, events, result))
        except GuestPointerError:
            return Errno.FAULT
