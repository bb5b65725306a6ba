"""The data folder: what is where in it, and the lock that makes it one POP's.

``control.sqlite3``, ``blobs/``, ``artifacts/``, ``logs/``, ``admin-token``, ``admin.json`` (where the admin
API listens, for the commands), ``lock``. What workers keep (the cache) is beside them, under ``pop/``.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import orjson

from edgefaas.control.blobs import write_file
from edgefaas.errors import StateError

ADMIN_FILE = "admin.json"


@dataclass(frozen=True, slots=True)
class DataFolder:
    """The paths in a data folder."""

    path: Path

    @property
    def store(self) -> Path:
        """Return the SQLite file."""
        return self.path / "control.sqlite3"

    @property
    def blobs(self) -> Path:
        """Return the folder of deployed files."""
        return self.path / "blobs"

    @property
    def artifacts(self) -> Path:
        """Return the folder of what was built of them."""
        return self.path / "artifacts"

    @property
    def logs(self) -> Path:
        """Return the folder of log files."""
        return self.path / "logs"

    @property
    def pop(self) -> Path:
        """Return the folder that belongs to the workers."""
        return self.path / "pop"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder: made when missing, locked against every other POP until the end.

        Raises StateError: another POP holds it, or it cannot be made or written.
        """
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StateError(
                f"The data folder {self.path} cannot be used: {error.strerror}",
                remedy="Make it writable, or name another with --data.",
            ) from None
        try:
            self._lock(descriptor)
            for folder in (self.blobs, self.artifacts, self.logs, self.pop):
                folder.mkdir(mode=0o700, exist_ok=True)
            yield
        finally:
            os.close(descriptor)  # and with it the lock

    def _lock(self, descriptor: int) -> None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
            raise StateError(
                f"The data folder {self.path} is in use by another edgefaas up"
                + (f" (process {holder})" if holder.isdigit() else ""),
                remedy="Stop that one, or name another folder with --data.",
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)

    def announce(self, *, admin: str, listen: str) -> None:
        """Tell the commands where the POP of this folder is reached."""
        body = orjson.dumps({"admin": admin, "listen": listen, "pid": os.getpid()})
        write_file(self.path / ADMIN_FILE, body, mode=0o600)

    def withdraw(self) -> None:
        """Tell the commands that no POP runs here."""
        (self.path / ADMIN_FILE).unlink(missing_ok=True)
