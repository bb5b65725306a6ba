"""What the file of pairs acknowledged is there after kill -9, whenever it comes, and whole."""

import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from edgefaas.kv.pairfile import PairFile
from edgefaas.kv.store import PairStore

KILLS = 10


def write_until_killed(path: Path, first: int, lines_before_kill: int) -> set[int]:
    command = [sys.executable, "-m", "tests.edgefaas.kv.pair_writer", str(path), str(first)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        lines = [writer.stdout.readline() for _ in range(lines_before_kill)]
        writer.send_signal(signal.SIGKILL)
        lines += writer.stdout.readlines()  # what it had said before the kill took hold
    return {int(line) for line in lines if line.endswith("\n") and line != "begun\n"}


@pytest.mark.slow
def test_acknowledged_pairs_survive_kills_at_any_instant(tmp_path: Path) -> None:
    chance, path = random.Random(7), tmp_path / "kv.sqlite3"
    acknowledged: set[int] = set()
    for turn in range(KILLS):
        acknowledged |= write_until_killed(path, turn * 1_000_000, chance.randrange(1, 60))
        store = PairStore(path)
        file = PairFile(path)
        for number in acknowledged:
            assert file.has("n", b"a%d" % number)
        facts = file.facts("n")
        after, count, size = b"", 0, 0
        halves: set[bytes] = set()
        while True:
            page = file.page("n", after=after, limit=1_000)
            count += len(page.entries)
            size += sum(len(entry.key) + entry.size_bytes for entry in page.entries)
            for entry in page.entries:
                halves ^= {entry.key[1:]}
            if not page.more:
                break
            after = page.entries[-1].key
        assert facts is not None
        assert (facts.count, facts.size_bytes, halves) == (count, size, set())
        file.close()
        store.close()
    assert len(acknowledged) > KILLS
