"""What ``edgefaas dev`` shows: for people by line and colour, for programs one JSON object for each line.

Lines of the log, which hold the path of each request, come as they are (``edgefaas logs --json``); what ``dev`` itself
has to say has an ``event``.
"""

import json
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from cli import words
from cli.logs import print_line
from cli.pathline import path_line
from cli.telling import tell


@dataclass(slots=True)
class Screen:
    """Prints; from two threads, a whole thing each time."""

    as_json: bool
    folder: Path  # of the site's file: names of files are told from there
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def ready(self, ready: str, said: list[str]) -> None:
        """Print where the POP listens, and what it pretends."""
        with self._lock:
            if self.as_json:
                self._event("ready", url=ready.split()[1], pretends=said)
                return
            click.echo(ready)
            for sentence in said:
                words.note(click.style(sentence, dim=True))

    def line(self, line: dict[str, Any]) -> None:
        """Print a line of the log; one that has a path, as the path."""
        with self._lock:
            if "path" in line and not self.as_json:
                click.echo(path_line(line))
            else:
                print_line(line, as_json=self.as_json)

    def live(self, files: list[Path], took_ms: float) -> None:
        """Print that these files are live."""
        with self._lock:
            if self.as_json:
                self._event("live", files=[str(file) for file in files], took_ms=round(took_ms, 1))
            else:
                words.note(click.style(f"{self._names(files)} live in {took_ms:.0f} ms", fg="green"))

    def warn(self, text: str) -> None:
        """Print a warning."""
        with self._lock:
            if self.as_json:
                self._event("warning", text=text)
            else:
                words.warn(text)

    def refuse(self, error: Exception) -> None:
        """Print what is wrong, and what to do."""
        with self._lock:
            if self.as_json:
                remedy = words.sentence(str(getattr(error, "remedy", "")))
                self._event("refused", error=words.sentence(str(error)), remedy=remedy)
            else:
                words.refuse(error)

    def ran(self, function: str, event: Path, told: dict[str, Any]) -> None:
        """Print how a function ended with the event."""
        with self._lock:
            if self.as_json:
                self._event("run", **{**told, "function": function})
            else:
                words.note(click.style(f"{function} with {event.name}", bold=True))
                tell(told, as_json=False)

    def _event(self, event: str, **known: Any) -> None:
        click.echo(json.dumps({"event": event, **known}, ensure_ascii=False))

    def _names(self, files: list[Path]) -> str:
        first = files[0].relative_to(self.folder) if files[0].is_relative_to(self.folder) else files[0]
        return str(first) if len(files) == 1 else f"{first} and {len(files) - 1} more"
