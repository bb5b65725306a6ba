"""One endpoint of the admin API, as a value, and one call of it, with what may be asked of a request.

``api`` serves them; ``openapi`` describes them to tools.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from starlette.requests import Request

from edgefaas.control.tokens import Scope, Token
from edgefaas.errors import EdgeError

SMALL_BODY_BYTES = 64 * 1024
_DIGITS_MAX = 18  # of a number that is looked at; int() refuses 4,301
FLAGS = {"0": False, "1": True, "false": False, "true": True, "no": False, "yes": True}


class BadRequestError(EdgeError):
    """The request itself is malformed."""

    status = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One authenticated request, its body read and bounded."""

    request: Request
    request_id: str
    at_s: float  # Unix time
    token: Token | None = None
    body: bytes = b""

    @property
    def actor(self) -> str:
        """Return who asks, for the history."""
        return self.token.name if self.token else "anybody"

    def may(self, scope: Scope) -> bool:
        """Say whether the asker's token has ``scope`` too."""
        return self.token is not None and self.token.allows(scope)

    def about(self, target: str) -> None:
        """Say what is changed, for the audit log, where the path does not name it."""
        self.request.state.target = target

    @property
    def name(self) -> str:
        """Return the function (or token) that the path names."""
        return str(self.request.path_params.get("name", ""))

    def json(self) -> Any:
        """Return the body's JSON value. Raises BadRequestError."""
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError as error:
            raise BadRequestError(f"The body is not JSON: {error}", remedy="Send a JSON document.") from None

    def object(self) -> dict[str, Any]:
        """Return the body's JSON object, empty when there is no body. Raises BadRequestError."""
        value = self.json() if self.body else {}
        if not isinstance(value, dict):
            raise BadRequestError("The body is not a JSON object", remedy="Send a JSON object.")
        return value

    def query(self, key: str, default: str = "") -> str:
        """Return a query parameter."""
        return self.request.query_params.get(key, default)

    def flag(self, key: str) -> bool:
        """Return whether a query parameter is set to 1 or true. Raises BadRequestError: neither yes nor no."""
        text = self.query(key, "0")
        if text not in FLAGS:
            raise BadRequestError(f'{key} is "{text[:80]}"', remedy="Use 1 or 0.")
        return FLAGS[text]

    def count(self, key: str, default: int, *, high: int) -> int:
        """Return a query parameter that is a number from 1 to ``high``. Raises BadRequestError."""
        text = self.query(key, str(default))
        if not text.isascii() or not text.isdigit() or len(text) > _DIGITS_MAX or not 1 <= int(text) <= high:
            raise BadRequestError(f'{key} is "{text[:80]}"', remedy=f"Use a whole number from 1 to {high}.")
        return int(text)


@dataclass(frozen=True, slots=True)
class Parameter:
    """One query parameter: what it says, and which values it takes (JSON Schema)."""

    about: str
    schema: Mapping[str, Any]
    required: bool = False


def flag(about: str) -> Parameter:
    """Return a parameter for ``Call.flag``."""
    return Parameter(f"1: {about}", {"enum": list(FLAGS)})


def count(about: str, *, high: int) -> Parameter:
    """Return a parameter for ``Call.count``."""
    return Parameter(f"{about}, 1 to {high}", {"type": "integer", "minimum": 1, "maximum": high})


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One method of one address. ``scope`` None: no token needed. ``body_max`` is bytes."""

    method: str
    path: str
    summary: str
    answer: Callable[[Call], Awaitable[Any]]
    scope: Scope | None = Scope.READ
    body_max: int = 0
    body_schema: str = ""
    body_type: str = "application/json"
    query: Mapping[str, str | Parameter] = field(default_factory=dict)  # text alone: any value
    asks_only: bool = (
        False  # not a GET, and yet it changes nothing that anybody gets: no audit log tells of it
    )

    @property
    def changes(self) -> bool:
        """Say whether it changes anything, and so goes into the audit log."""
        return self.method != "GET" and not self.asks_only
