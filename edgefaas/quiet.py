"""A uvicorn server that sleeps while nothing happens, and leaves the signals to its process.

uvicorn looks ten times a second whether it is to end, and once a second makes the Date field. Both are known without
looking: the first is told by who sets ``should_exit``, the second is made for who asks for it. A thin shell; what it
overrides of uvicorn is pinned with its version, and by tests.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import uvicorn
from uvicorn.server import ServerState

from edgefaas.wire import http_date


class DatedState(ServerState):
    """What uvicorn's connections share; ``default_headers`` are made when they are asked for.

    ``fields`` are those that never change.
    """

    def __init__(self, fields: list[tuple[bytes, bytes]]) -> None:
        self._fields = fields
        super().__init__()

    @property
    def default_headers(self) -> list[tuple[bytes, bytes]]:
        """Return the fields of every response, Date among them."""
        return [(b"date", http_date().encode("ascii")), *self._fields]

    @default_headers.setter
    def default_headers(self, _fields: list[tuple[bytes, bytes]]) -> None:
        """Take no others: uvicorn sets an empty list at first."""


def quiet_config(app: Callable[..., Any], **settings: Any) -> uvicorn.Config:
    """Return uvicorn's settings for a server that leaves loop, logs and life to its process; ``settings`` are more."""
    return uvicorn.Config(
        app, ws="none", lifespan="off", loop="none", log_config=None, access_log=False, **settings
    )


class QuietServer(uvicorn.Server):
    """Ends when ``should_exit`` is set, on its event loop; uses no CPU until then but for what it serves.

    Of uvicorn's settings it does not know ``limit_max_requests`` and ``callback_notify``.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        self._exit = asyncio.Event()
        super().__init__(config)
        if not config.loaded:
            config.load()
        self.server_state = DatedState(list(config.encoded_headers))

    @property
    def should_exit(self) -> bool:
        """Return whether it is to end."""
        return self._exit.is_set()

    @should_exit.setter
    def should_exit(self, wanted: bool) -> None:
        if wanted:
            self._exit.set()
        else:
            self._exit.clear()

    async def main_loop(self) -> None:
        """Serve until it is to end."""
        await self._exit.wait()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield
