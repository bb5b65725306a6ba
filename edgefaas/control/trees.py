"""The tree of a release: a folder of hard links to blobs, made in one step.

Two versions share the inode of every file that they have in common, and with it the entity tag that workers know. A
tree is made under a temporary name and renamed, so one that has its name is whole; it may be made again at any time.
"""

import errno
import os
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path

from edgefaas.control.blobs import Blobs
from edgefaas.errors import StateError

_TEMPORARY = ".tree-"


def make_tree(folder: Path, name: str, files: Mapping[str, str], blobs: Blobs) -> None:
    """Make the tree ``name`` in ``folder``, or find it made. Raises StateError: no room, a blob is missing."""
    target = folder / name
    if all((target / path).is_file() for path in files):
        return
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.glob(f"{_TEMPORARY}*"):  # of a kill: only one tree is made at a time
        shutil.rmtree(left, ignore_errors=True)
    shutil.rmtree(target, ignore_errors=True)
    temporary = folder / f"{_TEMPORARY}{secrets.token_hex(8)}"
    try:
        for path, digest in files.items():
            place = temporary / path
            place.parent.mkdir(parents=True, exist_ok=True)
            _link(blobs.path(digest), place)
        temporary.rename(target)
    except OSError as error:
        shutil.rmtree(temporary, ignore_errors=True)
        raise StateError(
            f"{folder} cannot take the files of a release: {error.strerror}",
            remedy="Free some room there or make it writable, then deploy again.",
        ) from None


def _link(source: Path, place: Path) -> None:
    """Give a blob another name; a copy where the file system has no hard links, or no more of them."""
    try:
        os.link(source, place)
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.EMLINK, errno.EXDEV, errno.ENOTSUP):
            raise
        shutil.copyfile(source, place)
