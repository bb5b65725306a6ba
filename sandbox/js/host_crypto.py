"""The cryptography that JavaScript asks its host for, through the ``cryptography`` library.

Pure functions over bytes. A request is JSON, a zero byte, and the parts whose lengths the JSON lists. What the
author did wrong is HostCallError, whose text is ``NODE_ERROR_CODE: message``.
"""

import json
from collections.abc import Callable
from typing import Any

from cryptography.exceptions import InvalidKey, UnsupportedAlgorithm

from sandbox.errands import Errand
from sandbox.js.host_cipher import RunningCipher, mode_of
from sandbox.js.host_derive import hkdf, pbkdf2, scrypt
from sandbox.js.host_digest import RunningDigest, digest_of, hash_, hashlib_name, hmac_, plain_name
from sandbox.js.host_keys import key_export, key_load
from sandbox.js.host_sign import rsa_decrypt, rsa_encrypt, sign, verify
from sandbox.js.node_errors import node_error

Options = dict[str, Any]
# What is done while nobody else runs: less than about 1.5 ms each. The library sends more in pieces.
REQUEST_BYTES_MAX = 384 * 1024
HEAD_BYTES_MAX = 16 * 1024
DERIVED_AT_ONCE = 1_000  # units of host_derive: half a millisecond and more
RUNNING_MAX = 64


def _derivation_digest(options: Options) -> str:
    digest_of(options["algorithm"])
    return hashlib_name(plain_name(options["algorithm"]))


def _costing(derivation: tuple[Callable[[], bytes], int]) -> bytes | Errand:
    do, cost = derivation
    return Errand(do) if cost > DERIVED_AT_ONCE else do()


def _pbkdf2(options: Options, parts: list[bytes]) -> bytes | Errand:
    return _costing(pbkdf2(options, parts, _derivation_digest(options)))


def _scrypt(options: Options, parts: list[bytes]) -> bytes | Errand:
    return _costing(scrypt(options, parts))


def _hkdf(options: Options, parts: list[bytes]) -> bytes:
    return hkdf(options, parts, _derivation_digest(options))


def _begun(options: Options, key: bytes, iv: bytes, aad: bytes) -> RunningCipher:
    return RunningCipher(
        options["cipher"],
        key,
        iv,
        aad=aad,
        encrypting=options["encrypting"],
        padded=options.get("padding", True),
    )


def _cipher_check(options: Options, parts: list[bytes]) -> bytes:
    mode_of(options["cipher"], parts[0], parts[1])
    return b""


def _cipher(options: Options, parts: list[bytes]) -> bytes:
    key, iv, aad, tag, data = parts
    cipher = _begun(options, key, iv, aad)
    return cipher.update(data) + cipher.end(tag)


def _opened(running: dict[int, object], begin: Callable[[], object]) -> bytes:
    """Begin something that an invocation has running; return its number."""
    if len(running) >= RUNNING_MAX:
        raise node_error("ERR_OUT_OF_RANGE", f"more than {RUNNING_MAX} ciphers and digests are under way")
    number = max(running, default=0) + 1
    running[number] = begin()
    return str(number).encode()


def _cipher_step(name: str, options: Options, parts: list[bytes], running: dict[int, object]) -> bytes:
    """Begin, feed or end a cipher among those that an invocation has running."""
    if name == "cipher_open":
        return _opened(running, lambda: _begun(options, parts[0], parts[1], parts[2]))
    cipher = running.get(options["handle"])
    if not isinstance(cipher, RunningCipher):
        raise node_error("ERR_CRYPTO_INVALID_STATE", "Invalid state for operation")
    if name == "cipher_update":
        return cipher.update(parts[0])
    del running[options["handle"]]
    return cipher.end(parts[0])


def _digest_step(name: str, options: Options, parts: list[bytes], running: dict[int, object]) -> bytes:
    """Begin, feed or end a digest among those that an invocation has running."""
    if name == "digest_open":
        return _opened(running, lambda: RunningDigest(options, parts[0]))
    digest = running.get(options["handle"])
    if not isinstance(digest, RunningDigest):
        raise node_error("ERR_CRYPTO_INVALID_STATE", "Invalid state for operation")
    if name == "digest_update":
        digest.update(parts[0])
        return b""
    del running[options["handle"]]
    return digest.end()


_OPERATIONS: dict[str, Callable[[Options, list[bytes]], bytes | Errand]] = {
    "hash": hash_, "hmac": hmac_, "key_load": key_load, "key_export": key_export, "verify": verify,
    "sign": sign, "rsa_encrypt": rsa_encrypt, "rsa_decrypt": rsa_decrypt, "pbkdf2": _pbkdf2,
    "scrypt": _scrypt, "hkdf": _hkdf, "cipher": _cipher, "cipher_check": _cipher_check,
}  # fmt: skip


def perform(name: str, payload: bytes, running: dict[int, object]) -> bytes | Errand:
    """Do the operation ``crypto.…``; ``running`` are the ciphers and digests of one invocation.

    What takes long is returned to be done elsewhere. Raises HostCallError.
    """
    if len(payload) > REQUEST_BYTES_MAX:
        raise node_error("ERR_OUT_OF_RANGE", f"{len(payload)} bytes at once, at most {REQUEST_BYTES_MAX}")
    at = payload.find(b"\0", 0, HEAD_BYTES_MAX)
    options = json.loads(payload[: max(at, 0)])
    parts = []
    if any(length < 0 for length in options["lengths"]):
        raise node_error("ERR_OUT_OF_RANGE", "a part of negative length")
    for length in options["lengths"]:
        parts.append(payload[at + 1 : at + 1 + length])
        at += length
    try:
        plain = name.removeprefix("crypto.")
        if plain.startswith("cipher_") and plain != "cipher_check":
            return _cipher_step(plain, options, parts, running)
        if plain.startswith("digest_"):
            return _digest_step(plain, options, parts, running)
        return _OPERATIONS[plain](options, parts)
    except (UnsupportedAlgorithm, InvalidKey) as error:
        raise node_error("ERR_OSSL_UNSUPPORTED", str(error)) from error
