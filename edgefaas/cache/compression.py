"""Whether to code a response's content, and how: negotiation and the fields of a coded form.

Pure; the codecs are ``codecs``' business. Sources: RFC 9110, 8.4 (Content-Encoding), 8.8.3.3 (entity tags
differ between codings), 12.5.3 (Accept-Encoding); CloudFront's rules for what is compressed.

A coded form has a weak entity tag and no ranges: ranges are served from the identity form.
"""

from collections.abc import Collection
from dataclasses import replace
from functools import lru_cache

from edgefaas.cache.directives import parse_directives
from edgefaas.cache.fields import split_list
from edgefaas.cache.stored import StoredResponse, body_digest
from edgefaas.message import Headers

LENGTH_MIN_BYTES = 1_000
LENGTH_MAX_BYTES = 10_000_000
STATUSES = frozenset({200, 403, 404})
PREFERENCE = ("br", "zstd", "gzip")  # where the viewer likes them alike: smallest first
IDENTITY = "identity"

MEDIA_TYPES = frozenset(
    {
        *("application/dash+xml", "application/eot", "application/font", "application/font-sfnt"),
        *("application/javascript", "application/json", "application/ld+json", "application/manifest+json"),
        *("application/opentype", "application/otf", "application/pdf", "application/pkcs7-mime"),
        *("application/protobuf", "application/rss+xml", "application/truetype", "application/ttf"),
        *("application/vnd.apple.mpegurl", "application/vnd.mapbox-vector-tile"),
        *("application/vnd.ms-fontobject", "application/wasm", "application/xhtml+xml", "application/xml"),
        *("application/x-font-opentype", "application/x-font-truetype", "application/x-font-ttf"),
        *("application/x-httpd-cgi", "application/x-javascript", "application/x-mpegurl"),
        *("application/x-opentype", "application/x-otf", "application/x-perl", "application/x-ttf"),
        *("font/eot", "font/opentype", "font/otf", "font/ttf", "image/svg+xml", "vnd.apple.mpegurl"),
        *("text/css", "text/csv", "text/html", "text/javascript", "text/js", "text/markdown", "text/plain"),
        *("text/richtext", "text/tab-separated-values", "text/xml", "text/x-component"),
        *("text/x-java-source", "text/x-script"),
    }
)

# True of the identity octets only, or of ranges of them.
_NOT_IN_CODED_FORMS = frozenset(
    {
        "accept-ranges",
        "content-digest",
        "content-encoding",
        "content-length",
        "content-md5",
        "etag",
        "repr-digest",
    }
)


def is_compressible(status: int, headers: Headers, length_bytes: int | None) -> bool:
    """Return whether a response may be coded; ``length_bytes`` is None where it is not known yet."""
    if status not in STATUSES or "content-range" in headers:
        return False
    if any(coding.lower() != IDENTITY for coding in split_list(headers.get("content-encoding") or "")):
        return False
    if length_bytes is not None and not LENGTH_MIN_BYTES <= length_bytes <= LENGTH_MAX_BYTES:
        return False
    media_type = (headers.get("content-type") or "").split(";", 1)[0].strip(" \t").lower()
    if media_type not in MEDIA_TYPES:
        return False
    return "no-transform" not in parse_directives(headers.get("cache-control") or "")


@lru_cache(maxsize=1024)
def negotiate(accept_encoding: str | None, available: tuple[str, ...] = PREFERENCE) -> str:
    """Return the coding to use among ``available``, which come in order of preference, or ``identity``.

    Identity is used where nothing else is wanted more, and also where nothing at all is acceptable: a
    response in identity is more use than 406 (12.5.3 allows both).
    """
    if accept_encoding is None:
        return IDENTITY
    weights: dict[str, float] = {}
    for member in split_list(accept_encoding):
        name, *parameters = (part.strip(" \t").lower() for part in member.split(";"))
        weights.setdefault("gzip" if name == "x-gzip" else name, _weight(parameters))
    star = weights.get("*")
    identity = weights.get(IDENTITY, 0.0)
    best, best_weight = IDENTITY, identity
    for coding in available:
        weight = weights.get(coding, 0.0 if star is None else star)
        better = weight > best_weight or (best == IDENTITY and weight == best_weight)
        if weight > 0 and better:
            best, best_weight = coding, weight
    return best


def _weight(parameters: list[str]) -> float:
    """Return the weight of a member: 1 when it has none, 0 when it is malformed (12.4.2)."""
    for parameter in parameters:
        name, equals, value = parameter.partition("=")
        if name == "q" and equals:
            whole, _, fraction = value.partition(".")
            if whole not in ("0", "1") or not (fraction.isascii() and (fraction.isdigit() or not fraction)):
                return 0.0
            return min(1.0, float(value))
    return 1.0


def coded_fields(headers: Headers, coding: str) -> Headers:
    """Return the fields of the form of a response in ``coding``."""
    fields = Headers((name, value) for name, value in headers if name.lower() not in _NOT_IN_CODED_FORMS)
    tag = headers.get("etag")
    if tag is not None:
        fields.add("ETag", tag if tag.startswith("W/") else f"W/{tag}")
    fields.add("Content-Encoding", coding)
    return fields


def coded_form(stored: StoredResponse, coding: str, body: bytes) -> StoredResponse:
    """Return the form of ``stored`` whose content is ``body``, coded as ``coding``."""
    fields = coded_fields(stored.headers, coding)
    return replace(
        stored,
        headers=fields,
        body=body,
        etag=fields.get("etag"),
        digest=body_digest(body),
        head=b"",
        forms=None,
        composed_200=None,
        composed_304=None,
        file=None,
    )


def wanted_coding(request_headers: Headers, stored: StoredResponse, available: tuple[str, ...]) -> str:
    """Return the coding for a viewer: identity for a Range, and for what is not compressible."""
    if not stored.compressible:
        return IDENTITY
    accepted: str | None = None
    for name, value in request_headers:
        lowered = name.lower()
        if lowered == "accept-encoding":
            accepted = value if accepted is None else f"{accepted}, {value}"
        elif lowered == "range":
            return IDENTITY
    return negotiate(accepted, available)


def form_for(
    request_headers: Headers, stored: StoredResponse, available: Collection[str]
) -> tuple[StoredResponse, str | None]:
    """Return the form to answer with, and the coding that a better one would have, which is not made yet.

    Until it is made, the identity form answers.
    """
    if not stored.compressible:
        return stored, None
    coding = wanted_coding(request_headers, stored, tuple(available))
    if coding == IDENTITY:
        return stored, None
    form = None if stored.forms is None else stored.forms.get(coding)
    if form is None:
        return stored, coding
    form.soft_purged = stored.soft_purged
    return form, None
