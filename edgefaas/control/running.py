"""What workers run, and where a rollback goes: small values that the deployer decides by."""

import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from edgefaas.arms import canary_of
from edgefaas.contract import Live, LiveRelease
from edgefaas.control.pruning import prunable
from edgefaas.control.records import HASH_SHORT, Version
from edgefaas.control.store import Store
from edgefaas.control.versions import unknown_function
from edgefaas.errors import UnknownFunctionError

HISTORY_LOOKED_AT = 1_000
BEFORE_MAX = 5  # versions of a release whose hashed files stay reachable


@dataclass(frozen=True, slots=True)
class Running:
    """What workers run: for everybody, and for the viewers of a canary."""

    live: Mapping[str, Live] = field(default_factory=dict)
    canaries: Mapping[str, Live] = field(default_factory=dict)

    @property
    def all(self) -> dict[str, Live]:
        """Return everything by the name that it is run under; both sides of a split serve the other's files, too."""
        every = {**self.live, **{canary_of(name): item for name, item in self.canaries.items()}}
        for name, canary in self.canaries.items():
            live = self.live.get(name)
            if isinstance(canary, LiveRelease) and isinstance(live, LiveRelease):
                every[name] = replace(live, also=(canary.folder,))
                every[canary_of(name)] = replace(canary, also=(live.folder,), before=live.before)
        return every

    def without(self, name: str) -> "Running":
        """Return the same without what is run under ``name``."""
        return Running(
            {key: item for key, item in self.live.items() if key != name},
            {key: item for key, item in self.canaries.items() if canary_of(key) != name},
        )

    def without_canaries(self, names: Iterable[str]) -> "Running":
        """Return the same where these canaries have ended."""
        ended = set(names)
        left = {name: item for name, item in self.canaries.items() if name not in ended}
        return replace(self, canaries=left)

    @property
    def versions(self) -> dict[str, str]:
        """Return the live version of everything that has one, by name."""
        return {name: item.version for name, item in self.live.items()}

    def version(self, name: str) -> str | None:
        """Return the live version of a function, None where it has none."""
        found = self.live.get(name)
        return found.version if found else None


def version_before(store: Store, name: str) -> str:
    """Return the version that was live before the present one, as the history tells.

    Raises UnknownFunctionError.
    """
    live = store.live_version(name)
    if live is None:
        raise unknown_function(name)
    kept = {version.version for version in store.versions.of(name)}
    for change in store.history(name, limit=HISTORY_LOOKED_AT):
        if change.version == live.version and change.previous in kept and change.previous != live.version:
            assert change.previous is not None
            return change.previous
    raise UnknownFunctionError(
        f'Function "{name}" has no version before {live.version[:HASH_SHORT]}',
        remedy=f"List its versions with edgefaas versions {name}.",
    )


def versions_before(store: Store, name: str, version: str) -> tuple[str, ...]:
    """Return the last versions that were live before ``version`` becomes so and are still kept, the newest first."""
    kept = {item.version for item in store.versions.of(name)}
    live = store.live_version(name)
    found = {live.version: None} if live else {}
    for change in store.history(name, limit=HISTORY_LOOKED_AT):
        if change.action != "canary" and change.previous in kept:
            found[str(change.previous)] = None
    return tuple(item for item in found if item != version)[:BEFORE_MAX]


def forgettable(store: Store, keep: int) -> list[Version]:
    """Return the versions that may be forgotten as the store is now; see ``prunable``."""
    live, rollouts = store.live(), store.rollouts()
    found: list[Version] = []
    for name in store.versions.functions():
        versions = store.versions.of(name)
        if len(versions) < 2:  # noqa: PLR2004  # the live one, or a first canary
            continue
        held: set[str] = set()
        if (rollout := rollouts.get(name)) is not None:
            held |= {rollout.version, rollout.previous}
        if name in live:
            held.add(live[name].version)
            with contextlib.suppress(UnknownFunctionError):  # there is no way back
                held.add(version_before(store, name))
        found += prunable(versions, held, keep=keep)
    return found
