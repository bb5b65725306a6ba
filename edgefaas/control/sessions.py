"""Browsers that are signed in by a link: a ticket that is good once and briefly, and the session that it becomes.

In memory alone: a POP that is started again has none. No clock; the instant is an argument. A session may do what the
token of who asked for its ticket may do, ends with it, and shows as it in the audit log.
"""

import secrets
from collections import OrderedDict
from dataclasses import dataclass, replace

from edgefaas.control.bundle import digest
from edgefaas.control.tokens import Token

TICKET_LIFE_S = 120.0
SESSION_LIFE_S = 12 * 3600.0
TICKETS_MAX = 100  # the oldest gives way
SESSIONS_MAX = 100
_BYTES = 32


@dataclass(frozen=True, slots=True)
class Session:
    """A session's token, and the digest of the one that it comes from."""

    token: Token
    parent: str


class Sessions:
    """Tickets and sessions of one POP."""

    def __init__(self) -> None:
        self._tickets: OrderedDict[str, tuple[str, float]] = OrderedDict()
        self._sessions: OrderedDict[str, Session] = OrderedDict()

    def issue(self, parent: str, *, now_s: float) -> str:
        """Return a new ticket for whoever has the token with the digest ``parent``."""
        ticket = secrets.token_urlsafe(_BYTES)
        self._tickets[digest(ticket.encode())] = parent, now_s + TICKET_LIFE_S
        if len(self._tickets) > TICKETS_MAX:
            self._tickets.popitem(last=False)
        return ticket

    def redeem(self, ticket: str, *, now_s: float) -> str | None:
        """Return the digest of the token that a ticket stands for, once; None for any that is not good."""
        parent, until_s = self._tickets.pop(digest(ticket.encode("utf-8", "surrogateescape")), ("", 0.0))
        return parent if now_s < until_s else None

    def begin(self, parent: Token, *, now_s: float) -> tuple[str, Token]:
        """Return the secret of a new session, and its token, which ends with the other at the latest."""
        secret = secrets.token_urlsafe(_BYTES)
        end_s = now_s + SESSION_LIFE_S
        if parent.expires_at_s is not None:
            end_s = min(end_s, parent.expires_at_s)
        token = replace(parent, digest=digest(secret.encode()), created_at_s=now_s, expires_at_s=end_s)
        self._sessions[token.digest] = Session(token, parent.digest)
        if len(self._sessions) > SESSIONS_MAX:
            self._sessions.popitem(last=False)
        return secret, token

    def get(self, known_as: str) -> Session | None:
        """Return the session whose secret has this digest."""
        return self._sessions.get(known_as)

    def end(self, known_as: str) -> None:
        """Forget a session."""
        self._sessions.pop(known_as, None)
