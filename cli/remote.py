"""A POP's admin API, as commands ask it: a token with every request, answers as values, refusals as errors."""

import json
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urlsplit

from edgefaas.errors import EdgeError

if TYPE_CHECKING:
    import http.client  # slow to load: only who asks a POP does

CONNECT_TIMEOUT_S = 5.0
LOOK_TIMEOUT_S = 5.0
ANSWER_TIMEOUT_S = 360.0  # of an invocation, at most
IDLE_TIMEOUT_S = 60.0  # of a stream, which says something every 15 s


class UnreachableError(EdgeError):
    """No POP answers there."""


class RefusedError(EdgeError):
    """The POP says no; the words are its own."""

    def __init__(self, message: str, *, remedy: str, status: int) -> None:
        super().__init__(message, remedy=remedy)
        self.status_code = status


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """A POP's admin API."""

    url: str
    token: str
    config: Path | None  # the site's file, when one is here
    as_json: bool = False
    folder: Path | None = None  # the data folder that told the address, when nobody named one

    def get(self, path: str, **query: object) -> Any:
        """Return the JSON answer of a GET. Raises UnreachableError, RefusedError."""
        return self.ask("GET", path, query=query)

    def look(self, path: str, **query: object) -> Any:
        """Return the JSON answer of a GET that takes no time. Raises UnreachableError, RefusedError."""
        with self._sent("GET", _target(path, query), None, None, timeout_s=LOOK_TIMEOUT_S) as response:
            return self._value(self._whole(response))

    def found_again(self) -> "Remote":
        """Return the POP where it is now: one that was restarted may have another address."""
        url = announced(self.folder) if self.folder else None
        return replace(self, url=url) if url else self

    def post(self, path: str, body: object = None, **query: object) -> Any:
        """Return the JSON answer of a POST. Raises UnreachableError, RefusedError."""
        return self.ask("POST", path, body=body, query=query)

    def ask(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        query: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Return the JSON answer. ``body`` is sent as it is when it is bytes, else as JSON."""
        with self._sent(method, _target(path, query), body, headers) as response:
            answer = self._whole(response)
        return self._value(answer) if answer else None

    def octets(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[bytes, str]:
        """Return the answer as it is, and its ETag without quotes ("" where it has none)."""
        with self._sent(method, path, body, headers) as response:
            return self._whole(response), (response.getheader("ETag") or "").strip('"')

    def raw_lines(self, path: str, **query: object) -> Iterator[bytes]:
        """Yield the lines of an answer that ends by itself. Raises UnreachableError where it breaks off."""
        import http.client

        with self._sent("GET", _target(path, query), None, None, timeout_s=IDLE_TIMEOUT_S) as response:
            try:
                yield from response
            except (OSError, http.client.HTTPException):
                raise UnreachableError(
                    f"The POP at {self.url} broke off its answer", remedy="Ask again."
                ) from None

    def lines(self, path: str, **query: object) -> Iterator[dict[str, Any]]:
        """Yield the JSON lines of a stream as they come, until the POP ends it."""
        yield from (line for line in self.stream(path, **query) if line is not None)

    def stream(self, path: str, **query: object) -> Iterator[dict[str, Any] | None]:
        """Yield the same, and None for each empty line: the end of what was there before, or a sign of life."""
        import http.client

        with self._sent("GET", _target(path, query), None, None, timeout_s=IDLE_TIMEOUT_S) as response:
            try:
                for line in response:
                    yield self._value(line) if line.strip() else None
            except (OSError, http.client.HTTPException):
                raise UnreachableError(
                    f"The POP at {self.url} ended the stream", remedy="See whether it still runs."
                ) from None

    def _whole(self, response: "http.client.HTTPResponse") -> bytes:
        import http.client

        try:
            return response.read()
        except (OSError, http.client.HTTPException):
            raise UnreachableError(
                f"The POP at {self.url} broke off its answer",
                remedy="See whether it still runs, and what of it was done; then ask again.",
            ) from None

    def _value(self, answer: bytes) -> Any:
        try:
            return json.loads(answer)
        except ValueError:
            raise UnreachableError(
                f"{self.url} answers, but not as an admin API",
                remedy="See whether an edgefaas admin API listens there.",
            ) from None

    @contextmanager
    def _sent(
        self,
        method: str,
        target: str,
        body: object,
        headers: Mapping[str, str] | None,
        *,
        timeout_s: float = ANSWER_TIMEOUT_S,
    ) -> "Iterator[http.client.HTTPResponse]":
        import http.client

        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        with closing(self._connection()) as connection:
            try:
                connection.connect()
                assert connection.sock is not None
                connection.sock.settimeout(timeout_s)
                connection.request(
                    method,
                    target,
                    body=data,
                    headers={
                        "Authorization": f"Bearer {self.token}",
                        "Connection": "close",
                        **(headers or {}),
                    },
                )
                response = connection.getresponse()
            except (OSError, http.client.HTTPException) as error:
                raise UnreachableError(
                    f"No POP answers at {self.url}: {getattr(error, 'strerror', None) or error}",
                    remedy="Start one with edgefaas up, or name its address with --admin.",
                ) from None
            with response:
                if response.status >= 400:  # noqa: PLR2004  # RFC 9110, 15.5
                    raise _refusal(response, self.url)
                yield response

    def _connection(self) -> "http.client.HTTPConnection":
        import http.client

        parts = urlsplit(self.url)
        make = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        return make(parts.hostname or "", parts.port, timeout=CONNECT_TIMEOUT_S)


def function_path(name: str, *rest: str) -> str:
    """Return the path of a function, or of something that belongs to it."""
    return "/".join(["/v1/functions", *(quote(part, safe="") for part in (name, *rest))])


def announced(folder: Path) -> str | None:
    """Return where the POP of a data folder listens for commands; None when none runs."""
    try:
        told = json.loads((folder / "admin.json").read_bytes())
        return str(told["admin"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _target(path: str, query: Mapping[str, object] | None) -> str:
    wanted = {key: value for key, value in (query or {}).items() if value not in (None, "", False)}
    text = urlencode({key: 1 if value is True else value for key, value in wanted.items()})
    return f"{path}?{text}" if text else path


def _refusal(response: "http.client.HTTPResponse", url: str) -> RefusedError:
    import http.client

    try:
        told = json.loads(response.read(1 << 20))
        return RefusedError(str(told["error"]), remedy=str(told["remedy"]), status=response.status)
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
        return RefusedError(
            f"{url} answered {response.status} {response.reason}",
            remedy="See whether an edgefaas admin API listens there.",
            status=response.status,
        )
