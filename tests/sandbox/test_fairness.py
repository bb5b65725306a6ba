"""The fair queue: in turn over owners, in order within an owner."""

from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st

from sandbox.fairness import FairQueue

pushes = st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 1000)), unique=True, max_size=40)


def drained(queue: FairQueue[str, tuple[str, int]]) -> list[tuple[str, int]]:
    return [queue.pop() for _ in range(len(queue))]


@given(items=pushes)
def test_everything_comes_out_once_and_in_order_within_its_owner(items: list[tuple[str, int]]) -> None:
    queue: FairQueue[str, tuple[str, int]] = FairQueue()
    for item in items:
        queue.push(item[0], item)
    out = drained(queue)
    assert sorted(out) == sorted(items)
    for owner in "abcd":
        assert [item for item in out if item[0] == owner] == [item for item in items if item[0] == owner]


@given(items=pushes)
def test_no_owner_is_served_twice_while_another_waits(items: list[tuple[str, int]]) -> None:
    queue: FairQueue[str, tuple[str, int]] = FairQueue()
    left: dict[str, int] = defaultdict(int)
    for item in items:
        queue.push(item[0], item)
        left[item[0]] += 1
    served: dict[str, int] = defaultdict(int)
    for owner, _ in drained(queue):
        served[owner] += 1
        left[owner] -= 1
        waiting = [other for other in left if left[other]]
        assert all(served[owner] - served[other] <= 1 for other in waiting)


@given(items=pushes, gone=st.sets(st.integers(0, 39)))
def test_what_is_taken_out_does_not_come_out(items: list[tuple[str, int]], gone: set[int]) -> None:
    queue: FairQueue[str, tuple[str, int]] = FairQueue()
    for item in items:
        queue.push(item[0], item)
    removed = [item for number, item in enumerate(items) if number in gone]
    for item in removed:
        assert queue.discard(item[0], item)
        assert not queue.discard(item[0], item)
    assert sorted(drained(queue)) == sorted(set(items) - set(removed))
    assert len(queue) == 0


def test_whose_turn_it_is_can_be_asked_first() -> None:
    queue: FairQueue[str, int] = FairQueue()
    for owner, item in (("a", 1), ("a", 2), ("b", 3)):
        queue.push(owner, item)
    order = []
    while queue:
        owner = queue.next_owner()
        order.append((owner, queue.pop()))
    assert order == [("a", 1), ("b", 3), ("a", 2)]
