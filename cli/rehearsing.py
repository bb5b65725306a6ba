"""Run what was just saved with the developer's event: ``edgefaas dev --event``."""

import json
from pathlib import Path

from cli.devscreen import Screen
from cli.events import read_event
from cli.pretending import Viewer, pretended_event
from cli.remote import Remote, function_path
from edgefaas.errors import EdgeError


class Rehearsal:
    """Knows which versions have run, and runs the others, in the POP that serves them.

    Another event is for the functions that ran last; before any has, for the only one that there is.
    """

    def __init__(self, remote: Remote, event: Path, viewer: Viewer | None, screen: Screen) -> None:
        self.event = event.resolve()
        self._remote = remote
        self._viewer = viewer
        self._screen = screen
        self._versions = self._live()
        self._last = list(self._versions) if len(self._versions) == 1 else []

    def take(self, *, event_changed: bool) -> None:
        """Run what changed since the last time. What is wrong is told, and nothing is raised for it."""
        try:
            versions = self._live()
            changed = [name for name in versions if versions[name] != self._versions.get(name)]
            self._versions = versions
            if changed:
                self._last = changed
            for name in changed or (self._last if event_changed else []):
                self._run(name)
        except EdgeError as error:
            self._screen.refuse(error)

    def _run(self, name: str) -> None:
        event = pretended_event(json.loads(read_event(self.event)), self._viewer)
        told = self._remote.post(function_path(name, "invoke"), event)
        self._screen.ran(name, self.event, told)

    def _live(self) -> dict[str, str]:
        rows = self._remote.get("/v1/functions")["functions"]
        return {row["name"]: row["version"] for row in rows if row["running"]}
