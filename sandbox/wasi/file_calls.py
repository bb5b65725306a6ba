"""The calls of WASI preview 1 on files and folders. Every one is there also where a guest has neither.

What would write is EROFS on a file or folder. On one of the three streams a call says what is wrong with that, and
EBADF on a number that is none.
"""

from collections.abc import Callable

from sandbox.capi import Memory
from sandbox.guest import CURRENT
from sandbox.wasi import abi
from sandbox.wasi.abi import Errno
from sandbox.wasi.files import OPEN_MAX, PATH_BYTES_MAX, Node, OpenFile, OpenFolder, PathError, look_up
from sandbox.wasi.streams import Wasi, memory_of, wasi_of

_U32 = 0xFFFF_FFFF
PIECE_BYTES = 1024 * 1024  # of one read or write; POSIX lets both do less than was asked

FileCall = Callable[..., int]


def vectors_in(memory: Memory, vectors: int, count: int) -> list[tuple[int, int]] | None:
    """Return pointers and lengths; None when there are more than any program needs. Raises GuestPointerError."""
    if not 0 <= count <= abi.IOVECS_MAX:
        return None
    data = memory.read(vectors, count * abi.IOVEC.size)
    return list(abi.IOVEC.iter_unpack(data))


def on_file(call: FileCall, on_stream: Errno, on_folder: Errno = Errno.ISDIR) -> FileCall:
    """Return a call whose first argument is to be an open file."""

    def checked(descriptor: int, *rest: int) -> int:
        found = wasi_of(CURRENT.guest).streams.get(descriptor)
        if isinstance(found, OpenFile):
            return call(found, *rest)
        if isinstance(found, OpenFolder):
            return on_folder
        return Errno.BADF if found is None else on_stream

    return checked


def on_folder(call: FileCall) -> FileCall:
    """Return a call whose first argument is to be an open folder."""

    def checked(descriptor: int, *rest: int) -> int:
        found = wasi_of(CURRENT.guest).streams.get(descriptor)
        if isinstance(found, OpenFolder):
            return call(found, *rest)
        return Errno.BADF if found is None else Errno.NOTDIR

    return checked


def _nothing(_opened: OpenFile, *_rest: int) -> int:
    return Errno.SUCCESS


def _refused(_opened: OpenFile | OpenFolder, *_rest: int) -> int:
    return Errno.ROFS


def _not_for_writing(_opened: OpenFile, *_rest: int) -> int:
    return Errno.BADF  # as on a descriptor that was opened to be read


def _fd_seek(opened: OpenFile, offset: int, whence: int, result: int) -> int:
    at = opened.seek(offset, whence)
    if at is None:
        return Errno.INVAL
    memory_of(CURRENT.guest).write(result, abi.U64.pack(at))
    return Errno.SUCCESS


def _fd_tell(opened: OpenFile, result: int) -> int:
    memory_of(CURRENT.guest).write(result, abi.U64.pack(opened.tell()))
    return Errno.SUCCESS


def _fd_pread(opened: OpenFile, vectors: int, count: int, offset: int, result: int) -> int:
    memory = memory_of(CURRENT.guest)
    parts = vectors_in(memory, vectors, count)
    if parts is None or offset < 0:
        return Errno.INVAL
    total = 0
    for pointer, length in parts:
        data = opened.read_at(offset + total, min(length, PIECE_BYTES - total))
        memory.write(pointer, data)
        total += len(data)
    memory.write(result, abi.U32.pack(total))
    return Errno.SUCCESS


def _fd_readdir(opened: OpenFolder, buffer: int, size: int, cookie: int, result: int) -> int:
    if cookie < 0:
        return Errno.INVAL
    memory = memory_of(CURRENT.guest)
    listing = opened.listing(cookie, min(size & _U32, PIECE_BYTES))
    memory.write(buffer, listing)
    memory.write(result, abi.U32.pack(len(listing)))
    return Errno.SUCCESS


def prestat_get(descriptor: int, result: int) -> int:
    """Tell of a folder that was open from the start; EBADF tells libc where the list of them ends."""
    found = wasi_of(CURRENT.guest).streams.get(descriptor)
    if not isinstance(found, OpenFolder) or not found.preopened:
        return Errno.BADF
    memory_of(CURRENT.guest).write(result, abi.PRESTAT.pack(0, len(found.preopened)))
    return Errno.SUCCESS


def prestat_dir_name(descriptor: int, pointer: int, length: int) -> int:
    """Tell its name."""
    found = wasi_of(CURRENT.guest).streams.get(descriptor)
    if not isinstance(found, OpenFolder) or not found.preopened:
        return Errno.BADF
    if length & _U32 < len(found.preopened):
        return Errno.NAMETOOLONG
    memory_of(CURRENT.guest).write(pointer, found.preopened)
    return Errno.SUCCESS


def _found(opened: OpenFolder, pointer: int, length: int) -> Node:
    """Return what a path in the guest's memory means. Raises PathError, GuestPointerError."""
    if not 0 <= length <= PATH_BYTES_MAX:
        raise PathError(Errno.NAMETOOLONG)
    return look_up(opened.node, memory_of(CURRENT.guest).read(pointer, length))


def _path_open(  # noqa: PLR0913, PLR0917  # WASI's own
    opened: OpenFolder, _lookup: int, path: int, length: int, how: int, rights: int, _inherited: int,
    flags: int, result: int,
) -> int:  # fmt: skip
    try:
        node = _found(opened, path, length)
        _check_open(node, how, rights)
    except PathError as error:
        missing = error.errno is Errno.NOENT and how & abi.OFLAGS_CREAT
        return Errno.ROFS if missing else error.errno
    wasi = wasi_of(CURRENT.guest)
    number = _free(wasi)
    if number is None:
        return Errno.MFILE
    memory_of(CURRENT.guest).write(result, abi.U32.pack(number))
    wasi.streams[number] = OpenFolder(node) if node.data is None else OpenFile(node)
    wasi.flags[number] = flags & (abi.FDFLAGS_APPEND | abi.FDFLAGS_NONBLOCK)
    return Errno.SUCCESS


def _check_open(node: Node, how: int, rights: int) -> None:
    """Raise PathError unless it may be opened so: to be read, and as what it is."""
    if how & abi.OFLAGS_CREAT and how & abi.OFLAGS_EXCL:
        raise PathError(Errno.EXIST)
    if node.data is None:
        if rights & abi.RIGHT_FD_WRITE:
            raise PathError(Errno.ISDIR)
    elif how & abi.OFLAGS_DIRECTORY:
        raise PathError(Errno.NOTDIR)
    elif how & abi.OFLAGS_TRUNC or rights & abi.RIGHT_FD_WRITE:
        raise PathError(Errno.ROFS)


def _free(wasi: Wasi) -> int | None:
    """Return the lowest number that stands for nothing, None when enough are open."""
    return next((number for number in range(OPEN_MAX) if number not in wasi.streams), None)


def _path_filestat_get(opened: OpenFolder, _lookup: int, path: int, length: int, result: int) -> int:
    try:
        node = _found(opened, path, length)
    except PathError as error:
        return error.errno
    memory_of(CURRENT.guest).write(result, node.status())
    return Errno.SUCCESS


def _path_readlink(opened: OpenFolder, path: int, length: int, *_rest: int) -> int:
    try:
        _found(opened, path, length)
    except PathError as error:
        return error.errno
    return Errno.INVAL  # it is no link


def _path_symlink(_pointer: int, _length: int, descriptor: int, *rest: int) -> int:
    return _write_on_path(descriptor, *rest)


_write_on_path = on_folder(_refused)

FILE_CALLS: tuple[tuple[str, str, FileCall], ...] = (
    ("fd_advise", "iqqi", on_file(_nothing, Errno.SPIPE, Errno.BADF)),
    ("fd_allocate", "iqq", on_file(_not_for_writing, Errno.NOTSUP)),
    ("fd_datasync", "i", on_file(_nothing, Errno.INVAL, Errno.SUCCESS)),
    ("fd_fdstat_set_rights", "iqq", on_file(_nothing, Errno.NOTCAPABLE, Errno.SUCCESS)),
    ("fd_filestat_set_size", "iq", on_file(_not_for_writing, Errno.INVAL)),
    ("fd_filestat_set_times", "iqqi", on_file(_refused, Errno.NOTCAPABLE, Errno.ROFS)),
    ("fd_pread", "iiiqi", on_file(_fd_pread, Errno.SPIPE)),
    ("fd_prestat_get", "ii", prestat_get),
    ("fd_prestat_dir_name", "iii", prestat_dir_name),
    ("fd_pwrite", "iiiqi", on_file(_not_for_writing, Errno.SPIPE)),
    ("fd_readdir", "iiiqi", on_folder(_fd_readdir)),
    ("fd_seek", "iqii", on_file(_fd_seek, Errno.SPIPE)),
    ("fd_sync", "i", on_file(_nothing, Errno.INVAL, Errno.SUCCESS)),
    ("fd_tell", "ii", on_file(_fd_tell, Errno.SPIPE)),
    ("path_create_directory", "iii", _write_on_path),
    ("path_filestat_get", "iiiii", on_folder(_path_filestat_get)),
    ("path_filestat_set_times", "iiiiqqi", _write_on_path),
    ("path_link", "iiiiiii", _write_on_path),
    ("path_open", "iiiiiqqii", on_folder(_path_open)),
    ("path_readlink", "iiiiii", on_folder(_path_readlink)),
    ("path_remove_directory", "iii", _write_on_path),
    ("path_rename", "iiiiii", _write_on_path),
    ("path_symlink", "iiiii", _path_symlink),
    ("path_unlink_file", "iii", _write_on_path),
)
