"""The OpenAPI 3.1 document of the admin API, made from the same table that serves it. Pure."""

import re
from collections.abc import Sequence
from typing import Any

from edgefaas import __version__
from edgefaas.cache.purge import KINDS as PURGE_KINDS
from edgefaas.control.bundle import ENCODINGS, LIMIT_RANGES
from edgefaas.control.endpoint import Endpoint, Parameter
from edgefaas.control.rollout import MIN_RUNS_MAX, WINDOW_MAX_S
from edgefaas.control.tokens import TOKEN_LIFE_MAX_S, Scope
from sandbox.contract import Kind

_PARAMETER = re.compile(r"\{(\w+)(?::path)?\}")
_STATUS_MEANINGS = {
    "400": "the request is malformed",
    "401": "the token is missing, unknown or has expired",
    "403": "the token lacks the scope",
    "404": "no such function or version",
    "409": "the site uses the function, or it has no canary",
    "412": "somebody else changed it first",
    "413": "the body is too large",
    "422": "refused; what was live stays live",
    "429": "too many wrong tokens",
    "503": "no worker is running",
}


def document(endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    """Return the document."""
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path.replace(":path}", "}"), {})[endpoint.method.lower()] = _operation(
            endpoint
        )
    return {
        "openapi": "3.1.0",
        "info": {"title": "EdgeFaaS admin API", "version": __version__},
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": _schemas(),
        },
    }


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _PARAMETER.findall(endpoint.path)
    ]
    parameters += [
        _query(name, item if isinstance(item, Parameter) else Parameter(item, {"type": "string"}))
        for name, item in endpoint.query.items()
    ]
    error = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}}
    operation: dict[str, Any] = {
        "summary": endpoint.summary,
        "operationId": endpoint.answer.__name__,
        "parameters": parameters,
        "responses": {"200": {"description": "done"}}
        | {status: {"description": text} | error for status, text in _STATUS_MEANINGS.items()},
        "security": [] if endpoint.scope is None else [{"token": [endpoint.scope.value]}],
    }
    if endpoint.body_schema:
        schema = {"$ref": f"#/components/schemas/{endpoint.body_schema}"}
        operation["requestBody"] = {
            "required": True,
            "description": f"at most {endpoint.body_max} bytes",
            "content": {endpoint.body_type: {"schema": schema}},
        }
    return operation


def _query(name: str, parameter: Parameter) -> dict[str, Any]:
    return {
        "name": name,
        "in": "query",
        "description": parameter.about,
        "required": parameter.required,
        "schema": dict(parameter.schema),
    }


def _schemas() -> dict[str, Any]:
    text = {"type": "string"}
    function = {
        "type": "object",
        "required": ["name", "kind", "entry", "files"],
        "additionalProperties": False,
        "properties": {
            "name": text | {"pattern": "^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$"},
            "kind": {"enum": [kind.value for kind in Kind]},
            "entry": text | {"description": "which of the files"},
            "handler": text,
            "files": {
                "type": "object",
                "additionalProperties": text | {"contentEncoding": "base64"},
            },
            "environment": {"type": "object", "additionalProperties": text},
            "allow": {"type": "array", "items": text},
            "kv": {"type": "array", "items": text, "description": "key-value namespaces, its own first"},
            "encoding": {"enum": list(ENCODINGS)},
            "health": {
                "type": "object",
                "required": ["event"],
                "additionalProperties": False,
                "description": "an event that it must handle before any viewer gets it",
                "properties": {"event": {}, "expect": {}},
            },
            "limits": {
                "type": "object",
                "additionalProperties": False,
                "properties": {
                    name: {"type": "integer", "minimum": low, "maximum": high}
                    for name, (low, high) in LIMIT_RANGES.items()
                },
            },
        },
    }
    percent = {"type": "number", "minimum": 0.01, "maximum": 99.99}
    functions = {"type": "array", "minItems": 1, "items": {"$ref": "#/components/schemas/Function"}}
    return {
        "Function": function,
        "Deploy": {
            "oneOf": [
                {"$ref": "#/components/schemas/Function"},
                {
                    "type": "object",
                    "required": ["functions"],
                    "additionalProperties": False,
                    "properties": {
                        "functions": functions | {"minItems": 0},
                        "releases": {"type": "array", "items": {"$ref": "#/components/schemas/Release"}},
                        "canary": {
                            "type": "object",
                            "required": ["percent"],
                            "additionalProperties": False,
                            "properties": {
                                "percent": percent,
                                "affinity": text | {"pattern": "^(address|cookie:.+|header:.+)$"},
                            },
                        },
                        "watch": {
                            "type": "object",
                            "additionalProperties": False,
                            "properties": {
                                "window_s": {"type": "number", "minimum": 1, "maximum": WINDOW_MAX_S},
                                "max_errors": {"type": "number", "minimum": 0, "maximum": 1},
                                "min_runs": {"type": "integer", "minimum": 1, "maximum": MIN_RUNS_MAX},
                            },
                        },
                    },
                },
            ]
        },
        "Files": {
            "type": "object",
            "required": ["files"],
            "properties": {"files": {"type": "array", "items": text | {"pattern": "^[0-9a-f]{64}$"}}},
        },
        "Promote": {
            "type": "object",
            "properties": {"percent": percent | {"maximum": 100, "description": "100, or nothing: all"}},
        },
        "Plan": {
            "type": "object",
            "required": ["functions"],
            "properties": {
                "functions": {
                    "type": "array",
                    "minItems": 1,
                    "items": {
                        "type": "object",
                        "required": ["name", "kind", "entry", "handler", "files", "settings"],
                        "additionalProperties": False,
                        "properties": {
                            "name": text,
                            "kind": {"enum": ["files", *[kind.value for kind in Kind]]},
                            "entry": text,
                            "handler": text,
                            "files": {"type": "object", "additionalProperties": text},
                            "settings": {"type": "object"},
                        },
                    },
                },
                "canary": {"type": "boolean", "default": False},
            },
        },
        "Release": {
            "type": "object",
            "required": ["origin", "files"],
            "additionalProperties": False,
            "description": "what a directory origin is to serve, by path and SHA-256",
            "properties": {"origin": text, "files": {"type": "object", "additionalProperties": text}},
        },
        "Rollback": {"type": "object", "properties": {"version": text}},
        "Event": {"description": "any JSON document"},
        "Octets": {"description": "the value, any octets"},
        "Pairs": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "puts": {"type": "array", "items": {"$ref": "#/components/schemas/Pair"}},
                "deletes": {"type": "array", "items": text},
                "replace": {"type": "boolean", "default": False, "description": "delete all others"},
            },
        },
        "Pair": {
            "type": "object",
            "required": ["key", "value"],
            "additionalProperties": False,
            "properties": {"key": text, "value": text, "encoding": {"enum": ["utf-8", "base64"]}},
        },
        "Purge": {
            "type": "object",
            "required": ["kind"],
            "properties": {
                "kind": {"enum": list(PURGE_KINDS)},
                "value": text,
                "soft": {"type": "boolean", "default": False},
            },
        },
        "Ticket": {
            "type": "object",
            "required": ["ticket"],
            "additionalProperties": False,
            "properties": {"ticket": text},
        },
        "NewToken": {
            "type": "object",
            "required": ["name", "scopes"],
            "properties": {
                "name": text | {"pattern": "^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$"},
                "scopes": {
                    "type": "array",
                    "minItems": 1,
                    "items": {"enum": [scope.value for scope in Scope]},
                },
                "expires_in_s": {
                    "type": ["number", "null"],
                    "exclusiveMinimum": 0,
                    "maximum": TOKEN_LIFE_MAX_S,
                },
            },
        },
        "Error": {
            "type": "object",
            "required": ["error", "remedy", "request_id"],
            "properties": {"error": text, "remedy": text, "request_id": text},
        },
    }
