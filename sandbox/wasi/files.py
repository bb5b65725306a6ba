"""The files that a command was deployed with, as WASI shows them: a tree that can only be read. Pure.

Nothing of the machine's file system is behind it: a path is looked up in the tree or is not there. There are no
links, so a path is what it says; ``..`` never leads above the folder that it is relative to.
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from sandbox.wasi import abi
from sandbox.wasi.abi import Errno, FileType
from sandbox.wasi.streams import Input

PATH_BYTES_MAX = 4_096  # PATH_MAX of POSIX systems
OPEN_MAX = 1_024
_DIRENT = struct.Struct("<QQIBxxx")  # the next cookie, inode, length of the name, filetype


class PathError(Exception):
    """A path leads nowhere; ``errno`` says why."""

    def __init__(self, errno: Errno) -> None:
        super().__init__(errno.name)
        self.errno = errno


@dataclass(slots=True, eq=False)
class Node:
    """A file, whose octets are ``data``, or a folder, for which that is None."""

    inode: int
    parent: "Node | None" = None
    data: bytes | None = None
    children: "dict[str, Node]" = field(default_factory=dict)

    @property
    def filetype(self) -> FileType:
        """Return what it is."""
        return FileType.DIRECTORY if self.data is None else FileType.REGULAR_FILE

    def status(self) -> bytes:
        """Return its ``filestat``. Times are 0: a version has none."""
        size = len(self.data or b"")
        return abi.FILESTAT.pack(1, self.inode, self.filetype, 1, size, 0, 0, 0)


def tree_of(files: Mapping[str, bytes]) -> Node:
    """Return the root of a tree of files by relative path."""
    root = Node(1)
    count = 1
    for path, data in sorted(files.items()):
        node = root
        for name in path.split("/"):
            if name not in node.children:
                count += 1
                node.children[name] = Node(count, node)
            node = node.children[name]
        node.data = data
    return root


def look_up(base: Node, path: bytes) -> Node:
    """Return what a path means, relative to a folder. Raises PathError."""
    node = base
    for name in _names(path):
        if node.data is not None:
            raise PathError(Errno.NOTDIR)
        if name == "..":
            if node is base or node.parent is None:
                raise PathError(Errno.NOTCAPABLE)
            node = node.parent
        elif name not in ("", "."):
            found = node.children.get(name)
            if found is None:
                raise PathError(Errno.NOENT)
            node = found
    return node


def _names(path: bytes) -> list[str]:
    """Return the parts of a path. Raises PathError."""
    if len(path) > PATH_BYTES_MAX:
        raise PathError(Errno.NAMETOOLONG)
    if not path:
        raise PathError(Errno.NOENT)
    if path.startswith(b"/"):
        raise PathError(Errno.NOTCAPABLE)
    try:
        return path.decode().split("/")
    except UnicodeDecodeError:
        raise PathError(Errno.ILSEQ) from None


class OpenFile(Input):
    """A file that is read, from where it stands."""

    rights = abi.RIGHTS_FILE & ~abi.RIGHTS_FILE_WRITE

    def __init__(self, node: Node) -> None:
        assert node.data is not None
        super().__init__(node.data)
        self.node = node

    @property
    def left_bytes(self) -> int:
        """Return how much there is from here to the end; it may stand beyond that."""
        return max(0, len(self._data) - self._at)

    def tell(self) -> int:
        """Return where it stands."""
        return self._at

    def seek(self, offset: int, whence: int) -> int | None:
        """Go to an offset from the start (0), from here (1) or from the end (2); None when there is no such place."""
        if whence not in (abi.WHENCE_SET, abi.WHENCE_CUR, abi.WHENCE_END):
            return None
        at = offset + (0, self._at, len(self._data))[whence]
        if not 0 <= at <= abi.FILESIZE_MAX:
            return None
        self._at = at
        return at

    def read_at(self, offset: int, length: int) -> bytes:
        """Return at most so many octets from an offset; where it stands stays."""
        return self._data[offset : offset + length]


class OpenFolder:
    """A folder whose entries can be listed and opened; ``preopened`` names one that was there from the start.

    Its rights are those of any folder: libc asks for no more than there are, and who then writes is told EROFS, not
    that a descriptor is bad.
    """

    rights = abi.RIGHTS_FOLDER
    inherited = abi.RIGHTS_FOLDER | abi.RIGHTS_FILE

    def __init__(self, node: Node, *, preopened: bytes = b"") -> None:
        self.node = node
        self.preopened = preopened

    def listing(self, cookie: int, size: int) -> bytes:
        """Return at most ``size`` octets of ``dirent``s with their names, from an entry on; the last may be cut."""
        listed, left = [], size
        for number, (name, node) in enumerate(self._entries()):
            if number < cookie:
                continue
            if left <= 0:
                break
            text = name.encode()
            entry = _DIRENT.pack(number + 1, node.inode, len(text), node.filetype) + text
            listed.append(entry[:left])
            left -= len(entry)
        return b"".join(listed)

    def _entries(self) -> Iterator[tuple[str, Node]]:
        yield ".", self.node
        yield "..", self.node.parent or self.node
        yield from self.node.children.items()
