"""Keys from passwords for JavaScript: PBKDF2, scrypt, HKDF. Pure functions over bytes, each with its cost beforehand.

What the author did wrong is HostCallError, ``NODE_ERROR_CODE: message``. Sources: RFC 8018, 5.2; RFC 7914, 6; RFC 5869.
"""

import hashlib
import hmac
from collections.abc import Callable
from typing import Any

from sandbox.js.node_errors import node_error

Options = dict[str, Any]
PBKDF2_ITERATIONS_MAX = 100_000
SCRYPT_COST_MAX = 1 << 18  # N · r · p, and what is hashed besides
DERIVED_BYTES_MAX = 1 << 16
HKDF_INFO_BYTES_MAX = 1_024  # as in Node
_HASHED_AT_ONCE_BYTES = 64  # a block of SHA-256: one of its rounds costs about as much as a unit of N · r · p


def _length(options: Options) -> int:
    length = options["length"]
    if not isinstance(length, int) or not 0 <= length <= DERIVED_BYTES_MAX:
        raise node_error("ERR_OUT_OF_RANGE", f"The key length {length} is not in 0..{DERIVED_BYTES_MAX}")
    return length


def _blocks(size: int) -> int:
    return size // _HASHED_AT_ONCE_BYTES + 1


def pbkdf2(options: Options, parts: list[bytes], digest: str) -> tuple[Callable[[], bytes], int]:
    """Return what does it, and how many times it hashes. Raises HostCallError."""
    password, salt = parts
    iterations, length = options["iterations"], _length(options)
    if not isinstance(iterations, int) or iterations < 1:
        raise node_error("ERR_OUT_OF_RANGE", f"iterations must be 1..{PBKDF2_ITERATIONS_MAX}")
    outputs = -(-length // hashlib.new(digest).digest_size)
    besides = outputs * _blocks(len(salt)) + _blocks(len(password))
    rounds = outputs * iterations + besides
    most = 2 * PBKDF2_ITERATIONS_MAX  # a key of SHA-1 for AES-256 takes two outputs
    if iterations > PBKDF2_ITERATIONS_MAX or outputs * iterations > most or besides > most:
        raise node_error(
            "ERR_OUT_OF_RANGE", f"iterations must be 1..{PBKDF2_ITERATIONS_MAX} in an edge function"
        )
    if not length:
        return bytes, 0
    return lambda: hashlib.pbkdf2_hmac(digest, password, salt, iterations, length), rounds


def scrypt(options: Options, parts: list[bytes]) -> tuple[Callable[[], bytes], int]:
    """Return what does it, and what that costs. Raises HostCallError."""
    password, salt = parts
    n, r, p, length = options["n"], options["r"], options["p"], _length(options)
    if not all(isinstance(each, int) and each > 0 for each in (n, r, p)):
        raise node_error("ERR_CRYPTO_INVALID_SCRYPT_PARAMS", "Invalid scrypt params")
    mixed_bytes = 128 * r * p
    hashed = mixed_bytes // 32 * (_blocks(len(salt)) + 3) + (length // 32 + 1) * (_blocks(mixed_bytes) + 3)
    cost = n * r * p + hashed // 4 + _blocks(len(password))
    if n * r * p > SCRYPT_COST_MAX or cost > 2 * SCRYPT_COST_MAX:
        raise node_error(
            "ERR_CRYPTO_INVALID_SCRYPT_PARAMS", "Invalid scrypt params: too costly in an edge function"
        )

    def derive() -> bytes:
        try:
            return hashlib.scrypt(password, salt=salt, n=n, r=r, p=p, maxmem=64 << 20, dklen=length)
        except (ValueError, OverflowError) as error:
            raise node_error("ERR_CRYPTO_INVALID_SCRYPT_PARAMS", f"Invalid scrypt params: {error}") from error

    return derive, cost


def hkdf(options: Options, parts: list[bytes], digest: str) -> bytes:
    """Return a key of a key. Raises HostCallError."""
    key, salt, info = parts
    length, size = _length(options), hashlib.new(digest).digest_size
    if length > 255 * size or len(info) > HKDF_INFO_BYTES_MAX:
        raise node_error("ERR_CRYPTO_INVALID_KEYLEN", "Invalid key length")
    secret = hmac.digest(salt or bytes(size), key, digest)
    made, last = [], b""
    for number in range(1, -(-length // size) + 1):
        last = hmac.digest(secret, last + info + bytes((number,)), digest)
        made.append(last)
    return b"".join(made)[:length]
