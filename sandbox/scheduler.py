"""Runs guests on the event loop: the first slice inline, the others in turn, one per loop iteration.

Guests that wait for the host are not polled. The epoch timer ticks only while guests run.
"""

import asyncio

from sandbox.capi import Ticker, guest_is_running
from sandbox.contract import Kind
from sandbox.fairness import FairQueue
from sandbox.invocation import Invocation
from sandbox.kinds import Program
from sandbox.room import Room

_REST_S = 0.1


class Lane:
    """Room of one sort, and the queue of those who wait for it."""

    __slots__ = ("queue", "room")

    def __init__(self, room: Room) -> None:
        self.room = room
        self.queue: FairQueue[Program, Invocation] = FairQueue()


class Scheduler:
    """Decides who runs next. One per loop.

    Components have room of their own, and so a queue of their own: they are few, and large.
    """

    def __init__(self, *, room: Room, components: Room, ticker: Ticker, queue: int, queue_ms: int) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._modules = Lane(room)
        self._components = Lane(components)
        self._ticker = ticker
        self._queue_max = queue
        self._queue_ms = queue_ms
        self._ready: FairQueue[Program, Invocation] = FairQueue()
        self._turn_planned = False
        self._admit_next = False
        self._begun_at_rest_check = 0
        self.live: set[Invocation] = set()
        self.begun = 0
        self.refused = 0

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """Return the loop it is bound to: the one that ran when it was first used."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        return self._loop

    @property
    def queued(self) -> int:
        """Return how many invocations wait for room."""
        return len(self._modules.queue) + len(self._components.queue)

    def _lane(self, program: Program) -> Lane:
        return self._components if program.kind is Kind.HTTP else self._modules

    def admit(self, invocation: Invocation) -> None:
        """Run the first slice now if there is room and nobody waits; otherwise queue or refuse it."""
        program = invocation.program
        lane = self._components if program.kind is Kind.HTTP else self._modules
        if guest_is_running():  # a host function starts another guest: that one begins in a turn of its own
            self.live.add(invocation)
            lane.queue.push(program, invocation)
            invocation.queued(self._queue_ms)
            self._plan_turn()
        elif not lane.queue.count and lane.room.enter(program):
            self._begin(invocation)
        elif len(lane.queue) < self._queue_max:
            self.live.add(invocation)
            lane.queue.push(program, invocation)
            invocation.queued(self._queue_ms)
        else:
            self.refused += 1
            invocation.no_room()

    def soon(self, invocation: Invocation) -> None:
        """Resume it when its turn comes."""
        self.live.add(invocation)
        self._ready.push(invocation.program, invocation)
        self._plan_turn()

    def ended(self, invocation: Invocation, *, ran: bool) -> None:
        """Take an ended invocation out; give its place to the next in the queue."""
        self.live.discard(invocation)
        lane = self._lane(invocation.program)
        if ran:
            self._ready.discard(invocation.program, invocation)
            lane.room.leave()
            if lane.queue:
                self._plan_turn()
        elif lane.queue.discard(invocation.program, invocation):
            self.refused += 1

    def ended_at_once(self, program: Program) -> None:
        """Take the place of one that was done after its first slice, and never waited for anything."""
        lane = self._components if program.kind is Kind.HTTP else self._modules
        lane.room.running -= 1
        if lane.queue.count:
            self._plan_turn()

    def close(self) -> None:
        """Cancel everything and stop the timer."""
        for invocation in tuple(self.live):
            invocation.cancel()
        self._ticker.close()

    def _begin(self, invocation: Invocation) -> None:
        self.begun += 1
        if not self._ticker.on:
            self._tick()
        invocation.begin()

    def _plan_turn(self) -> None:
        if not self._turn_planned:
            self._turn_planned = True
            self.loop.call_soon(self._turn)

    def _turn(self) -> None:
        """Run one slice of one guest, or admit one from the queue; then the loop does its other work."""
        self._turn_planned = False
        # Neither those who wait for room nor those who run may starve the other.
        self._admit_next = not self._admit_next
        admitted = self._admit() if self._admit_next or not self._ready else False
        if not admitted and self._ready:
            self._tick()
            self._ready.pop().resume()
        if self._ready or any(self._may_admit(lane) for lane in (self._modules, self._components)):
            self._plan_turn()

    def _may_admit(self, lane: Lane) -> bool:
        return bool(lane.queue) and lane.room.running < lane.room.instances

    def _admit(self) -> bool:
        """Begin the next of a queue for which there is room."""
        for lane in (self._modules, self._components):
            if lane.queue and lane.room.enter(lane.queue.next_owner()):
                self._begin(lane.queue.pop())
                return True
        return False

    def _tick(self) -> None:
        if not self._ticker.on:
            self._ticker.start()
            self.loop.call_later(_REST_S, self._rest)

    def _rest(self) -> None:
        """Stop the timer when no guest has run for a while; look again later otherwise."""
        if self.begun == self._begun_at_rest_check and not self._ready:
            self._ticker.stop()
        else:
            self._begun_at_rest_check = self.begun
            self._ticker.alive()
            self.loop.call_later(_REST_S, self._rest)
