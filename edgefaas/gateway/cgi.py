"""CGI 1.1 (RFC 3875): the request as meta-variables, the answer as a header section and what follows it. Pure.

Beside the RFC's variables there are those that servers have always set: REQUEST_URI, REQUEST_SCHEME, HTTPS and
REMOTE_PORT. ``Authorization`` is passed on, since nobody else checks it here; ``Proxy`` never is (httpoxy,
CVE-2016-5385), nor what would collide with another field once hyphens are underscores.
"""

import re
from urllib.parse import unquote_to_bytes

from edgefaas import __version__
from edgefaas.errors import RequestError
from edgefaas.gateway.answers import Answer, checked, wrong
from edgefaas.message import Request
from edgefaas.origin.fields import forwarding, hop_by_hop_names

HEAD_BYTES_MAX = 64 * 1024
WHOLE_BODY_BYTES = 1024 * 1024  # a body of unknown length is read so far ahead, for CONTENT_LENGTH
_FOUND = 302
_END = re.compile(rb"(?:^|\r?\n)\r?\n")
_NAME = re.compile(r"[0-9A-Za-z-]+", re.ASCII)
_STATUS = re.compile(r"(?:HTTP/[0-9](?:\.[0-9])? +)?([0-9]{3})(?: +(.*))?", re.ASCII)
_NOT_HTTP_FIELDS = frozenset({"content-length", "content-type", "expect", "proxy", "x-forwarded-for"})
_DEFAULT_PORTS = {"http": "80", "https": "443"}


def meta_variables(request: Request, *, pattern: str, length: int | None) -> dict[str, bytes]:
    """Return the meta-variables of a request (RFC 3875, 4.1), as octets.

    ``pattern`` is the behaviour's: ``/app/*`` makes SCRIPT_NAME ``/app``. ``length`` is that of the body, None where
    there is none or nobody knows.

    Raises RequestError: a path with an encoded NUL, which no variable can hold.
    """
    script, info = mounted(pattern, request.path)
    host, port = _host_and_port(request)
    variables: dict[str, str | bytes] = {
        "GATEWAY_INTERFACE": "CGI/1.1",
        "PATH_INFO": unquote_to_bytes(info.encode("latin-1")),
        "QUERY_STRING": request.query,
        "REMOTE_ADDR": request.viewer_ip,
        "REMOTE_HOST": request.viewer_ip,  # 4.1.9: in place of a name that nobody looks up
        "REMOTE_PORT": str(request.viewer_port),
        "REQUEST_METHOD": request.method,
        "REQUEST_SCHEME": request.scheme,
        "REQUEST_URI": request.target,
        "SCRIPT_NAME": unquote_to_bytes(script.encode("latin-1")),
        "SERVER_NAME": host,
        "SERVER_PORT": port,
        "SERVER_PROTOCOL": f"HTTP/{request.http_version}",
        "SERVER_SOFTWARE": f"edgefaas/{__version__}",
    }
    if request.scheme == "https":
        variables["HTTPS"] = "on"
    if length is not None:
        variables["CONTENT_LENGTH"] = str(length)
    if (kind := request.headers.get("content-type")) is not None:
        variables["CONTENT_TYPE"] = kind
    variables |= _protocol_variables(request)
    octets = {
        name: value if isinstance(value, bytes) else value.encode("latin-1", "replace")
        for name, value in variables.items()
    }
    if any(b"\0" in value for value in octets.values()):
        raise RequestError("the path has an encoded NUL", remedy="Leave %00 out.", status_code=400)
    return octets


def mounted(pattern: str, path: str) -> tuple[str, str]:
    """Return SCRIPT_NAME and PATH_INFO, not decoded yet: where a behaviour's pattern ends, and the rest.

    Only a pattern without wildcards but a last ``/*`` names a place; a function under any other sees all of the path
    as PATH_INFO.
    """
    place = "/" + pattern.removeprefix("/")
    wild = place.endswith("/*")
    script = place.removesuffix("/*")
    if "*" in script or "?" in script:
        return "", path
    if path == script or (wild and path.startswith(f"{script}/")):
        return script, path[len(script) :]
    return "", path


def _host_and_port(request: Request) -> tuple[str, str]:
    host, colon, port = request.host.rpartition(":")
    if colon and port.isdigit():
        return host, port
    return request.host or "localhost", _DEFAULT_PORTS.get(request.scheme, "80")


def _protocol_variables(request: Request) -> dict[str, str]:
    """Return the fields of the request as HTTP_ variables (4.1.18); lines of one name are joined."""
    named = hop_by_hop_names(request.headers) | _NOT_HTTP_FIELDS
    found: dict[str, str] = {}
    for name, value in request.headers:
        lower = name.lower()
        if lower in named or not _NAME.fullmatch(name):
            continue
        variable = f"HTTP_{lower.upper().replace('-', '_')}"
        joint = "; " if lower == "cookie" else ", "
        found[variable] = f"{found[variable]}{joint}{value}" if variable in found else value
    if request.host:
        found["HTTP_HOST"] = request.host
    found["HTTP_X_FORWARDED_FOR"] = forwarding(request)
    return found


class HeadReader:
    """Collects what a command writes until its header section is complete."""

    def __init__(self) -> None:
        self._data = b""

    def feed(self, data: bytes) -> tuple[Answer, bytes] | None:
        """Take what was written next; return the answer and what of it belongs to the body, None before that.

        Raises FunctionValidationError: no header section, or a wrong one.
        """
        searched = max(0, len(self._data) - 3)
        self._data += data
        end = _END.search(self._data, searched)
        if end is None:
            if len(self._data) > HEAD_BYTES_MAX:
                raise wrong(
                    f"has a header section of over {HEAD_BYTES_MAX} bytes", "End it with an empty line."
                )
            return None
        head, rest = self._data[: end.start()], self._data[end.end() :]
        self._data = b""
        return parse_head(head), rest

    def finish(self) -> None:
        """Say that nothing follows. Raises FunctionValidationError: the header section is not complete."""
        raise wrong(
            "ended before its header section did" if self._data else "is empty",
            "Write Content-Type and an empty line before anything else.",
        )


def parse_head(head: bytes) -> Answer:
    """Return what a header section says (RFC 3875, 6.3). Lines end with LF or CRLF.

    A first line such as ``HTTP/1.1 200 OK`` counts as Status. Raises FunctionValidationError.
    """
    fields: list[tuple[str, str]] = []
    said: dict[str, str] = {}
    for number, line in enumerate(head.decode("latin-1").split("\n")):
        text = line.removesuffix("\r")
        if not text:
            continue
        if number == 0 and text.startswith("HTTP/"):
            said["status"] = text
            continue
        name, colon, value = text.partition(":")
        if not colon:
            raise wrong(f"has a header line without a colon: {text[:80]!r}", "Write NAME: VALUE.")
        lower, value = name.lower(), value.strip(" \t")
        if lower in ("status", "location", "content-type") and lower in said:
            raise wrong(f"has more than one {name}", "Write it once.")
        if lower in ("status", "location", "content-type"):
            said[lower] = value
        if lower != "status":
            fields.append((name, value))
    if not said:
        raise wrong("has neither Content-Type, Location nor Status", "Write one of them.")
    return _meant(said, fields)


def _meant(said: dict[str, str], fields: list[tuple[str, str]]) -> Answer:
    location = said.get("location", "")
    if location.startswith("/") and not location.startswith("//") and "status" not in said:
        return Answer(status=_FOUND, local=location)
    status, reason = 200, ""
    if "status" in said:
        found = _STATUS.fullmatch(said["status"])
        if found is None:
            raise wrong(f"has the Status {said['status'][:80]!r}", "Write three digits and a phrase.")
        status, reason = int(found[1]), (found[2] or "").strip()
    elif location:
        status = _FOUND
    return checked(status, fields, reason)
