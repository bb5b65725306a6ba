"""Digests, and codes of authentication, for JavaScript: of what is whole, and of what comes in pieces. Pure."""

import hashlib
import hmac
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives import hashes

from sandbox.js.host_derive import DERIVED_BYTES_MAX
from sandbox.js.node_errors import node_error

Options = dict[str, Any]

_HASHES: dict[str, Callable[[], hashes.HashAlgorithm]] = {
    "md5": hashes.MD5, "sha1": hashes.SHA1, "sha224": hashes.SHA224, "sha256": hashes.SHA256,
    "sha384": hashes.SHA384, "sha512": hashes.SHA512, "sha512-224": hashes.SHA512_224,
    "sha512-256": hashes.SHA512_256, "sha3-224": hashes.SHA3_224, "sha3-256": hashes.SHA3_256,
    "sha3-384": hashes.SHA3_384, "sha3-512": hashes.SHA3_512,
}  # fmt: skip


def plain_name(name: str) -> str:
    """Return a digest's name without what OpenSSL puts before it for signatures."""
    return name.removeprefix("rsa-")


def digest_of(name: str | None) -> hashes.HashAlgorithm:
    """Return the digest of that name, for the library. Raises HostCallError."""
    made = _HASHES.get(plain_name(name or ""))
    if made is None:
        raise node_error("ERR_CRYPTO_INVALID_DIGEST", f"Invalid digest: {name}")
    return made()


def hash_(options: Options, parts: list[bytes]) -> bytes:
    """Return the digest of what is whole."""
    name = plain_name(options["algorithm"])
    if name.startswith("shake"):
        shake = hashlib.shake_128 if name == "shake128" else hashlib.shake_256
        return shake(parts[1]).digest(_shake_size(options))
    return hashlib.new(hashlib_name(name), parts[1], usedforsecurity=False).digest()


def _shake_size(options: Options) -> int:
    size = options.get("size") or (16 if plain_name(options["algorithm"]) == "shake128" else 32)
    if not isinstance(size, int) or not 0 < size <= DERIVED_BYTES_MAX:
        raise node_error("ERR_OUT_OF_RANGE", f"outputLength {size} is not in 1..{DERIVED_BYTES_MAX}")
    return size


def hashlib_name(name: str) -> str:
    """Return what ``hashlib`` calls the digest that Node calls ``name``."""
    if name.startswith("sha512-"):
        return name.replace("-", "_")
    if name in ("shake128", "shake256"):
        return f"shake_{name[5:]}"
    if name.startswith("blake2"):
        return name[:7]
    return name.replace("sha3-", "sha3_")


def hmac_(options: Options, parts: list[bytes]) -> bytes:
    """Return the code of authentication of what is whole."""
    return hmac.digest(parts[0], parts[1], hashlib_name(plain_name(options["algorithm"])))


class RunningDigest:
    """A digest, or a code of authentication, of data that come in pieces."""

    def __init__(self, options: Options, key: bytes) -> None:
        name = hashlib_name(plain_name(options["algorithm"]))
        self._size = _shake_size(options) if name.startswith("shake") else None
        self._made: Any = (
            hmac.new(key, digestmod=name) if options["keyed"] else hashlib.new(name, usedforsecurity=False)
        )

    def update(self, data: bytes) -> None:
        """Take more."""
        self._made.update(data)

    def end(self) -> bytes:
        """Return the result."""
        made: bytes = self._made.digest() if self._size is None else self._made.digest(self._size)
        return made
