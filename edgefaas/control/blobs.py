"""Content-addressed files: ``blobs/ab/<sha256>``, written once, never changed.

A blob that ``put`` returned is on disk for good: temporary file, fsync, rename, fsync of the folder. A kill
at any instant leaves either the whole blob or a temporary file that ``sweep`` removes.
"""

import hashlib
import os
import secrets
from collections.abc import Container, Iterable
from pathlib import Path

from edgefaas.control.bundle import digest
from edgefaas.errors import StateError

_TEMPORARY = ".tmp-"


class Blobs:
    """The blobs under one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def put_all(self, contents: Iterable[bytes]) -> list[str]:
        """Store every content; return their digests in order. Raises StateError: no room, not writable."""
        names: list[str] = []
        folders: set[Path] = set()
        try:
            for content in contents:
                name = digest(content)
                names.append(name)
                path = self.path(name)
                folders |= {path.parent, self._folder}  # also of one that a kill left before this step
                # A blob that has its name was renamed after its fsync, so it is whole; get finds damage.
                if path.is_file() and path.stat().st_size == len(content):
                    continue
                path.parent.mkdir(exist_ok=True)
                _write(path, content)
            for folder in folders:
                sync_folder(folder)
        except OSError as error:
            raise StateError(
                f"{self._folder} cannot take the function's files: {error.strerror}",
                remedy="Free some room there or make it writable, then deploy again.",
            ) from None
        return names

    def get(self, name: str) -> bytes:
        """Return the content. Raises StateError: missing, or its digest is not its name."""
        try:
            content = self.path(name).read_bytes()
        except OSError as error:
            raise StateError(
                f"Blob {name[:12]} of {self._folder} cannot be read: {error.strerror}",
                remedy="Restore the folder from a backup, or deploy the function again.",
            ) from None
        if digest(content) != name:
            raise StateError(
                f"Blob {name[:12]} of {self._folder} is damaged",
                remedy="Restore the folder from a backup, or deploy the function again.",
            )
        return content

    def sweep(self, referenced: Container[str]) -> int:
        """Remove what is not referenced and what a kill left half-written; return how many files.

        A blob is written before the version that refers to it: ``referenced`` must hold those of deploys under way.
        """
        removed = 0
        for path in self._folder.glob("??/*"):
            if path.name not in referenced:
                path.unlink(missing_ok=True)
                removed += 1
        return removed

    def has(self, name: str) -> int | None:
        """Return the size of a blob in bytes, None where it is not there."""
        try:
            return self.path(name).stat().st_size
        except OSError:
            return None

    def path(self, name: str) -> Path:
        """Return where a blob is. Link it, never write it."""
        assert len(name) == hashlib.sha256().digest_size * 2
        return self._folder / name[:2] / name


def _write(path: Path, content: bytes, *, mode: int = 0o666) -> None:
    temporary = path.with_name(f"{_TEMPORARY}{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def sync_folder(folder: Path) -> None:
    """Make the names in ``folder`` durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_file(path: Path, content: bytes, *, mode: int) -> None:
    """Replace a file in one step, durably, with these permission bits from the first instant on."""
    _write(path, content, mode=mode)
    sync_folder(path.parent)
