"""HTTP for http.client, and so for urllib.request: an exchange is the host's operation ``fetch``, not a socket.

Runs in the guest. The end of the library's http/client.py calls ``adapt``: see foundation.py. Which hosts may be asked
is the function's ``allow``; TLS, addresses, limits on size and time are the host's business.
"""

import base64
import io
import json
import sys

import _edgefaas

_HOST_FRAMES = {"content-length", "transfer-encoding", "connection", "keep-alive"}
_OWN_FRAMES = {"content-length", "transfer-encoding", "connection", "host"}


class Exchange:
    """What http.client takes for its socket: it keeps what is sent, and does it when the answer is asked for."""

    def __init__(self, origin):
        self._origin = origin
        self._sent = bytearray()
        self._answer = None

    def sendall(self, data):
        self._sent += data

    def do(self):
        """Do what was sent, now: what fails then fails as sending does, which urllib.request tells as URLError."""
        sent, self._sent = bytes(self._sent), bytearray()
        self._answer = _answer(self._origin, sent)

    def makefile(self, *_args, **_options):
        if self._answer is None:  # headers and body were sent one by one
            self.do()
        answer, self._answer = self._answer, None
        return io.BufferedReader(io.BytesIO(answer))

    def settimeout(self, _seconds):
        pass

    def setsockopt(self, *_args):
        pass

    def shutdown(self, _how):
        pass

    def close(self):
        pass


def _answer(origin, sent):
    """Do the request in these octets; return the answer as octets."""
    head, _, body = sent.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ", 2)
    headers = [line.partition(":")[::2] for line in lines]
    if any(name.lower() == "transfer-encoding" for name, _ in headers):
        body = _unchunked(body)
    asked = {
        "method": method,
        "url": target if target.startswith(("http:", "https:")) else origin + target,
        "headers": [[name, value.strip()] for name, value in headers if name.lower() not in _OWN_FRAMES],
        "body": base64.b64encode(body).decode() if body else None,
        "redirect": "manual",
    }
    told = json.loads(_edgefaas.call("fetch", json.dumps(asked).encode()))
    content = base64.b64decode(told["body"] or "")
    said = [f"HTTP/1.1 {told['status']} {told.get('statusText') or ''}"]
    framed = method == "HEAD"  # then the length is that of what was not sent
    kept = _HOST_FRAMES - {"content-length"} if framed else _HOST_FRAMES
    said += [f"{name}: {value}" for name, value in told["headers"] if name.lower() not in kept]
    said += [*([] if framed else [f"Content-Length: {len(content)}"]), "Connection: close", "", ""]
    return "\r\n".join(said).encode("latin-1", "replace") + content


def _unchunked(body):
    """Return a body without the frames of the chunks that http.client wrote."""
    parts = []
    while True:
        size, _, body = body.partition(b"\r\n")
        length = int(size.partition(b";")[0] or b"0", 16)
        if not length:
            return b"".join(parts)
        parts.append(body[:length])
        body = body[length + 2 :]


def adapt(module):
    """Give the module http.client connections that need no socket, and HTTPS without ssl."""
    client = vars(sys.modules[module])
    plain = client["HTTPConnection"]

    def origin(connection, scheme):
        port = "" if connection.port == connection.default_port else f":{connection.port}"
        host = f"[{connection.host}]" if ":" in connection.host else connection.host
        return f"{scheme}://{host}{port}"

    def connect(self):
        self.sock = Exchange(origin(self, "http"))

    send_request = plain._send_request

    def send_and_do(self, *arguments):
        send_request(self, *arguments)
        self.sock.do()

    class HTTPSConnection(plain):
        """As http.client's, over the host's TLS."""

        default_port = 443

        def __init__(self, host, port=None, *, context=None, **options):
            super().__init__(host, port, **options)

        def connect(self):
            self.sock = Exchange(origin(self, "https"))

    plain.connect, plain._send_request = connect, send_and_do
    client["HTTPSConnection"] = HTTPSConnection
    client["_create_https_context"] = lambda _version: None
    client["__all__"].append("HTTPSConnection")
