"""Every endpoint of the admin API. Which address, scope and body each has is said beside what it does."""

from typing import Any

from edgefaas.control.access_endpoints import AccessApi, access_endpoints
from edgefaas.control.deploy_endpoints import DeployApi, deploy_endpoints
from edgefaas.control.endpoint import Call, Endpoint
from edgefaas.control.function_endpoints import FunctionApi, function_endpoints
from edgefaas.control.kv_endpoints import KvApi, kv_endpoints
from edgefaas.control.log_endpoints import LogApi, log_endpoints
from edgefaas.control.openapi import document
from edgefaas.control.plane import ControlPlane
from edgefaas.control.pop import Pop
from edgefaas.control.rollout_endpoints import RolloutApi, rollout_endpoints
from edgefaas.control.secret_endpoints import SecretApi, secret_endpoints
from edgefaas.control.site_endpoints import SiteApi, site_endpoints
from edgefaas.control.status_endpoints import StatusApi, status_endpoints


def endpoints(plane: ControlPlane, *, pop: Pop) -> list[Endpoint]:
    """Return the table of all endpoints; the last one describes them, in OpenAPI."""
    shelf, deployer = plane.shelf, plane.deployer
    table = [
        *status_endpoints(StatusApi(pop)),
        *function_endpoints(FunctionApi(deployer=deployer, shelf=shelf, pop=pop)),
        *deploy_endpoints(DeployApi(deployer=deployer, shelf=shelf, pop=pop)),
        *rollout_endpoints(RolloutApi(deployer=deployer, shelf=shelf, pop=pop)),
        *site_endpoints(SiteApi(purger=plane.purger, pop=pop)),
        *log_endpoints(LogApi(hub=plane.hub, pop=pop)),
        *access_endpoints(AccessApi(access=plane.access, log=plane.audit, disk=shelf.disk)),
        *kv_endpoints(KvApi(plane.keeper)),
        *secret_endpoints(
            SecretApi(workers=plane.workers, deployer=deployer, vault=plane.vault, disk=shelf.disk)
        ),
    ]

    async def describe(_: Call) -> Any:
        return document(table)

    table.append(
        Endpoint(
            method="GET", path="/v1/openapi.json", summary="This description", answer=describe, scope=None
        )
    )
    return table
