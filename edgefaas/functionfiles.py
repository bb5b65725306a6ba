"""The files that a function is deployed with: read from its folder, and from nowhere else.

Links that lead out are refused, whatever they are called, and so is more than a bundle may have.
"""

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from edgefaas.control.bundle import BUNDLE_MAX_BYTES, FILES_MAX
from edgefaas.errors import DeployError

SETTINGS_FILE = "function.toml"
# What stands beside a function for people and tests; it is not part of what is deployed.
_BESIDE = frozenset(
    {SETTINGS_FILE, "README.md", "request.json", "response.json", "event.json", "expected.json", "kv.json"}
)
_SKIPPED_FOLDERS = frozenset({"__pycache__", "tests"})


def read_named(folder: Path, names: Iterable[str]) -> dict[str, bytes]:
    """Return files by name, and of folders all that is in them. Raises DeployError."""
    paths: list[Path] = []
    for name in names:
        path = folder / os.path.normpath(name)
        refuse_outside(folder, path)
        if not path.exists():
            raise DeployError(
                f"{path} does not exist, and files names it", remedy=f"Correct {SETTINGS_FILE}."
            )
        paths += walk(path) if path.is_dir() else [path]
    return read(folder, paths)


def read(folder: Path, paths: Iterable[Path]) -> dict[str, bytes]:
    """Return files by their path in the folder. Raises DeployError: one cannot be read, or they are too much."""
    files: dict[str, bytes] = {}
    left = BUNDLE_MAX_BYTES
    for path in paths:
        if len(files) >= FILES_MAX:
            raise DeployError(
                f"{folder} has more than {FILES_MAX} files",
                remedy="Bundle the dependencies into fewer files.",
            )
        content = _read_file(path, left)
        left -= len(content)
        files[path.relative_to(folder).as_posix()] = content
    return files


def walk(folder: Path) -> Iterator[Path]:
    """Yield the files to deploy, in a fixed order. Raises DeployError: a link leads elsewhere."""
    for root, folders, names in os.walk(folder):
        here = Path(root)
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and name not in _SKIPPED_FOLDERS
        )
        for name in folders:
            if (here / name).is_symlink():
                raise DeployError(
                    f"{here / name} is a link to a folder", remedy="Put the folder itself in its place."
                )
        for name in sorted(names):
            if name.startswith(".") or (here == folder and name in _BESIDE):
                continue
            refuse_outside(folder, here / name)
            yield here / name


def refuse_outside(folder: Path, path: Path) -> None:
    """Raise DeployError for a path that leads out of the folder."""
    target = path.resolve()
    if not target.is_relative_to(folder.resolve()):
        raise DeployError(
            f"{path} leads outside the function's folder, to {target}",
            remedy="Copy the file into the folder.",
        )


def _read_file(path: Path, left: int) -> bytes:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise DeployError(f"{path} is not a regular file", remedy="Remove it from the folder.")
        if status.st_size > left:
            raise DeployError(
                f"{path} has {status.st_size} bytes, and a function may have {BUNDLE_MAX_BYTES} in all",
                remedy="Leave out what it does not need at run time.",
            )
        return path.read_bytes()
    except OSError as error:
        raise DeployError(f"{path} cannot be read: {error.strerror}", remedy="Make it readable.") from None
