"""The GeoIP files of one worker: the site's, else those that were installed, else the embedded one.

A thin shell around ``router.GeoDatabase``. ``edgefaas geo update`` puts files into the data folder and points
``city.mmdb`` or ``asn.mmdb`` at them; a running POP finds them within seconds. A file that is no good changes
nothing.
"""

import asyncio
import logging
import os
from pathlib import Path

from edgefaas.errors import ConfigError, StateError
from edgefaas.site import RouterPolicy
from router import GeoDatabase, Location, RouterError, database_type, install

logger = logging.getLogger("edgefaas.geo")

RELOAD_EVERY_S = 5.0
CITY, ASN = "city.mmdb", "asn.mmdb"


class GeoFiles:
    """Locates addresses. ``folder`` is where ``install_geo`` put files."""

    def __init__(self, policy: RouterPolicy, folder: Path | None) -> None:
        self._policy = policy
        self._folder = folder
        self._paths = self._wanted()
        self._refused: object = None
        self._database = _open(*self._paths)

    @property
    def embedded(self) -> bool:
        """Whether the embedded City database is in use, whose credit must be shown."""
        return self._database.embedded

    @property
    def description(self) -> str:
        """The kinds of database in use."""
        return self._database.description

    def locate(self, ip: str) -> Location:
        """Return what is known of an address. Never raises."""
        return self._database.locate(ip)

    async def watch(self) -> None:
        """Take up files that changed or were installed, until cancelled."""
        while True:
            await asyncio.sleep(RELOAD_EVERY_S)
            self.refresh()

    def refresh(self) -> bool:
        """Take up files that changed or were installed; return whether any was."""
        try:
            wanted = self._wanted()
            if wanted != self._paths:
                if wanted == self._refused:
                    return False
                self._refused = wanted
                fresh = GeoDatabase.open(*wanted)
                self._database, self._paths, self._refused = fresh, wanted, None
            elif not self._database.reload_if_changed():
                return False
        except RouterError as error:
            logger.warning("the GeoIP database on disk is no good, the old one stays: %s", error)
            return False
        logger.warning("the GeoIP database was replaced: %s", self._database.description)
        return True

    def close(self) -> None:
        """Let go of the files."""
        self._database.close()

    def _wanted(self) -> tuple[Path | None, Path | None]:
        return wanted_files(self._policy, self._folder)


def open_geo(policy: RouterPolicy | None, folder: Path | None) -> GeoDatabase:
    """Return the database that a POP with this policy and this folder of installed files locates viewers by.

    Raises ConfigError: a file is no good.
    """
    try:
        return GeoDatabase.open(*wanted_files(policy or RouterPolicy(), folder))
    except RouterError as error:
        raise ConfigError(str(error), remedy=error.remedy) from error


def wanted_files(policy: RouterPolicy, folder: Path | None) -> tuple[Path | None, Path | None]:
    """Return the City and the ASN file: the site's, else the installed, else None."""

    def installed(name: str) -> Path | None:
        path = folder / name if folder is not None else None
        return path if path is not None and path.exists() else None

    return policy.geoip_city or installed(CITY), policy.geoip_asn or installed(ASN)


def install_geo(source: Path, folder: Path) -> list[tuple[str, Path]]:
    """Verify the .mmdb files at ``source`` (a file, or a folder of them), copy and point at them.

    Returns each file's type and its copy. All are verified before the first takes effect.

    Raises:
        StateError: one is no good, there is none, or the folder cannot be written; nothing has changed.
    """
    sources = sorted(source.rglob("*.mmdb")) if source.is_dir() else [source]
    if not sources:
        raise StateError(f"{source} holds no .mmdb file", remedy="Unpack the download, and name its folder.")
    try:
        found = [(database_type(path), install(path, folder)) for path in sources]
    except RouterError as error:
        raise StateError(str(error), remedy=error.remedy) from error
    names = [ASN if "ASN" in kind.upper() else CITY for kind, _ in found]
    if len(set(names)) < len(names):
        raise StateError(
            f"{source} holds several databases of one kind: {', '.join(kind for kind, _ in found)}",
            remedy="Name one City (or Country) file and one ASN file.",
        )
    for name, (_, copy) in zip(names, found, strict=True):
        link = folder / f".{name}.{os.getpid()}"
        link.unlink(missing_ok=True)
        link.symlink_to(copy.name)
        link.replace(folder / name)
    return found


def _open(city: Path | None, asn: Path | None) -> GeoDatabase:
    """Open the files; where one is no good, warn and go on without it: a POP must still serve."""
    try:
        return GeoDatabase.open(city, asn)
    except RouterError as error:
        logger.warning("serving without locations: %s. %s", error, error.remedy)
        return GeoDatabase.empty()
