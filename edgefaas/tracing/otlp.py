"""Spans as an OTLP request, in its JSON encoding. Pure.

Source: OpenTelemetry Protocol 1.5, "OTLP/HTTP" and "JSON Protobuf Encoding": names in lowerCamelCase, trace and span
ids in hexadecimal, 64-bit integers as strings.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from edgefaas import __version__
from edgefaas.tracing.spans import Attribute, PlainSpan

SCOPE = "edgefaas"
_ERROR = 2  # Status.StatusCode
_SAMPLED = 0x001  # Span.flags: the flags of the trace, and whether its parent is in another process
_KNOWS_REMOTE = 0x100
_IS_REMOTE = 0x200


def encode(spans: Sequence[PlainSpan], resource: Mapping[str, Attribute]) -> bytes:
    """Return the body of a POST to ``/v1/traces``. The spans have been checked (``is_plain_span``)."""
    return orjson.dumps(
        {
            "resourceSpans": [
                {
                    "resource": {"attributes": _attributes(resource)},
                    "scopeSpans": [
                        {
                            "scope": {"name": SCOPE, "version": __version__},
                            "spans": [_span(span) for span in spans],
                        }
                    ],
                }
            ]
        }
    )


def _span(plain: PlainSpan) -> dict[str, Any]:
    trace_id, span_id, parent_id, state, remote, name, kind, start_ns, end_ns, attributes, error = plain
    assert isinstance(attributes, dict)
    span: dict[str, Any] = {
        "traceId": trace_id,
        "spanId": span_id,
        "flags": _SAMPLED | _KNOWS_REMOTE | (_IS_REMOTE if remote else 0),
        "name": name,
        "kind": kind,
        "startTimeUnixNano": str(start_ns),
        "endTimeUnixNano": str(end_ns),
    }
    if parent_id:
        span["parentSpanId"] = parent_id
    if state:
        span["traceState"] = state
    if error:
        attributes = {**attributes, "error.type": error}
        span["status"] = {"code": _ERROR}
    span["attributes"] = _attributes(attributes)
    return span


def _attributes(attributes: Mapping[str, Attribute]) -> list[dict[str, Any]]:
    return [{"key": key, "value": _value(value)} for key, value in attributes.items()]


def _value(value: Attribute) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value if value - value == 0 else str(value)}
    return {"stringValue": value}
