"""Kind ``http``: unmodified components of the world wasi:http/proxy@0.2; a fresh instance for every request.

The event is msgpack ``{"method", "scheme", "authority", "path", "headers": [[name, value]], "body": bytes}``;
the output is msgpack ``{"status", "headers", "body"}``. With ``"stream": true`` in the event bodies are not held:
the guest's reads are ``Host.call("http.read", b"")``, answered by a chunk, empty at the end; its response head is
``Host.call("http.respond", msgpack {"status", "headers"})`` and each chunk of its body
``Host.call("http.write", chunk)``, whose awaitable is the back-pressure; the output is empty.
"""

from sandbox.wasi_http.program import BUILD_VERSION, build, load

__all__ = ["BUILD_VERSION", "build", "load"]
