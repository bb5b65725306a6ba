"""Open a folder of LMDB rows so that neither damage nor a full disk can end the process. A thin shell.

LMDB reads and locks through memory maps. Touching a page that the file does not have, because it was cut short, or that
a full disk has no room for, is no error but a SIGBUS: it would end the worker, and the next, and the one after that. So
before LMDB touches anything, the lock file gets its room, and the rows file the length that it says it has: what
is missing reads as zeros, which LMDB and the digests of the rows take for damage and not for data.

What is damaged is only a cache and starts anew, but never under a process that has it open: two workers with two files
would not see each other's purges. Whoever finds damage leaves a note for the next who comes alone.
"""

import errno
import fcntl
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import lmdb

log = logging.getLogger("edgefaas.cache")

LOCK_BYTES = 128 * 1024  # a row of 64 bytes for each of the readers, and what precedes them
DAMAGED = "damaged"
DAMAGE = (
    lmdb.InvalidError, lmdb.CorruptedError, lmdb.VersionMismatchError, lmdb.PageNotFoundError, lmdb.PageFullError,
    lmdb.CursorFullError, lmdb.PanicError, lmdb.BadTxnError,
)  # fmt: skip
_NO_SUCH_CALL = (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS)


class Tenancy:
    """This process's share in ``folder``, which it makes; it ends with ``leave``, or with the process.

    Raises OSError.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._number = os.open(folder / "in-use", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    @contextmanager
    def moving_in(self) -> Iterator[bool]:
        """Hold up everybody else who opens the folder; yields whether nobody has it open."""
        door = os.open(self._folder / "opening", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(door, fcntl.LOCK_EX)
            try:
                fcntl.flock(self._number, fcntl.LOCK_EX | fcntl.LOCK_NB)
                alone = True
            except BlockingIOError:
                alone = False
            yield alone
            fcntl.flock(
                self._number, fcntl.LOCK_SH
            )  # not in one step, but nobody looks while the door is held
        finally:
            os.close(door)

    def leave(self) -> None:
        """Give the share up."""
        if self._number >= 0:
            os.close(self._number)
            self._number = -1


def make_ready(rows: Path) -> None:
    """Drop rows that were found damaged, and give the lock file its room on the disk. For who is alone.

    Raises OSError, above all when the disk is full.
    """
    if (rows / DAMAGED).exists():
        log.warning("the cache in %s was found damaged and starts anew", rows)
        drop(rows)
    rows.mkdir(parents=True, exist_ok=True)
    number = os.open(rows / "lock.mdb", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        os.posix_fallocate(number, 0, LOCK_BYTES)
    except OSError as error:
        if error.errno not in _NO_SUCH_CALL:
            raise
    finally:
        os.close(number)


def make_whole(env: lmdb.Environment, file: Path) -> None:
    """Give the file of ``env`` the length that its own description says, before any other page is read.

    A file may rightly be a few pages short, which nothing refers to. Raises lmdb.CorruptedError when it
    describes what cannot be, and OSError.
    """
    info = env.info()
    wanted = (int(info["last_pgno"]) + 1) * int(env.stat()["psize"])
    if wanted > int(info["map_size"]):
        raise lmdb.CorruptedError(f"{file.name} says that it has {wanted} bytes, more than may be")
    if file.stat().st_size < wanted:
        os.truncate(file, wanted)


def note_damage(rows: Path) -> None:
    """Let whoever next opens ``rows`` alone drop them."""
    try:
        (rows / DAMAGED).touch()
    except OSError as error:
        log.warning("that the cache in %s is damaged cannot be noted: %s", rows, error)


def drop(rows: Path) -> None:
    """Remove the rows. For who is alone. Raises OSError."""
    if rows.exists():
        shutil.rmtree(rows)
