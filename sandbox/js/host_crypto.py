"""The cryptography that JavaScript asks its host for, through the ``cryptography`` library.

Pure functions over bytes. A request is JSON, a zero byte, and the parts whose lengths the JSON lists. What the
author did wrong is HostCallError, whose text is ``NODE_ERROR_CODE: message``.
"""

import hashlib
import hmac
import json
from collections.abc import Callable
from functools import partial
from typing import Any

from cryptography.exceptions import InvalidKey, InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa, utils

from sandbox.contract import HostCallError
from sandbox.errands import Errand
from sandbox.js.host_cipher import RunningCipher, mode_of
from sandbox.js.host_derive import DERIVED_BYTES_MAX, hkdf, pbkdf2, scrypt
from sandbox.js.host_keys import key_export, key_load, load, public_of

Options = dict[str, Any]
# What is done while nobody else runs: less than about 1.5 ms each. The library sends more in pieces.
REQUEST_BYTES_MAX = 384 * 1024
HEAD_BYTES_MAX = 16 * 1024
DERIVED_AT_ONCE = 1_000  # units of host_derive: half a millisecond and more
RSA_BITS_AT_ONCE = 2_048  # with the private key, or by a long public exponent
EXPONENT_BITS_AT_ONCE = 33
_PSS, _OAEP, _PKCS1 = 6, 4, 1
_SALT_DIGEST, _SALT_AUTO = -1, -2
RUNNING_MAX = 64

_HASHES: dict[str, Callable[[], hashes.HashAlgorithm]] = {
    "md5": hashes.MD5, "sha1": hashes.SHA1, "sha224": hashes.SHA224, "sha256": hashes.SHA256,
    "sha384": hashes.SHA384, "sha512": hashes.SHA512, "sha512-224": hashes.SHA512_224,
    "sha512-256": hashes.SHA512_256, "sha3-224": hashes.SHA3_224, "sha3-256": hashes.SHA3_256,
    "sha3-384": hashes.SHA3_384, "sha3-512": hashes.SHA3_512,
}  # fmt: skip


def _refuse(code: str, message: str) -> HostCallError:
    return HostCallError(f"{code}: {message}")


def _plain(name: str) -> str:
    return name.removeprefix("rsa-")


def _digest(name: str | None) -> hashes.HashAlgorithm:
    made = _HASHES.get(_plain(name or ""))
    if made is None:
        raise _refuse("ERR_CRYPTO_INVALID_DIGEST", f"Invalid digest: {name}")
    return made()


def _hash(options: Options, parts: list[bytes]) -> bytes:
    name = _plain(options["algorithm"])
    if name.startswith("shake"):
        shake = hashlib.shake_128 if name == "shake128" else hashlib.shake_256
        return shake(parts[1]).digest(_shake_size(options))
    return hashlib.new(_hashlib_name(name), parts[1], usedforsecurity=False).digest()


def _shake_size(options: Options) -> int:
    size = options.get("size") or (16 if _plain(options["algorithm"]) == "shake128" else 32)
    if not isinstance(size, int) or not 0 < size <= DERIVED_BYTES_MAX:
        raise _refuse("ERR_OUT_OF_RANGE", f"outputLength {size} is not in 1..{DERIVED_BYTES_MAX}")
    return size


def _hashlib_name(name: str) -> str:
    if name.startswith("sha512-"):
        return name.replace("-", "_")
    if name in ("shake128", "shake256"):
        return f"shake_{name[5:]}"
    if name.startswith("blake2"):
        return name[:7]
    return name.replace("sha3-", "sha3_")


def _hmac(options: Options, parts: list[bytes]) -> bytes:
    return hmac.digest(parts[0], parts[1], _hashlib_name(_plain(options["algorithm"])))


# ---- signatures -------------------------------------------------------------------------------------------


def _signed(options: Options) -> tuple[hashes.HashAlgorithm, Any]:
    """Return the digest of a signature, and what the library is to do: to hash, or to take what is a digest."""
    digest = _digest(options["algorithm"] or "sha256")
    return digest, utils.Prehashed(digest) if options.get("hashed") else digest


def _rsa_padding(
    options: Options, digest: hashes.HashAlgorithm, *, verifying: bool
) -> padding.AsymmetricPadding:
    if options.get("padding") != _PSS:
        return padding.PKCS1v15()
    salt = options.get("saltLength")
    length: Any = salt
    if salt is None or salt == _SALT_AUTO:
        length = padding.PSS.AUTO if verifying else padding.PSS.MAX_LENGTH
    elif salt == _SALT_DIGEST:
        length = padding.PSS.DIGEST_LENGTH
    return padding.PSS(padding.MGF1(digest), length)


def _verify(options: Options, parts: list[bytes]) -> bytes | Errand:
    key, data, signature = public_of(load(options, parts[0])), parts[1], parts[2]
    if isinstance(key, rsa.RSAPublicKey):
        return _heavy(key, partial(_verify_with, options, key, data, signature))
    return _verify_with(options, key, data, signature)


def _verify_with(options: Options, key: Any, data: bytes, signature: bytes) -> bytes:
    try:
        match key:
            case rsa.RSAPublicKey():
                digest, hashing = _signed(options)
                key.verify(signature, data, _rsa_padding(options, digest, verifying=True), hashing)
            case ec.EllipticCurvePublicKey():
                if options.get("dsaEncoding") == "ieee-p1363":
                    size = (key.curve.key_size + 7) // 8
                    if len(signature) != 2 * size:
                        return b"false"
                    signature = utils.encode_dss_signature(
                        int.from_bytes(signature[:size], "big"), int.from_bytes(signature[size:], "big")
                    )
                key.verify(signature, data, ec.ECDSA(_signed(options)[1]))
            case _:
                key.verify(signature, data)
    except (InvalidSignature, ValueError):
        return b"false"
    return b"true"


def _sign(options: Options, parts: list[bytes]) -> bytes | Errand:
    key, data = load(options, parts[0]), parts[1]
    if isinstance(key, rsa.RSAPrivateKey):
        return _heavy(key, partial(_sign_with, options, key, data))
    return _sign_with(options, key, data)


def _sign_with(options: Options, key: Any, data: bytes) -> bytes:
    try:
        match key:
            case rsa.RSAPrivateKey():
                digest, hashing = _signed(options)
                return key.sign(data, _rsa_padding(options, digest, verifying=False), hashing)
            case ec.EllipticCurvePrivateKey():
                signature = key.sign(data, ec.ECDSA(_signed(options)[1]))
                if options.get("dsaEncoding") != "ieee-p1363":
                    return signature
                size = (key.curve.key_size + 7) // 8
                r, s = utils.decode_dss_signature(signature)
                return r.to_bytes(size, "big") + s.to_bytes(size, "big")
            case ed25519.Ed25519PrivateKey() | ed448.Ed448PrivateKey():
                return key.sign(data)
    except ValueError as error:
        raise _refuse("ERR_CRYPTO_OPERATION_FAILED", str(error)) from error
    raise _refuse("ERR_INVALID_ARG_VALUE", "signing needs a private key")


def _rsa_crypt_padding(options: Options) -> padding.AsymmetricPadding:
    if options["padding"] == _PKCS1:
        return padding.PKCS1v15()
    digest = _digest(options["algorithm"])
    return padding.OAEP(padding.MGF1(digest), digest, None)


def _heavy(key: Any, do: Callable[[], bytes]) -> bytes | Errand:
    """Return the answer, or what has it done elsewhere when the numbers are long."""
    private = isinstance(key, rsa.RSAPrivateKey)
    if private or public_of(key).public_numbers().e.bit_length() > EXPONENT_BITS_AT_ONCE:
        return Errand(do) if key.key_size > RSA_BITS_AT_ONCE else do()
    return do()


def _rsa_encrypt(options: Options, parts: list[bytes]) -> bytes | Errand:
    key = public_of(load(options, parts[0]))
    if not isinstance(key, rsa.RSAPublicKey):
        raise _refuse("ERR_CRYPTO_OPERATION_FAILED", "this is not an RSA key")
    filled = _rsa_crypt_padding(options)

    def encrypt() -> bytes:
        try:
            return key.encrypt(parts[1], filled)
        except ValueError as error:
            raise _refuse("ERR_CRYPTO_OPERATION_FAILED", str(error)) from error

    return _heavy(key, encrypt)


def _rsa_decrypt(options: Options, parts: list[bytes]) -> bytes | Errand:
    key = load(options, parts[0])
    if not isinstance(key, rsa.RSAPrivateKey):
        raise _refuse("ERR_CRYPTO_OPERATION_FAILED", "decrypting needs a private RSA key")
    filled = _rsa_crypt_padding(options)

    def decrypt() -> bytes:
        try:
            return key.decrypt(parts[1], filled)
        except ValueError as error:
            raise _refuse("ERR_CRYPTO_OPERATION_FAILED", "oaep decoding error") from error

    return _heavy(key, decrypt)


# ---- derivation and ciphers -------------------------------------------------------------------------------


def _derivation_digest(options: Options) -> str:
    _digest(options["algorithm"])
    return _hashlib_name(_plain(options["algorithm"]))


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
        raise _refuse("ERR_OUT_OF_RANGE", f"more than {RUNNING_MAX} ciphers and digests are under way")
    number = max(running, default=0) + 1
    running[number] = begin()
    return str(number).encode()


def _cipher_step(name: str, options: Options, parts: list[bytes], running: dict[int, object]) -> bytes:
    """Begin, feed or end a cipher among those that an invocation has running."""
    if name == "cipher_open":
        return _opened(running, lambda: _begun(options, parts[0], parts[1], parts[2]))
    cipher = running.get(options["handle"])
    if not isinstance(cipher, RunningCipher):
        raise _refuse("ERR_CRYPTO_INVALID_STATE", "Invalid state for operation")
    if name == "cipher_update":
        return cipher.update(parts[0])
    del running[options["handle"]]
    return cipher.end(parts[0])


class _RunningDigest:
    """A digest, or a code of authentication, of data that come in pieces."""

    def __init__(self, options: Options, key: bytes) -> None:
        name = _hashlib_name(_plain(options["algorithm"]))
        self._size = _shake_size(options) if name.startswith("shake") else None
        self._made: Any = (
            hmac.new(key, digestmod=name) if options["keyed"] else hashlib.new(name, usedforsecurity=False)
        )

    def update(self, data: bytes) -> None:
        self._made.update(data)

    def end(self) -> bytes:
        made: bytes = self._made.digest() if self._size is None else self._made.digest(self._size)
        return made


def _digest_step(name: str, options: Options, parts: list[bytes], running: dict[int, object]) -> bytes:
    """Begin, feed or end a digest among those that an invocation has running."""
    if name == "digest_open":
        return _opened(running, lambda: _RunningDigest(options, parts[0]))
    digest = running.get(options["handle"])
    if not isinstance(digest, _RunningDigest):
        raise _refuse("ERR_CRYPTO_INVALID_STATE", "Invalid state for operation")
    if name == "digest_update":
        digest.update(parts[0])
        return b""
    del running[options["handle"]]
    return digest.end()


_OPERATIONS: dict[str, Callable[[Options, list[bytes]], bytes | Errand]] = {
    "hash": _hash, "hmac": _hmac, "key_load": key_load, "key_export": key_export, "verify": _verify,
    "sign": _sign, "rsa_encrypt": _rsa_encrypt, "rsa_decrypt": _rsa_decrypt, "pbkdf2": _pbkdf2,
    "scrypt": _scrypt, "hkdf": _hkdf, "cipher": _cipher, "cipher_check": _cipher_check,
}  # fmt: skip


def perform(name: str, payload: bytes, running: dict[int, object]) -> bytes | Errand:
    """Do the operation ``crypto.…``; ``running`` are the ciphers and digests of one invocation.

    What takes long is returned to be done elsewhere. Raises HostCallError.
    """
    if len(payload) > REQUEST_BYTES_MAX:
        raise _refuse("ERR_OUT_OF_RANGE", f"{len(payload)} bytes at once, at most {REQUEST_BYTES_MAX}")
    at = payload.find(b"\0", 0, HEAD_BYTES_MAX)
    options = json.loads(payload[: max(at, 0)])
    parts = []
    if any(length < 0 for length in options["lengths"]):
        raise _refuse("ERR_OUT_OF_RANGE", "a part of negative length")
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
        raise _refuse("ERR_OSSL_UNSUPPORTED", str(error)) from error
