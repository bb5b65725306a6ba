"""One invocation from its first slice to its outcome.

It is resumed by its ``Scheduler`` and by nobody else. Whatever happens, it ends with exactly one outcome, and
everything the guest held is given back before that outcome can be seen.
"""

import asyncio
import time
from typing import TYPE_CHECKING, Any

from sandbox.capi import guest_is_running
from sandbox.contract import (
    Cancelled,
    Finished,
    Limit,
    NoRoom,
    Outcome,
    OverLimit,
    Usage,
)
from sandbox.guest import CURRENT, Guest
from sandbox.kinds import Program, Steps
from sandbox.outcomes import outcome_of

if TYPE_CHECKING:
    from sandbox.scheduler import Scheduler

_FIRST_SLICE_NS = 2_000_000  # two ticks: no slice is longer; a longer reading means that the machine was busy


class Invocation:
    """A started invocation: done, or to be waited for."""

    # As they stay in most invocations.
    outcome: Outcome | None = None
    _steps: Steps | None = None
    _ran = False
    _limit_timer: asyncio.TimerHandle | None = None
    _waiter: "asyncio.Future[Outcome] | None" = None

    def __init__(self, scheduler: "Scheduler", program: Program, guest: Guest) -> None:
        self._scheduler = scheduler
        self._started_ns = 0
        self.program = program
        self.guest = guest

    @property
    def done(self) -> bool:
        """Whether the outcome is there."""
        return self.outcome is not None

    def cancel(self) -> None:
        """End it now with ``Cancelled``, unless it is done. Called by a host function: right after its guest."""
        if guest_is_running():
            self._scheduler.loop.call_soon(self.cancel)
        elif self.outcome is None:
            self._stop()
            self._end(Cancelled(usage=self._usage()))

    async def wait(self) -> Outcome:
        """Return the outcome. A cancelled wait does not cancel the invocation."""
        if self.outcome is not None:
            return self.outcome
        if self._waiter is None:
            self._waiter = asyncio.get_running_loop().create_future()
        return await asyncio.shield(self._waiter)

    # What follows is for the scheduler.

    def begin(self) -> None:
        """Run the first slice, inline. Most invocations are done after it."""
        guest = self.guest
        CURRENT.guest = guest
        self._ran = True
        self._started_ns = guest.started_ns = started_ns = time.monotonic_ns()
        try:
            steps = self.program.run(guest)
            if isinstance(steps, bytes):  # by far the most frequent
                self._finish_first(steps, time.monotonic_ns() - started_ns)
                return
            self._steps = steps
            wait = next(steps)
        except StopIteration as stop:
            self._finish_first(stop.value, time.monotonic_ns() - started_ns)
            return
        except BaseException as error:  # every kind of end; _outcome_of raises what is not the guest's
            guest.cpu_ns = time.monotonic_ns() - started_ns
            self._end(self._outcome_of(error))
            return
        guest.cpu_ns = min(time.monotonic_ns() - started_ns, _FIRST_SLICE_NS)
        if self._limit_timer is not None:  # it stood in the queue
            self._limit_timer.cancel()
        self._limit_timer = self._scheduler.loop.call_later(guest.limits.wall_ms / 1000, self._over_wall)
        self._park(wait)

    def resume(self) -> None:
        """Run one more slice."""
        assert self._steps is not None
        guest = self.guest
        CURRENT.guest = guest
        started_ns = time.thread_time_ns()
        try:
            wait = next(self._steps)
        except StopIteration as stop:
            guest.cpu_ns += time.thread_time_ns() - started_ns
            self._finish(stop.value)
            return
        except BaseException as error:  # see begin
            guest.cpu_ns += time.thread_time_ns() - started_ns
            self._end(self._outcome_of(error))
            return
        guest.cpu_ns += time.thread_time_ns() - started_ns
        if guest.cpu_ns > guest.limits.cpu_ms * 1_000_000:
            self._stop()
            self._end(OverLimit(limit=Limit.CPU, allowed=guest.limits.cpu_ms, usage=self._usage()))
        else:
            self._park(wait)

    def queued(self, wait_ms: int) -> None:
        """Give up with ``NoRoom`` when there is still no room after so long."""
        self._started_ns = time.monotonic_ns()
        self._limit_timer = self._scheduler.loop.call_later(wait_ms / 1000, self.no_room)

    def no_room(self) -> None:
        """End it with ``NoRoom``: it never ran."""
        self._end(NoRoom(usage=self._usage()))

    def _park(self, wait: "asyncio.Future[Any] | None") -> None:
        """Have it resumed when its turn comes, or when what it waits for is done."""
        awaited = self.guest.waiting if wait is None else wait
        if awaited is None:
            self._scheduler.soon(self)
            return
        self.guest.waiting = awaited
        awaited.add_done_callback(self._awaited)

    def _awaited(self, future: "asyncio.Future[Any]") -> None:
        if self.outcome is None:
            if self.guest.waiting is future:
                self.guest.waiting = None
            self._scheduler.soon(self)
        elif not future.cancelled():
            future.exception()  # nobody is left to be told

    def _over_wall(self) -> None:
        limits = self.guest.limits
        self._stop()
        self._end(OverLimit(limit=Limit.WALL, allowed=limits.wall_ms, usage=self._usage()))

    def _finish_first(self, output: bytes, used_ns: int) -> None:
        """Finish after the first slice; in nearly all nothing was queued, planned or waited for."""
        guest = self.guest
        guest.cpu_ns = used_ns
        if (
            self._limit_timer is not None
            or guest.waiting is not None
            or len(output) > guest.limits.output_bytes
        ):
            self._finish(output)
            return
        used_us = used_ns // 1000
        usage = Usage(
            cpu_us=used_us,
            wall_us=used_us,
            memory_bytes=guest.memory_bytes,
            host_calls=guest.host_calls,
            log_bytes=guest.log_bytes,
        )
        self._steps = None
        self.outcome = Finished(output=output, usage=usage)
        self._scheduler.ended_at_once(self.program)

    def _finish(self, output: bytes) -> None:
        guest = self.guest
        allowed = guest.limits.output_bytes
        if len(output) > allowed:
            self._end(OverLimit(limit=Limit.OUTPUT, allowed=allowed, usage=self._usage()))
        else:
            self._end(Finished(output=output, usage=self._usage()))

    def _stop(self) -> None:
        """Have the program give everything back, in the middle of the guest's run."""
        if self._steps is not None:
            CURRENT.guest = self.guest
            self._steps.close()

    def _end(self, outcome: Outcome) -> None:
        """Show the outcome; the program has given everything back."""
        waiting, self.guest.waiting = self.guest.waiting, None
        if waiting is not None and not waiting.done():
            waiting.cancel()
        if self._limit_timer is not None:
            self._limit_timer.cancel()
        self.outcome, self._steps = outcome, None
        self._scheduler.ended(self, ran=self._ran)
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(outcome)

    def _usage(self) -> Usage:
        guest = self.guest
        return Usage(
            cpu_us=guest.cpu_ns // 1000,
            wall_us=(time.monotonic_ns() - self._started_ns) // 1000 if self._started_ns else 0,
            memory_bytes=guest.memory_bytes,
            host_calls=guest.host_calls,
            log_bytes=guest.log_bytes,
        )

    def _outcome_of(self, error: BaseException) -> Outcome:
        """Translate the end of a guest. Raises what is not an Exception (the process is being stopped)."""
        usage = self._usage()
        if not isinstance(error, Exception | asyncio.CancelledError):
            self._end(Cancelled(usage=usage))
            raise error
        return outcome_of(error, usage=usage, limits=self.guest.limits)
