"""What JavaScript does with asymmetric keys: sign, verify, encrypt and decrypt. Pure.

Each may raise HostCallError; what takes long is returned to be done elsewhere.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa, utils

from sandbox.errands import Errand
from sandbox.js.host_digest import digest_of
from sandbox.js.host_keys import load, public_of
from sandbox.js.node_errors import node_error

Options = dict[str, Any]
RSA_BITS_AT_ONCE = 2_048  # with the private key, or by a long public exponent
EXPONENT_BITS_AT_ONCE = 33
_PSS, _OAEP, _PKCS1 = 6, 4, 1
_SALT_DIGEST, _SALT_AUTO = -1, -2


def _signed(options: Options) -> tuple[hashes.HashAlgorithm, Any]:
    """Return the digest of a signature, and what the library is to do: to hash, or to take what is a digest."""
    digest = digest_of(options["algorithm"] or "sha256")
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


def verify(options: Options, parts: list[bytes]) -> bytes | Errand:
    """Say whether a signature is right: ``true`` or ``false``."""
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


def sign(options: Options, parts: list[bytes]) -> bytes | Errand:
    """Return a signature."""
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
        raise node_error("ERR_CRYPTO_OPERATION_FAILED", str(error)) from error
    raise node_error("ERR_INVALID_ARG_VALUE", "signing needs a private key")


def _rsa_crypt_padding(options: Options) -> padding.AsymmetricPadding:
    if options["padding"] == _PKCS1:
        return padding.PKCS1v15()
    digest = digest_of(options["algorithm"])
    return padding.OAEP(padding.MGF1(digest), digest, None)


def _heavy(key: Any, do: Callable[[], bytes]) -> bytes | Errand:
    """Return the answer, or what has it done elsewhere when the numbers are long."""
    private = isinstance(key, rsa.RSAPrivateKey)
    if private or public_of(key).public_numbers().e.bit_length() > EXPONENT_BITS_AT_ONCE:
        return Errand(do) if key.key_size > RSA_BITS_AT_ONCE else do()
    return do()


def rsa_encrypt(options: Options, parts: list[bytes]) -> bytes | Errand:
    """Return what only who has the private key can read."""
    key = public_of(load(options, parts[0]))
    if not isinstance(key, rsa.RSAPublicKey):
        raise node_error("ERR_CRYPTO_OPERATION_FAILED", "this is not an RSA key")
    filled = _rsa_crypt_padding(options)

    def encrypt() -> bytes:
        try:
            return key.encrypt(parts[1], filled)
        except ValueError as error:
            raise node_error("ERR_CRYPTO_OPERATION_FAILED", str(error)) from error

    return _heavy(key, encrypt)


def rsa_decrypt(options: Options, parts: list[bytes]) -> bytes | Errand:
    """Return what was encrypted for this key."""
    key = load(options, parts[0])
    if not isinstance(key, rsa.RSAPrivateKey):
        raise node_error("ERR_CRYPTO_OPERATION_FAILED", "decrypting needs a private RSA key")
    filled = _rsa_crypt_padding(options)

    def decrypt() -> bytes:
        try:
            return key.decrypt(parts[1], filled)
        except ValueError as error:
            raise node_error("ERR_CRYPTO_OPERATION_FAILED", "oaep decoding error") from error

    return _heavy(key, decrypt)
