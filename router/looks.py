"""When to look elsewhere than at the POP that is believed to be best, and how: by a side probe, or by one request.

Pure: instants are arguments, chance is a seed. A look is worth its cost when what it promises, times the
requests to come, exceeds it; how many are to come is guessed as how many there were (Lindy's law).
"""

from collections.abc import Sequence
from dataclasses import replace
from math import inf
from random import Random

from router.decision import ChoiceSettings, Decision, Reason
from router.groups import Group

_AGAIN_AFTER = 4  # requests, when an exploring one told nothing
_OUT_OF_SERVICE_AFTER = 16  # requests, when the POP to look at is out of service


class Budget:
    """How many looks may be taken: so many per request, and a burst that is saved up."""

    __slots__ = ("_burst", "_per_request", "_thrift", "left")

    def __init__(self, per_request: float, burst: float, thrift: float) -> None:
        self._per_request = per_request
        self._burst = burst
        self._thrift = thrift
        self.left = burst

    def earn(self) -> None:
        """Count a request."""
        if self.left < self._burst:
            self.left += self._per_request

    @property
    def price(self) -> float:
        """Return what a look costs now, times its usual cost."""
        return float(self._thrift ** (1 - 2 * min(1.0, self.left / self._burst)))


class Looks:
    """Plans looks for groups.

    ``shares`` and ``waits`` are the chooser's own lists, by POP, and change under it.
    """

    __slots__ = (
        "_explored",
        "_names",
        "_newcomers",
        "_next_audit",
        "_probes",
        "_random",
        "_settings",
        "_shares",
        "_waits",
    )

    def __init__(
        self,
        names: Sequence[str],
        shares: Sequence[float],
        waits: Sequence[float],
        settings: ChoiceSettings,
        seed: int,
    ) -> None:
        self._names = names
        self._shares = shares
        self._waits = waits
        self._settings = settings
        self._random = Random(seed)  # noqa: S311  chance that costs latency, no secret
        self._probes = Budget(settings.probes_per_request, settings.probes_burst, settings.thrift)
        self._explored = Budget(settings.explored_per_request, settings.explored_burst, settings.thrift)
        self._newcomers = 0
        self._next_audit = self._audit_gap()

    def plan(self, group: Group) -> None:
        """Say at which request of the group a look will have become worth its cost."""
        picture, settings = group.picture, self._settings
        assert picture is not None
        group.look_at = inf
        if group.local or picture.explore < 0:
            return
        if not picture.gains:  # nothing measured yet: ask about the runner-up, but send nobody there
            worth = 0 if self._probing(group) else inf
        elif self._probing(group):
            worth = settings.probe_cost / picture.gains[picture.explore]
        else:
            worth = self._request_worth(group)
        group.look_worth = worth
        group.look_at = worth / settings.thrift - settings.head_start

    def _request_worth(self, group: Group) -> float:
        """Find the POP for which an exploring request pays off first: it may cost what it loses.

        Returns after how many requests, at the usual price; infinity when never.
        """
        picture, prior, settings = group.picture, group.prior, self._settings
        assert picture is not None
        assert prior is not None
        best = picture.expected[picture.order[0]]
        first = inf
        for at, gain in enumerate(picture.gains):
            pop = prior.candidates[at]
            if gain <= 0 or pop == group.chosen or self._shares[pop] <= group.ticket:
                continue
            loss = picture.expected[at] - best + gain
            worth = (settings.explore_cost + settings.explore_patience * loss) / gain
            if worth < first:
                first = worth
                picture.explore = at
        return first

    def turn(self, group: Group, decision: Decision, now_s: float, *, can_probe: bool) -> Decision:
        """Return the decision for one request: mostly as it is, sometimes with a look elsewhere."""
        settings = self._settings
        self._probes.earn()
        self._explored.earn()
        if group.requests == 1 and not settings.side_probes:
            self._explores()
        self._next_audit -= 1
        if self._next_audit <= 0:
            return self._audit(group, decision, now_s, can_probe=can_probe)
        if group.requests >= group.look_at:
            return self._look(group, decision, now_s, can_probe=can_probe)
        return decision

    def _look(self, group: Group, decision: Decision, now_s: float, *, can_probe: bool) -> Decision:
        """Look elsewhere once, and not again until something was learnt or some requests have passed."""
        picture, prior, settings = group.picture, group.prior, self._settings
        assert picture is not None
        assert prior is not None
        pop = prior.candidates[picture.explore]
        if self._shares[pop] <= group.ticket or decision.pop is None:
            group.look_at = group.requests + _OUT_OF_SERVICE_AFTER
            return decision
        probing = self._probing(group)
        budget = self._probes if probing else self._explored
        if budget.left < 1:
            return decision
        price = budget.price
        if group.requests + settings.head_start < price * group.look_worth:
            group.look_at = min(price * group.look_worth - settings.head_start, group.requests + _AGAIN_AFTER)
            return decision
        if not probing:
            group.look_at = group.requests + _AGAIN_AFTER
            return self._exploring(group, decision, pop)
        if now_s - group.looked_s < settings.probe_pause_s:
            return decision
        group.unanswered += 1  # until a round trip to another POP is observed
        group.look_at = group.requests + (1 << group.unanswered)
        if group.unanswered >= settings.unanswered_max:
            self._explores()
            self.plan(group)  # from now on by requests
        return self._asked(group, decision, pop, now_s) if can_probe else decision

    def _exploring(self, group: Group, decision: Decision, pop: int) -> Decision:
        """Return the decision to serve this request from another POP, unless that one is busy."""
        picture = group.picture
        assert picture is not None
        if self._names[pop] == decision.pop or decision.pop is None or self._waits[pop] > 0:
            return decision
        self._explored.left -= 1
        others = (decision.pop, *(name for name in decision.alternatives if name != self._names[pop]))
        return Decision(self._names[pop], Reason.EXPLORED, picture.expected[picture.explore], others)

    def _audit(self, group: Group, decision: Decision, now_s: float, *, can_probe: bool) -> Decision:
        """Ask for a probe of any POP now and then: finds those that everybody believes to be bad."""
        self._next_audit = self._audit_gap()
        if group.local or not can_probe or not self._probing(group) or self._probes.left < 1:
            return decision
        prior = group.prior
        assert prior is not None
        pop = prior.candidates[self._random.randrange(len(prior.candidates))]
        if self._names[pop] == decision.pop or self._shares[pop] <= group.ticket:
            return decision
        return self._asked(group, decision, pop, now_s)

    def _asked(self, group: Group, decision: Decision, pop: int, now_s: float) -> Decision:
        self._probes.left -= 1
        group.looked_s = now_s
        return replace(decision, probe=self._names[pop])

    def _probing(self, group: Group) -> bool:
        return self._settings.side_probes and group.unanswered < self._settings.unanswered_max

    def _explores(self) -> None:
        """Allow for a group that is about to learn by requests, while the router itself has all to learn."""
        if self._newcomers < self._settings.newcomers_max:
            self._newcomers += 1
            self._explored.left += self._settings.explored_at_first

    def _audit_gap(self) -> int:
        share = self._settings.audit_share
        return 1 << 62 if share <= 0 else max(1, round(self._random.expovariate(share)))
