"""Idle instances: the room's count, the shelf and the program always agree on what is kept."""

from dataclasses import dataclass, field
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sandbox.idle import IdleInstances, Instance, idle_shelf
from sandbox.room import Room


class Counted:
    """A store that counts how often it is closed."""

    closed = 0

    def close(self) -> None:
        self.closed += 1


@dataclass(eq=False)
class Keeping:
    """A program that keeps instances."""

    idle: IdleInstances[Instance] = field(init=False)

    def drop_idle(self) -> bool:
        return self.idle.drop_oldest()


def instance_of(program: Keeping, memory_bytes: int = 1, image: object = None) -> tuple[Instance, Counted]:
    store: Any = Counted()
    return Instance(program.idle, store, memory_bytes, image), store


@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["run", "keep", "drop", "retire"]), st.integers(0, 1), st.integers(1, 3)),
        max_size=40,
    ),
    places=st.integers(1, 4),
    shelf_bytes=st.integers(1, 8),
)
def test_what_is_kept_is_counted_once_and_what_is_not_is_closed_once(
    steps: list[tuple[str, int, int]], places: int, shelf_bytes: int
) -> None:
    room, shelf = Room(instances=places, idle_max=places), idle_shelf(shelf_bytes)
    programs = [Keeping(), Keeping()]
    for program in programs:
        program.idle = IdleInstances(program, room, shelf)
    running: list[tuple[Keeping, Instance]] = []
    stores: dict[Instance, Counted] = {}
    for step, which, number in steps:
        program = programs[which]
        if step == "run" and room.enter(program):
            found = program.idle.take(number)
            if found is None:
                found, stores[found] = instance_of(program, number)
            running.append((program, found))
        elif step in ("keep", "drop") and running:
            program, ended = running.pop()
            if step == "drop" or not program.idle.keep(ended, number):
                program.idle.drop(ended)
            room.leave()
        elif step == "retire":
            room.retire(program)
            room.revive(program)
        kept = [item.idle[index] for item in programs for index in range(len(item.idle))]
        assert room.idle == len(kept) == len(set(kept))
        assert room.running == len(running)
        alive = {*kept, *(item for _, item in running)}
        assert {item: store.closed for item, store in stores.items()} == {
            item: int(item not in alive) for item in stores
        }
        assert shelf.used_bytes <= shelf_bytes or len(shelf) == 1


def test_only_an_instance_of_the_same_memory_and_image_is_used_again() -> None:
    room, program = Room(instances=4, idle_max=4), Keeping()
    program.idle = IdleInstances(program, room, idle_shelf(100))
    one, other = object(), object()
    for memory_bytes, image in ((1, one), (2, other), (1, other)):
        kept, store = instance_of(program, 1, one)
        assert program.idle.keep(kept, 1)
        found = program.idle.take(memory_bytes, image)
        assert (found is kept) == ((memory_bytes, image) == (1, one))
        assert store.closed == int(found is None)


def test_the_youngest_is_used_first_and_the_oldest_given_up_first() -> None:
    room, program = Room(instances=4, idle_max=4), Keeping()
    program.idle = IdleInstances(program, room, idle_shelf(100))
    (old, gone), (middle, _), (young, _) = (instance_of(program) for _ in range(3))
    for kept in (old, middle, young):
        assert program.idle.keep(kept, 1)
    room.running = 4 - room.idle
    assert room.enter(Keeping())  # no place is free: the oldest gives way
    assert gone.closed == 1
    assert (program.idle.take(1), program.idle.take(1), program.idle.take(1)) == (young, middle, None)
