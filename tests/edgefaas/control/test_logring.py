"""The last lines are kept within their bounds, and come back as they were written."""

import subprocess
import sys

import orjson
from hypothesis import given
from hypothesis import strategies as st

from edgefaas.control.logring import OVERHEAD_BYTES, RING_BYTES, RING_LINES, LogRing


@given(
    texts=st.lists(
        st.lists(st.integers(0, 300), max_size=4).map(lambda sizes: ["x" * size for size in sizes])
    ),
    lines_max=st.integers(1, 5),
    bytes_max=st.integers(100, 1_000),
    limit=st.integers(0, 6),
)
def test_the_last_lines_that_fit_are_kept(
    texts: list[list[str]], lines_max: int, bytes_max: int, limit: int
) -> None:
    ring = LogRing(lines_max=lines_max, bytes_max=bytes_max)
    all_lines: list[bytes] = []
    for batch in texts:
        made = [orjson.dumps({"text": text}) for text in batch]
        ring.extend(made)
        all_lines += made
    kept: list[bytes] = []
    for line in reversed(all_lines):
        over = sum(len(text) + OVERHEAD_BYTES for text in [*kept, line]) > bytes_max
        if over or len(kept) == lines_max:
            break
        kept.insert(0, line)
    assert ring.bytes == sum(len(text) + OVERHEAD_BYTES for text in kept) <= bytes_max
    assert len(ring) == len(kept)
    found = ring.last(lambda line: bool(line["text"]), limit=limit)
    wanted = [line for line in map(orjson.loads, kept) if line["text"]]
    assert found == (wanted[-limit:] if limit else [])


def test_a_line_at_the_bound_is_kept_and_one_over_it_is_not() -> None:
    line = b'{"text":"abc"}'
    for bytes_max, count in ((len(line) + OVERHEAD_BYTES, 1), (len(line) + OVERHEAD_BYTES - 1, 0)):
        ring = LogRing(bytes_max=bytes_max)
        ring.extend([line])
        assert len(ring) == count


def test_ten_thousand_usual_lines_fit() -> None:
    assert RING_LINES * (300 + OVERHEAD_BYTES) < RING_BYTES


FILLING = """
from pathlib import Path
import orjson
from edgefaas.control.logring import LogRing

def resident_pages():
    return int(Path("/proc/self/statm").read_text().split()[1])

ring, before = LogRing(), resident_pages()
for batch in range(200):
    lines = [{"at_s": batch + n, "text": "x" * 250} for n in range(50)]
    ring.extend([orjson.dumps(line) for line in lines])
print((resident_pages() - before) * 4096, len(ring))
"""


def test_a_full_ring_takes_little_more_memory_than_its_bound() -> None:
    done = subprocess.run([sys.executable, "-c", FILLING], capture_output=True, text=True, check=True)
    grown_bytes, count = map(int, done.stdout.split())
    assert count == RING_LINES
    assert grown_bytes < 3 * RING_BYTES  # 40 MB where the octets are kept as orjson made them
