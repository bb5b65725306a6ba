"""Who may use the admin API: whoever sends a bearer token that is known, has not ended, and has the scope.

The first token is made at the first start and kept in ``DATA/admin-token`` (mode 0600). A token has 256 random bits,
so guessing is hopeless; failures are slowed all the same, by address, and a right token is never locked out by
somebody else's wrong ones.
"""

import hmac
from collections import OrderedDict, deque
from collections.abc import Iterable
from pathlib import Path

from edgefaas.control.blobs import write_file
from edgefaas.control.bundle import NAME, digest
from edgefaas.control.sessions import Sessions
from edgefaas.control.tokens import Scope, Token, TokenTable, new_secret
from edgefaas.database import Database
from edgefaas.errors import EdgeError, StateError

TOKEN_FILE = "admin-token"  # noqa: S105  # a name, not a secret
FAILURES_MAX = 10
FAILURES_WINDOW_S = 60.0
_ADDRESSES_MAX = 10_000
_TOKEN_MIN = 32


class UnauthorizedError(EdgeError):
    """No token, or not one of ours."""

    status = 401


class ForbiddenError(EdgeError):
    """The token is good, but not for this; ``actor`` is its name, for the audit log."""

    status = 403
    actor = ""


class TooManyFailuresError(EdgeError):
    """This address has sent too many wrong tokens."""

    status = 429
    retry_after_s = FAILURES_WINDOW_S


class AccessError(EdgeError):
    """A token cannot be made or revoked as asked."""

    status = 422


class UnknownTokenError(AccessError):
    """No token has that name."""

    status = 404


class FailureLimit:
    """Counts failures per address in a sliding window. Bounded: the longest idle address is forgotten."""

    def __init__(self, *, failures_max: int = FAILURES_MAX, window_s: float = FAILURES_WINDOW_S) -> None:
        self._failures_max = failures_max
        self._window_s = window_s
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()

    def note(self, address: str, *, now_s: float) -> bool:
        """Count one failure; say whether it is within the limit."""
        times = self._failures.setdefault(address, deque(maxlen=self._failures_max + 1))
        self._failures.move_to_end(address)
        while times and times[0] <= now_s - self._window_s:
            times.popleft()
        times.append(now_s)
        if len(self._failures) > _ADDRESSES_MAX:
            self._failures.popitem(last=False)
        return len(times) <= self._failures_max


class Access:
    """The tokens of one POP."""

    def __init__(self, store: Database, *, folder: Path) -> None:
        self._table = TokenTable(store)
        self._folder = folder
        self._limit = FailureLimit()
        self._sessions = Sessions()
        self._tokens: dict[str, Token] = {}

    def load(self, *, now_s: float) -> None:
        """Read the tokens; make the first one when there is none. Raises StateError."""
        self._tokens = {token.digest: token for token in self.tokens()}
        path = self._folder / TOKEN_FILE
        secret = path.read_text("ascii", errors="replace").strip() if path.is_file() else ""
        if not secret:
            secret = new_secret()
            write_file(path, f"{secret}\n".encode(), mode=0o600)
        elif path.stat().st_mode & 0o077:
            raise StateError(
                f"{path} can be read by others on this machine",
                remedy=f"Run chmod 600 {path}, and start again.",
            )
        if len(secret) < _TOKEN_MIN:
            raise StateError(f"{path} holds no usable token", remedy="Delete the file; a new one is made.")
        if digest(secret.encode()) not in self._tokens:
            self._put("admin", secret, scopes=[Scope.ADMIN], now_s=now_s)

    def check(self, header: str | None, *, scope: Scope, address: str, now_s: float) -> Token:
        """Return the token of an Authorization header.

        Raises:
            UnauthorizedError: none, unknown or expired.
            TooManyFailuresError: unknown or expired, and this address has sent such too often. None at all is no guess.
            ForbiddenError: the token lacks ``scope``.
        """
        kind, _, secret = (header or "").partition(" ")
        token = self._find(secret.strip()) if kind.lower() == "bearer" else None
        if token is None or (token.expires_at_s is not None and token.expires_at_s <= now_s):
            if header is not None and not self._limit.note(address, now_s=now_s):
                raise TooManyFailuresError(
                    f"Too many wrong tokens from {address}",
                    remedy=f"Wait {FAILURES_WINDOW_S:.0f} s, then use the right token.",
                )
            problem = "is missing" if header is None else "is not valid" if token is None else "has expired"
            raise UnauthorizedError(
                f"The admin token {problem}",
                remedy=f"Use the token in {TOKEN_FILE} of the POP's data folder: --token or EDGEFAAS_TOKEN.",
            )
        if not token.allows(scope):
            refusal = ForbiddenError(
                f'Token "{token.name}" may not {scope}; it has {", ".join(sorted(token.scopes))}',
                remedy=f"Use a token with scope {scope}.",
            )
            refusal.actor = token.name
            raise refusal
        return token

    def _find(self, secret: str) -> Token | None:
        """Compare with every token in the same time, whichever it is and however much of it is right."""
        given = digest(secret.encode("utf-8", "surrogateescape"))
        found = None
        for known, token in self._tokens.items():
            if hmac.compare_digest(known, given):
                found = token
        return found or self._in_session(given)

    def _in_session(self, given: str) -> Token | None:
        """Return the token of a session; one whose own token is revoked has ended."""
        session = self._sessions.get(given)  # by digest: how long it takes tells nothing of the secret
        if session is None or session.parent not in self._tokens:
            self._sessions.end(given)
            return None
        return session.token

    def ticket(self, token: Token, *, now_s: float) -> str:
        """Return what signs one browser in with this token's scopes, once, within ``TICKET_LIFE_S``."""
        session = self._sessions.get(token.digest)
        return self._sessions.issue(token.digest if session is None else session.parent, now_s=now_s)

    def sign_in(self, ticket: str, *, now_s: float) -> tuple[str, Token]:
        """Return the secret of a session, and its token, for a ticket.

        Failures are not counted: nobody guesses 256 bits within two minutes.

        Raises UnauthorizedError: it is unknown, was used, or is too old; or its token is not good any more.
        """
        parent = self._tokens.get(self._sessions.redeem(ticket, now_s=now_s) or "")
        if parent is None or (parent.expires_at_s is not None and parent.expires_at_s <= now_s):
            raise UnauthorizedError(
                "This link was used already, or is too old",
                remedy="Ask for another with edgefaas ui, or give a token.",
            )
        return self._sessions.begin(parent, now_s=now_s)

    def tokens(self) -> list[Token]:
        """Return all tokens, the oldest first."""
        return self._table.read()

    def create(
        self, name: str, *, scopes: Iterable[str], now_s: float, expires_in_s: float | None = None
    ) -> str:
        """Make a token; return its secret, which is not kept. Raises AccessError."""
        wanted = sorted(set(scopes))
        if any(token.name == name for token in self._tokens.values()):
            raise AccessError(
                f'There is a token "{name}" already', remedy="Choose another name, or revoke it."
            )
        if not NAME.match(name):
            raise AccessError(
                f'"{name[:80]}" cannot be the name of a new token', remedy="Choose another name."
            )
        if not wanted or not set(wanted) <= set(Scope):
            raise AccessError(
                f"Scopes {', '.join(wanted) or '(none)'} are not known", remedy=f"Use {', '.join(Scope)}."
            )
        secret = new_secret()
        self._put(name, secret, scopes=wanted, now_s=now_s, expires_in_s=expires_in_s)
        return secret

    def revoke(self, name: str) -> None:
        """Make a token worthless at once. Raises AccessError: unknown, or the POP's own."""
        if name == "admin":
            raise AccessError(
                "The POP's own token cannot be revoked",
                remedy=f"Stop the POP, delete {TOKEN_FILE} in its data folder, and start it again.",
            )
        if not self._table.remove(name):
            raise UnknownTokenError(
                f'No token is called "{name[:80]}"', remedy="List them with edgefaas token ls."
            )
        self._tokens = {key: token for key, token in self._tokens.items() if token.name != name}

    def _put(
        self,
        name: str,
        secret: str,
        *,
        scopes: Iterable[str],
        now_s: float,
        expires_in_s: float | None = None,
    ) -> None:
        token = Token(
            name=name,
            digest=digest(secret.encode()),
            scopes=frozenset(scopes),
            created_at_s=now_s,
            expires_at_s=None if expires_in_s is None else now_s + expires_in_s,
        )
        self._table.put(token)
        # In one step: this is the disk's thread, and the loop goes through them at every request.
        others = {key: old for key, old in self._tokens.items() if old.name != name}
        self._tokens = {**others, token.digest: token}
