"""A call of a guest that did not end within its first slice of the event loop."""

from collections.abc import Generator
from typing import Protocol


class Polled(Protocol):
    """A store with a call under way."""

    def poll(self) -> bool:
        """Run a slice; return whether the call has ended. Raises what ended it."""
        ...


def rest(store: Polled) -> Generator[None, None, None]:
    """Hand the loop back before every further slice, until the call has ended."""
    yield None
    while not store.poll():
        yield None
