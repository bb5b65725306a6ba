"""Opening the rows of the shared tier: cut short, damaged, on a full disk, in use. Real files and processes.

What would be a SIGBUS happens in a process of its own.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import lmdb
import pytest

from edgefaas.cache.opening import DAMAGED, LOCK_BYTES, Tenancy
from edgefaas.cache.tiers import TieredStore, open_tiers
from tests.edgefaas.cache.builders import NOW_S, request, stored

FRESH = ("Cache-Control", "max-age=60")
CUTS = (0, 1, 4_096, 8_191, 8_192, 8_193, 20_480, 40_000, 100_000, 200_000, -4_097, -4_096, -1)
READ_ALL = """
import shutil, sys
from pathlib import Path
from tests.edgefaas.cache.test_opening import FRESH, opened, some
from edgefaas.cache import MemoryStore
for cut in map(int, sys.argv[2:]):
    folder = Path(sys.argv[1]) / "cut"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(Path(sys.argv[1]) / "whole", folder)
    rows = folder / "rows" / "data.mdb"
    size = rows.stat().st_size
    with rows.open("r+b") as file:
        file.truncate(cut if cut >= 0 else size + cut)
    for _ in range(2):  # what is damaged is left alone while it is open, and starts anew after that
        store = opened(folder)
        for each in some(200):
            found = store.get(each.key)
            assert not found or found[0].body == each.body
        store.put(some(1)[0])
        store.stop()
        store.close()
    store = opened(folder)
    assert store.get(some(1)[0].key), cut
    store.close()
print("whole")
"""
FULL = """
import sys, time
from pathlib import Path
from edgefaas.cache import Purge
from edgefaas.cache.tiers import open_tiers
from tests.edgefaas.cache.test_opening import some
room = Path(sys.argv[1])
for free_kb in (0, 4, 8, 64, 128, 132, 136, 144, 160, 256, 512):
    for path in sorted(room.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    with (room / "ballast").open("wb") as file:
        file.write(bytes((2048 - free_kb) * 1024))
    store = open_tiers(room / "cache", memory_bytes=10**6, disk_bytes=10**7, clock=time.time)
    for each in some(200):
        assert store.put(each)
    store.purge(Purge(kind="url", value="/0"))
    assert store.get(some(1)[0].key) == (), free_kb
    assert store.get(some(2)[1].key), free_kb
    store.close()
print("alive")
"""


def opened(folder: Path) -> TieredStore:
    store = open_tiers(folder, memory_bytes=1, disk_bytes=50_000_000, clock=lambda: NOW_S)
    assert isinstance(store, TieredStore)
    return store


def some(count: int) -> list:  # type: ignore[type-arg]
    return [
        stored(FRESH, asked=request(path=f"/{number}"), body=str(number).encode() * 300)
        for number in range(count)
    ]


def in_a_process(
    code: str, *arguments: str, before: tuple[str, ...] = ()
) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    command = [*before, sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, check=False, env=environment)


@pytest.mark.slow
def test_rows_that_were_cut_short_anywhere_are_misses_and_heal(tmp_path: Path) -> None:
    store = opened(tmp_path / "whole")
    for each in some(200):
        store.put(each)
    store.close()
    done = in_a_process(READ_ALL, str(tmp_path), *map(str, CUTS))
    assert (done.returncode, done.stdout) == (0, "whole\n"), done.stderr[-2000:]


@pytest.mark.slow
def test_a_disk_that_is_full_from_the_start_leaves_memory(tmp_path: Path) -> None:
    mounted = 'mount -t tmpfs -o size=2m tmpfs "$0" && exec "$@"'
    apart = ("unshare", "--user", "--map-root-user", "--mount")
    if shutil.which("unshare") is None:
        pytest.skip("unshare is not on this machine (apt-get install util-linux)")
    tried = subprocess.run(
        [*apart, "sh", "-c", mounted, str(tmp_path), "true"], capture_output=True, text=True, check=False
    )
    if tried.returncode:
        pytest.skip(f"no small disk can be mounted here: {tried.stderr.strip()}")
    done = in_a_process(FULL, str(tmp_path), before=(*apart, "sh", "-c", mounted, str(tmp_path)))
    assert (done.returncode, done.stdout) == (0, "alive\n"), done.stderr[-2000:]


def test_the_lock_file_has_its_room_before_it_is_mapped(tmp_path: Path) -> None:
    opened(tmp_path).close()
    assert (tmp_path / "rows" / "lock.mdb").stat().st_size >= LOCK_BYTES


def test_what_is_damaged_starts_anew_once_nobody_has_it_open(tmp_path: Path) -> None:
    first, one = opened(tmp_path), some(1)[0]
    first.put(one)
    first.stop()
    first.disk.note_damage(lmdb.CorruptedError("a page that is none"))
    other = Tenancy(tmp_path)
    with other.moving_in() as alone:
        assert not alone
    first.close()  # the other is still there
    second = opened(tmp_path)
    assert second.get(one.key)
    second.close()
    other.leave()
    third = opened(tmp_path)
    assert third.get(one.key) == ()
    assert not (tmp_path / "rows" / DAMAGED).exists()
    third.close()


def test_a_disk_that_only_fails_is_not_taken_for_damaged(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.disk.note_damage(lmdb.DiskError("no room"))
    store.disk.note_damage(OSError(28, "No space left on device"))
    assert not (tmp_path / "rows" / DAMAGED).exists()
    store.close()
