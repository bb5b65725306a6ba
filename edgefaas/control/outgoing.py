"""What goes on its way when something is deployed: as canaries, or to everybody and watched. Pure."""

from collections.abc import Mapping
from dataclasses import replace

from edgefaas.control.orders import Terms
from edgefaas.control.rollout import Rollout
from edgefaas.errors import DeployError
from edgefaas.split import WHOLE, Affinity, salt_of


def watched_rollouts(
    new: Mapping[str, str], live: Mapping[str, str], terms: Terms, *, now_s: float
) -> list[Rollout]:
    """Return what is to be watched of ``new`` versions that everybody gets: what there is a way back from."""
    if terms.rule is None:
        return []
    return [
        Rollout(
            function=name,
            version=version,
            previous=live[name],
            share=WHOLE,
            affinity=Affinity(),
            salt=salt_of(new),
            since_s=now_s,
            rule=terms.rule,
            until_s=now_s + terms.rule.window_s,
        )
        for name, version in new.items()
        if name in live
    ]


def canary_rollouts(
    new: Mapping[str, str],
    live: Mapping[str, str],
    known: Mapping[str, Rollout],
    terms: Terms,
    *,
    now_s: float,
) -> list[Rollout]:
    """Return the rollouts of ``new`` versions that go out together to ``terms.share`` of the viewers.

    One that is on its way already (``known``) keeps salt and affinity, and so its viewers, while all of them are of
    one earlier deploy. Raises DeployError: a function has no live version to be compared with.
    """
    assert terms.share is not None
    rollouts = []
    for name, version in new.items():
        if name not in live:
            raise DeployError(
                f'Function "{name}" cannot have a canary: no version of it is live',
                remedy="Deploy it to everybody first.",
            )
        old = known.get(name)
        same = old if old is not None and old.is_canary and old.version == version else None
        rollouts.append(
            Rollout(
                function=name,
                version=version,
                previous=live[name],
                share=terms.share,
                affinity=terms.affinity or (same.affinity if same else Affinity()),
                salt=same.salt if same else "",
                since_s=now_s,
                rule=terms.rule,
            )
        )
    salts = {item.salt for item in rollouts}
    if len(salts) == 1 and "" not in salts:
        return rollouts
    return [replace(item, salt=salt_of(new)) for item in rollouts]
