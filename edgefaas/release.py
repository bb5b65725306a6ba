"""The files of a directory origin as something that is deployed: a list of paths and digests, with a version.

A release holds no contents: those are sent and kept by their SHA-256, each only once. What a folder's server would
never serve (hidden names but ``.well-known``) is no part of it.
"""

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

from edgefaas.arms import RELEASE_PREFIX, release_of
from edgefaas.control.bundle import FILE_PATH_MAX, NAME, is_plain_path, version_of
from edgefaas.directory.paths import segments_of
from edgefaas.errors import DeployError

KIND = "files"
FILES_MAX = 20_000
FILE_MAX_BYTES = 64 * 1024 * 1024
RELEASE_MAX_BYTES = 2 * 1024 * 1024 * 1024
_DIGEST_DIGITS = 64
_VISIBLE_ANYWAY = ".well-known"


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """What one directory origin is to serve: SHA-256 (hex) by relative path."""

    origin: str
    files: Mapping[str, str]

    def __post_init__(self) -> None:
        """Refuse what no folder could serve. Raises DeployError."""
        if not NAME.match(self.origin):
            raise DeployError(
                f'"{self.origin[:80]}" is not the name of an origin', remedy="Name one of edgefaas.toml."
            )
        if not 0 < len(self.files) <= FILES_MAX:
            raise DeployError(
                f"Origin {self.origin} has {len(self.files)} files; 1 to {FILES_MAX} are allowed",
                remedy="Name the folder of the built site.",
            )
        folders = {parent.as_posix() for path in self.files for parent in PurePosixPath(path).parents}
        for path, digest in self.files.items():
            if path in folders:
                raise DeployError(
                    f"Origin {self.origin} has {path[:120]!r} both as a file and as a folder",
                    remedy="Rename one of them.",
                )
            if not is_plain_path(path) or segments_of(f"/{quote(path)}") is None:
                raise DeployError(
                    f"Origin {self.origin} has a file at {path[:120]!r}, which no request could name",
                    remedy="Give it a plain name that does not begin with a dot.",
                )
            if len(digest) != _DIGEST_DIGITS or digest.strip("0123456789abcdef"):
                raise DeployError(f"The digest of {path[:120]!r} is no SHA-256", remedy="Send 64 hex digits.")

    @property
    def name(self) -> str:
        """Return the name that it is deployed under; no function can be called so."""
        return release_of(self.origin)

    @property
    def version(self) -> str:
        """Return the SHA-256 (hex) over paths and contents."""
        return version_of(kind=KIND, entry="", handler="", files=self.files, settings={})


def from_json(plain: Any) -> Release:
    """Return the release of ``{"origin", "files"}``. Raises DeployError."""
    if (
        not isinstance(plain, dict)
        or plain.keys() != {"origin", "files"}
        or not isinstance(plain["origin"], str)
        or not isinstance(plain["files"], dict)
        or not all(isinstance(digest, str) for digest in plain["files"].values())
    ):
        raise DeployError("This is no release", remedy="Send origin, and files as path to SHA-256.")
    return Release(origin=plain["origin"], files=plain["files"])


def is_release(name: str) -> bool:
    """Return whether a name is that of a directory origin's files."""
    return name.startswith(RELEASE_PREFIX)


def folder_of(version: str) -> str:
    """Return what the tree of a version is called in the artefact folder."""
    return f"{KIND}-{version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """A folder that was read: its release, and where the content of each digest is found."""

    release: Release
    sources: Mapping[str, Path]
    size_bytes: int


def read_tree(origin: str, folder: Path) -> Tree:
    """Read a folder, every file of it. Raises DeployError: too much, a link that leads out, unreadable."""
    files: dict[str, str] = {}
    sources: dict[str, Path] = {}
    size = 0
    for path in _walk(folder):
        name = path.relative_to(folder).as_posix()
        digest, length = _digest(path)
        size += length
        if size > RELEASE_MAX_BYTES or len(files) >= FILES_MAX:
            raise DeployError(
                f"{folder} has more than {FILES_MAX} files or {RELEASE_MAX_BYTES} bytes",
                remedy="Serve large files from a URL origin.",
            )
        files[name] = digest
        sources[digest] = path
    return Tree(release=Release(origin=origin, files=files), sources=sources, size_bytes=size)


def _walk(folder: Path) -> Iterator[Path]:
    root = folder.resolve()
    if not root.is_dir():
        raise DeployError(
            f"There is no folder {folder}", remedy="Build the site, or correct the origin's directory."
        )
    for here, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(".") or name == _VISIBLE_ANYWAY)
        for name in sorted(names):
            path = Path(here) / name
            if name.startswith("."):
                continue
            if not path.resolve().is_relative_to(root):
                raise DeployError(f"{path} leads outside {folder}", remedy="Copy the file into the folder.")
            yield path
        for name in folders:
            if (Path(here) / name).is_symlink():
                raise DeployError(
                    f"{Path(here) / name} is a link to a folder", remedy="Put the folder itself in its place."
                )


def _digest(path: Path) -> tuple[str, int]:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > FILE_MAX_BYTES:
            raise DeployError(
                f"{path} is not a regular file of at most {FILE_MAX_BYTES} bytes",
                remedy="Serve it from a URL origin, or remove it.",
            )
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest(), status.st_size
    except OSError as error:
        raise DeployError(f"{path} cannot be read: {error.strerror}", remedy="Make it readable.") from None


__all__ = [
    "FILES_MAX",
    "FILE_MAX_BYTES",
    "FILE_PATH_MAX",
    "KIND",
    "Release",
    "Tree",
    "folder_of",
    "from_json",
    "is_release",
    "read_tree",
]
