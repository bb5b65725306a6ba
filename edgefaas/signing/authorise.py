"""Decide whether a request for a restricted behaviour carries a good signature.

Pure: the instant is an argument. A signed URL goes before signed cookies; what belongs to the signature
is taken out of the query before the cache key is made, as CloudFront does. Source: "Serve private
content with signed URLs and signed cookies" (CloudFront developer guide).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from edgefaas.message import Request
from edgefaas.signing.keys import DEFAULT_HASH, HASHES, from_url, public_key, verify
from edgefaas.signing.policy import canned_text, read_policy, refusal

URL_NAMES = frozenset({"Expires", "Policy", "Signature", "Key-Pair-Id", "Hash-Algorithm"})
COOKIE_PREFIX = "CloudFront-"
POLICY_MAX_CHARS = 8192
RESOURCE_UNSAFE = frozenset('"\\')  # could end the string in a canned policy


@dataclass(frozen=True, slots=True)
class Granted:
    """The viewer may have it; ``query`` is the query string without the signature's members."""

    query: str


@dataclass(frozen=True, slots=True)
class Denied:
    """The viewer gets 403; ``code`` is CloudFront's word, ``reason`` a sentence for people."""

    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class _Claim:
    """What a viewer presents, whichever way."""

    key_id: str
    signature: str
    policy: str | None
    expires: str | None
    hash_name: str


def authorise(request: Request, keys: Mapping[str, bytes], *, now_s: float) -> Granted | Denied:
    """Return whether a viewer may see what it asks for.

    ``keys`` are the public keys (PEM, RSA or ECDSA P-256) that the behaviour trusts, by key pair id;
    ``now_s`` is Unix time. A key that is no key raises ValueError: the operator's fault, checked when
    the site is read.
    """
    own, rest = _split(request.query)
    if "Signature" in own or "Policy" in own or "Key-Pair-Id" in own:
        found, query = own, rest
    else:
        found, query = _cookies(request), request.query
    claim = _claim(found)
    if isinstance(claim, Denied):
        return claim
    denied = _check(request, query, claim, keys, now_s=now_s)
    return denied or Granted(query)


def _split(query: str) -> tuple[dict[str, list[str]], str]:
    """Return the signature's members by name, and the query without them."""
    own: dict[str, list[str]] = {}
    rest: list[str] = []
    for segment in query.split("&") if query else ():
        name, _, value = segment.partition("=")
        if name in URL_NAMES:
            own.setdefault(name, []).append(value)
        else:
            rest.append(segment)
    return own, "&".join(rest)


def _cookies(request: Request) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in request.headers.values("cookie"):
        for segment in line.split(";"):
            name, _, value = segment.strip().partition("=")
            if name.startswith(COOKIE_PREFIX):
                found.setdefault(name.removeprefix(COOKIE_PREFIX), []).append(value.strip('"'))
    return found


def _claim(found: Mapping[str, list[str]]) -> _Claim | Denied:
    if any(len(values) > 1 for values in found.values()):
        return Denied("AccessDenied", "a part of the signature is given twice")
    one = {name: values[0] for name, values in found.items()}
    key_id, signature = one.get("Key-Pair-Id"), one.get("Signature")
    policy, expires = one.get("Policy"), one.get("Expires")
    if not key_id:
        return Denied("MissingKey", "Missing Key-Pair-Id query parameter or cookie value")
    if not signature:
        return Denied("MissingSignature", "Missing Signature query parameter or cookie value")
    if not policy and not expires:
        return Denied("MissingPolicy", "Missing Policy or Expires query parameter or cookie value")
    hash_name = one.get("Hash-Algorithm") or DEFAULT_HASH
    if hash_name not in HASHES:
        return Denied("AccessDenied", "Hash-Algorithm is neither SHA1 nor SHA256")
    return _Claim(key_id, signature, policy or None, expires or None, hash_name)


def _check(
    request: Request, query: str, claim: _Claim, keys: Mapping[str, bytes], *, now_s: float
) -> Denied | None:
    pem = keys.get(claim.key_id)
    if pem is None:
        return Denied("InvalidKey", "Unknown Key")
    signature = from_url(claim.signature)
    if signature is None:
        return Denied("AccessDenied", "the signature is malformed")
    resource = resource_of(request, query)
    signed = _signed_text(claim, resource)
    if signed is None or not verify(public_key(pem), signature, signed, claim.hash_name):
        return Denied("AccessDenied", "the signature does not match")
    policy = read_policy(signed)
    if policy is None:
        return Denied("MalformedPolicy", "the policy is malformed")
    reason = refusal(policy, resource=resource, address=request.viewer_ip, now_s=now_s)
    return None if reason is None else Denied("AccessDenied", reason)


def _signed_text(claim: _Claim, resource: str) -> bytes | None:
    """Return what the signature is over, or None when that cannot be told."""
    if claim.policy is not None:
        return from_url(claim.policy) if len(claim.policy) <= POLICY_MAX_CHARS else None
    assert claim.expires is not None
    digits = claim.expires
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= 12):  # noqa: PLR2004  # year 33658
        return None
    if RESOURCE_UNSAFE.intersection(resource) or "*" in resource:
        return None  # a canned policy is for one resource, and has no way to escape these
    return canned_text(resource, int(digits)).encode("latin-1")


def resource_of(request: Request, query: str) -> str:
    """Return the URL that policies are compared with: as the viewer asked, without the signature."""
    host = request.headers.get("host") or request.host
    return f"{request.scheme}://{host}{request.path}{'?' if query else ''}{query}"
