"""Seal and open one secret: AES-256-GCM, bound to the function and the name that it is of. Pure but for nonces.

Two keys are derived from each (HKDF-Expand, RFC 5869): one seals, one makes the digest that people see. The digest is
keyed, unlike a plain SHA-256, so that nobody can try guesses of a weak secret against it.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from edgefaas.control.keyring import Key

NONCE_BYTES = 12  # NIST SP 800-38D, 8.2: random nonces are fine for 2^32 seals with one key
DIGEST_DIGITS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """A secret that only ``key_id`` opens. ``digest`` tells whether two values are equal."""

    key_id: str
    octets: bytes
    digest: str


class UnsealError(Exception):
    """The octets are not what this key sealed for this function and name."""


def seal(key: Key, *, function: str, name: str, value: str) -> Sealed:
    """Return a secret sealed."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    octets = AESGCM(_derived(key, b"seal")).encrypt(nonce, value.encode(), _about(function, name))
    text = _about(function, name) + b"\0" + value.encode()
    digest = hmac.new(_derived(key, b"digest"), text, hashlib.sha256).hexdigest()[:DIGEST_DIGITS]
    return Sealed(key_id=key.id, octets=nonce + octets, digest=digest)


def unseal(key: Key, sealed: Sealed, *, function: str, name: str) -> str:
    """Return the value. Raises UnsealError."""
    nonce, octets = sealed.octets[:NONCE_BYTES], sealed.octets[NONCE_BYTES:]
    try:
        return AESGCM(_derived(key, b"seal")).decrypt(nonce, octets, _about(function, name)).decode()
    except (InvalidTag, ValueError):  # a nonce that is too short is a ValueError
        raise UnsealError from None


def _derived(key: Key, purpose: bytes) -> bytes:
    return HKDFExpand(algorithm=SHA256(), length=32, info=b"edgefaas secret 1 " + purpose).derive(key.octets)


def _about(function: str, name: str) -> bytes:
    return f"{function}\0{name}".encode()
