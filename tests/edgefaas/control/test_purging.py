"""Purges are noted, done, acknowledged, and done again where they may be undone."""

import asyncio
from pathlib import Path

import pytest

from edgefaas.cache.purge import Counted, Purge
from edgefaas.control import purging
from edgefaas.control.purges import PurgeTable
from edgefaas.control.purging import PurgeError, Purger, Workers, checked_purge
from edgefaas.control.store import Store
from edgefaas.control.thread import DiskThread
from edgefaas.errors import StateError

NEWS = Purge(kind="tag", value="news")


class CountingWorkers:
    """Confirms every purge, unless told not to."""

    def __init__(self) -> None:
        self.purged: list[Purge] = []
        self.willing = True

    async def purge(self, purge: Purge) -> Counted:
        if not self.willing:
            raise StateError("No worker confirmed.", remedy="Try again.")
        self.purged.append(purge)
        return Counted(number=2)


_: type[Workers] = CountingWorkers


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "control.sqlite3")


def purger(store: Store, workers: CountingWorkers, *, now_s: float = 100.0) -> Purger:
    return Purger(store, DiskThread(), workers=workers, clock=lambda: now_s)


def repeated(store: Store, *, boot: str, now_s: float = 101.0) -> list[Purge]:
    workers = CountingWorkers()
    asyncio.run(purger(store, workers, now_s=now_s).repeat(boot=boot))
    return workers.purged


def test_a_purge_that_no_worker_confirms_stays_open_and_is_repeated_once(store: Store) -> None:
    workers = CountingWorkers()
    workers.willing = False
    with pytest.raises(StateError):
        asyncio.run(purger(store, workers).purge(NEWS, actor="me"))
    assert [record.removed for record in PurgeTable(store).last()] == [None]
    assert repeated(store, boot="one") == [NEWS]
    assert repeated(store, boot="one") == []


def test_a_confirmed_purge_is_repeated_after_a_reboot_and_not_after_a_restart(store: Store) -> None:
    assert repeated(store, boot="one") == []
    assert asyncio.run(purger(store, CountingWorkers()).purge(NEWS, actor="me")).number == 2
    assert repeated(store, boot="one") == []
    assert repeated(store, boot="two") == [NEWS]
    assert repeated(store, boot="two") == []


def test_a_purge_is_repeated_up_to_a_day_later(store: Store) -> None:
    repeated(store, boot="one")
    asyncio.run(purger(store, CountingWorkers()).purge(NEWS, actor="me"))
    assert repeated(store, boot="two", now_s=100 + purging.REPEAT_WITHIN_S) == [NEWS]
    assert repeated(store, boot="three", now_s=100.1 + purging.REPEAT_WITHIN_S) == []


def test_too_many_purges_are_repeated_as_one_of_everything(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purging, "REPEAT_MAX", 2)
    repeated(store, boot="one")
    for value in ("a", "b"):
        asyncio.run(purger(store, CountingWorkers()).purge(Purge(kind="tag", value=value), actor="me"))
    assert [item.value for item in repeated(store, boot="two")] == ["a", "b"]
    asyncio.run(purger(store, CountingWorkers()).purge(NEWS, actor="me"))
    assert repeated(store, boot="three") == [Purge(kind="everything")]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("all", ""),
        ("", ""),
        ("url", ""),
        ("url", "relative"),
        ("everything", "x"),
        ("tag", "a\nb"),
        ("tag", "x" * (purging.VALUE_MAX + 1)),
    ],
)
def test_a_purge_that_means_nothing_is_refused_with_a_remedy(kind: str, value: str) -> None:
    with pytest.raises(PurgeError) as refusal:
        checked_purge(kind, value, soft=False)
    assert refusal.value.remedy


def test_the_longest_value_is_accepted() -> None:
    assert checked_purge("tag", "x" * purging.VALUE_MAX, soft=True).soft
