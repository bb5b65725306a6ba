"""Request collapsing: viewers who miss the same object at the same time share one trip to the origin.

The trip is a task of its own, so it does not end when a viewer leaves. Whoever boards first starts it; all
who board wait for its outcome:

- ``Shared``: it may be shared. Each reads the body at its own pace while it arrives (``spool``).
- ``Private``: it may not. The one who started it gets it, the others go their own ways at once, all of them
in
  parallel: there is no serial queue behind an uncacheable object.
- ``Failed``: the origin failed; all get the error once, so that an origin that is down is not asked by each
of them.
- ``Alone``: the trip was cancelled or took longer than this viewer waits: go yourself (the first to board
  again leads again).

A key whose response was private is not collapsed again for ``PRIVATE_S``: its viewers do not wait for each
other.

Asyncio, one event loop, one process. Knows nothing about HTTP.
"""

import asyncio
import sys
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any, Generic, TypeVar

from edgefaas.cache.spool import Spool

PRIVATE_S = 10.0
PRIVATE_KEYS_MAX = 10_000
MEMORY_BYTES = 1_048_576  # of a body on its way, before it spills or waits

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Shared(Generic[T]):
    """What was announced, and its body from the beginning; ``led`` for the viewer who started the trip."""

    announced: T
    body: AsyncIterator[bytes] | None
    led: bool


@dataclass(frozen=True, slots=True)
class Private(Generic[T]):
    """The response belongs to this viewer only; the trip is over as far as others are concerned."""

    response: T


@dataclass(frozen=True, slots=True)
class Failed:
    """The origin failed before anything could be shared."""

    error: Exception


@dataclass(frozen=True, slots=True)
class Alone:
    """Go to the origin yourself."""


class Flight(Generic[T]):
    """One trip.

    The fetching side calls ``share`` (then ``write`` and ``land``), ``keep_private`` or ``fail``. Leaving
    ``fetch`` without any of them, or by cancellation, sets everybody free.
    """

    def __init__(
        self, key: str, memory_bytes: int, directory: Path | None, file_bytes_max: int = sys.maxsize
    ) -> None:
        self.key = key
        self.passengers = 0
        self._memory_bytes = memory_bytes
        self._directory = directory
        self._file_bytes_max = file_bytes_max
        self._spool: Spool | None = None
        self._announced: T | None = None
        self._private: T | None = None
        self._error: Exception | None = None
        self._bodiless = False
        self._leader_left = False
        self.was_private = False
        self._settled = asyncio.Event()

    @property
    def spool(self) -> Spool:
        """Return where the body arrives; made when somebody asks for it, which for most private ones nobody does."""
        if self._spool is None:
            self._spool = Spool(self._memory_bytes, self._directory, file_bytes_max=self._file_bytes_max)
        return self._spool

    @property
    def settled(self) -> bool:
        """Return whether the outcome is known."""
        return self._settled.is_set()

    @property
    def was_shared(self) -> bool:
        """Return whether the response was announced to all."""
        return self._announced is not None

    def share(self, announced: T, *, bodiless: bool = False) -> None:
        """Say that the response may be shared; its body follows by ``write`` unless it is ``bodiless``."""
        self._announced = announced
        self._bodiless = bodiless
        self._settled.set()

    async def write(self, chunk: bytes) -> None:
        """Pass on a piece of the body; waits when memory is full and a reader is behind."""
        await self.spool.write(chunk)

    def land(self) -> None:
        """Say that the body is complete."""
        self.spool.finish()

    def keep_private(self, response: T) -> bool:
        """Say that only the viewer who started the trip may have this response.

        Returns False when that viewer has left: then nobody takes the response, and the caller closes it.
        """
        self.was_private = True
        if not self._leader_left:
            self._private = response
        self._settled.set()
        return not self._leader_left

    def fail(self, error: Exception) -> None:
        """Say that the origin failed: all get the error, or, after ``share``, a body that breaks off."""
        if self._announced is not None:
            self.spool.abort(error)
            return
        self._error = error
        self._settled.set()

    def set_free(self) -> None:
        """Let everybody who still waits go to the origin."""
        if self._announced is not None and not self.spool.finished and not self._bodiless:
            self.spool.abort(ConnectionAbortedError("the trip to the origin ended early"))
        self._settled.set()

    def tidy(self) -> None:
        """Remove what is left of a body that did not arrive wholly."""
        if self._spool is not None and not self._spool.finished:
            self._spool.discard()

    async def outcome(self, *, led: bool, patience_s: float | None = None) -> "Outcome[T]":
        """Wait until it is known what became of the trip; at most ``patience_s`` seconds."""
        self.passengers += 1
        try:
            if not self._settled.is_set():
                async with asyncio.timeout(patience_s):
                    await self._settled.wait()
        except TimeoutError:
            self._leader_left |= led
            return Alone()
        except asyncio.CancelledError:
            self._leader_left |= led
            raise
        finally:
            self.passengers -= 1
        return self._seat(led=led)

    def _seat(self, *, led: bool) -> "Outcome[T]":
        if self._announced is not None:
            if self._bodiless:
                return Shared(self._announced, None, led)
            return Shared(self._announced, self.spool.read(), led) if self.spool.readable else Alone()
        if led and self._private is not None:
            response, self._private = self._private, None
            return Private(response)
        return Alone() if self._error is None else Failed(self._error)


Fetcher = Callable[[Flight[T]], Coroutine[Any, Any, None]]
Outcome = Shared[T] | Private[T] | Failed | Alone
Starter = Callable[[Coroutine[Any, Any, None]], "asyncio.Task[None]"]


class Flights(Generic[T]):
    """The trips that are under way, by key.

    ``start`` starts a background task that shutdown awaits. ``directory`` takes bodies beyond
    ``memory_bytes``, each up to ``file_bytes_max``; without one, writers wait for readers.
    """

    def __init__(
        self,
        start: Starter,
        *,
        memory_bytes: int = MEMORY_BYTES,
        directory: Path | None = None,
        file_bytes_max: int = sys.maxsize,
    ) -> None:
        self._start = start
        self._memory_bytes = memory_bytes
        self._directory = directory
        self._file_bytes_max = file_bytes_max
        self._flying: dict[str, Flight[T]] = {}
        self._private_until: OrderedDict[str, float] = OrderedDict()
        self.collapsed = 0

    def __len__(self) -> int:
        return len(self._flying)

    def is_private(self, key: str) -> bool:
        """Return whether answers for ``key`` were for one viewer each of late: then nobody waits for another's."""
        until_s = self._private_until.get(key)
        return until_s is not None and until_s > monotonic()

    def learn(self, key: str, *, private: bool) -> None:
        """Note what became of a trip that somebody made without boarding, or of one that ended."""
        if private:
            self._private_until[key] = monotonic() + PRIVATE_S
            self._private_until.move_to_end(key)
            while len(self._private_until) > PRIVATE_KEYS_MAX:
                self._private_until.popitem(last=False)
        else:
            self._private_until.pop(key, None)

    def board(
        self, key: str, fetch: Callable[[Flight[T]], Coroutine[Any, Any, None]]
    ) -> tuple[Flight[T], bool]:
        """Return the trip for ``key`` and whether this call started it.

        ``fetch`` is run only when it did, as a task of its own.
        """
        private = self.is_private(key)
        flight = None if private else self._flying.get(key)
        if flight is not None and flight.spool.readable:
            self.collapsed += 1
            return flight, False
        flight = self._new(key)
        if not private:
            self._flying[key] = flight
        self.take_off(flight, fetch)
        return flight, True

    def is_free(self, key: str) -> bool:
        """Return whether no trip for ``key`` is under way."""
        return key not in self._flying

    def reserve(self, key: str) -> Flight[T]:
        """Return a trip that others can board and its caller makes by itself; none may be under way.

        It has to be ended: by ``take_off``, which makes it a trip like any other, or by ``return_alone``.
        """
        assert key not in self._flying
        flight = self._flying[key] = self._new(key)
        return flight

    def _new(self, key: str) -> Flight[T]:
        return Flight[T](key, self._memory_bytes, self._directory, self._file_bytes_max)

    def take_off(self, flight: Flight[T], fetch: Callable[[Flight[T]], Coroutine[Any, Any, None]]) -> None:
        """Run ``fetch`` for a trip, as a task of its own."""
        self._start(self._fly(flight, fetch))

    def return_alone(self, flight: Flight[T]) -> None:
        """End a reserved trip: its answer was private, and who waited for it goes by themselves."""
        self.leave(flight)
        self.learn(flight.key, private=True)
        flight.set_free()

    def leave(self, flight: Flight[T]) -> None:
        """Take a trip off the board: who comes now starts another (or finds what was stored)."""
        if self._flying.get(flight.key) is flight:
            del self._flying[flight.key]

    async def _fly(self, flight: Flight[T], fetch: Callable[[Flight[T]], Coroutine[Any, Any, None]]) -> None:
        try:
            await fetch(flight)
        except Exception as error:
            flight.fail(error)
        finally:
            self.leave(flight)
            self._learn(flight)
            flight.set_free()
            flight.tidy()

    def _learn(self, flight: Flight[T]) -> None:
        """Remember which keys are not worth waiting for, and forget those that are again."""
        if flight.was_private or flight.was_shared:
            self.learn(flight.key, private=flight.was_private)
