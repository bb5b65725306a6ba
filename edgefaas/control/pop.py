"""The running POP, as far as the admin API asks it."""

from typing import Any, Protocol

from edgefaas.site import Site


class Pop(Protocol):
    """Implemented by ``RunningPop``."""

    @property
    def site(self) -> Site:
        """Return the site that is served."""
        ...

    async def reload(self) -> list[str]:
        """Read the site's file again; return warnings. Raises EdgeError and keeps the old site."""
        ...

    async def invoke(self, function: str, event: bytes) -> dict[str, Any]:
        """Run a function once."""
        ...

    async def explain(self, address: str) -> dict[str, Any]:
        """Say where a viewer would be served, and why. Raises ConfigError: the site has no POPs."""
        ...

    async def stats(self) -> list[dict[str, Any]]:
        """Return every worker's counters."""
        ...

    async def live(self, *, history: bool, idle: bool) -> dict[str, Any]:
        """Return what this POP and its mesh do just now."""
        ...

    @property
    def workers(self) -> list[dict[str, Any]]:
        """Return every worker's state."""
        ...

    @property
    def own_metrics(self) -> dict[str, float]:
        """Return the supervisor's own numbers."""
        ...
