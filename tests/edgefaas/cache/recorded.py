"""Recorded traces and an exact simulator for them: ``python -m tests.edgefaas.cache.recorded`` fetches both by pip.

They are libCacheSim's (GPL, for tests only, 115 MB with numpy), so they are not among the dependencies but go to
``.cache``; its source distribution holds a day of Twitter's cluster 52 and block accesses of CloudPhysics.
"""

import csv
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

VERSION = "0.3.5"
FOLDER = Path(__file__).parents[3] / ".cache" / "libcachesim"
SITE = FOLDER / "site"
TRACES = {"twitter_cluster52": (" object", " size"), "cloudPhysicsIO": ("lbn", "size")}
REQUESTS_MAX = 25_000  # of a trace that are used


def fetched() -> bool:
    """Return whether the simulator and all traces are there."""
    return (SITE / "libcachesim").is_dir() and all(_file(name).is_file() for name in TRACES)


def requests_of(trace: str) -> Iterator[tuple[int, int]]:
    """Yield object and size of each request; an object keeps the size that it had first."""
    sizes: dict[int, int] = {}
    number, size = TRACES[trace]
    with _file(trace).open(encoding="ascii", newline="") as file:
        for row in islice(csv.DictReader(file), REQUESTS_MAX):
            known = int(row[number])
            yield known, sizes.setdefault(known, int(row[size]))


def fetch() -> None:
    """Have pip fetch the simulator's wheel, and the traces with its source distribution."""
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    wanted = f"libcachesim=={VERSION}"
    FOLDER.mkdir(parents=True, exist_ok=True)
    _run([*pip, "install", "--no-deps", "--only-binary", ":all:", "--target", str(SITE), wanted, "numpy"])
    _run([*pip, "download", "--no-deps", "--no-binary", "libcachesim", "--dest", str(FOLDER), wanted])
    archive = FOLDER / f"libcachesim-{VERSION}.tar.gz"
    with tarfile.open(archive) as file:
        for member in file:
            if Path(member.name).name in {_file(name).name for name in TRACES}:
                member.name = Path(member.name).name
                file.extract(member, FOLDER, filter="data")
    archive.unlink()


def _file(trace: str) -> Path:
    return FOLDER / f"{trace}.csv"


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, timeout=600)


if __name__ == "__main__":
    fetch()
