"""The keys that seal secrets: a file in the data folder, a file elsewhere, or the environment of ``edgefaas up``.

The first key seals; the others only open what was sealed before. A key is written ``edgefaas-key-1:`` and 32 octets
in base64. Whoever has the keys and ``control.sqlite3`` can read the secrets; with one of them alone nobody can.
"""

import base64
import binascii
import hashlib
import secrets
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edgefaas.control.blobs import write_file
from edgefaas.errors import StateError

KEY_FILE = "secret-key"
KEY_VARIABLE = "EDGEFAAS_SECRET_KEY"
PREFIX = "edgefaas-key-1:"
KEY_BYTES = 32
KEYS_MAX = 16
_COMMENT = (
    "# Opens the secrets in control.sqlite3. Keep it apart from backups of that; never change it by hand."
)


@dataclass(frozen=True, slots=True)
class Key:
    """One key. Its ``id`` tells nothing of it; ``octets`` are never shown."""

    octets: bytes = field(repr=False)

    @property
    def id(self) -> str:
        """Return eight hexadecimal digits by which a sealed secret says what opens it."""
        return hashlib.sha256(b"edgefaas key id\0" + self.octets).hexdigest()[:8]

    @property
    def text(self) -> str:
        """Return the key as it is written down."""
        return PREFIX + base64.b64encode(self.octets).decode("ascii")


def new_key() -> Key:
    """Return a key of the system's randomness."""
    return Key(secrets.token_bytes(KEY_BYTES))


def parse_keys(text: str, *, where: str) -> tuple[Key, ...]:
    """Return the keys that ``text`` lists: one to a line, or with commas; ``#`` begins a comment.

    Raises StateError, which names ``where`` and shows nothing of the text.
    """
    words = [
        word
        for line in text.splitlines()
        if not line.lstrip().startswith("#")
        for word in line.replace(",", " ").split()
    ]
    keys: list[Key] = []
    for number, word in enumerate(words, 1):
        try:
            octets = base64.b64decode(word.removeprefix(PREFIX), validate=True)
        except (binascii.Error, ValueError):
            octets = b""
        if not word.startswith(PREFIX) or len(octets) != KEY_BYTES:
            raise StateError(
                f"{where}: key {number} is not {PREFIX} and {KEY_BYTES} bytes in base64",
                remedy="Restore it; edgefaas secret new-key prints a new one.",
            )
        keys.append(Key(octets))
    if not 1 <= len(keys) <= KEYS_MAX or len(set(keys)) != len(keys):
        raise StateError(
            f"{where} has {len(keys)} keys, or one of them twice; 1 to {KEYS_MAX} are usable",
            remedy="List each key once, the one that seals first.",
        )
    return tuple(keys)


class KeyRing:
    """Where the keys are. ``given`` are keys from outside, which the POP never writes; else the folder's own file."""

    def __init__(self, folder: Path, *, given: Sequence[Key] = (), where: str = KEY_FILE) -> None:
        self._path = folder / KEY_FILE
        self._given = tuple(given)
        self.where = where

    @property
    def is_own(self) -> bool:
        """Say whether the POP keeps the keys itself, and so may change them."""
        return not self._given

    def keys(self) -> tuple[Key, ...]:
        """Return the keys, the one that seals first; none where none was ever made. Raises StateError."""
        if self._given:
            return self._given
        return read_keys(self._path) if self._path.exists() else ()

    def replace(self, keys: Sequence[Key]) -> None:
        """Write the folder's own file anew, durably. Raises StateError."""
        assert self.is_own
        try:
            text = "\n".join([_COMMENT, *(key.text for key in keys), ""])
            write_file(self._path, text.encode("ascii"), mode=0o600)
        except OSError as error:
            raise StateError(
                f"{self._path} cannot be written: {error.strerror}",
                remedy="Free some room there or make it writable, then try again.",
            ) from None


def read_keys(path: Path) -> tuple[Key, ...]:
    """Return the keys of a file. Raises StateError: unreadable, or others on this machine may read it."""
    try:
        text = path.read_text("ascii", errors="replace")
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError as error:
        raise StateError(f"{path} cannot be read: {error.strerror}", remedy="Make it readable.") from None
    if mode & 0o077:
        raise StateError(
            f"{path} can be read by others on this machine",
            remedy=f"Run chmod 600 {path}, and start again.",
        )
    return parse_keys(text, where=str(path))
