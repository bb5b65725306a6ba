"""Waiting for the first of several futures, none of which belongs to who waits."""

import asyncio
from collections.abc import Iterable


def first_of(futures: "Iterable[asyncio.Future[bytes] | None]") -> "asyncio.Future[bytes] | None":
    """Return a future that is done when one of these is; None when one is None, which means ready.

    Cancelling it leaves the others alone.
    """
    waited = []
    for future in futures:
        if future is None:
            return None
        waited.append(future)
    first: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def done(_future: "asyncio.Future[bytes]") -> None:
        if not first.done():
            first.set_result(b"")

    for future in waited:
        future.add_done_callback(done)
    first.add_done_callback(lambda _first: [future.remove_done_callback(done) for future in waited])
    return first
