"""A collector on loopback that decodes what arrives with OpenTelemetry's own protocol definitions."""

import base64
import gzip
import http.server
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span


def decode(body: bytes) -> ExportTraceServiceRequest:
    """Return an OTLP/JSON body as the message it stands for. Raises json_format.ParseError for an unknown field.

    OTLP writes ids in hexadecimal where the usual JSON encoding has base64 (OTLP 1.5, "JSON Protobuf Encoding").
    """
    plain = json.loads(body)
    for resource in plain["resourceSpans"]:
        for scope in resource["scopeSpans"]:
            for span in scope["spans"]:
                for name in {"traceId", "spanId", "parentSpanId"} & span.keys():
                    span[name] = base64.b64encode(bytes.fromhex(span[name])).decode()
    message = ExportTraceServiceRequest()
    json_format.ParseDict(plain, message)
    return message


@dataclass
class Collector:
    """What arrived. ``answers`` are given by turns: status and fields; the last one for good."""

    answers: list[tuple[int, dict[str, str]]] = field(default_factory=lambda: [(200, {})])
    requests: list[ExportTraceServiceRequest] = field(default_factory=list)
    fields: list[dict[str, str]] = field(default_factory=list)
    taken: int = 0
    port: int = 0
    stuck: threading.Event | None = None  # answers wait for it, where there is one

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def spans(self) -> list[Span]:
        return [
            span
            for request in list(self.requests)
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]


def told(span: Span) -> dict[str, Any]:
    """Return a span's attributes as plain values."""
    return {item.key: getattr(item.value, item.value.WhichOneof("value")) for item in span.attributes}


def make_handler(collector: Collector) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if collector.stuck is not None:
                collector.stuck.wait(60)
            status, fields = collector.answers[min(collector.taken, len(collector.answers) - 1)]
            collector.taken += 1
            collector.fields.append({"path": self.path, **{k.lower(): v for k, v in self.headers.items()}})
            if status == 200:
                collector.requests.append(decode(gzip.decompress(body)))
            self.send_response(status)
            for name, value in fields.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        log_message: Callable[..., None] = lambda *_: None

    return Handler


@contextmanager
def collecting(
    *answers: tuple[int, dict[str, str]], stuck: threading.Event | None = None
) -> Iterator[Collector]:
    """Serve a collector on a free port of loopback."""
    collector = Collector(list(answers) or [(200, {})], stuck=stuck)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), make_handler(collector))
    server.daemon_threads = True
    collector.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield collector
    finally:
        if stuck is not None:
            stuck.set()
        server.shutdown()
        server.server_close()
        thread.join()
