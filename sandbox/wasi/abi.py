"""Numbers and layouts of WASI preview 1 (witx: ``wasi_snapshot_preview1``, ``typenames``)."""

import struct
from enum import IntEnum


class Errno(IntEnum):
    """Results of calls, those that are used here."""

    SUCCESS = 0
    ACCES = 2
    AGAIN = 6
    BADF = 8
    FAULT = 21
    INVAL = 28
    IO = 29
    NOSYS = 52
    NOTDIR = 54
    NOTSOCK = 57
    NOTSUP = 58
    PIPE = 64
    SPIPE = 70
    NOTCAPABLE = 76


class FileType(IntEnum):
    """What a descriptor is."""

    CHARACTER_DEVICE = 2


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
IOVECS_MAX = 1024  # as IOV_MAX of POSIX systems
SUBSCRIPTIONS_MAX = 1024

IOVEC = struct.Struct("<II")
U32 = struct.Struct("<I")
U64 = struct.Struct("<Q")
FDSTAT = struct.Struct("<BxHxxxxQQ")  # filetype, flags, rights, inheriting rights
FILESTAT = struct.Struct("<QQBxxxxxxxQQQQQ")  # device, inode, filetype, links, size, atim, mtim, ctim
SUBSCRIPTION = struct.Struct(
    "<QBxxxxxxxIxxxxQQHxxxxxx"
)  # userdata, tag, clock or fd, timeout, precision, flags
EVENT = struct.Struct("<QHBxxxxxQHxxxxxx")  # userdata, errno, type, bytes, flags
