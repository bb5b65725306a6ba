"""``poll_oneoff``: wait for a time or for a stream. The guest sleeps suspended; the loop is free.

Streams are always ready but those that flow (``flow``): those are once bytes have come, or have left.
"""

import asyncio
import time
from dataclasses import dataclass, replace

from sandbox.capi import GuestPointerError, Memory, Pending
from sandbox.contract import HostCallError
from sandbox.guest import CURRENT, Guest
from sandbox.suspend import sleep
from sandbox.waiting import first_of
from sandbox.wasi import abi
from sandbox.wasi.abi import Errno, EventType
from sandbox.wasi.flow import FlowingInput, FlowingOutput
from sandbox.wasi.streams import Input, LogOutput, Output, Wasi, memory_of, wasi_of


@dataclass(frozen=True, slots=True)
class Subscription:
    """One thing to wait for; ``wait_ns`` 0 is ready now."""

    userdata: int
    kind: int
    errno: int
    wait_ns: int
    nbytes: int = 0
    descriptor: int = 0

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
    if not isinstance(stream, Input if kind == EventType.FD_READ else Output | LogOutput):
        return Subscription(userdata, kind, Errno.BADF, 0)
    nbytes = stream.left_bytes if isinstance(stream, Input) else 65_536
    return Subscription(userdata, kind, Errno.SUCCESS, 0, nbytes, descriptor)


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
        poll = _Poll(guest, memory, asked, (events, result))
        told = poll.result()
    except GuestPointerError:
        return Errno.FAULT
    if told is not None:
        return told
    guest.count_host_call()
    return poll


class _Poll:
    """A guest that waits for the first of several things."""

    __slots__ = ("_asked", "_guest", "_memory", "_sleep", "_where")

    def __init__(
        self, guest: Guest, memory: Memory, asked: list[Subscription], where: tuple[int, int]
    ) -> None:
        self._guest = guest
        self._memory = memory  # found now: later there is no caller whose memory it is
        self._asked = asked
        self._where = where
        self._sleep: asyncio.Future[bytes] | None = None

    def result(self) -> int | None:
        """Write the events of what is ready and return the errno; None while nothing is."""
        ready: list[Subscription] = []
        waited: list[asyncio.Future[bytes] | None] = []
        shortest_ns = min((each.wait_ns for each in self._asked if each.kind == EventType.CLOCK), default=0)
        slept = self._sleep is not None and self._sleep.done()
        for each in self._asked:
            if each.kind == EventType.CLOCK:
                if not each.wait_ns or (slept and each.wait_ns <= shortest_ns):
                    ready.append(each)
                continue
            told, future = _ready(wasi_of(self._guest), each)
            if future is None:
                ready.append(told)
            waited.append(future)
        if ready:
            self._guest.waiting = None
            if self._sleep is not None:
                self._sleep.cancel()
            return self._tell(ready)
        if self._sleep is None and shortest_ns:
            self._sleep = sleep(shortest_ns / 1e6)
        first = self._sleep if not waited else first_of(filter(None, [*waited, self._sleep]))
        if first is not None:
            first.add_done_callback(self._given_up)
        self._guest.waiting = first
        return None

    def _given_up(self, first: "asyncio.Future[bytes]") -> None:
        """Let no timer outlive a guest that ended while it waited."""
        if first.cancelled() and self._sleep is not None:
            self._sleep.cancel()

    def _tell(self, ready: list[Subscription]) -> int:
        events, result = self._where
        try:
            self._memory.write(events, b"".join(each.event() for each in ready))
            self._memory.write(result, abi.U32.pack(len(ready)))
        except GuestPointerError:
            return Errno.FAULT
        return Errno.SUCCESS


def _ready(wasi: Wasi, asked: Subscription) -> "tuple[Subscription, asyncio.Future[bytes] | None]":
    """Return what is told of a stream, and what to wait for before that, None when it is ready."""
    stream = wasi.streams.get(asked.descriptor)
    if asked.errno or not isinstance(stream, FlowingInput | FlowingOutput):
        return asked, None
    try:
        future = stream.future()
    except HostCallError:
        return replace(asked, errno=Errno.IO), None
    if isinstance(stream, FlowingInput):
        return replace(asked, nbytes=stream.left_bytes), future
    return asked, future
