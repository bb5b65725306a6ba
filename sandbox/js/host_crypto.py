"""The cryptography that JavaScript asks its host for, through the ``cryptography`` library.

Pure functions over bytes. A request is JSON, a zero byte, and the parts whose lengths the JSON lists. What the
author did wrong is HostCallError, whose text is ``NODE_ERROR_CODE: message``.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from functools import lru_cache
from typing import Any, cast

from cryptography.exceptions import InvalidKey, InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa, utils
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.x509 import load_pem_x509_certificate

from sandbox.contract import HostCallError
from sandbox.js.host_cipher import RunningCipher, mode_of

Options = dict[str, Any]
# One call may hold the loop for about this much work; more is refused, not preempted.
PBKDF2_ITERATIONS_MAX = 100_000
SCRYPT_COST_MAX = 1 << 15
DERIVED_BYTES_MAX = 1 << 16
_PSS, _OAEP, _PKCS1 = 6, 4, 1
_SALT_DIGEST, _SALT_AUTO = -1, -2
RUNNING_MAX = 64
KEYS_KEPT = 256

_HASHES: dict[str, Callable[[], hashes.HashAlgorithm]] = {
    "md5": hashes.MD5, "sha1": hashes.SHA1, "sha224": hashes.SHA224, "sha256": hashes.SHA256,
    "sha384": hashes.SHA384, "sha512": hashes.SHA512, "sha512-224": hashes.SHA512_224,
    "sha512-256": hashes.SHA512_256, "sha3-224": hashes.SHA3_224, "sha3-256": hashes.SHA3_256,
    "sha3-384": hashes.SHA3_384, "sha3-512": hashes.SHA3_512,
}  # fmt: skip
_CURVES: dict[str, Callable[[], ec.EllipticCurve]] = {
    "P-256": ec.SECP256R1, "P-384": ec.SECP384R1, "P-521": ec.SECP521R1, "secp256k1": ec.SECP256K1,
}  # fmt: skip
_CURVE_NAMES = {"secp256r1": "prime256v1"}


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
        size = options.get("size") or (16 if name == "shake128" else 32)
        if not 0 < size <= DERIVED_BYTES_MAX:
            raise _refuse("ERR_OUT_OF_RANGE", f"outputLength {size} is not in 1..{DERIVED_BYTES_MAX}")
        shake = hashlib.shake_128 if name == "shake128" else hashlib.shake_256
        return shake(parts[1]).digest(size)
    return hashlib.new(_hashlib_name(name), parts[1], usedforsecurity=False).digest()


def _hashlib_name(name: str) -> str:
    if name.startswith("sha512-"):
        return name.replace("-", "_")
    if name.startswith("blake2"):
        return name[:7]
    return name.replace("sha3-", "sha3_")


def _hmac(options: Options, parts: list[bytes]) -> bytes:
    return hmac.digest(parts[0], parts[1], _hashlib_name(_plain(options["algorithm"])))


# ---- keys -------------------------------------------------------------------------------------------------


def _number(text: str) -> int:
    return int.from_bytes(_unbase64(text), "big")


def _unbase64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _to_base64(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def _number_base64(value: int, size: int | None = None) -> str:
    return _to_base64(value.to_bytes(size or (value.bit_length() + 7) // 8 or 1, "big"))


def _from_jwk(jwk: dict[str, str]) -> Any:
    match jwk.get("kty"):
        case "RSA":
            public = rsa.RSAPublicNumbers(_number(jwk["e"]), _number(jwk["n"]))
            if "d" not in jwk:
                return public.public_key()
            p, q, d = _number(jwk["p"]), _number(jwk["q"]), _number(jwk["d"])
            return rsa.RSAPrivateNumbers(
                p, q, d, rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q), public
            ).private_key()
        case "EC":
            curve = _CURVES[jwk["crv"]]()
            point = ec.EllipticCurvePublicNumbers(_number(jwk["x"]), _number(jwk["y"]), curve)
            if "d" not in jwk:
                return point.public_key()
            return ec.EllipticCurvePrivateNumbers(_number(jwk["d"]), point).private_key()
        case "OKP" if jwk["crv"] == "Ed25519":
            if "d" not in jwk:
                return ed25519.Ed25519PublicKey.from_public_bytes(_unbase64(jwk["x"]))
            return ed25519.Ed25519PrivateKey.from_private_bytes(_unbase64(jwk["d"]))
    raise _refuse("ERR_CRYPTO_INVALID_JWK", "Invalid JWK data")


def _load(options: Options, data: bytes) -> Any:
    """Return a key in any form that Node takes. Raises HostCallError."""
    passphrase = options.get("passphrase")
    return _loaded(options["format"], data, passphrase.encode() if passphrase else None)


# Checking a private RSA key of 2048 bits takes 30 ms, and functions sign with the same few keys in every request.
@lru_cache(maxsize=KEYS_KEPT)
def _loaded(written: str, data: bytes, secret: bytes | None) -> Any:
    try:
        if written == "jwk":
            return _from_jwk(json.loads(data))
        if written == "der":
            return _from_der(data, secret)
        if b"PRIVATE KEY" in data:
            return serialization.load_pem_private_key(_tidy_pem(data), secret)
        if b"BEGIN CERTIFICATE" in data:
            return load_pem_x509_certificate(_tidy_pem(data)).public_key()
        return serialization.load_pem_public_key(_tidy_pem(data))
    except HostCallError:
        raise
    except (ValueError, TypeError, KeyError, UnsupportedAlgorithm) as error:
        raise _refuse(
            "ERR_OSSL_UNSUPPORTED", f"error:1E08010C:DECODER routines::unsupported ({error})"
        ) from error


def _from_der(data: bytes, secret: bytes | None) -> Any:
    try:
        return serialization.load_der_public_key(data)
    except ValueError:
        return serialization.load_der_private_key(data, secret)


def _tidy_pem(data: bytes) -> bytes:
    """Return PEM text without the indentation that template literals leave in it."""
    return b"\n".join(line.strip() for line in data.strip().splitlines()) + b"\n"


def _public(key: Any) -> Any:
    return key.public_key() if hasattr(key, "private_bytes") else key


def _key_facts(key: Any) -> dict[str, Any]:
    match key:
        case rsa.RSAPublicKey() | rsa.RSAPrivateKey():
            numbers = _public(key).public_numbers()
            details = {"modulusLength": key.key_size, "publicExponent": str(numbers.e)}
            return {"kind": "rsa", "details": details}
        case ec.EllipticCurvePublicKey() | ec.EllipticCurvePrivateKey():
            name = key.curve.name
            return {"kind": "ec", "details": {"namedCurve": _CURVE_NAMES.get(name, name)}}
        case ed25519.Ed25519PublicKey() | ed25519.Ed25519PrivateKey():
            return {"kind": "ed25519", "details": {}}
        case ed448.Ed448PublicKey() | ed448.Ed448PrivateKey():
            return {"kind": "ed448", "details": {}}
    raise _refuse("ERR_INVALID_ARG_VALUE", "this kind of key is not supported")


def _encoded(key: Any, encoding: serialization.Encoding, type_: str) -> bytes:
    if hasattr(key, "private_bytes"):
        form = {
            "pkcs1": serialization.PrivateFormat.TraditionalOpenSSL,
            "sec1": serialization.PrivateFormat.TraditionalOpenSSL,
        }.get(type_, serialization.PrivateFormat.PKCS8)
        return cast("bytes", key.private_bytes(encoding, form, serialization.NoEncryption()))
    public = (
        serialization.PublicFormat.PKCS1
        if type_ == "pkcs1"
        else serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return cast("bytes", key.public_bytes(encoding, public))


def _key_load(options: Options, parts: list[bytes]) -> bytes:
    key = _load(options, parts[0])
    if options["kind"] == "public":
        key = _public(key)
    elif not hasattr(key, "private_bytes"):
        raise _refuse("ERR_INVALID_ARG_VALUE", "this is not a private key")
    return json.dumps(_key_facts(key)).encode() + b"\0" + _encoded(key, serialization.Encoding.DER, "")


def _key_export(options: Options, parts: list[bytes]) -> bytes:
    key = _loaded("der", parts[0], None)
    if options["format"] == "jwk":
        return json.dumps(_to_jwk(key)).encode()
    encoding = serialization.Encoding.DER if options["format"] == "der" else serialization.Encoding.PEM
    return _encoded(key, encoding, options["type"])


def _to_jwk(key: Any) -> dict[str, str]:
    public = _public(key)
    private = key if hasattr(key, "private_bytes") else None
    if isinstance(public, rsa.RSAPublicKey):
        numbers = public.public_numbers()
        jwk = {"kty": "RSA", "n": _number_base64(numbers.n), "e": _number_base64(numbers.e)}
        if private is not None:
            secret = private.private_numbers()
            jwk |= {
                name: _number_base64(value)
                for name, value in (
                    ("d", secret.d), ("p", secret.p), ("q", secret.q), ("dp", secret.dmp1),
                    ("dq", secret.dmq1), ("qi", secret.iqmp),
                )
            }  # fmt: skip
        return jwk
    if isinstance(public, ec.EllipticCurvePublicKey):
        point = public.public_numbers()
        size = (public.curve.key_size + 7) // 8
        name = next(
            (name for name, made in _CURVES.items() if made().name == public.curve.name), public.curve.name
        )
        jwk = {
            "kty": "EC",
            "x": _number_base64(point.x, size),
            "y": _number_base64(point.y, size),
            "crv": name,
        }
        if private is not None:
            jwk["d"] = _number_base64(private.private_numbers().private_value, size)
        return jwk
    raw = serialization.Encoding.Raw
    jwk = {"crv": "Ed25519"}
    if private is not None:
        secret_bytes = private.private_bytes(
            raw, serialization.PrivateFormat.Raw, serialization.NoEncryption()
        )
        jwk["d"] = _to_base64(secret_bytes)
    return {**jwk, "x": _to_base64(public.public_bytes(raw, serialization.PublicFormat.Raw)), "kty": "OKP"}


# ---- signatures -------------------------------------------------------------------------------------------


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


def _verify(options: Options, parts: list[bytes]) -> bytes:
    key, data, signature = _public(_load(options, parts[0])), parts[1], parts[2]
    try:
        match key:
            case rsa.RSAPublicKey():
                digest = _digest(options["algorithm"] or "sha256")
                key.verify(signature, data, _rsa_padding(options, digest, verifying=True), digest)
            case ec.EllipticCurvePublicKey():
                if options.get("dsaEncoding") == "ieee-p1363":
                    size = (key.curve.key_size + 7) // 8
                    if len(signature) != 2 * size:
                        return b"false"
                    signature = utils.encode_dss_signature(
                        int.from_bytes(signature[:size], "big"), int.from_bytes(signature[size:], "big")
                    )
                key.verify(signature, data, ec.ECDSA(_digest(options["algorithm"] or "sha256")))
            case _:
                key.verify(signature, data)
    except (InvalidSignature, ValueError):
        return b"false"
    return b"true"


def _sign(options: Options, parts: list[bytes]) -> bytes:
    key, data = _load(options, parts[0]), parts[1]
    try:
        match key:
            case rsa.RSAPrivateKey():
                digest = _digest(options["algorithm"] or "sha256")
                return key.sign(data, _rsa_padding(options, digest, verifying=False), digest)
            case ec.EllipticCurvePrivateKey():
                signature = key.sign(data, ec.ECDSA(_digest(options["algorithm"] or "sha256")))
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


def _rsa_encrypt(options: Options, parts: list[bytes]) -> bytes:
    key = _public(_load(options, parts[0]))
    try:
        return cast("bytes", key.encrypt(parts[1], _rsa_crypt_padding(options)))
    except (ValueError, AttributeError) as error:
        raise _refuse("ERR_CRYPTO_OPERATION_FAILED", str(error)) from error


def _rsa_decrypt(options: Options, parts: list[bytes]) -> bytes:
    key = _load(options, parts[0])
    try:
        return cast("bytes", key.decrypt(parts[1], _rsa_crypt_padding(options)))
    except (ValueError, AttributeError) as error:
        raise _refuse("ERR_CRYPTO_OPERATION_FAILED", "oaep decoding error") from error


# ---- derivation and ciphers -------------------------------------------------------------------------------


def _length(options: Options) -> int:
    length = options["length"]
    if not isinstance(length, int) or not 0 <= length <= DERIVED_BYTES_MAX:
        raise _refuse("ERR_OUT_OF_RANGE", f"The key length {length} is not in 0..{DERIVED_BYTES_MAX}")
    return length


def _pbkdf2(options: Options, parts: list[bytes]) -> bytes:
    iterations, length = options["iterations"], _length(options)
    if not isinstance(iterations, int) or not 1 <= iterations * max(1, length // 32) <= PBKDF2_ITERATIONS_MAX:
        raise _refuse(
            "ERR_OUT_OF_RANGE", f"iterations must be 1..{PBKDF2_ITERATIONS_MAX} in an edge function"
        )
    _digest(options["algorithm"])
    return hashlib.pbkdf2_hmac(_hashlib_name(options["algorithm"]), parts[0], parts[1], iterations, length)


def _scrypt(options: Options, parts: list[bytes]) -> bytes:
    n, r, p = options["n"], options["r"], options["p"]
    if n * r * p > SCRYPT_COST_MAX * 8:
        raise _refuse(
            "ERR_CRYPTO_INVALID_SCRYPT_PARAMS", "Invalid scrypt params: too costly in an edge function"
        )
    try:
        return hashlib.scrypt(parts[0], salt=parts[1], n=n, r=r, p=p, maxmem=64 << 20, dklen=_length(options))
    except (ValueError, OverflowError) as error:
        raise _refuse("ERR_CRYPTO_INVALID_SCRYPT_PARAMS", f"Invalid scrypt params: {error}") from error


def _hkdf(options: Options, parts: list[bytes]) -> bytes:
    key, salt, info = parts
    try:
        return HKDF(_digest(options["algorithm"]), _length(options), salt, info).derive(key)
    except ValueError as error:
        raise _refuse("ERR_CRYPTO_INVALID_KEYLEN", "Invalid key length") from error


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


def _cipher_step(name: str, options: Options, parts: list[bytes], running: dict[int, object]) -> bytes:
    """Begin, feed or end a cipher among those that an invocation has running."""
    if name == "cipher_open":
        if len(running) >= RUNNING_MAX:
            raise _refuse("ERR_OUT_OF_RANGE", f"more than {RUNNING_MAX} ciphers are under way")
        number = max(running, default=0) + 1
        running[number] = _begun(options, parts[0], parts[1], parts[2])
        return str(number).encode()
    cipher = running.get(options["handle"])
    if not isinstance(cipher, RunningCipher):
        raise _refuse("ERR_CRYPTO_INVALID_STATE", "Invalid state for operation")
    if name == "cipher_update":
        return cipher.update(parts[0])
    del running[options["handle"]]
    return cipher.end(parts[0])


_OPERATIONS: dict[str, Callable[[Options, list[bytes]], bytes]] = {
    "hash": _hash, "hmac": _hmac, "key_load": _key_load, "key_export": _key_export, "verify": _verify,
    "sign": _sign, "rsa_encrypt": _rsa_encrypt, "rsa_decrypt": _rsa_decrypt, "pbkdf2": _pbkdf2,
    "scrypt": _scrypt, "hkdf": _hkdf, "cipher": _cipher, "cipher_check": _cipher_check,
}  # fmt: skip


_STEPS = frozenset(["cipher_open", "cipher_update", "cipher_end"])


def perform(name: str, payload: bytes, running: dict[int, object]) -> bytes:
    """Do the operation ``crypto.…``; ``running`` are the ciphers of one invocation. Raises HostCallError."""
    head, _, rest = payload.partition(b"\0")
    options = json.loads(head)
    parts, at = [], 0
    for length in options["lengths"]:
        parts.append(rest[at : at + length])
        at += length
    try:
        plain = name.removeprefix("crypto.")
        if plain in _STEPS:
            return _cipher_step(plain, options, parts, running)
        return _OPERATIONS[plain](options, parts)
    except (UnsupportedAlgorithm, InvalidKey) as error:
        raise _refuse("ERR_OSSL_UNSUPPORTED", str(error)) from error
