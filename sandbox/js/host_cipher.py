"""Symmetric ciphers for JavaScript: each gives output as input comes, as Node's do.

Through the ``cryptography`` library. What the author did wrong is HostCallError, ``NODE_ERROR_CODE: message``.
"""

from typing import Any

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.constant_time import bytes_eq
from cryptography.hazmat.primitives.padding import PKCS7
from cryptography.hazmat.primitives.poly1305 import Poly1305

from sandbox.js.node_errors import node_error

TAG_BYTES = 16
_BLOCK_BITS = 128
_BLOCK_BYTES = _BLOCK_BITS // 8
_CHACHA = "chacha20-poly1305"
_CHACHA_KEY_BYTES, _CHACHA_NONCE_BYTES = 32, 12  # RFC 8439, 2.8
_AES_KEY_BYTES = (16, 24, 32)
_GCM_TAG_MIN_BYTES = 4
_UNAUTHENTIC = "Unsupported state or unable to authenticate data"


def mode_of(name: str, key: bytes, iv: bytes) -> str:
    """Return the mode of a cipher: cbc, ctr, ecb, gcm or chacha20-poly1305. Raises HostCallError."""
    if name == _CHACHA:
        if len(key) != _CHACHA_KEY_BYTES:
            raise node_error("ERR_CRYPTO_INVALID_KEYLEN", "Invalid key length")
        if len(iv) != _CHACHA_NONCE_BYTES:
            raise node_error("ERR_CRYPTO_INVALID_IV", "Invalid initialization vector")
        return name
    family, _, rest = name.partition("-")
    bits, _, mode = rest.partition("-")
    if family != "aes" or mode not in ("cbc", "ctr", "gcm", "ecb"):
        raise node_error("ERR_CRYPTO_UNKNOWN_CIPHER", "Unknown cipher")
    if len(key) not in _AES_KEY_BYTES or bits != str(len(key) * 8):
        raise node_error("ERR_CRYPTO_INVALID_KEYLEN", "Invalid key length")
    fits = len(iv) > 0 if mode == "gcm" else len(iv) == (0 if mode == "ecb" else _BLOCK_BYTES)
    if not fits:
        raise node_error("ERR_CRYPTO_INVALID_IV", "Invalid initialization vector")
    return mode


class RunningCipher:
    """One encryption or decryption under way."""

    def __init__(
        self, name: str, key: bytes, iv: bytes, *, encrypting: bool, padded: bool = True, aad: bytes = b""
    ) -> None:
        """Begin. Raises HostCallError: an unknown cipher, a key or vector of the wrong length."""
        mode = mode_of(name, key, iv)
        self._encrypting = encrypting
        self._aead = mode in ("gcm", _CHACHA)
        self._chacha = _Poly(key, iv, aad) if mode == _CHACHA else None
        self._pad: Any = None
        if mode in ("cbc", "ecb") and padded:
            self._pad = PKCS7(_BLOCK_BITS).padder() if encrypting else PKCS7(_BLOCK_BITS).unpadder()
        cipher: Any
        try:
            if self._chacha is not None:
                cipher = Cipher(algorithms.ChaCha20(key, b"\1\0\0\0" + iv), None)
            else:
                made = {"cbc": modes.CBC, "ctr": modes.CTR, "gcm": modes.GCM}.get(mode)
                cipher = Cipher(algorithms.AES(key), modes.ECB() if made is None else made(iv))  # noqa: S305  # Node has it
        except ValueError as error:
            raise node_error("ERR_CRYPTO_INVALID_IV", "Invalid initialization vector") from error
        self._worker: Any = cipher.encryptor() if encrypting else cipher.decryptor()
        if mode == "gcm" and aad:
            self._worker.authenticate_additional_data(aad)

    def update(self, data: bytes) -> bytes:
        """Return what can be told after ``data``."""
        if self._pad is not None and self._encrypting:
            data = self._pad.update(data)
        out: bytes = self._worker.update(data)
        if self._chacha is not None:
            self._chacha.update(out if self._encrypting else data)
        return self._pad.update(out) if self._pad is not None and not self._encrypting else out

    def end(self, tag: bytes = b"") -> bytes:
        """Return the last output, and the tag of an authenticated encryption after it.

        Raises HostCallError: the tag is not that of what came, the padding is none, or a block is not full.
        """
        try:
            if self._chacha is not None:
                return self._end_chacha(tag)
            if self._aead and not self._encrypting:
                if not _GCM_TAG_MIN_BYTES <= len(tag) <= TAG_BYTES:
                    raise node_error("ERR_CRYPTO_OPERATION_FAILED", _UNAUTHENTIC)
                return bytes(self._worker.finalize_with_tag(tag))
            last = b""
            if self._pad is not None and self._encrypting:
                last = self._worker.update(self._pad.finalize())
            last += self._worker.finalize()
            if self._pad is not None and not self._encrypting:
                last = self._pad.update(last) + self._pad.finalize()
        except (InvalidTag, InvalidSignature) as error:
            raise node_error("ERR_CRYPTO_OPERATION_FAILED", _UNAUTHENTIC) from error
        except ValueError as error:
            raise node_error(
                "ERR_OSSL_BAD_DECRYPT", f"error:1C800064:Provider routines::bad decrypt ({error})"
            ) from error
        whole: bytes = last + (self._worker.tag if self._aead else b"")
        return whole

    def _end_chacha(self, tag: bytes) -> bytes:
        assert self._chacha is not None
        made = self._chacha.tag()
        if self._encrypting:
            return made
        if not bytes_eq(made, tag):
            raise node_error("ERR_CRYPTO_OPERATION_FAILED", _UNAUTHENTIC)
        return b""


class _Poly:
    """The tag of ChaCha20-Poly1305 (RFC 8439, 2.8), made as the ciphertext goes by."""

    def __init__(self, key: bytes, nonce: bytes, aad: bytes) -> None:
        first = Cipher(algorithms.ChaCha20(key, bytes(4) + nonce), None).encryptor()
        self._poly = Poly1305(first.update(bytes(32)))
        self._poly.update(aad + bytes(-len(aad) % _BLOCK_BYTES))
        self._aad_bytes, self._bytes = len(aad), 0

    def update(self, ciphertext: bytes) -> None:
        self._poly.update(ciphertext)
        self._bytes += len(ciphertext)

    def tag(self) -> bytes:
        self._poly.update(bytes(-self._bytes % _BLOCK_BYTES))
        self._poly.update(self._aad_bytes.to_bytes(8, "little") + self._bytes.to_bytes(8, "little"))
        return self._poly.finalize()
