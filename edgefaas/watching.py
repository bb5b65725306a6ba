"""Notice that files of a site have changed, by their times and sizes.

Polling, on purpose: it needs no library, works on every file system, and a site has hundreds of files, not
millions (1,000 files: 4 ms).
"""

from collections.abc import Mapping
from pathlib import Path

from edgefaas.site import DirectoryOrigin, Site

FILES_MAX = 20_000
_SKIPPED = frozenset({"node_modules", "__pycache__", ".git"})

Snapshot = Mapping[Path, tuple[int, int]]
"""Modification time (ns) and size of every file."""


def watched(config: Path, site: Site) -> list[Path]:
    """Return the files and folders whose change means that the site is to be read again."""
    return [config, *(spec.source for spec in site.functions.values())]


def served(site: Site) -> list[Path]:
    """Return the folders that are served as they are: what changes there takes no reading of the site."""
    return [origin.directory for origin in site.origins.values() if isinstance(origin, DirectoryOrigin)]


def only_served(files: list[Path], site: Site, config: Path) -> bool:
    """Say whether all these files lie in folders that are served, and none is of the site itself."""
    folders, own = served(site), watched(config, site)
    return all(
        any(file.is_relative_to(folder) for folder in folders)
        and not any(file.is_relative_to(path) for path in own)
        for file in files
    )


def snapshot(paths: list[Path]) -> Snapshot:
    """Return what the files are now; of folders, all files in them. What vanishes meanwhile is left out."""
    found: dict[Path, tuple[int, int]] = {}
    waiting = list(paths)
    while waiting and len(found) < FILES_MAX:
        path = waiting.pop()
        try:
            if path.is_dir():
                waiting += [item for item in path.iterdir() if item.name not in _SKIPPED]
            else:
                status = path.stat()
                found[path] = (status.st_mtime_ns, status.st_size)
        except OSError:
            continue
    return found


def changed(before: Snapshot, after: Snapshot) -> list[Path]:
    """Return the files that were made, changed or removed, in order."""
    return sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))
