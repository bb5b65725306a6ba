"""Functions of the site's file that became newer than what was last taken from it.

A function whose source has not changed since stays as the store has it, and so does one whose source was deployed by
hand: a canary, a rollback and a version that was taken back survive restarts.
"""

import logging
from collections.abc import Mapping

from edgefaas.control.bundle import Bundle
from edgefaas.control.deploy import Deployer
from edgefaas.control.orders import Order
from edgefaas.control.records import HASH_SHORT
from edgefaas.control.store import Store
from edgefaas.control.thread import DiskThread
from edgefaas.errors import DeployError, EdgeError
from edgefaas.functions import read_spec
from edgefaas.site import FunctionSpec

log = logging.getLogger("edgefaas.seeding")

ORDER = Order(actor="site file", action="seed")


async def seed(
    specs: Mapping[str, FunctionSpec], *, deployer: Deployer, store: Store, disk: DiskThread
) -> list[str]:
    """Make live what changed in the site's file; return warnings.

    Raises EdgeError: a function has no version that runs, and the file's cannot be made live.
    """
    warnings: list[str] = []
    changed: dict[str, Bundle] = {}
    seeded = await disk.run(store.seeded)
    for name, spec in specs.items():
        try:
            bundle = await disk.run(read_spec, spec)
        except EdgeError as error:
            warnings.append(_kept(name, deployer, error))
            continue
        taken = {seeded.get(name), *await disk.run(store.handled, name)}
        if bundle.version not in taken or name not in deployer.live:
            changed[name] = bundle
    try:
        await deployer.deploy(list(changed.values()), ORDER)
    except EdgeError:
        # Together they are refused; one by one only the wrong ones are.
        for name, bundle in changed.items():
            try:
                await deployer.deploy([bundle], ORDER)
            except EdgeError as error:
                warnings.append(_kept(name, deployer, error))
    return warnings


def _kept(name: str, deployer: Deployer, error: EdgeError) -> str:
    """Return the warning that the old version stays. Raises DeployError when there is none."""
    live = deployer.live.get(name)
    if live is None:
        if isinstance(error, DeployError):
            raise error
        raise DeployError(f'Function "{name}" cannot be made live: {error}', remedy=error.remedy) from None
    return f'Function "{name}" stays at {live.version[:HASH_SHORT]}: {error.advice}'
