"""Look addresses up in GeoIP files. A thin shell: files and memory maps here, meaning in ``location``.

The embedded file is read by the library's C extension (1.4 µs), every other by its Python (17 µs and more): the
extension (3.2.0) writes beyond its memory when a file is made for it, which ends the process (ADR 0132). Both map the
file, so all workers share its pages. A file in use must be replaced by rename, never written over: truncating a mapped
file kills its readers (SIGBUS). ``install`` does that, and verifies first.
"""

import hashlib
import os
import shutil
import struct
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import IPv4Network, IPv6Network
from itertools import islice
from pathlib import Path
from typing import Protocol

import maxminddb

from router.address import is_local, packed
from router.errors import GeoDatabaseError
from router.location import TEXT_MAX, UNKNOWN, Location, location_of, with_network

DEFAULT_CITY = Path(__file__).parent / "data" / "edge-geo.mmdb"
ATTRIBUTION = "IP Geolocation by DB-IP, https://db-ip.com"  # CC BY 4.0 asks that it be shown
CACHED_ADDRESSES_MAX = 65_536  # in each of two generations; about 300 bytes each
CACHED_RECORDS_MAX = 65_536
NETWORKS_MAX = 20_000_000  # of a hostile tree, which may have no end
WALKED_NODES_MAX = 20_000  # a database as small as this is looked at wholly
PROBES = 512  # addresses looked up before a file is believed
RECORD_VALUES_MAX = (
    1_000  # of any product a record has some 300; a hostile one of a few bytes may have 65,536
)
PROBED_VALUES_MAX = (
    1_000_000  # enough: those that are looked at before a file is believed take half a second at most
)
_KEY_CHARACTERS_MAX = 400
_DAMAGE = (  # what the library raises when bytes are not what it expects
    maxminddb.InvalidDatabaseError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError, struct.error,
    RecursionError, MemoryError,
)  # fmt: skip
_REMEDY = "Give a City, Country or ASN database in .mmdb form, complete and unpacked."


class _Reader(Protocol):
    """What is used of ``maxminddb``'s reader."""

    def get(self, ip_address: str) -> object: ...
    def metadata(self) -> maxminddb.reader.Metadata: ...
    def __iter__(self) -> Iterator[tuple[IPv4Network | IPv6Network, object]]: ...
    def close(self) -> None: ...


class _File:
    """One open database and how it looked on disk when it was opened."""

    __slots__ = ("database_type", "path", "reader", "refused", "signature")

    def __init__(self, path: Path) -> None:
        self.path = path
        self.signature = _signature(path)
        self.reader, self.database_type = _open(path)
        self.refused: tuple[int, ...] | None = None  # the signature of a newer file that was no good


class GeoDatabase:
    """Locations of addresses, from a City file and perhaps an ASN file, with a small cache.

    Not thread-safe: one per worker, on its event loop.
    """

    def __init__(self, city: Path | None, asn: Path | None) -> None:
        self._city = None if city is None else _File(city)
        self._asn = None if asn is None else _File(asn)
        self._young: dict[str, Location] = {}
        self._old: dict[str, Location] = {}
        self._records: dict[object, Location] = {}

    @classmethod
    def open(cls, city: Path | None = None, asn: Path | None = None) -> "GeoDatabase":
        """Open the files; without a City file, the embedded one.

        Raises:
            GeoDatabaseError: a file is missing, unreadable, damaged, or no MaxMind DB at all.
        """
        return cls(DEFAULT_CITY if city is None else city, asn)

    @classmethod
    def empty(cls) -> "GeoDatabase":
        """Return a database that knows nothing: what a router runs on when its file is unusable."""
        return cls(None, None)

    @property
    def embedded(self) -> bool:
        """Whether the embedded City database is in use, whose credit (``ATTRIBUTION``) must be shown."""
        return self._city is not None and self._city.path == DEFAULT_CITY

    @property
    def description(self) -> str:
        """The kinds of database in use, such as ``GeoLite2-City + GeoLite2-ASN``."""
        return " + ".join(f.database_type for f in (self._city, self._asn) if f is not None) or "none"

    def locate(self, ip: str) -> Location:
        """Return what is known of an address; nothing for private ones and for what is no address.

        Never raises: a record that turns out to be damaged counts as unknown.
        """
        found = self._young.get(ip)
        if found is not None:
            return found
        found = self._old.get(ip)
        if found is None:
            found = self._look_up(ip)
        if len(self._young) >= CACHED_ADDRESSES_MAX:
            self._old, self._young = self._young, {}
        self._young[ip] = found
        return found

    def networks(self) -> Iterator[tuple[IPv4Network | IPv6Network, Location]]:
        """Yield each network of the City file, and where that is; all of them take seconds. Damage ends it."""
        if self._city is not None:
            with suppress(*_DAMAGE):
                for network, record in _networks(self._city.reader, NETWORKS_MAX):
                    yield network, self._location(record)

    def reload_if_changed(self) -> bool:
        """Open files that were replaced on disk; return whether any was. Call it every few seconds.

        Raises:
            GeoDatabaseError: the new file is missing or no good; the old one stays in force. It is said once
                for each state of the file, not at every call.
        """
        changed = False
        for name in ("_city", "_asn"):
            file: _File | None = getattr(self, name)
            if file is None:
                continue
            signature = _signature_or_none(file.path)
            if signature in (file.signature, file.refused):
                continue
            file.refused = signature
            fresh = _File(file.path)  # raises: the old one stays
            setattr(self, name, fresh)  # the old map is closed when nobody uses it any more
            changed = True
        if changed:
            self._young, self._old, self._records = {}, {}, {}
        return changed

    def close(self) -> None:
        """Let go of the files."""
        for file in (self._city, self._asn):
            if file is not None:
                file.reader.close()
        self._city = self._asn = None
        self._young, self._old, self._records = {}, {}, {}

    def _look_up(self, ip: str) -> Location:
        octets = packed(ip)
        if octets is None or is_local(octets):
            return UNKNOWN
        if len(octets) == 4 and ":" in ip:  # noqa: PLR2004  IPv4 written as IPv6
            ip = ip[ip.rindex(":") + 1 :] if "." in ip else ".".join(map(str, octets))
        location = UNKNOWN
        if self._city is not None:
            record = _get(self._city.reader, ip)
            if record is not None:
                location = self._location(record)
        if self._asn is not None:
            location = with_network(location, _get(self._asn.reader, ip))
        return location

    def _location(self, record: object) -> Location:
        """Return the location of a record; equal compact records share one value."""
        if not isinstance(record, dict) or len(record) != 2 or "location" not in record:  # noqa: PLR2004
            return location_of(record)
        key = repr(record)
        known = self._records.get(key)
        if known is None:
            known = location_of(record)
            if len(self._records) < CACHED_RECORDS_MAX and len(key) <= _KEY_CHARACTERS_MAX:
                self._records[key] = known
        return known


def install(source: Path, folder: Path) -> Path:
    """Verify a database and put a copy into ``folder``, named by its content; return its path.

    The copy appears whole or not at all, and is never written over, so that it is safe to map.

    Raises:
        GeoDatabaseError: the source is no good, or the folder cannot be written.
    """
    _open(source)[0].close()
    try:
        with source.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        target = folder / f"{source.stem}-{digest[:16]}.mmdb"
        if target.exists():
            return target
        folder.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=folder, suffix=".part")
        try:
            with os.fdopen(descriptor, "wb") as copy, source.open("rb") as file:
                shutil.copyfileobj(file, copy)
                copy.flush()
                os.fsync(copy.fileno())
            Path(temporary).chmod(0o644)
            Path(temporary).replace(target)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise GeoDatabaseError(
            f'GeoIP database "{source}" cannot be installed in "{folder}": {error.strerror}',
            remedy="Make the folder writable, with room for the file.",
        ) from error
    return target


def database_type(path: Path) -> str:
    """Return what a file says it is, such as ``GeoLite2-City``.

    Raises:
        GeoDatabaseError: it is missing, damaged or no MaxMind DB.
    """
    reader, kind = _open(path)
    reader.close()
    return kind


def _get(reader: _Reader, ip: str) -> object:
    try:
        return reader.get(ip)
    except _DAMAGE:
        return None  # a damaged or monstrous record, or an IPv6 address in a database of IPv4


def _signature(path: Path) -> tuple[int, ...]:
    found = _signature_or_none(path)
    if found is None:
        raise GeoDatabaseError(
            f'GeoIP database "{path}" cannot be read: there is no such file', remedy=_REMEDY
        )
    return found


def _signature_or_none(path: Path) -> tuple[int, ...] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def _open(path: Path) -> tuple[_Reader, str]:
    """Open one file and look some addresses up in it, so that most damage shows now."""
    try:
        trusted = path == DEFAULT_CITY
        reader: _Reader = maxminddb.open_database(
            path, maxminddb.MODE_MMAP_EXT if trusted else maxminddb.MODE_MMAP
        )
    except (OSError, *_DAMAGE) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise GeoDatabaseError(f'GeoIP database "{path}" cannot be used: {reason}', remedy=_REMEDY) from error
    try:
        metadata = reader.metadata()
        _check_size(path, metadata.node_count, metadata.record_size)
        _check_records(_looked_at(reader, metadata.ip_version, metadata.node_count))
    except _DAMAGE as error:
        reader.close()
        raise GeoDatabaseError(f'GeoIP database "{path}" is damaged: {error}', remedy=_REMEDY) from error
    return reader, str(metadata.database_type)[:TEXT_MAX]


def _check_size(path: Path, node_count: int, record_size: int) -> None:
    tree_bytes = node_count * record_size // 4
    if path.stat().st_size <= tree_bytes:
        raise ValueError(f"its search tree alone takes {tree_bytes} bytes, more than the file has")


def _looked_at(reader: _Reader, ip_version: int, node_count: int) -> Iterator[tuple[str, object]]:
    """Yield addresses and their records: some of a large database, all of a small one."""
    for ip in _probe_addresses(ip_version):
        yield ip, reader.get(ip)
    if node_count <= WALKED_NODES_MAX:
        for network, record in _networks(reader, 2 * node_count):
            yield str(network), record


def _networks(reader: _Reader, most: int) -> Iterator[tuple[IPv4Network | IPv6Network, object]]:
    """Yield networks and records; a hostile tree may have no end.

    A range that has all of IPv4's part in it is none that the library can name: it gives up there.
    """
    networks = islice(reader, most)
    while True:
        try:
            yield next(networks)
        except UnicodeDecodeError:
            raise
        except (StopIteration, ValueError):
            return


def _check_records(found: Iterator[tuple[str, object]]) -> None:
    """Raise ValueError when one is none; enough have been seen when they have PROBED_VALUES_MAX values together."""
    seen = 0
    for ip, record in found:
        if record is None:
            continue
        if not isinstance(record, dict):
            raise ValueError(f"the record of {ip} is no map")  # noqa: TRY004  # of the file, not of a caller
        values = _values_in(record)
        if values > RECORD_VALUES_MAX:
            raise ValueError(f"the record of {ip} has more than {RECORD_VALUES_MAX} values")
        seen += values
        if seen > PROBED_VALUES_MAX:
            return


def _values_in(record: object) -> int:
    """Return how many values a record has, or a number beyond the limit."""
    count, within = 0, [record]
    while within and count <= RECORD_VALUES_MAX:
        inside = within.pop()
        values = inside.values() if isinstance(inside, dict) else inside if isinstance(inside, list) else ()
        count += len(values)
        within += [value for value in values if isinstance(value, dict | list)]
    return count


def _probe_addresses(ip_version: int) -> Iterator[str]:
    """Yield addresses spread over the space, the same ones every time."""
    for index in range(PROBES):
        spread = index * 0x9E3779B1 & 0xFFFFFFFF  # the golden ratio's multiples fill a range evenly
        yield ".".join(map(str, spread.to_bytes(4, "big")))
        if ip_version == 6:  # noqa: PLR2004  the IP version
            yield f"{0x2000 | spread >> 19:x}:{spread & 0xFFFF:x}::1"
