"""An event loop for asyncio where there is nothing to select from: it sleeps until the next timer.

Runs in the guest. The end of the library's asyncio/__init__.py calls ``adapt``: see foundation.py. Sleeping
suspends the guest. HTTP by http.client blocks the loop while it lasts, as it does everywhere.
"""

import selectors
import sys
import time


class Sleeper(selectors.BaseSelector):
    """A selector without files: what it waits for is time."""

    def select(self, timeout=None):
        if timeout is None:
            raise RuntimeError("the event loop waits for something that never comes")
        if timeout > 0:
            time.sleep(timeout)
        return []

    def register(self, fileobj, events, data=None):
        raise OSError("there is nothing to wait for here but time")

    def unregister(self, fileobj):
        raise KeyError(fileobj)

    def get_map(self):
        return {}


def adapt(package):
    """Have the package asyncio make loops that need no socket."""
    asyncio = sys.modules[package]

    class EventLoop(asyncio.SelectorEventLoop):
        """The loop of unix_events, which has nobody to be woken by."""

        def __init__(self, selector=None):
            super().__init__(selector or Sleeper())

        def _make_self_pipe(self):
            pass

        def _close_self_pipe(self):
            pass

        def _write_to_self(self):
            pass

    asyncio.SelectorEventLoop = asyncio.EventLoop = EventLoop
    asyncio.unix_events.SelectorEventLoop = asyncio.unix_events.EventLoop = EventLoop
    asyncio.unix_events._DefaultEventLoopPolicy._loop_factory = EventLoop
