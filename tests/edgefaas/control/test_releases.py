"""Folders are deployed as functions are: together, tried out, taken back, pruned, whatever is killed."""

import asyncio
import shutil
from pathlib import Path

import pytest

from edgefaas.contract import LiveRelease
from edgefaas.control.bundle import digest
from edgefaas.control.orders import Order, Terms
from edgefaas.control.trees import make_tree
from edgefaas.errors import DeployError, StateError
from edgefaas.release import Release, folder_of
from tests.edgefaas.control.making import bundle
from tests.edgefaas.control.plane import Plane

ME = Order(actor="me")
TEN = Terms(share=1_000)


def release(plane: Plane, *, send: bool = True, **files: str) -> Release:
    """Return a release whose files were sent."""
    made = Release(
        origin="assets", files={name.replace("_", "."): digest(text.encode()) for name, text in files.items()}
    )
    for text in files.values() if send else ():
        asyncio.run(plane.deployer.house.take_file(digest(text.encode()), text.encode()))
    return made


def deploy(plane: Plane, made: Release, terms: Terms | None = None) -> None:
    asyncio.run(plane.deployer.deploy([made], ME, terms or Terms()))


def tree_of(plane: Plane, folder: Path, made: Release) -> dict[str, str]:
    root = folder / "artifacts" / folder_of(made.version)
    return {path.name: path.read_text() for path in root.rglob("*") if path.is_file()}


def test_a_release_is_a_tree_of_what_was_sent_and_goes_live_with_functions(tmp_path: Path) -> None:
    plane = Plane(tmp_path)
    made = release(plane, index_html="one", a_js="two")
    asyncio.run(plane.deployer.deploy([bundle(text="code"), made], ME))
    assert tree_of(plane, tmp_path, made) == {"index.html": "one", "a.js": "two"}
    assert set(plane.workers.running) == {"hello", "origins.assets"}
    plane.agrees()


def test_with_a_function_that_is_refused_no_file_goes_live(tmp_path: Path) -> None:
    plane = Plane(tmp_path)
    with pytest.raises(DeployError):
        asyncio.run(plane.deployer.deploy([bundle(text="refuse"), release(plane, a_js="1")], ME))
    assert plane.workers.running == {}
    plane.agrees()


def test_a_file_that_was_not_sent_or_is_another_is_refused(tmp_path: Path) -> None:
    plane = Plane(tmp_path)
    with pytest.raises(DeployError, match="was not sent"):
        deploy(plane, release(plane, send=False, a_js="1"))
    with pytest.raises(DeployError, match="not what its address says"):
        asyncio.run(plane.deployer.house.take_file(digest(b"1"), b"2"))
    assert asyncio.run(plane.deployer.house.missing_files([digest(b"1")])) == [digest(b"1")]


def test_a_sent_file_waits_an_hour_for_its_release_and_no_longer(tmp_path: Path) -> None:
    plane = Plane(tmp_path)
    made = release(plane, a_js="1")
    asyncio.run(plane.deployer.house.collect())
    plane.now_s += 3_700
    assert asyncio.run(plane.deployer.house.missing_files(made.files.values())) == []  # and so waits anew
    asyncio.run(plane.deployer.house.collect())
    deploy(plane, made)
    plane.now_s += 3_700
    unused = release(plane, b_js="2")
    plane.now_s += 3_700
    asyncio.run(plane.deployer.house.collect())
    assert asyncio.run(plane.deployer.house.missing_files(unused.files.values())) == list(
        unused.files.values()
    )
    assert asyncio.run(plane.deployer.house.missing_files(made.files.values())) == []


def test_both_sides_of_a_split_know_each_other_s_tree(tmp_path: Path) -> None:
    plane = Plane(tmp_path)
    old, new = release(plane, a_js="1"), release(plane, b_js="2")
    deploy(plane, old)
    deploy(plane, new, TEN)
    running = plane.deployer.running
    live, canary = running["origins.assets"], running["origins.assets@canary"]
    assert isinstance(live, LiveRelease)
    assert isinstance(canary, LiveRelease)
    assert (live.also, canary.also) == ((canary.folder,), (live.folder,))
    asyncio.run(plane.deployer.promote("origins.assets", ME))
    after = plane.deployer.running["origins.assets"]
    assert isinstance(after, LiveRelease)
    assert (after.folder, after.also, after.before) == (canary.folder, (), (live.folder,))


def test_after_a_restart_all_trees_are_known_or_made_again(tmp_path: Path) -> None:
    plane = Plane(tmp_path)
    old, new, newer = (release(plane, a_js=text) for text in "123")
    for made in (old, new):
        deploy(plane, made)
    deploy(plane, newer, TEN)
    running = plane.deployer.running
    plane.store.close()
    shutil.rmtree(tmp_path / "artifacts")  # which may be deleted
    second = Plane(tmp_path)
    assert asyncio.run(second.deployer.restore()) == []
    assert second.deployer.running == running
    for made in (new, newer):
        assert tree_of(second, tmp_path, made)


def test_a_pruned_release_takes_its_tree_and_files_along(tmp_path: Path) -> None:
    plane = Plane(tmp_path)
    made = [release(plane, a_js=text, common_js="same") for text in "1234"]
    for item in made:
        deploy(plane, item)
    plane.now_s += 3_700
    pruned = asyncio.run(plane.deployer.house.prune(2))
    assert (len(pruned.versions), pruned.artifacts, pruned.files) == (2, 2, 2)
    assert not (tmp_path / "artifacts" / folder_of(made[0].version)).exists()
    assert tree_of(plane, tmp_path, made[3]) == {"a.js": "4", "common.js": "same"}
    asyncio.run(plane.deployer.remove("origins.assets", ME))
    assert list((tmp_path / "blobs").glob("??/*")) == []


def test_a_tree_is_whole_or_not_there(tmp_path: Path) -> None:
    plane = Plane(tmp_path)
    made = release(plane, a_js="1", b_js="2")
    (tmp_path / "artifacts" / ".tree-left").mkdir(parents=True)  # by a kill
    (tmp_path / "artifacts" / folder_of(made.version)).mkdir()  # and one that lost its files
    deploy(plane, made)
    assert tree_of(plane, tmp_path, made) == {"a.js": "1", "b.js": "2"}
    assert not (tmp_path / "artifacts" / ".tree-left").exists()


def test_a_disk_that_takes_no_tree_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    plane = Plane(tmp_path)
    made = release(plane, a_js="1")
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where a folder belongs")
    with pytest.raises((StateError, OSError)):
        make_tree(blocked / "in", "tree", made.files, plane.deployer._shelf.blobs)
    with pytest.raises(StateError, match="cannot take the files"):
        make_tree(tmp_path / "out", "tree", {"a.js": digest(b"never sent")}, plane.deployer._shelf.blobs)
    assert list((tmp_path / "out").iterdir()) == []
