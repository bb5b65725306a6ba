"""Tokens of the admin API, with scopes and an end, and the table that keeps them: digests, never secrets."""

import secrets
import string
from dataclasses import dataclass
from enum import StrEnum

import orjson

from edgefaas.database import Database

TOKEN_PREFIX = "edgefaas_"  # noqa: S105  # lets scanners find a leaked token
TOKEN_LIFE_MAX_S = 100 * 366 * 86_400  # of one that ends at all


class Scope(StrEnum):
    """What a token may do. ``admin`` includes every other."""

    READ = "read"
    DEPLOY = "deploy"
    PURGE = "purge"
    KV = "kv"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token as the store knows it; its secret is shown once, when it is made."""

    name: str
    digest: str
    scopes: frozenset[str]
    created_at_s: float
    expires_at_s: float | None = None

    def allows(self, scope: Scope) -> bool:
        """Say whether the token may be used for ``scope``."""
        return scope in self.scopes or Scope.ADMIN in self.scopes


class TokenTable:
    """The tokens in the store."""

    def __init__(self, store: Database) -> None:
        self._store = store

    def read(self) -> list[Token]:
        """Return all tokens, the oldest first. Raises StateError."""
        rows = self._store.query(
            "SELECT name, digest, scopes, created_at_s, expires_at_s FROM tokens ORDER BY created_at_s, name"
        )
        return [
            Token(
                name=row[0],
                digest=row[1],
                scopes=frozenset(orjson.loads(row[2])),
                created_at_s=row[3],
                expires_at_s=row[4],
            )
            for row in rows
        ]

    def put(self, token: Token) -> None:
        """Keep a token, in the place of one with its name. Raises StateError."""
        scopes = orjson.dumps(sorted(token.scopes)).decode()
        with self._store.transaction() as db:
            db.execute(
                "INSERT OR REPLACE INTO tokens VALUES (?, ?, ?, ?, ?)",
                (token.name, token.digest, scopes, token.created_at_s, token.expires_at_s),
            )

    def remove(self, name: str) -> bool:
        """Forget a token; return whether there was one. Raises StateError."""
        with self._store.transaction() as db:
            return db.execute("DELETE FROM tokens WHERE name = ?", (name,)).rowcount > 0


def new_secret() -> str:
    """Return what a new token is used with; 256 random bits."""
    alphabet = string.ascii_letters + string.digits
    return TOKEN_PREFIX + "".join(secrets.choice(alphabet) for _ in range(43))  # 43 times 5.95 bits = 256
