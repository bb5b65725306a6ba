"""What the admin API can do with secrets. No value is ever in an answer, a log line or an address.

Whoever may deploy a function may set its secrets: what it deploys can read them.
"""

import dataclasses
from dataclasses import dataclass
from typing import Any

from edgefaas.control.deploy import Deployer
from edgefaas.control.endpoint import Call, Endpoint
from edgefaas.control.equipment import EquippedWorkers
from edgefaas.control.thread import DiskThread
from edgefaas.control.tokens import Scope
from edgefaas.control.vault import VALUE_MAX_BYTES, Vault, checked_name, checked_value


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretApi:
    """The endpoints; ``secret_endpoints`` says where each is found."""

    workers: EquippedWorkers
    deployer: Deployer
    vault: Vault
    disk: DiskThread

    async def secrets(self, _: Call) -> Any:
        """Return names, dates and digests of every secret."""
        return await self._told("")

    async def secrets_of(self, call: Call) -> Any:
        """Return names, dates and digests of a function's secrets."""
        return await self._told(call.name)

    async def _told(self, function: str) -> dict[str, Any]:
        secrets = await self.disk.run(self.vault.secrets, function)
        return {"secrets": [dataclasses.asdict(secret) for secret in secrets], "keys": self.vault.where}

    async def put_secret(self, call: Call) -> Any:
        """Give a function a secret; in force in every worker when this answers."""
        name = self._named(call)
        secret = await self.workers.put_secret(call.name, name, checked_value(call.body))
        return dataclasses.asdict(secret) | {"running": call.name in self.deployer.live}

    async def remove_secret(self, call: Call) -> Any:
        """Take a secret away from a function."""
        name = self._named(call)
        await self.workers.remove_secret(call.name, name)
        return {"removed": name, "function": call.name}

    async def rotate_key(self, _: Call) -> Any:
        """Seal every secret with a new key, and forget the old ones."""
        return {"sealed": await self.workers.rotate_key()}

    @staticmethod
    def _named(call: Call) -> str:
        name = str(call.request.path_params["secret"])
        checked_name(call.name, name)
        call.about(f"{call.name} {name}")
        return name


def secret_endpoints(api: SecretApi) -> list[Endpoint]:
    """Return the table of the endpoints."""
    of_function = "/v1/functions/{name}/secrets"
    return [
        Endpoint(
            method="GET",
            path="/v1/secrets",
            summary="List all secrets, without values",
            answer=api.secrets,
            scope=Scope.DEPLOY,
        ),
        Endpoint(
            method="POST",
            path="/v1/secrets/rotate",
            summary="Seal all secrets with a new key",
            answer=api.rotate_key,
            scope=Scope.ADMIN,
        ),
        Endpoint(
            method="GET",
            path=of_function,
            summary="List a function's secrets, without values",
            answer=api.secrets_of,
            scope=Scope.DEPLOY,
        ),
        Endpoint(
            method="PUT",
            path=f"{of_function}/{{secret}}",
            summary="Give a function a secret",
            answer=api.put_secret,
            scope=Scope.DEPLOY,
            body_max=VALUE_MAX_BYTES,
            body_schema="Octets",
            body_type="application/octet-stream",
        ),
        Endpoint(
            method="DELETE",
            path=f"{of_function}/{{secret}}",
            summary="Remove a secret",
            answer=api.remove_secret,
            scope=Scope.DEPLOY,
        ),
    ]
