"""What is on its way is watched by the workers' own counters."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefaas.control.rollout import Counted, Rollout, Rule
from edgefaas.control.rollout_watch import Deploys, RolloutWatch, Watched, Windows
from edgefaas.split import Affinity

RULE = Rule(window_s=10, max_errors=0.1, min_runs=10)


def stats(pid: int, **versions: tuple[int, int]) -> dict[str, Any]:
    rows = [
        {"name": "a", "version": version, "runs": runs, "errors": errors, "throttled": 0, "server_errors": 0}
        for version, (runs, errors) in versions.items()
    ]
    return {"worker": 0, "process": {"pid": pid}, "functions": rows}


def test_what_was_counted_before_does_not_count_and_what_a_new_worker_counts_does() -> None:
    windows = Windows()
    windows.take([stats(1, v=(100, 50))], 0.0, 60)
    assert windows.of(("a", "v"), 0.0) == Counted()
    windows.take([stats(1, v=(110, 51)), stats(2, v=(5, 5))], 1.0, 60)
    assert windows.of(("a", "v"), 0.0) == Counted(15, 6)
    windows.take([stats(3, v=(2, 0))], 2.0, 60)
    assert windows.of(("a", "v"), 0.0) == Counted(17, 6)


def test_what_is_older_than_the_window_is_forgotten() -> None:
    windows = Windows()
    windows.take([stats(1, v=(0, 0))], 0.0, 10)
    windows.take([stats(1, v=(10, 0))], 1.0, 10)
    windows.take([stats(1, v=(30, 0))], 11.0, 10)
    assert windows.of(("a", "v"), 1.0) == Counted(30, 0)
    windows.take([stats(1, v=(30, 0))], 11.1, 10)
    assert windows.of(("a", "v"), 0.0) == Counted(20, 0)


@given(steps=st.lists(st.integers(0, 50), max_size=20))
def test_a_window_over_everything_counts_everything(steps: list[int]) -> None:
    windows = Windows()
    windows.take([], 0.0, 1e9)
    runs = 0
    for at_s, step in enumerate(steps, 1):
        runs += step
        windows.take([stats(1, v=(runs, 0))], float(at_s), 1e9)
    assert windows.of(("a", "v"), 0.0).runs == sum(steps)


class RecordedDeploys:
    """What is on its way, and what became of it."""

    def __init__(self, *rollouts: Rollout) -> None:
        self.rollouts_changed = asyncio.Event()
        self.rollouts = {item.function: item for item in rollouts}
        self.taken_back: list[str] = []
        self.ended: list[str] = []

    async def all(self) -> dict[str, Rollout]:
        return dict(self.rollouts)

    async def take_back(self, salt: str, reason: str) -> list[Rollout]:
        self.taken_back.append(reason)
        group = [item for item in self.rollouts.values() if item.salt == salt]
        self.rollouts = {name: item for name, item in self.rollouts.items() if item.salt != salt}
        return group

    async def end_watch(self, salt: str) -> None:
        self.ended.append(salt)
        self.rollouts = {}


_: type[Deploys] = RecordedDeploys


def rollout(**changes: Any) -> Rollout:
    made = Rollout(
        function="a",
        version="new",
        previous="old",
        share=1_000,
        affinity=Affinity(),
        salt="salt",
        since_s=0.0,
        rule=RULE,
    )
    return replace(made, **changes)


def play(deploys: RecordedDeploys, looks: Sequence[tuple[float, dict[str, Any]]]) -> None:
    """Let the watch look at given instants, at what a worker then says."""
    left = list(looks)
    told: list[str] = []

    async def answers() -> list[dict[str, Any]]:
        return [left[0][1]]

    async def tell(_: Sequence[Rollout], reason: str) -> None:
        told.append(reason)

    async def main() -> None:
        watched = Watched(
            deploys=deploys, rollouts=deploys.all, stats=answers, clock=lambda: left[0][0], told=tell
        )
        watch, windows = RolloutWatch(watched), Windows()
        while left:
            await watch.look(windows)
            left.pop(0)

    asyncio.run(main())
    assert told == deploys.taken_back


def test_a_canary_that_fails_is_taken_back_at_once() -> None:
    deploys = RecordedDeploys(rollout())
    play(deploys, [(0, stats(1)), (1, stats(1, new=(9, 9))), (2, stats(1, new=(10, 9), old=(90, 0)))])
    (reason,) = deploys.taken_back
    assert reason.startswith("a: 9 of 10 runs in 10 s were errors")


def test_a_canary_among_errors_of_everybody_stays() -> None:
    deploys = RecordedDeploys(rollout())
    play(deploys, [(0, stats(1)), (1, stats(1, new=(10, 5), old=(90, 45)))])
    assert not deploys.taken_back


def test_a_canary_is_watched_longer_than_one_window_and_only_by_the_last() -> None:
    deploys = RecordedDeploys(rollout())
    looks = [(0, stats(1)), (1, stats(1, new=(1_000, 0))), (30, stats(1, new=(1_020, 5)))]
    play(deploys, looks)
    assert "5 of 20" in deploys.taken_back[0]


def test_what_everybody_has_is_judged_at_the_end_with_the_runs_that_there_are() -> None:
    for errors, ended, back in ((0, ["salt"], 0), (1, [], 1)):
        deploys = RecordedDeploys(rollout(share=10_000, until_s=10.0))
        play(deploys, [(0, stats(1)), (5, stats(1, new=(3, errors))), (10, stats(1, new=(3, errors)))])
        assert (deploys.ended, len(deploys.taken_back)) == (ended, back)


def test_what_was_on_its_way_at_a_restart_is_watched_for_a_whole_window_more() -> None:
    deploys = RecordedDeploys(rollout(share=10_000, until_s=10.0))
    play(deploys, [(100, stats(1)), (101, stats(1, new=(10, 10)))])
    assert len(deploys.taken_back) == 1
    deploys = RecordedDeploys(rollout(share=10_000, until_s=10.0))
    play(deploys, [(100, stats(1)), (109.9, stats(1, new=(10, 0)))])
    assert deploys.ended == []
    deploys = RecordedDeploys(rollout(share=10_000, until_s=10.0))
    play(deploys, [(100, stats(1)), (110, stats(1, new=(10, 0)))])
    assert deploys.ended == ["salt"]


def test_one_that_fails_takes_along_what_was_deployed_with_it() -> None:
    deploys = RecordedDeploys(rollout(), rollout(function="b"), rollout(function="c", salt="another"))
    play(deploys, [(0, stats(1)), (1, stats(1, new=(10, 10)))])
    assert set(deploys.rollouts) == {"c"}


def test_nothing_is_left_to_watch_without_a_rule() -> None:
    deploys = RecordedDeploys(rollout(rule=None))
    play(deploys, [(0, stats(1)), (1, stats(1, new=(100, 100)))])
    assert not deploys.taken_back


def test_who_begins_anew_after_something_unforeseen_goes_on_watching() -> None:
    """The news that there is something to watch was used up: the canary was never looked at again."""
    deploys = RecordedDeploys(rollout())
    answers = [[stats(1)], [{"functions": [{"name": "a"}]}], [stats(1)], [stats(1, new=(10, 10))]]

    async def ask() -> list[dict[str, Any]]:
        return answers.pop(0)

    async def tell(_: Sequence[Rollout], reason: str) -> None:
        pass

    async def main() -> None:
        watched = Watched(deploys=deploys, rollouts=deploys.all, stats=ask, clock=lambda: 1.0, told=tell)
        watch = RolloutWatch(watched)
        deploys.rollouts_changed.set()
        async with asyncio.timeout(60):
            with pytest.raises(KeyError):
                await watch.run()
            again = asyncio.ensure_future(watch.run())
            while not deploys.taken_back:
                await asyncio.sleep(0.01)
            again.cancel()

    asyncio.run(main())


@pytest.mark.parametrize("until_s", [None, 1e9 + 10])
def test_a_clock_that_was_set_back_since_keeps_nobody_from_watching(until_s: float | None) -> None:
    """A failing version stayed until the clock had come again to where it had been."""
    deploys = RecordedDeploys(rollout(share=10_000 if until_s else 1_000, since_s=1e9, until_s=until_s))
    play(deploys, [(0, stats(1)), (1, stats(1, new=(10, 9)))])
    assert len(deploys.taken_back) == 1


def test_runs_before_a_version_was_let_out_again_do_not_count() -> None:
    deploys = RecordedDeploys(rollout(function="b", rule=Rule(window_s=100)))
    looks = [(0.0, stats(1)), (1.0, stats(1, new=(10, 10)))]
    play_more = RecordedDeploys(rollout())

    async def main() -> None:
        left = [*looks, (2.0, stats(1, new=(20, 10)))]

        async def answers() -> list[dict[str, Any]]:
            return [left[0][1]]

        async def known() -> dict[str, Rollout]:
            both = deploys.rollouts | (play_more.rollouts if left[0][0] >= 2 else {})
            return dict(both)

        async def tell(_: Sequence[Rollout], reason: str) -> None:
            raise AssertionError(reason)

        watched = Watched(deploys=deploys, rollouts=known, stats=answers, clock=lambda: left[0][0], told=tell)
        watch, windows = RolloutWatch(watched), Windows()
        while left:
            await watch.look(windows)
            left.pop(0)

    asyncio.run(main())
