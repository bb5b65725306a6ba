"""Secrets of functions: sealed on disk, open in memory, changed in an order that a kill cannot break.

Values leave this process only to the workers, as environment of the function that they are of. Calls come one at a
time, from the disk's thread.
"""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edgefaas.control.bundle import NAME, VARIABLE
from edgefaas.control.keyring import Key, KeyRing, new_key
from edgefaas.control.sealing import Sealed, UnsealError, seal, unseal
from edgefaas.control.store import Store
from edgefaas.errors import EdgeError, StateError

VALUE_MAX_BYTES = 32 * 1024
TOTAL_MAX_BYTES = 64 * 1024  # of one function, names and values
SECRETS_MAX = 100  # of one function


class SecretError(EdgeError):
    """A name or a value cannot be a secret, or the keys cannot be changed here."""

    status = 422


class UnknownSecretError(SecretError):
    """The function has no such secret."""

    status = 404


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """What is told of a secret: everything but its value. Times are Unix seconds."""

    function: str
    name: str
    digest: str
    key_id: str
    created_at_s: float
    changed_at_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    about: Secret
    sealed: Sealed


def checked_name(function: str, name: str) -> None:
    """Refuse what cannot be the name of a secret. Raises SecretError."""
    if not NAME.match(function):
        raise SecretError(f'"{function[:80]}" is not a name for a function', remedy="Name a function.")
    if not VARIABLE.match(name):
        raise SecretError(
            f'"{name[:80]}" cannot be the name of an environment variable',
            remedy="Use letters, digits and _, at most 128, and do not begin with a digit.",
        )


def checked_value(octets: bytes) -> str:
    """Return the text of a secret. Raises SecretError, which shows nothing of it."""
    if not 0 < len(octets) <= VALUE_MAX_BYTES:
        raise SecretError(
            f"The value has {len(octets)} bytes; a secret has 1 to {VALUE_MAX_BYTES}",
            remedy="Send less; keep large data in a file of the function.",
        )
    try:
        value = octets.decode("utf-8")
    except UnicodeDecodeError:
        raise SecretError("The value is not UTF-8", remedy="Encode it, as base64 for example.") from None
    if "\0" in value:
        raise SecretError("The value holds a NUL", remedy="Encode it, as base64 for example.")
    return value


class Vault:
    """All secrets of a POP."""

    def __init__(self, store: Store, ring: KeyRing) -> None:
        self._store = store
        self._ring = ring
        self._keys: tuple[Key, ...] = ()
        self._open: dict[str, dict[str, str]] = {}
        store.removed = self._forget

    @property
    def where(self) -> str:
        """Return where the keys are, for people."""
        return self._ring.where

    def of(self, function: str) -> Mapping[str, str]:
        """Return the secrets of a function, open."""
        return self._open.get(function, {})

    def load(self) -> None:
        """Open everything, and finish a rotation that was interrupted.

        Raises StateError: a key is missing, or a secret is damaged; then nothing runs without its secrets.
        """
        self._keys = self._ring.keys()
        rows = self._rows()
        self._open = {}
        for row in rows:
            self._open.setdefault(row.about.function, {})[row.about.name] = self._opened(row)
        if len(self._keys) > 1:
            self._seal_anew(rows)

    def secrets(self, function: str = "") -> list[Secret]:
        """Return what is told of the secrets, of one function or of all."""
        return [row.about for row in self._rows() if function in ("", row.about.function)]

    def planned(self, function: str, name: str, value: str | None) -> dict[str, str]:
        """Return the secrets of a function as they would be after a change (``value`` None: removed).

        Raises SecretError: too many, or too large together; UnknownSecretError: there is none to remove.
        """
        after = dict(self.of(function))
        if value is None:
            if after.pop(name, None) is None:
                raise UnknownSecretError(
                    f'Function "{function}" has no secret "{name}"',
                    remedy=f"List them with edgefaas secret ls {function}.",
                )
            return after
        after[name] = value
        size = sum(len(key) + len(text.encode()) for key, text in after.items())
        if len(after) > SECRETS_MAX or size > TOTAL_MAX_BYTES:
            raise SecretError(
                f'Function "{function}" would have {len(after)} secrets of {size} bytes;'
                f" at most {SECRETS_MAX} of {TOTAL_MAX_BYTES} are allowed",
                remedy="Remove one, or keep large data in a file of the function.",
            )
        return after

    def put(self, function: str, name: str, value: str, *, now_s: float) -> Secret:
        """Seal a secret on disk, in the place of the one before. Raises StateError."""
        if not self._keys:
            key = new_key()
            self._ring.replace([key])  # on disk before anything is sealed with it
            self._keys = (key,)
        sealed = seal(self._keys[0], function=function, name=name, value=value)
        with self._store.transaction() as db:
            db.execute(
                "INSERT INTO secrets VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6) ON CONFLICT DO UPDATE SET"
                " key_id = ?3, sealed = ?4, digest = ?5, changed_at_s = ?6",
                (function, name, sealed.key_id, sealed.octets, sealed.digest, now_s),
            )
        self._open.setdefault(function, {})[name] = value
        return next(item for item in self.secrets(function) if item.name == name)

    def remove(self, function: str, name: str) -> None:
        """Forget a secret. Raises StateError."""
        with self._store.transaction() as db:
            db.execute("DELETE FROM secrets WHERE function = ? AND name = ?", (function, name))
        self._open.get(function, {}).pop(name, None)

    def _forget(self, function: str) -> None:
        self._open.pop(function, None)

    def rotate(self) -> int:
        """Seal everything with a new key, and forget the old ones; return how many secrets.

        New key on disk → secrets sealed with it, in one transaction → old keys off the disk. After a kill in
        between, ``load`` does the rest.

        Raises SecretError: the keys come from outside; StateError.
        """
        if not self._ring.is_own:
            raise SecretError(
                f"The keys come from {self._ring.where}, which the POP does not write",
                remedy="Put a new key before the old one there, and start the POP again.",
            )
        keys = (new_key(), *self._keys)
        self._ring.replace(keys)
        self._keys = keys
        rows = self._rows()
        self._seal_anew(rows)
        return len(rows)

    def discard(self) -> list[Secret]:
        """Remove the secrets that no key opens; return them. For a POP that does not run. Raises StateError."""
        self._keys = self._ring.keys()
        lost = []
        for row in self._rows():
            try:
                self._opened(row)
            except StateError:
                lost.append(row.about)
        with self._store.transaction() as db:
            for about in lost:
                db.execute(
                    "DELETE FROM secrets WHERE function = ? AND name = ?", (about.function, about.name)
                )
        return lost

    def _seal_anew(self, rows: list[_Row]) -> None:
        with self._store.transaction() as db:
            for row in rows:
                about = row.about
                if about.key_id != self._keys[0].id:
                    value = self._opened(row)
                    _reseal(
                        db, about, seal(self._keys[0], function=about.function, name=about.name, value=value)
                    )
        if self._ring.is_own:
            self._ring.replace(self._keys[:1])
            self._keys = self._keys[:1]

    def _opened(self, row: _Row) -> str:
        about = row.about
        key = next((key for key in self._keys if key.id == row.sealed.key_id), None)
        problem = f"is sealed with key {row.sealed.key_id}, which is not in {self._ring.where}"
        if key is not None:
            try:
                return unseal(key, row.sealed, function=about.function, name=about.name)
            except UnsealError:
                problem = "is damaged"
        raise StateError(
            f'Secret "{about.name}" of function "{about.function}" {problem}',
            remedy="Restore it from a backup; if it is lost, run edgefaas secret discard, start, and put it again.",
        )

    def _rows(self) -> list[_Row]:
        rows = self._store.query(
            "SELECT function, name, key_id, sealed, digest, created_at_s, changed_at_s FROM secrets"
            " ORDER BY function, name"
        )
        return [_row(row) for row in rows]


def _reseal(db: sqlite3.Connection, about: Secret, sealed: Sealed) -> None:
    # The digest and the dates stay: the value is the same.
    db.execute(
        "UPDATE secrets SET key_id = ?, sealed = ? WHERE function = ? AND name = ?",
        (sealed.key_id, sealed.octets, about.function, about.name),
    )


def _row(row: tuple[Any, ...]) -> _Row:
    about = Secret(
        function=row[0],
        name=row[1],
        key_id=row[2],
        digest=row[4],
        created_at_s=row[5],
        changed_at_s=row[6],
    )
    return _Row(about=about, sealed=Sealed(key_id=row[2], octets=row[3], digest=row[4]))
