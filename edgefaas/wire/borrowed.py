"""The socket of a transport, lent by it: for what the kernel can do with a socket and a transport does not offer.

Only while the transport has nothing of its own to write, and is not closing: it alone reads, closes, and waits.
"""

import asyncio
import os
import socket

from edgefaas.openbody import FileRange


class Borrowed(socket.socket):
    """Somebody else's socket: never closed from here."""

    def send_file(self, head: bytes, part: FileRange) -> int:
        """Send ``head`` and a part of a file; return how many octets of both the socket took.

        Never waits. Raises OSError when the peer has left.
        """
        sent = 0
        try:
            if head:
                sent = self.send(head, socket.MSG_MORE | socket.MSG_DONTWAIT)
            if sent == len(head):
                sent += os.sendfile(self.fileno(), *part)
        except BlockingIOError:
            pass
        return sent

    def __del__(self) -> None:
        self.detach()


def borrowed(transport: asyncio.BaseTransport) -> Borrowed | None:
    """Return the socket under ``transport``; None where what is written is not what is sent (TLS), or there is none."""
    if transport.get_extra_info("sslcontext") is not None:
        return None
    lent = transport.get_extra_info("socket")
    if lent is None:
        return None
    return Borrowed(lent.family, lent.type, lent.proto, fileno=lent.fileno())
