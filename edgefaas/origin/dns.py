"""Names of origins to addresses: cached, collapsed, and tried in the order of RFC 8305 (happy eyeballs).

``interleave`` is pure, the resolver is a thin shell around ``getaddrinfo``. The system's resolver does not tell
the TTL of a record, so an answer is kept for ``DNS_TTL_S``; when a name stops resolving, the last good answer goes
on being used for ``DNS_STALE_S``.
"""

import asyncio
import socket
from collections.abc import Iterable

from edgefaas.errors import OriginError

DNS_TTL_S = 30.0
DNS_STALE_S = 3600.0
NAMES_MAX = 1024


def interleave(addresses: Iterable[str]) -> tuple[str, ...]:
    """Return the addresses in turns of family, starting with that of the first (RFC 8305, 4)."""
    distinct = list(dict.fromkeys(addresses))
    if not distinct:
        return ()
    first_is_v6 = ":" in distinct[0]
    first = [address for address in distinct if (":" in address) == first_is_v6]
    second = [address for address in distinct if (":" in address) != first_is_v6]
    ordered: list[str] = []
    for turn in range(max(len(first), len(second))):
        ordered += first[turn : turn + 1] + second[turn : turn + 1]
    return tuple(ordered)


class Resolver:
    """Remembers what names resolved to."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[float, tuple[str, ...]]] = {}
        self._pending: dict[str, asyncio.Future[tuple[str, ...]]] = {}

    async def resolve(self, host: str) -> tuple[str, ...]:
        """Return the addresses of ``host`` in the order to try them; never empty.

        Raises:
            OriginError: the name does not resolve.
        """
        now_s = asyncio.get_running_loop().time()
        known = self._known.get(host)
        if known is not None and now_s < known[0] + DNS_TTL_S:
            return known[1]
        pending = self._pending.get(host)
        if pending is None:
            pending = asyncio.ensure_future(self._look_up(host))
            self._pending[host] = pending
            pending.add_done_callback(lambda done: self._settle(host, done))
        try:
            return await asyncio.shield(pending)
        except OSError as error:
            if known is not None and now_s < known[0] + DNS_STALE_S:
                return known[1]
            raise OriginError(
                f"The name {host!r} of an origin does not resolve: {error}",
                remedy="Correct the origin's url, or the name server of this machine.",
            ) from error

    def _settle(self, host: str, done: "asyncio.Future[tuple[str, ...]]") -> None:
        self._pending.pop(host, None)
        if not done.cancelled() and done.exception() is None:
            if len(self._known) >= NAMES_MAX:
                self._known.pop(next(iter(self._known)))
            self._known[host] = (done.get_loop().time(), done.result())

    async def _look_up(self, host: str) -> tuple[str, ...]:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        addresses = interleave(str(entry[4][0]) for entry in found)
        if not addresses:
            raise OSError("no address")
        return addresses
