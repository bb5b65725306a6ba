"""The primary cache key: what makes two requests ask for the same object.

Pure. Sources: RFC 9111, 2 (the target URI is the key; GET and HEAD share it); RFC 9110, 4.2.3 (normal form of
host and port); CloudFront's cache policies. Paths are compared as sent: two spellings of one path are two
objects, because the origin may think so.

A key is text: the canonical URI, then, when a policy keys on fields, one line for each.
Parts are separated by control characters that cannot stand in a field value or a target, so no viewer can
forge them.
"""

from urllib.parse import urljoin, urlsplit

from edgefaas.message import Headers, Request
from edgefaas.site import CachePolicy, Selection

_DEFAULT_PORTS = {"http": ":80", "https": ":443"}
SEPARATOR = "\n"


def cache_key(request: Request, policy: CachePolicy, *, namespace: str = "") -> str:
    """Return the primary key of ``request`` under ``policy``.

    ``namespace`` keeps apart what different origins say about one URI (a behaviour's or an origin's name).
    """
    key = request_uri(request, selected_query(request.query, policy.query)) + namespaced(namespace)
    if policy.headers:
        for name in sorted(policy.headers):
            key += f"{SEPARATOR}{name}:{_keyed_value(request.headers, name)}"
    if policy.cookies.mode not in ("forward", "none"):
        pairs = selected_cookies(request.headers, policy.cookies)
        key += f"{SEPARATOR}={'; '.join(f'{name}={value}' for name, value in sorted(pairs))}"
    return key


def namespaced(namespace: str) -> str:
    """Return what a namespace adds to the URI, where a policy keys on no fields."""
    return f"{SEPARATOR}@{namespace}" if namespace else ""


def keys_on_fields(policy: CachePolicy) -> bool:
    """Return whether the key is made of more than the URI and a namespace."""
    return bool(policy.headers) or policy.cookies.mode not in ("forward", "none")


def request_uri(request: Request, query: str | None = None) -> str:
    """Return the canonical target URI; ``query`` replaces the request's own."""
    chosen = request.query if query is None else query
    base = site_uri(request.host, request.scheme) + request.path
    return f"{base}?{chosen}" if chosen else base


def site_uri(host: str, scheme: str) -> str:
    """Return a canonical URI up to its path."""
    return f"{scheme}://{canonical_host(host, scheme)}"


def canonical_host(host: str, scheme: str) -> str:
    """Return the authority in lower case, without a default port and without a final dot."""
    lowered = host.lower()
    port = _DEFAULT_PORTS.get(scheme)
    if port is not None and lowered.endswith(port):
        lowered = lowered[: -len(port)]
    return lowered.removesuffix(".")


def same_origin_uri(target: str, reference: str) -> str | None:
    """Return ``reference`` as a canonical URI when it has the target's origin, else None."""
    try:
        joined = urlsplit(urljoin(target, reference.strip()))
        base = urlsplit(target)
    except ValueError:
        return None
    host = canonical_host(joined.netloc, joined.scheme)
    if (joined.scheme, host) != (base.scheme, base.netloc):
        return None
    path = joined.path or "/"
    return (
        f"{joined.scheme}://{host}{path}?{joined.query}"
        if joined.query
        else f"{joined.scheme}://{host}{path}"
    )


def selected_query(query: str, selection: Selection) -> str:
    """Return the part of a raw query that is keyed on and forwarded, order and spelling kept."""
    if selection.mode == "all" or not query:
        return query
    if selection.mode == "none":
        return ""
    wanted = selection.mode == "only"
    return "&".join(part for part in query.split("&") if (part.split("=", 1)[0] in selection.names) is wanted)


def cookie_pairs(headers: Headers) -> list[tuple[str, str]]:
    """Return the name and value of every cookie of a request, in order (RFC 6265, 4.2.1)."""
    pairs: list[tuple[str, str]] = []
    for line in headers.values("cookie"):
        for part in line.split(";"):
            name, equals, value = part.strip(" \t").partition("=")
            if equals:
                pairs.append((name, value))
    return pairs


def selected_cookies(headers: Headers, selection: Selection) -> list[tuple[str, str]]:
    """Return the cookies that are keyed on and forwarded, in the order of the request."""
    if selection.mode == "none":
        return []
    pairs = cookie_pairs(headers)
    if selection.mode in ("all", "forward"):
        return pairs
    wanted = selection.mode == "only"
    return [pair for pair in pairs if (pair[0] in selection.names) is wanted]


def _keyed_value(headers: Headers, name: str) -> str:
    """Return the field for the key; an absent field differs from an empty one."""
    lines = headers.values(name)
    return "\x00" if not lines else ",".join(line.strip(" \t") for line in lines)
