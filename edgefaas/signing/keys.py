"""Public and private keys, signatures, and the alphabet that they travel in.

RSA with PKCS #1 v1.5 (RFC 8017, 8.2) and ECDSA on P-256; SHA-1 unless the viewer says
``Hash-Algorithm=SHA256``, as CloudFront has it.
"""

import base64
import binascii
import re
from functools import lru_cache

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
HASHES: dict[str, type[hashes.SHA1 | hashes.SHA256]] = {"SHA1": hashes.SHA1, "SHA256": hashes.SHA256}
DEFAULT_HASH = "SHA1"

_TO_URL = bytes.maketrans(b"+=/", b"-_~")  # CloudFront's own alphabet, not RFC 4648's
_FROM_URL = str.maketrans("-_~", "+=/")
_URL_ALPHABET = re.compile(r"[A-Za-z0-9\-_~]*")


def to_url(octets: bytes) -> str:
    """Return octets in the alphabet of signed URLs."""
    return base64.b64encode(octets).translate(_TO_URL).decode("ascii")


def from_url(text: str) -> bytes | None:
    """Return the octets, or None when ``text`` is not in that alphabet."""
    if not _URL_ALPHABET.fullmatch(text):
        return None
    try:
        return base64.b64decode(text.translate(_FROM_URL), validate=True)
    except binascii.Error:
        return None


@lru_cache(maxsize=256)
def public_key(pem: bytes) -> PublicKey:
    """Return a public key. Raises ValueError when ``pem`` holds none of RSA or P-256."""
    try:
        key = serialization.load_pem_public_key(pem)
    except UnsupportedAlgorithm as error:
        raise ValueError(str(error)) from error
    if isinstance(key, rsa.RSAPublicKey) or (
        isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1)
    ):
        return key
    raise ValueError("the key is neither RSA nor ECDSA P-256")


def private_key(pem: bytes) -> PrivateKey:
    """Return a private key without a password. Raises ValueError, also for other sorts of keys."""
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (TypeError, UnsupportedAlgorithm) as error:
        raise ValueError(str(error)) from error
    if isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        return key
    raise ValueError("the key is neither RSA nor ECDSA")


def verify(key: PublicKey, signature: bytes, signed: bytes, hash_name: str) -> bool:
    """Return whether ``signature`` is the key's over ``signed``."""
    algorithm = HASHES[hash_name]()
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, signed, padding.PKCS1v15(), algorithm)
        else:
            key.verify(signature, signed, ec.ECDSA(algorithm))
    except InvalidSignature:
        return False
    return True


def sign(key: PrivateKey, text: bytes, hash_name: str = DEFAULT_HASH) -> bytes:
    """Return the key's signature over ``text``."""
    algorithm = HASHES[hash_name]()
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(text, padding.PKCS1v15(), algorithm)
    return key.sign(text, ec.ECDSA(algorithm))
