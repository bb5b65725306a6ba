"""Keys for JavaScript: read in every form that Node takes, told of, written again. Pure functions over bytes.

What the author did wrong is HostCallError, ``NODE_ERROR_CODE: message``. Nobody else runs while a key is read, so
all that it may cost is bounded: the size of what is read, of its numbers, and of what unlocks it.
"""

import base64
import json
from collections.abc import Callable
from functools import lru_cache
from typing import Any, cast

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.x509 import load_pem_x509_certificate

from sandbox.js.key_lock import check_lock
from sandbox.js.node_errors import node_error

Options = dict[str, Any]
KEYS_KEPT = 256
KEY_BYTES_MAX = 64 * 1024
RSA_BITS_MAX = 16_384  # as in OpenSSL, OPENSSL_RSA_MAX_MODULUS_BITS
_CURVES: dict[str, Callable[[], ec.EllipticCurve]] = {
    "P-256": ec.SECP256R1, "P-384": ec.SECP384R1, "P-521": ec.SECP521R1, "secp256k1": ec.SECP256K1,
}  # fmt: skip
_CURVE_NAMES = {"secp256r1": "prime256v1"}


def _number(text: str) -> int:
    number = int.from_bytes(_unbase64(text), "big")
    if number.bit_length() > RSA_BITS_MAX:
        raise node_error("ERR_CRYPTO_INVALID_JWK", "Invalid JWK data")
    return number


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
            ).private_key(unsafe_skip_rsa_key_validation=True)  # _sound looks
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
    raise node_error("ERR_CRYPTO_INVALID_JWK", "Invalid JWK data")


def load(options: Options, data: bytes) -> Any:
    """Return a key in any form that Node takes. Raises HostCallError."""
    passphrase = options.get("passphrase")
    if len(data) > KEY_BYTES_MAX:
        raise node_error("ERR_OUT_OF_RANGE", f"a key of {len(data)} bytes; at most {KEY_BYTES_MAX} are read")
    return _loaded(options["format"], data, passphrase.encode() if passphrase else None)


# Functions use the same few keys in every request.
@lru_cache(maxsize=KEYS_KEPT)
def _loaded(written: str, data: bytes, secret: bytes | None) -> Any:
    if secret is not None:
        check_lock(data)
    try:
        return _sound(_read(written, data, secret))
    except (ValueError, TypeError, KeyError, UnsupportedAlgorithm) as error:
        raise node_error(
            "ERR_OSSL_UNSUPPORTED", f"error:1E08010C:DECODER routines::unsupported ({error})"
        ) from error


def _read(written: str, data: bytes, secret: bytes | None) -> Any:
    if written == "jwk":
        return _from_jwk(json.loads(data))
    if written == "der":
        return _from_der(data, secret)
    if b"PRIVATE KEY" in data:
        return serialization.load_pem_private_key(
            _tidy_pem(data), secret, unsafe_skip_rsa_key_validation=True
        )
    if b"BEGIN CERTIFICATE" in data:
        return load_pem_x509_certificate(_tidy_pem(data)).public_key()
    return serialization.load_pem_public_key(_tidy_pem(data))


def _sound(key: Any) -> Any:
    """Return a key whose numbers can be used. Raises ValueError.

    The library would also look whether the factors of a private RSA key are prime: Node does not, and it takes 35 ms
    for 2,048 bits, 4 s for 8,192. Who hands over others gets signatures that are worth nothing, and does no harm.
    """
    if not isinstance(key, rsa.RSAPublicKey | rsa.RSAPrivateKey):
        return key
    if key.key_size > RSA_BITS_MAX:
        raise ValueError(f"a modulus of {key.key_size} bits; at most {RSA_BITS_MAX} are computed with")
    if isinstance(key, rsa.RSAPrivateKey):
        secret = key.private_numbers()
        p, q, n, e = secret.p, secret.q, secret.public_numbers.n, secret.public_numbers.e
        sizes = p > 1 and q > 1 and p * q == n and p & q & e & 1 == 1 and e > 1
        if not (
            sizes
            and secret.dmp1 * e % (p - 1) == secret.dmq1 * e % (q - 1) == 1
            and secret.dmp1 == secret.d % (p - 1)
            and secret.dmq1 == secret.d % (q - 1)
            and secret.iqmp * q % p == 1
        ):
            raise ValueError("the numbers of this private key do not belong together")
    return key


def _from_der(data: bytes, secret: bytes | None) -> Any:
    try:
        return serialization.load_der_public_key(data)
    except ValueError:
        return serialization.load_der_private_key(data, secret, unsafe_skip_rsa_key_validation=True)


def _tidy_pem(data: bytes) -> bytes:
    """Return PEM text without the indentation that template literals leave in it."""
    return b"\n".join(line.strip() for line in data.strip().splitlines()) + b"\n"


def public_of(key: Any) -> Any:
    """Return the public half of a private key, a public one as it is."""
    return key.public_key() if hasattr(key, "private_bytes") else key


def _key_facts(key: Any) -> dict[str, Any]:
    match key:
        case rsa.RSAPublicKey() | rsa.RSAPrivateKey():
            numbers = public_of(key).public_numbers()
            details = {"modulusLength": key.key_size, "publicExponent": str(numbers.e)}
            return {"kind": "rsa", "details": details}
        case ec.EllipticCurvePublicKey() | ec.EllipticCurvePrivateKey():
            name = key.curve.name
            return {"kind": "ec", "details": {"namedCurve": _CURVE_NAMES.get(name, name)}}
        case ed25519.Ed25519PublicKey() | ed25519.Ed25519PrivateKey():
            return {"kind": "ed25519", "details": {}}
        case ed448.Ed448PublicKey() | ed448.Ed448PrivateKey():
            return {"kind": "ed448", "details": {}}
    raise node_error("ERR_INVALID_ARG_VALUE", "this kind of key is not supported")


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


def key_load(options: Options, parts: list[bytes]) -> bytes:
    """Return what a key is, as JSON, and the key in DER behind a zero byte. Raises HostCallError."""
    key = load(options, parts[0])
    if options["kind"] == "public":
        key = public_of(key)
    elif not hasattr(key, "private_bytes"):
        raise node_error("ERR_INVALID_ARG_VALUE", "this is not a private key")
    return json.dumps(_key_facts(key)).encode() + b"\0" + _encoded(key, serialization.Encoding.DER, "")


def key_export(options: Options, parts: list[bytes]) -> bytes:
    """Return a key, written as ``format`` and ``type`` say. Raises HostCallError."""
    key = load({"format": "der"}, parts[0])
    if options["format"] == "jwk":
        return json.dumps(_to_jwk(key)).encode()
    encoding = serialization.Encoding.DER if options["format"] == "der" else serialization.Encoding.PEM
    return _encoded(key, encoding, options["type"])


def _to_jwk(key: Any) -> dict[str, str]:
    public = public_of(key)
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
