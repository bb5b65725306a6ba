"""Old versions go, and never one that somebody may need."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from edgefaas.contract import Live
from edgefaas.control.blobs import Blobs
from edgefaas.control.orders import Order, Terms
from edgefaas.control.pruning import collect, prunable
from edgefaas.control.records import BuildRecord, Note
from edgefaas.control.store import Store
from edgefaas.control.thread import DiskThread
from edgefaas.control.workshop import Shelf
from tests.edgefaas.control.making import bundle, version
from tests.edgefaas.control.plane import Plane

ME = Order(actor="me")


@given(numbers=st.permutations(range(1, 9)), held=st.sets(st.integers(1, 8)), keep=st.integers(0, 10))
def test_the_newest_and_the_held_stay_and_everything_else_goes(
    numbers: Sequence[int], held: set[int], keep: int
) -> None:
    versions = [replace(version(text=str(number)), number=number) for number in numbers]
    names = {item.version for item in versions if item.number in held}
    gone = {item.number for item in prunable(versions, names, keep=keep)}
    expected = set(range(1, 9 - keep)) - held if keep else set()
    assert gone == expected


def deploy_all(plane: Plane, *texts: str, terms: Terms | None = None) -> None:
    for text in texts:
        asyncio.run(plane.deployer.deploy([bundle(text=text)], ME, terms or Terms()))


def numbers(plane: Plane) -> set[int]:
    return {item.number for item in plane.store.versions.of("hello")}


def test_live_canary_and_the_way_back_stay_however_old_they_are(tmp_path: Path) -> None:
    plane = Plane(tmp_path)
    deploy_all(plane, "one", "two", "three", "four", "five", "six")
    asyncio.run(plane.deployer.rollback("hello", "v1", ME))  # the way back is six, then
    deploy_all(plane, "two", terms=Terms(share=1_000))
    asyncio.run(plane.deployer.house.prune(1))
    assert numbers(plane) == {1, 2, 6}
    asyncio.run(plane.deployer.rollback("hello", None, ME))  # the canary ends
    asyncio.run(plane.deployer.rollback("hello", None, ME))
    assert plane.workers.running == {"hello": "six"}
    plane.agrees()


def test_an_old_version_that_is_deployed_again_is_not_forgotten_while_it_waits_its_turn(
    tmp_path: Path,
) -> None:
    """It was found stored, then pruned by who had the lock before, and the deploy ended with "no such function"."""
    plane = Plane(tmp_path)
    deploy_all(plane, "one", "two", "three")

    async def main() -> None:
        begun, go_on = asyncio.Event(), asyncio.Event()
        activate = plane.workers.activate

        async def slow(functions: Mapping[str, Live]) -> None:
            begun.set()
            await go_on.wait()
            await activate(functions)

        plane.workers.activate = slow  # type: ignore[method-assign]
        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            group.create_task(plane.deployer.deploy([bundle("other", "o")], ME))
            await begun.wait()
            group.create_task(plane.deployer.house.prune(1))
            await asyncio.sleep(0)  # it is first in the queue
            again = group.create_task(plane.deployer.deploy([bundle(text="one")], ME))
            while "one" not in plane.builder.built[3:]:
                await asyncio.sleep(0)
            go_on.set()
        ((deployed,),) = (again.result(),)
        assert (deployed.number, deployed.changed) == (1, True)

    asyncio.run(main())
    assert plane.workers.running["hello"] == "one"
    plane.agrees()


def test_a_dry_run_names_what_would_go_and_nothing_goes(tmp_path: Path) -> None:
    plane = Plane(tmp_path)
    deploy_all(plane, "one", "two", "three", "four")
    pruned = asyncio.run(plane.deployer.house.prune(2, dry_run=True))
    assert [item.number for item in pruned.versions] == [2, 1]
    assert numbers(plane) == {1, 2, 3, 4}
    assert asyncio.run(plane.deployer.house.prune(2)).files == 2
    assert numbers(plane) == {3, 4}


def test_files_and_builds_that_another_version_needs_stay(tmp_path: Path) -> None:
    plane = Plane(tmp_path)
    for value in "abc":  # one source, three versions
        asyncio.run(plane.deployer.deploy([bundle(environment={"A": value})], ME))
    pruned = asyncio.run(plane.deployer.house.prune(2))
    assert (len(pruned.versions), pruned.files, pruned.artifacts) == (1, 0, 0)
    assert asyncio.run(plane.deployer.rollback("hello", None, ME)).changed


def shelf_in(folder: Path) -> Shelf:
    store = Store(folder / "control.sqlite3")
    return Shelf(
        store=store, blobs=Blobs(folder / "blobs"), artifacts=folder / "artifacts", disk=DiskThread()
    )


def test_what_a_kill_between_rows_and_files_left_is_collected_at_the_next_time(tmp_path: Path) -> None:
    shelf = shelf_in(tmp_path)
    (blob,) = shelf.blobs.put_all([b"one"])
    old = replace(version(text="one"), files={"index.js": blob})
    shelf.store.versions.add(old, BuildRecord(artifact="built"))
    (shelf.artifacts / "built").mkdir(parents=True)
    shelf.store.versions.forget([old])
    shelf.store.close()  # killed here

    again = shelf_in(tmp_path)
    assert again.store.versions.garbage() == ["built"]
    collected = collect(again, (), artifacts=True)
    assert (collected.files, collected.artifacts) == (1, 1)
    assert not (again.artifacts / "built").exists()
    assert collect(again, (), artifacts=True) == type(collected)()


def test_an_artefact_that_is_built_again_is_no_garbage_any_more(tmp_path: Path) -> None:
    shelf = shelf_in(tmp_path)
    first, second = version(text="one"), version("other", "one")
    for item in (first, second):
        shelf.store.versions.add(item, BuildRecord(artifact="shared"))
    shelf.store.versions.forget([first])
    assert shelf.store.versions.garbage() == []
    shelf.store.versions.collected([])
    shelf.store.remove("other", Note(action="rm", actor="me", at_s=1.0))
    assert shelf.store.versions.garbage() == ["shared"]


def test_a_file_that_is_being_deployed_is_not_collected(tmp_path: Path) -> None:
    shelf = shelf_in(tmp_path)
    kept, lost = shelf.blobs.put_all([b"kept", b"lost"])
    assert collect(shelf, {kept: 1}, artifacts=False).files == 1
    assert shelf.blobs.get(kept) == b"kept"
    assert lost not in {path.name for path in (tmp_path / "blobs").glob("??/*")}
