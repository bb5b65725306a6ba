"""A header by which one POP tells another whose request it passes on, signed so that viewers cannot.

Pure. ``X-Edge-Hop: v1;<base64url payload>;<base64url HMAC-SHA256>``; the payload is a JSON list. The
signature covers sender and receiver, the viewer's address, the request's id, the instant, how many POPs
passed it on, and whether the viewer came by https.
Sources: RFC 2104 (HMAC), RFC 4648 section 5 (base64url).
"""

import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from router.address import canonical
from router.errors import HopError

HEADER = "X-Edge-Hop"
HOPS_MAX = 1  # a request is passed on once; who receives it answers it, so that there are no loops
SKEW_MAX_S = 30.0  # how far two POPs' clocks and a slow connection may be apart
SECRET_BYTES_MIN = 16
_VALUE_MAX = 1024
_VERSION = "v1"
_FORGED = "Treat the sender as a viewer, or give both POPs the same mesh secret."


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """One passing-on. ``sent_at_s`` is Unix time; ``count`` is 1 for the first hop."""

    sender: str
    receiver: str
    viewer: str
    request_id: str
    sent_at_s: float
    count: int = 1
    scheme: str = "http"


def sign_hop(hop: Hop, secret: bytes) -> str:
    """Return the header's value.

    Raises:
        HopError: the hop would be one too many, or the secret is shorter than 16 bytes (the operator).
    """
    if not 1 <= hop.count <= HOPS_MAX:
        raise HopError(
            f"request {hop.request_id} would be passed on {hop.count} times; the limit is {HOPS_MAX}",
            remedy="Answer it here.",
        )
    _check_secret(secret)
    fields = [
        hop.sender,
        hop.receiver,
        hop.viewer,
        hop.request_id,
        round(hop.sent_at_s * 1000),
        hop.count,
        hop.scheme,
    ]
    payload = _encode(json.dumps(fields, separators=(",", ":")).encode())
    return f"{_VERSION};{payload};{_encode(_signature(payload, secret))}"


def verify_hop(value: str, secrets: Sequence[bytes], *, receiver: str, now_s: float) -> Hop:
    """Return the hop that a peer POP signed for this one with one of the secrets (the newest first).

    Raises:
        HopError: not signed with our secrets, not for us, too old or too far ahead, or too many hops.
    """
    version, _, rest = value.partition(";")
    payload, _, mac = rest.partition(";")
    if version != _VERSION or len(value) > _VALUE_MAX or not payload.isascii() or not mac.isascii():
        raise HopError("the hop header is not in the form v1;payload;signature", remedy=_FORGED)
    for secret in secrets:
        _check_secret(secret)
    if not any(hmac.compare_digest(_encode(_signature(payload, secret)), mac) for secret in secrets):
        raise HopError("the hop header is not signed with this mesh's secret", remedy=_FORGED)
    hop = _hop_of(payload)
    if hop.receiver != receiver:
        raise HopError(f'the hop header is for POP "{hop.receiver}", not "{receiver}"', remedy=_FORGED)
    apart_s = abs(now_s - hop.sent_at_s)
    if apart_s > SKEW_MAX_S:
        raise HopError(
            f'the hop header of POP "{hop.sender}" is {apart_s:.1f} s off; the limit is {SKEW_MAX_S:.0f} s',
            remedy="Synchronise the clocks of the POPs (NTP).",
        )
    if not 1 <= hop.count <= HOPS_MAX:
        raise HopError(
            f"the request was passed on {hop.count} times; the limit is {HOPS_MAX}", remedy="Answer it here."
        )
    return hop


def _hop_of(payload: str) -> Hop:
    """Return the fields of a payload whose signature was right; only another version can fail here."""
    try:
        sender, receiver, viewer, request_id, sent_at_ms, count, scheme = json.loads(
            urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
        )
        return Hop(
            sender=str(sender),
            receiver=str(receiver),
            viewer=canonical(viewer) or viewer,  # a peer on a Unix socket has no address
            request_id=str(request_id),
            sent_at_s=int(sent_at_ms) / 1000,
            count=int(count),
            scheme="https" if scheme == "https" else "http",
        )
    except (ValueError, TypeError) as error:
        raise HopError(f"the signed hop header cannot be read: {error}", remedy=_FORGED) from error


def _check_secret(secret: bytes) -> None:
    if len(secret) < SECRET_BYTES_MIN:
        raise HopError(
            f"the mesh secret has {len(secret)} bytes, fewer than {SECRET_BYTES_MIN}",
            remedy="Make one with: openssl rand -hex 32",
        )


def _signature(payload: str, secret: bytes) -> bytes:
    return hmac.digest(secret, f"edgefaas-hop;{_VERSION};{payload}".encode(), sha256)


def _encode(octets: bytes) -> str:
    return urlsafe_b64encode(octets).rstrip(b"=").decode()
