"""Who may have an instance: running ones, and idle ones that a program keeps to use again.

The plan is pure; ``Room`` carries it out without an ``await`` in between.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Protocol
from weakref import WeakSet


class Keeper(Protocol):
    """A program that may keep idle instances."""

    def drop_idle(self) -> bool:
        """Give up one idle instance, the oldest; False when there is none."""
        ...


@dataclass(frozen=True, slots=True)
class Reuse:
    """The program has an idle instance of its own."""


@dataclass(frozen=True, slots=True)
class Create:
    """There is room for one more."""


@dataclass(frozen=True, slots=True)
class Evict:
    """There is room once the program that parked first gives up an idle instance."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """Everything runs."""


def plan_entry(*, own_idle: int, idle: int, running: int, instances: int) -> Reuse | Create | Evict | Refuse:
    """Say how an invocation gets an instance: its own idle, free room, a stranger's idle, or not at all."""
    if own_idle:
        return Reuse()
    if running + idle < instances:
        return Create()
    return Evict() if idle else Refuse()


class Room:
    """Counts instances; never more than ``instances`` live at once, of which ``idle_max`` idle."""

    def __init__(self, *, instances: int, idle_max: int) -> None:
        self.instances = instances
        self.idle_max = idle_max
        self.running = 0
        self.idle = 0
        self._parked: OrderedDict[Keeper, int] = OrderedDict()  # oldest parking first
        self._retired: WeakSet[Keeper] = WeakSet()
        self._any_retired = False  # spares the look into the set, which takes half a microsecond

    def enter(self, program: Keeper) -> bool:
        """Take a place for one invocation; False when everything runs."""
        if self.running + self.idle < self.instances:  # by far the most frequent
            self.running += 1
            return True
        plan = plan_entry(
            own_idle=self._parked.get(program, 0),
            idle=self.idle,
            running=self.running,
            instances=self.instances,
        )
        if isinstance(plan, Evict):
            keeper = next(iter(self._parked))
            dropped = keeper.drop_idle()
            assert dropped, "a program parked more instances than it has"
            self.unpark(keeper)
        elif isinstance(plan, Refuse):
            return False
        self.running += 1
        return True

    def leave(self) -> None:
        """Give a place back."""
        self.running -= 1

    def park(self, program: Keeper) -> bool:
        """Note that the program keeps the instance of an invocation that ends; False: it must drop it.

        The invocation's own place is still given back by ``leave``.
        """
        if self.idle >= self.idle_max or (self._any_retired and program in self._retired):
            return False
        self.idle += 1
        self._parked[program] = self._parked.get(program, 0) + 1
        self._parked.move_to_end(program)
        return True

    def unpark(self, program: Keeper) -> None:
        """Note that one idle instance of the program is used again, or gone."""
        self.idle -= 1
        left = self._parked[program] - 1
        if left:
            self._parked[program] = left
        else:
            del self._parked[program]

    def retire(self, program: Keeper) -> None:
        """Give up every idle instance of a program that will not be started again; later ones are not kept."""
        self._retired.add(program)
        self._any_retired = True
        while self._parked.get(program, 0):
            dropped = program.drop_idle()
            assert dropped, "a program parked more instances than it has"
            self.unpark(program)

    def revive(self, program: Keeper) -> None:
        """Let a program that was retired keep instances again: it is wanted after all."""
        self._retired.discard(program)
        self._any_retired = bool(self._retired)

    def retire_all(self) -> None:
        """Give up every idle instance."""
        for program in tuple(self._parked):
            self.retire(program)
