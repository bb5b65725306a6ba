"""What the admin API can do with the site and its cache: show, read again, purge."""

import dataclasses
from dataclasses import dataclass
from typing import Any

from edgefaas.control.endpoint import SMALL_BODY_BYTES, BadRequestError, Call, Endpoint
from edgefaas.control.masking import without_secrets
from edgefaas.control.plain import to_plain
from edgefaas.control.pop import Pop
from edgefaas.control.purging import Purger, checked_purge
from edgefaas.control.tokens import Scope
from edgefaas.errors import ConfigError


class SiteRefusedError(ConfigError):
    """The site's file is wrong; the site that was served is still served."""

    status = 422


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteApi:
    """The endpoints; ``site_endpoints`` says where each is found."""

    purger: Purger
    pop: Pop

    async def site(self, _: Call) -> Any:
        """Return the site that is served, without what may be secret in it."""
        return without_secrets(to_plain(self.pop.site))

    async def reload(self, _: Call) -> Any:
        """Read the site's file again."""
        try:
            warnings = await self.pop.reload()
        except ConfigError as error:
            raise SiteRefusedError(str(error), remedy=error.remedy) from None
        return {"site": self.pop.site.name, "warnings": warnings}

    async def purge(self, call: Call) -> Any:
        """Purge; in force in every worker when this answers."""
        asked = call.object()
        kind, value, soft = asked.get("kind", ""), asked.get("value", ""), asked.get("soft", False)
        if not isinstance(kind, str) or not isinstance(value, str) or not isinstance(soft, bool):
            raise BadRequestError("kind, value or soft has a wrong type", remedy="See /v1/openapi.json.")
        purge = checked_purge(kind, value, soft=soft)
        call.about(f"{kind} {value}".strip())
        hit = await self.purger.purge(purge, actor=call.actor)
        return {"removed": hit.number, "complete": hit.complete}

    async def purges(self, call: Call) -> Any:
        """Return the last purges."""
        records = await self.purger.last(call.count("limit", 100, high=1000))
        return {"purges": [dataclasses.asdict(record) for record in records]}


def site_endpoints(api: SiteApi) -> list[Endpoint]:
    """Return the table of these endpoints."""
    return [
        Endpoint(method="GET", path="/v1/site", summary="Show the site", answer=api.site),
        Endpoint(
            method="POST",
            path="/v1/site/reload",
            summary="Read the site's file again",
            answer=api.reload,
            scope=Scope.DEPLOY,
        ),
        Endpoint(
            method="POST",
            path="/v1/purge",
            summary="Purge the cache",
            answer=api.purge,
            scope=Scope.PURGE,
            body_max=SMALL_BODY_BYTES,
            body_schema="Purge",
        ),
        Endpoint(method="GET", path="/v1/purges", summary="List purges", answer=api.purges),
    ]
