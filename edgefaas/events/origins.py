"""Origins as functions see, change and choose them.

Pure. ``OriginDescription`` is what the origin triggers of Lambda@Edge show under ``request.origin``; an
``OriginChange`` is what a function asked for, by changing that object or through the helpers of CloudFront
Functions. Source: "Lambda@Edge event structure" and "Helper methods for origin modification".
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from edgefaas.events.header_rules import field_value
from edgefaas.events.refusal import refuse
from edgefaas.site import Trigger

_HOST = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62})(?:\.[A-Za-z0-9_-]{1,63})*\.?")
_IPV4 = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}")
_WHOLE = re.compile(r"[0-9]{1,9}")
_TLS = ("SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")

FORBIDDEN_CUSTOM = frozenset(
    {
        "cache-control",
        "connection",
        "content-length",
        "cookie",
        "host",
        "max-forwards",
        "pragma",
        "proxy-authorization",
        "proxy-connection",
        "range",
        "request-range",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "via",
        "x-real-ip",
    }
)
FORBIDDEN_CUSTOM_PREFIXES = ("if-", "x-amz-", "x-edge-")

PATH_MAX_CHARS = 255
PORT_MAX = 65_535
UNPRIVILEGED_PORT_MIN = 1024
TIMEOUT_MAX_S = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomOrigin:
    """An HTTP origin. ``path`` is "" or starts with ``/`` and does not end with it; timeouts are seconds."""

    domain_name: str
    port: int = 80
    protocol: str = "http"
    path: str = ""
    keepalive_timeout_s: int = 5
    read_timeout_s: int = 30
    ssl_protocols: tuple[str, ...] = ("TLSv1.2", "TLSv1.3")
    custom_headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Return scheme, authority and path prefix; the port is left out where it is the scheme's own."""
        default = 443 if self.protocol == "https" else 80
        port = "" if self.port == default else f":{self.port}"
        return f"{self.protocol}://{self.domain_name}{port}{self.path}"


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Origin:
    """A bucket, asked over HTTPS. ``auth_method`` is none or origin-access-identity."""

    domain_name: str
    path: str = ""
    region: str = ""
    auth_method: str = "none"
    custom_headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Return scheme, authority and path prefix."""
        return f"https://{self.domain_name}{self.path}"


OriginDescription = CustomOrigin | S3Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginUpdate:
    """``cf.updateRequestOrigin``: changes of the behaviour's origin (or of ``origin_id``); None keeps."""

    origin_id: str | None = None
    domain_name: str | None = None
    host_header: str | None = None
    path: str | None = None
    port: int | None = None
    protocol: str | None = None
    custom_headers: Mapping[str, str] | None = None
    connect_timeout_s: float | None = None
    read_timeout_s: float | None = None
    keepalive_timeout_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginGroupChoice:
    """``cf.createRequestOriginGroup``: ask the first id; on a listed status or no answer, the second."""

    origin_ids: tuple[str, ...]
    status_codes: frozenset[int]


OriginChange = OriginDescription | OriginUpdate | OriginGroupChoice


def describe_url(
    url: str, *, custom_headers: Mapping[str, str] | None = None, read_timeout_s: float = 30
) -> CustomOrigin:
    """Return how an origin of ``edgefaas.toml`` looks to a function. ``url`` is known to be good."""
    parts = urlsplit(url)
    return CustomOrigin(
        domain_name=parts.hostname or "",
        port=parts.port or (443 if parts.scheme == "https" else 80),
        protocol=parts.scheme,
        path=parts.path.rstrip("/"),
        read_timeout_s=max(1, round(read_timeout_s)),
        custom_headers=dict(custom_headers or {}),
    )


def encode_origin(origin: OriginDescription) -> dict[str, Any]:
    """Return the JSON value of ``request.origin``."""
    headers = {name.lower(): [{"key": name, "value": value}] for name, value in origin.custom_headers.items()}
    if isinstance(origin, S3Origin):
        return {
            "s3": {
                "authMethod": origin.auth_method,
                "customHeaders": headers,
                "domainName": origin.domain_name,
                "path": origin.path,
                "region": origin.region,
            }
        }
    return {
        "custom": {
            "customHeaders": headers,
            "domainName": origin.domain_name,
            "keepaliveTimeout": origin.keepalive_timeout_s,
            "path": origin.path,
            "port": origin.port,
            "protocol": origin.protocol,
            "readTimeout": origin.read_timeout_s,
            "sslProtocols": list(origin.ssl_protocols),
        }
    }


class OriginReader:
    """Checks one origin object that a function returned; ``where`` names it in refusals."""

    def __init__(self, trigger: Trigger, *, aws: bool, where: str = "request.origin") -> None:
        self.trigger = trigger
        self.aws = aws
        self.where = where

    def refuse(self, name: str, value: object, allowed: str) -> Any:
        """Refuse a field of the origin."""
        refuse(self.trigger, f"{self.where}.{name} is {value!r}", f"{name} must be {allowed}.")

    def domain(self, value: object) -> str:
        """Return a host name. AWS takes no IP address; a self-hosted origin may have nothing else."""
        if not isinstance(value, str) or not _HOST.fullmatch(value):
            self.refuse("domainName", value, "a DNS name without scheme, port and path")
        assert isinstance(value, str)
        if self.aws and _IPV4.fullmatch(value):
            self.refuse("domainName", value, "a DNS name, not an IP address")
        return value

    def path(self, value: object) -> str:
        """Return a path prefix: "" or ``/a/b``."""
        if value is None or value == "":
            return ""
        if (
            not isinstance(value, str)
            or not value.startswith("/")
            or value.endswith("/")
            or len(value) > PATH_MAX_CHARS
            or not value.isascii()
            or any(char <= " " or char in "?#\x7f" for char in value)
        ):
            self.refuse("path", value, 'empty, or start with "/" and not end with it, at most 255 characters')
        assert isinstance(value, str)
        return value

    def port(self, value: object) -> int:
        """Return a port that origins may have."""
        if isinstance(value, str) and _WHOLE.fullmatch(value):
            value = int(value)
        good = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= PORT_MAX
        if not good or (self.aws and value not in (80, 443) and int(str(value)) < UNPRIVILEGED_PORT_MIN):
            self.refuse("port", value, "80, 443 or 1024 to 65535" if self.aws else "1 to 65535")
        assert isinstance(value, int)
        return value

    def seconds(self, name: str, value: object) -> int:
        """Return a timeout of 1 to 120 s."""
        if isinstance(value, str) and _WHOLE.fullmatch(value):
            value = int(value)
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not 1 <= value <= TIMEOUT_MAX_S:
            self.refuse(name, value, "1 to 120 seconds")
        assert isinstance(value, (int, float))
        return int(value)

    def protocol(self, value: object) -> str:
        """Return http or https."""
        if value not in ("http", "https"):
            self.refuse("protocol", value, '"http" or "https"')
        return str(value)

    def ssl_protocols(self, value: object) -> tuple[str, ...]:
        """Return the TLS versions allowed."""
        if not isinstance(value, list) or not value or any(item not in _TLS for item in value):
            self.refuse("sslProtocols", value, f"a list of {', '.join(_TLS)}")
        assert isinstance(value, list)
        return tuple(value)

    def custom_headers(self, value: object) -> dict[str, str]:
        """Return the fields that the POP adds to requests to this origin."""
        found: dict[str, str] = {}
        if value is None:
            return found
        if not isinstance(value, dict):
            self.refuse("customHeaders", value, "an object")
            return found
        for name, lines in value.items():
            lower = name.lower()
            if lower in FORBIDDEN_CUSTOM or lower.startswith(FORBIDDEN_CUSTOM_PREFIXES):
                self.refuse(f"customHeaders.{name}", lines, "another header; this one is not sent")
            if isinstance(lines, str):
                found[name] = field_value(self.trigger, lower, lines, aws=self.aws)
                continue
            if not isinstance(lines, list) or not all(isinstance(line, dict) for line in lines):
                self.refuse(f"customHeaders.{name}", lines, "a list of {key, value}")
            for line in lines:
                key = line.get("key")
                # Another name under "key" would get past the list of names above.
                shown = key if isinstance(key, str) and key.lower() == lower else name
                found[shown] = field_value(self.trigger, lower, line.get("value"), aws=self.aws)
        return found

    def read(self, value: object) -> OriginDescription:
        """Return the origin of a Lambda@Edge request: exactly one of ``custom`` and ``s3``."""
        if not isinstance(value, dict) or len([key for key in ("custom", "s3") if value.get(key)]) != 1:
            refuse(
                self.trigger,
                f"{self.where} must hold exactly one of custom and s3",
                "Delete the origin object that you replace.",
            )
        assert isinstance(value, dict)
        custom = value.get("custom")
        inner = custom or value["s3"]
        if not isinstance(inner, dict):
            self.refuse("custom" if custom else "s3", inner, "an object")
        self.where += ".custom" if custom else ".s3"
        return self._custom(inner) if custom else self._s3(inner)

    def _custom(self, inner: dict[str, Any]) -> CustomOrigin:
        protocol = self.protocol(inner.get("protocol", "https"))
        default_port = 443 if protocol == "https" else 80
        return CustomOrigin(
            domain_name=self.domain(inner.get("domainName")),
            port=self.port(inner.get("port", default_port)),
            protocol=protocol,
            path=self.path(inner.get("path")),
            keepalive_timeout_s=self.seconds("keepaliveTimeout", inner.get("keepaliveTimeout", 5)),
            read_timeout_s=self.seconds("readTimeout", inner.get("readTimeout", 30)),
            ssl_protocols=self.ssl_protocols(inner.get("sslProtocols", ["TLSv1.2", "TLSv1.3"])),
            custom_headers=self.custom_headers(inner.get("customHeaders")),
        )

    def _s3(self, inner: dict[str, Any]) -> S3Origin:
        method = inner.get("authMethod", "none")
        if method not in ("none", "origin-access-identity"):
            self.refuse("authMethod", method, '"none" or "origin-access-identity"')
        region = inner.get("region", "")
        if not isinstance(region, str):
            self.refuse("region", region, "a string")
        return S3Origin(
            domain_name=self.domain(inner.get("domainName")),
            path=self.path(inner.get("path")),
            region=region,
            auth_method=method,
            custom_headers=self.custom_headers(inner.get("customHeaders")),
        )
