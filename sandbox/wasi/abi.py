"""Numbers and layouts of WASI preview 1 (witx: ``wasi_snapshot_preview1``, ``typenames``)."""

import struct
from enum import IntEnum


class Errno(IntEnum):
    """Results of calls, those that are used here."""

    SUCCESS = 0
    ACCES = 2
    AGAIN = 6
    BADF = 8
    EXIST = 20
    FAULT = 21
    ILSEQ = 25
    INVAL = 28
    IO = 29
    ISDIR = 31
    MFILE = 33
    NAMETOOLONG = 37
    NOENT = 44
    NOSYS = 52
    NOTDIR = 54
    NOTSOCK = 57
    NOTSUP = 58
    PIPE = 64
    ROFS = 69
    SPIPE = 70
    NOTCAPABLE = 76


class FileType(IntEnum):
    """What a descriptor is."""

    CHARACTER_DEVICE = 2
    DIRECTORY = 3
    REGULAR_FILE = 4


class EventType(IntEnum):
    """What ``poll_oneoff`` waits for."""

    CLOCK = 0
    FD_READ = 1
    FD_WRITE = 2


class ClockId(IntEnum):
    """Clocks; the CPU-time clocks are answered with the guest's own CPU time."""

    REALTIME = 0
    MONOTONIC = 1
    PROCESS_CPUTIME = 2
    THREAD_CPUTIME = 3


ABSTIME = 1  # subclockflags
FDFLAGS_APPEND = 1
FDFLAGS_NONBLOCK = 4
RIGHT_FD_READ = 1 << 1
RIGHT_FD_WRITE = 1 << 6
RIGHT_POLL = 1 << 27


def _bits(*numbers: int) -> int:
    return sum(1 << number for number in numbers)


# By their numbers in witx: fd_datasync 0, read, seek, fdstat_set_flags, sync, tell, write, advise, allocate 8;
# path_create_directory 9, create_file, link_source, link_target, open, fd_readdir, readlink, rename_source,
# rename_target, filestat_get 18; path_filestat_set_times 20, fd_filestat_get, set_size, set_times, path_symlink,
# remove_directory, unlink_file 26, poll_fd_readwrite.
RIGHTS_FILE = _bits(*range(9), 21, 22, 23, 27)
RIGHTS_FILE_WRITE = _bits(0, 4, 6, 8, 22, 23)
RIGHTS_FOLDER = _bits(*range(9, 19), 20, 21, 23, 24, 25, 26)
OFLAGS_CREAT, OFLAGS_DIRECTORY, OFLAGS_EXCL, OFLAGS_TRUNC = 1, 2, 4, 8
WHENCE_SET, WHENCE_CUR, WHENCE_END = range(3)
FILESIZE_MAX = 2**63 - 1  # an offset is signed
IOVECS_MAX = 1024  # as IOV_MAX of POSIX systems
SUBSCRIPTIONS_MAX = 1024

IOVEC = struct.Struct("<II")
U32 = struct.Struct("<I")
U64 = struct.Struct("<Q")
PRESTAT = struct.Struct("<BxxxI")  # tag (0: a folder), length of its name
FDSTAT = struct.Struct("<BxHxxxxQQ")  # filetype, flags, rights, inheriting rights
FILESTAT = struct.Struct("<QQBxxxxxxxQQQQQ")  # device, inode, filetype, links, size, atim, mtim, ctim
SUBSCRIPTION = struct.Struct(
    "<QBxxxxxxxIxxxxQQHxxxxxx"
)  # userdata, tag, clock or fd, timeout, precision, flags
EVENT = struct.Struct("<QHBxxxxxQHxxxxxx")  # userdata, errno, type, bytes, flags
