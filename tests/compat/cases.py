"""Read the corpus: one source (or a folder with ``index.js`` or ``index.py``) and one JSON file for each case.

The JSON says what the case is ``about``, its ``api`` and ``trigger``, what is special about its ``event``,
and the ``effect`` that the function's result has on the request or response: the parts listed, or ``refused``
or ``threw`` with a part of the message. ``node`` is a reason why Node cannot run it (functions in Python are run
by the Python at hand instead), ``node_major`` the only version of Node that says just this; ``handler``,
``environment`` and ``pairs`` (of the key-value store) are the function's.
"""

import base64
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from edgefaas.events import (
    AWS_RULES,
    OPEN_RULES,
    Api,
    CustomOrigin,
    EventContext,
    Rules,
    SentEvent,
    ShownBody,
    encode_event,
)
from edgefaas.message import Headers, Request, Response
from edgefaas.site import Trigger
from sandbox import Kind, Source

FOLDER = Path(__file__).parent / "cases"


@dataclass(frozen=True)
class Case:
    """One function with one event."""

    name: str
    file: Path
    about: dict[str, Any]

    @property
    def rules(self) -> Rules:
        return AWS_RULES if self.about.get("rules") == "aws" else OPEN_RULES

    @property
    def is_python(self) -> bool:
        return self.file.suffix == ".py"

    @property
    def source(self) -> Source:
        """Return what is deployed."""
        folder = self.file.parent
        paths = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.suffix != ".pyc"]
        return Source(
            kind=Kind.PYTHON if self.is_python else Kind.JS,
            files={
                path.relative_to(folder).as_posix(): path.read_bytes()
                for path in ([self.file] if folder == FOLDER else paths)
            },
            entry=self.file.name,
            handler=self.about.get("handler", ""),
        )

    @property
    def environment(self) -> dict[str, str]:
        return dict(self.about.get("environment", {}))

    @property
    def effect(self) -> dict[str, Any]:
        return dict(self.about["effect"])

    @cached_property
    def sent(self) -> SentEvent:
        """Return the event as the POP sends it."""
        event = self.about.get("event", {})
        body = event.get("body")
        request = Request(
            method=event.get("method", "GET"),
            path=event.get("uri", "/"),
            query=event.get("query", ""),
            headers=Headers([("Host", "www.example.com"), *map(tuple, event.get("headers", []))]),
            body=b"" if body is None else body.encode(),
            viewer_ip="203.0.113.178",
            id="0f1e2d3c4b5a",
        )
        shown = None if body is None else ShownBody(body.encode(), truncated=event.get("truncated", False))
        origin = CustomOrigin(**event["origin"]) if "origin" in event else None
        context = EventContext(body=shown, origin=origin)
        return encode_event(
            Api(self.about["api"]), Trigger(self.about["trigger"]), request, _response(event), context
        )


def _response(event: dict[str, Any]) -> Response | None:
    given = event.get("response")
    if given is None:
        return None
    headers = Headers([(name, value) for name, value in given.get("headers", [])])
    return Response(status=given["status"], headers=headers, body=b"origin")


def all_cases() -> list[Case]:
    """Return the corpus in the order of its names."""
    found = []
    for path in sorted(FOLDER.glob("*.json")):
        choices = [path.with_suffix(suffix) for suffix in (".js", ".mjs", ".py")]
        choices += [FOLDER / path.stem / "index.js", FOLDER / path.stem / "index.py"]
        (source,) = [choice for choice in choices if choice.exists()]
        found.append(Case(path.stem, source, json.loads(path.read_text())))
    return found


def octets(effect: dict[str, Any]) -> bytes | None:
    """Return the body that a case expects, or None when it expects none in particular."""
    if "body_base64" in effect:
        return base64.b64decode(effect["body_base64"])
    return effect["body"].encode() if "body" in effect else None
