"""The files of a directory origin as they were deployed: the version that a request gets, or the folder on disk.

While two versions are live, each answers for the files that only the other has: a page of one may be followed by a
request for its script that is served by the other. Of versions before, the files with a content hash in their names
stay.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from edgefaas.arms import canary_of, release_of
from edgefaas.contract import LiveRelease
from edgefaas.directory.files import DirectoryFiles
from edgefaas.errors import DeployError
from edgefaas.message import Request, Response
from edgefaas.site import DirectoryOrigin
from edgefaas.telemetry import Meter

NOT_FOUND = 404
SERVER_ERROR = 500


class Releases:
    """What is deployed, by the name that it is run under; see ``arms``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._live: Mapping[str, LiveRelease] = {}

    def check(self, live: Mapping[str, LiveRelease]) -> None:
        """Raise DeployError for a version whose tree is not there."""
        for release in live.values():
            if not (self.folder / release.folder).is_dir():
                raise DeployError(
                    f"The files of {release.name} {release.version[:12]} are not there",
                    remedy="Deploy them again.",
                )

    def activate(self, live: Mapping[str, LiveRelease]) -> None:
        """Serve exactly these, which were checked, from the next request on."""
        self._live = live

    def find(self, name: str, canaries: frozenset[str] | None) -> LiveRelease | None:
        """Return what a request with these canaries gets; None where nothing is deployed."""
        if canaries and name in canaries and (canary := self._live.get(canary_of(name))) is not None:
            return canary
        return self._live.get(name)


class ReleasedFiles:
    """One directory origin."""

    def __init__(self, origin: DirectoryOrigin, releases: Releases, meter: Meter) -> None:
        """Serve ``origin``, and count how its versions do. Raises ConfigError when its folder is not there."""
        self._origin = origin
        self._releases = releases
        self._meter = meter
        self._name = release_of(origin.name)
        self._on_disk = DirectoryFiles(origin)
        self._served: dict[tuple[str, ...], DirectoryFiles] = {}

    async def fetch(self, request: Request) -> Response:
        """Return the answer; see ``DirectoryFiles``."""
        release = self._releases.find(self._name, request.canaries)
        if release is None:
            return await self._on_disk.fetch(request)
        if request.ran is not None:
            request.ran[self._name] = release.version
        files = self._files(release)
        response = await files.fetch(request)
        # What a version lost is its error: the viewer got 404, or, of a canary, the other side's file.
        suspected = response.status == NOT_FOUND or release.split is not None
        lost = suspected and response.status < SERVER_ERROR and await files.lacks(request.path)
        self._meter.released(self._name, release.version, failed=lost or response.status >= SERVER_ERROR)
        return response

    def _files(self, release: LiveRelease) -> DirectoryFiles:
        key = (release.folder, *release.also, "", *release.before)
        files = self._served.get(key)
        if files is None:
            if len(self._served) > 1:  # both sides of a split; older ones are over
                self._served.clear()
            folder = self._releases.folder
            files = self._served[key] = DirectoryFiles(
                replace(self._origin, directory=folder / release.folder),
                also=[folder / name for name in release.also],
                before=[folder / name for name in release.before],
                digests=self._on_disk.digests,
            )
        return files
