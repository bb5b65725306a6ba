"""Who gets an instance, and who must wait."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from sandbox.room import Create, Evict, Refuse, Reuse, Room, plan_entry


def test_an_own_idle_instance_comes_first_then_free_room_then_a_strangers() -> None:
    full = {"running": 6, "instances": 10}
    assert plan_entry(own_idle=1, idle=4, **full) == Reuse()
    assert plan_entry(own_idle=0, idle=3, **full) == Create()
    assert plan_entry(own_idle=0, idle=4, **full) == Evict()
    assert plan_entry(own_idle=0, idle=0, running=10, instances=10) == Refuse()


class Keeping:
    """A program that keeps idle instances."""

    def __init__(self) -> None:
        self.idle = 0

    def drop_idle(self) -> bool:
        self.idle -= 1
        return self.idle >= 0


def test_a_retired_program_gives_up_its_instances_and_keeps_no_more_until_it_is_revived() -> None:
    room, program = Room(instances=4, idle_max=4), Keeping()
    for _ in range(2):
        assert room.enter(program)
    for _ in range(2):
        assert room.park(program)
        program.idle += 1
        room.leave()
    room.retire(program)
    assert (room.idle, program.idle) == (0, 0)
    assert room.enter(program)
    assert not room.park(program)
    room.revive(program)
    assert room.park(program)
    room.leave()


INSTANCES, IDLE_MAX, PROGRAMS = 6, 4, 3


class Rooms(RuleBasedStateMachine):
    """Invocations come and go; the number of live instances never passes the limit."""

    def __init__(self) -> None:
        super().__init__()
        self.room = Room(instances=INSTANCES, idle_max=IDLE_MAX)
        self.programs = [Keeping() for _ in range(PROGRAMS)]
        self.running: list[Keeping] = []

    @rule(number=st.integers(0, PROGRAMS - 1))
    def come(self, number: int) -> None:
        program = self.programs[number]
        entered = self.room.enter(program)
        assert entered == (len(self.running) < INSTANCES)
        if entered:
            self.running.append(program)
            if program.idle:
                program.idle -= 1
                self.room.unpark(program)

    @precondition(lambda self: self.running)
    @rule(number=st.integers(0, 100), keep=st.booleans())
    def go(self, number: int, keep: bool) -> None:
        program = self.running.pop(number % len(self.running))
        if keep and self.room.park(program):
            program.idle += 1
        self.room.leave()

    @invariant()
    def live_instances_never_pass_the_limit(self) -> None:
        idle = sum(program.idle for program in self.programs)
        assert self.room.idle == idle <= IDLE_MAX
        assert self.room.running == len(self.running)
        assert len(self.running) + idle <= INSTANCES
        assert all(program.idle >= 0 for program in self.programs)


TestRooms = Rooms.TestCase
Rooms.TestCase.settings = settings(max_examples=50, deadline=None)
