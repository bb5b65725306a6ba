"""What the store acknowledged is there after kill -9, whenever it comes."""

import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from edgefaas.control.blobs import Blobs
from edgefaas.control.store import Store

KILLS = 12


def write_until_killed(folder: Path, first: int, lines_before_kill: int) -> list[tuple[int, str]]:
    """Return what a writer acknowledged before it was killed, some instant after so many lines."""
    command = [sys.executable, "-m", "tests.edgefaas.control.store_writer", str(folder), str(first)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        lines = [writer.stdout.readline() for _ in range(lines_before_kill)]
        writer.send_signal(signal.SIGKILL)
        lines += writer.stdout.readlines()  # what it had said before the kill took hold
    whole = [line.split() for line in lines if line.endswith("\n") and line != "begun\n"]
    return [(int(number), name) for number, name in whole]


@pytest.mark.slow
def test_what_was_acknowledged_survives_kills_at_any_instant(tmp_path: Path) -> None:
    chance = random.Random(7)
    acknowledged: dict[int, str] = {}
    for _ in range(KILLS):
        first = max(acknowledged, default=0) + 1_000
        acknowledged |= dict(write_until_killed(tmp_path, first, chance.randrange(1, 12)))
        store, blobs = Store(tmp_path / "control.sqlite3"), Blobs(tmp_path / "blobs")
        versions = {item.version: item for item in store.versions.of("hello")}
        assert set(acknowledged.values()) <= versions.keys()
        for item in versions.values():
            assert blobs.get(item.files["index.js"]).startswith(b"text ")
        live = {name: item.version for name, item in store.live().items()}
        if acknowledged:
            assert live["hello"] == live["twin"] == store.seeded()["hello"] == store.seeded()["twin"]
            newest = max(acknowledged)
            # The one that was being acknowledged when the kill came may be there too.
            assert live["hello"] == acknowledged[newest] or versions[live["hello"]].number > (
                versions[acknowledged[newest]].number
            )
        blobs.sweep(store.versions.blobs())
        store.close()
    assert len(acknowledged) > KILLS
