"""What is asked for when something is deployed, and what came of it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from edgefaas.control.bundle import Bundle
from edgefaas.control.bundle_json import from_json
from edgefaas.control.healthcheck import Check
from edgefaas.control.records import HASH_SHORT, Note, Version
from edgefaas.control.rollout import Rule, rule_from_json
from edgefaas.errors import DeployError
from edgefaas.release import Release
from edgefaas.release import from_json as release_from_json
from edgefaas.split import WHOLE, Affinity, read_affinity, read_share

FUNCTIONS_MAX = 500
RELEASES_MAX = 50
ANY = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Who wants a change, why, and what they think is live.

    ``expected`` is a version or its first digits, "" for nothing, ``ANY`` for any; None: whatever is.
    """

    actor: str
    action: str = "deploy"
    expected: str | None = None

    def check(self, name: str, live: str) -> None:
        """Raise ConflictError when ``live``, the version of a function ("" for none), is not what is expected."""
        if self.expected is None or (self.expected == ANY and live):
            return
        if not (live.startswith(self.expected) if self.expected else not live):
            raise ConflictError(
                f'Function "{name}" is live as {live[:HASH_SHORT] or "nothing"},'
                f" not as {self.expected[:HASH_SHORT] or 'nothing'}: somebody changed it",
                remedy="Look at edgefaas versions, then deploy again.",
            )

    def note(self, at_s: float, reason: str = "") -> Note:
        """Return what the history is told."""
        return Note(action=self.action, actor=self.actor, at_s=at_s, reason=reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How something goes out: to how many viewers at first, known again by what, checked and watched how.

    ``share`` is in hundredths of a percent; None is everybody at once. ``affinity`` None: as it was, or by address.
    """

    share: int | None = None
    affinity: Affinity | None = None
    checks: Mapping[str, Check] = field(default_factory=dict)
    rule: Rule | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """One function after a change. ``changed`` is False when that version was live already.

    ``share`` is what part of the viewers has it, in hundredths of a percent. ``watched`` tells that it may still be
    taken back by itself; ``ended`` are functions whose canary ended with the change.
    """

    name: str
    version: str
    number: int
    previous: str | None
    changed: bool
    warnings: tuple[str, ...] = ()
    share: int = WHOLE
    ended: tuple[str, ...] = ()
    checked: bool = False
    watched: bool = False

    @classmethod
    def of(
        cls, version: Version, warnings: tuple[str, ...] = (), *, previous: str | None, changed: bool
    ) -> "Deployed":
        """Return what became of a version that everybody gets."""
        return cls(
            name=version.function,
            version=version.version,
            number=version.number,
            previous=previous,
            changed=changed,
            warnings=warnings,
        )


class ConflictError(DeployError):
    """Somebody else changed the function first."""

    status = 412


class InUseError(DeployError):
    """A behaviour of the site uses the function."""

    status = 409


class NoCanaryError(DeployError):
    """There is no canary to promote or take back."""

    status = 409


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One deploy as it was handed in."""

    bundles: tuple[Bundle | Release, ...]
    terms: Terms


def read_delivery(plain: Any) -> Delivery:
    """Return the deploy of a JSON body: one function, or ``functions`` and ``releases`` with ``canary`` and ``watch``.

    Raises DeployError.
    """
    if not isinstance(plain, dict) or "functions" not in plain:
        plain = {"functions": [plain]}
    if unknown := plain.keys() - {"functions", "releases", "canary", "watch"}:
        raise DeployError(
            f"The key {min(unknown)!r} is not known", remedy="Send functions, releases, canary and watch."
        )
    items, releases = plain["functions"], plain.get("releases", [])
    if not isinstance(releases, list) or len(releases) > RELEASES_MAX:
        raise DeployError("releases is not a list", remedy=f"Send at most {RELEASES_MAX} releases.")
    if not isinstance(items, list) or not (not releases) <= len(items) <= FUNCTIONS_MAX:
        raise DeployError("functions is not a list", remedy=f"Send 1 to {FUNCTIONS_MAX} functions.")
    bundles: list[Bundle] = []
    checks: dict[str, Check] = {}
    for item in items:
        function, check = _without_health(item)
        bundle = from_json(function)
        bundles.append(bundle)
        if check is not None:
            checks[bundle.name] = check
    share, affinity = _canary(plain.get("canary"))
    rule = rule_from_json(plain.get("watch"))
    if share is not None and rule is None:
        rule = Rule()  # nobody looks at a canary all the time
    return Delivery(
        bundles=(*bundles, *map(release_from_json, releases)),
        terms=Terms(share=share, affinity=affinity, checks=checks, rule=rule),
    )


def _without_health(item: Any) -> tuple[Any, Check | None]:
    """Return a function without its check, which is no part of a version."""
    if not isinstance(item, dict) or item.get("health") is None:
        return (
            ({key: value for key, value in item.items() if key != "health"}, None)
            if isinstance(item, dict)
            else (item, None)
        )
    health = item["health"]
    if not isinstance(health, dict) or "event" not in health or health.keys() - {"event", "expect"}:
        raise DeployError(
            "health is not an object with an event", remedy="Send event, and expect if you like."
        )
    rest = {key: value for key, value in item.items() if key != "health"}
    return rest, Check(event=health["event"], expect=health.get("expect"))


def _canary(plain: Any) -> tuple[int | None, Affinity | None]:
    if plain is None:
        return None, None
    if not isinstance(plain, dict) or plain.keys() - {"percent", "affinity"}:
        raise DeployError("canary is not an object", remedy="Send percent, and affinity if you like.")
    percent, affinity = plain.get("percent"), plain.get("affinity")
    if (
        isinstance(percent, bool)
        or not isinstance(percent, int | float)
        or not isinstance(affinity, str | None)
    ):
        raise DeployError("canary has no percent", remedy='Send {"percent": 10, "affinity": "address"}.')
    return read_share(percent), None if affinity is None else read_affinity(affinity)
