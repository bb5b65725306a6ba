"""What it costs to unlock a private key that is encrypted (PKCS #8), told before it is done.

The key itself says how often its password is hashed, up to 2**31 times, and the library does so to the end while
nobody else runs. Sources: RFC 5958, 3; RFC 8018, A.2 to A.4; RFC 7914, 7; RFC 7292, C.
"""

import base64
import binascii
import re
from collections.abc import Iterator

from sandbox.contract import HostCallError

ROUNDS_MAX = 2_048  # OpenSSL's own; 0.6 ms with PBKDF2 and SHA-256
OLD_ROUNDS_MAX = 1_024  # a round of PKCS #12's own derivation takes 1.6 µs
SCRYPT_COST_MAX = 4_096  # N · r · p: 1.7 ms
_ENCRYPTED = re.compile(rb"-----BEGIN ENCRYPTED PRIVATE KEY-----(.*?)-----END", re.DOTALL)
_SEQUENCE, _OBJECT, _INTEGER = 0x30, 0x06, 0x02
_DEPTH_MAX = 8
_SCRYPT = bytes.fromhex("2b06010401da47040b")  # 1.3.6.1.4.1.11591.4.11
_PKCS12 = bytes.fromhex("2a864886f70d010c01")  # 1.2.840.113549.1.12.1, and below it


def check_lock(data: bytes) -> None:
    """Raise HostCallError when a key in PEM or DER asks for more work than one call may do. Anything else may pass."""
    pem = _ENCRYPTED.search(data)
    if pem is not None:
        try:
            data = base64.b64decode(b"".join(pem[1].split()))
        except binascii.Error:
            return  # the library says so, better
    method = _method(data)
    objects = [value for kind, value in _values(method) if kind == _OBJECT]
    numbers = [int.from_bytes(value, "big") for kind, value in _values(method) if kind == _INTEGER]
    if _SCRYPT in objects:
        cost, most = numbers[0] * numbers[1] * numbers[2] if len(numbers) > 2 else 0, SCRYPT_COST_MAX  # noqa: PLR2004
    else:
        old = any(each.startswith(_PKCS12) for each in objects)
        cost, most = max(numbers, default=0), OLD_ROUNDS_MAX if old else ROUNDS_MAX
    if cost > most:
        raise HostCallError(
            f"ERR_OSSL_UNSUPPORTED: unlocking this key takes {cost} rounds, at most {most} in an edge function:"
            f" write it again with openssl pkcs8 -topk8 -iter {ROUNDS_MAX}"
        )


def _method(data: bytes) -> bytes:
    """Return the AlgorithmIdentifier of an EncryptedPrivateKeyInfo, empty when this is none."""
    whole = next(_elements(data), None)
    if whole is None or whole[0] != _SEQUENCE:
        return b""
    first = next(_elements(whole[1]), None)
    return first[1] if first is not None and first[0] == _SEQUENCE else b""


def _values(data: bytes, depth: int = 0) -> Iterator[tuple[int, bytes]]:
    """Give what is not a sequence, in order."""
    for kind, value in _elements(data):
        if kind != _SEQUENCE:
            yield kind, value
        elif depth < _DEPTH_MAX:
            yield from _values(value, depth + 1)


def _elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Give tag and content of each element of DER, as far as it is well formed (X.690, 8.1)."""
    at = 0
    while at + 2 <= len(data):
        kind, size = data[at], data[at + 1]
        at += 2
        if size & 0x80:
            count = size & 0x7F
            size = int.from_bytes(data[at : at + count], "big")
            at += count
        if at + size > len(data):
            return
        yield kind, data[at : at + size]
        at += size
