"""``python -m tests.router.maxmind_suite [FOLDER]``: check the router against MaxMind's public test databases.

FOLDER is a checkout of github.com/maxmind/MaxMind-DB; without one, what ``--fetch`` has put into ``.cache``: the
source distribution of the installed maxminddb, which holds the same, from PyPI by pip. Every source record must be
found at its network's first and last address; every hostile file must be refused or read without harm, each in a
process of its own.
"""

import ipaddress
import json
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path

from router import UNKNOWN, GeoDatabase, GeoDatabaseError, Location
from router.address import is_local
from router.location import location_of, with_network

_HOSTILE = """
import sys
from pathlib import Path
from router import GeoDatabase, GeoDatabaseError
try:
    database = GeoDatabase.open(Path(sys.argv[1]))
    for first in range(256):
        for rest in ("0.0.1", "9.8.7", "255.255.255"):
            database.locate(f"{first}.{rest}")
        database.locate(f"2{first:03x}::1")
except GeoDatabaseError as error:
    print("refused:", str(error).rpartition('": ')[2] or error)
else:
    print("opened")
"""


CACHE = Path(__file__).parents[2] / ".cache" / "maxmind"
HOSTILE = ("*roken*", "*Invalid*", "*limit*", "*budget*", "*pointers*")  # of the databases beside good ones


def main(arguments: Sequence[str]) -> int:
    """Return 0 when everything is as it should be, 2 without data."""
    if list(arguments) == ["--fetch"]:
        print(fetch())
        return 0
    folder = Path(arguments[0]) if arguments else fetched()
    if folder is None or not (folder / "source-data").is_dir():
        print("no test databases there; --fetch fetches them", file=sys.stderr)
        return 2
    return check(folder)


def fetched() -> Path | None:
    """Return the folder of test databases that ``--fetch`` has left, None when there is none."""
    return next(iter(sorted(CACHE.glob(f"maxminddb-{version('maxminddb')}/tests/data"))), None)


def fetch() -> Path:
    """Have pip fetch the source distribution of the installed maxminddb; return its folder of test databases."""
    CACHE.mkdir(parents=True, exist_ok=True)
    wanted = f"maxminddb=={version('maxminddb')}"
    pip = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--no-binary",
        "maxminddb",
        wanted,
    ]
    subprocess.run([*pip, "--dest", str(CACHE)], check=True, timeout=300)
    for archive in CACHE.glob("maxminddb-*.tar.gz"):
        with tarfile.open(archive) as file:
            file.extractall(CACHE, filter="data")
    folder = fetched()
    if folder is None:
        raise FileNotFoundError(f"{CACHE}: the source distribution of {wanted} holds no tests/data")
    return folder


def check(folder: Path) -> int:
    """Return 0 when every record is right and no hostile file does harm."""
    wrong = sum(
        _records(path, folder / "test-data") for path in sorted((folder / "source-data").glob("*.json"))
    )
    beside = {path for pattern in HOSTILE for path in (folder / "test-data").glob(f"{pattern}.mmdb")}
    hostile = sorted((folder / "bad-data").rglob("*.mmdb")) + sorted(beside)
    with ThreadPoolExecutor(2) as pool:
        harmed = sum(pool.map(_harms, hostile))
    print(f"{wrong} records wrong; {len(hostile)} hostile files, {harmed} did harm")
    return 1 if wrong or harmed else 0


def _records(source: Path, databases: Path) -> int:
    path = databases / f"{source.stem}.mmdb"
    kind = source.stem
    if not path.exists() or not any(word in kind for word in ("City", "Country", "Enterprise", "ASN")):
        return 0
    try:
        database = GeoDatabase(None, path) if "ASN" in kind else GeoDatabase.open(path)
    except GeoDatabaseError as error:
        print(f"{kind}: {error}")
        return 1
    checked = wrong = 0
    entries = [(net, record) for entry in json.loads(source.read_text()) for net, record in entry.items()]
    networks = [ipaddress.ip_network(net, strict=False) for net, _ in entries]
    for network, (_, record) in zip(networks, entries, strict=True):
        inner = any(
            other != network and other.version == network.version and other.subnet_of(network)  # type: ignore[arg-type]
            for other in networks
        )
        for address in {network[0]} if inner else {network[0], network[-1]}:
            checked += 1
            wrong += database.locate(str(address)) != _expected(address.packed, record, asn="ASN" in kind)
    print(f"{kind}: {checked} addresses, {wrong} wrong")
    return wrong


def _expected(octets: bytes, record: object, *, asn: bool) -> Location:
    if is_local(octets):
        return UNKNOWN
    return with_network(UNKNOWN, record) if asn else location_of(record)


def _harms(path: Path) -> bool:
    result = subprocess.run(
        [sys.executable, "-c", _HOSTILE, str(path)], capture_output=True, text=True, timeout=60, check=False
    )
    said = result.stdout.strip()
    print(f"{path.name}: {said or result.stderr.strip().splitlines()[-1:]}")
    return result.returncode != 0 or not said


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
