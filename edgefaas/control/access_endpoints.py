"""What the admin API can do about who may use it: tokens, sign-in by ticket, and who changed what."""

from dataclasses import dataclass
from typing import Any

from edgefaas.control.access import Access
from edgefaas.control.audit import AuditLog
from edgefaas.control.endpoint import SMALL_BODY_BYTES, BadRequestError, Call, Endpoint
from edgefaas.control.sessions import TICKET_LIFE_S
from edgefaas.control.thread import DiskThread
from edgefaas.control.tokens import TOKEN_LIFE_MAX_S, Scope, Token


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessApi:
    """The endpoints; ``access_endpoints`` says where each is found."""

    access: Access
    log: AuditLog
    disk: DiskThread

    async def tokens(self, _: Call) -> Any:
        """Return the tokens, without their secrets."""
        tokens = await self.disk.run(self.access.tokens)
        return {"tokens": [_token_row(token) for token in tokens]}

    async def create_token(self, call: Call) -> Any:
        """Make a token; its secret is in this answer and nowhere else."""
        asked = call.object()
        name, scopes, expires = asked.get("name"), asked.get("scopes"), asked.get("expires_in_s")
        if not isinstance(name, str) or not isinstance(scopes, list):
            raise BadRequestError("name or scopes is missing", remedy="Send a name and a list of scopes.")
        if expires is not None and (type(expires) not in (int, float) or not 0 < expires <= TOKEN_LIFE_MAX_S):
            raise BadRequestError(
                f"expires_in_s is not a number of seconds up to {TOKEN_LIFE_MAX_S}",
                remedy="Send seconds, or leave it out.",
            )
        call.about(name)
        secret = await self.disk.run(
            self.access.create,
            name,
            scopes=[str(scope) for scope in scopes],
            now_s=call.at_s,
            expires_in_s=expires,
        )
        return {"name": name, "scopes": sorted(map(str, scopes)), "token": secret}

    async def revoke_token(self, call: Call) -> Any:
        """Make a token worthless."""
        await self.disk.run(self.access.revoke, call.name)
        return {"revoked": call.name}

    async def whoami(self, call: Call) -> Any:
        """Return whose token this is, and what it may do."""
        assert call.token is not None
        return _token_row(call.token)

    async def make_ticket(self, call: Call) -> Any:
        """Make what signs one browser in: good once, and briefly."""
        assert call.token is not None
        ticket = self.access.ticket(call.token, now_s=call.at_s)
        return {"ticket": ticket, "expires_in_s": TICKET_LIFE_S}

    async def sign_in(self, call: Call) -> Any:
        """Turn a ticket into a session; its secret is used as a token."""
        ticket = call.object().get("ticket")
        if not isinstance(ticket, str):
            raise BadRequestError("ticket is missing", remedy="Send the one that /v1/tickets gave.")
        secret, token = self.access.sign_in(ticket, now_s=call.at_s)
        return {**_token_row(token), "token": secret}

    async def audit(self, call: Call) -> Any:
        """Return the last changes that were asked for, by whom, and how they ended."""
        return {"audit": await self.log.last(call.count("limit", 100, high=1000))}


def access_endpoints(api: AccessApi) -> list[Endpoint]:
    """Return the table of these endpoints."""
    return [
        Endpoint(
            method="GET", path="/v1/tokens", summary="List tokens", answer=api.tokens, scope=Scope.ADMIN
        ),
        Endpoint(
            method="POST",
            path="/v1/tokens",
            summary="Make a token",
            answer=api.create_token,
            scope=Scope.ADMIN,
            body_max=SMALL_BODY_BYTES,
            body_schema="NewToken",
        ),
        Endpoint(
            method="DELETE",
            path="/v1/tokens/{name}",
            summary="Revoke a token",
            answer=api.revoke_token,
            scope=Scope.ADMIN,
        ),
        Endpoint(method="GET", path="/v1/whoami", summary="Whose token is this?", answer=api.whoami),
        Endpoint(
            method="POST",
            path="/v1/tickets",
            summary="Make a ticket that signs one browser in, once",
            answer=api.make_ticket,
        ),
        Endpoint(
            method="POST",
            path="/v1/sessions",
            summary="Turn a ticket into a session, whose secret is a token",
            answer=api.sign_in,
            scope=None,
            body_max=SMALL_BODY_BYTES,
            body_schema="Ticket",
        ),
        Endpoint(
            method="GET", path="/v1/audit", summary="Who changed what", answer=api.audit, scope=Scope.ADMIN
        ),
    ]


def _token_row(token: Token) -> dict[str, Any]:
    return {
        "name": token.name,
        "scopes": sorted(token.scopes),
        "created_at_s": token.created_at_s,
        "expires_at_s": token.expires_at_s,
    }
