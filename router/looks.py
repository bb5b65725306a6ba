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


class Looks:
    """Plans looks for groups.

    ``shares`` and ``waits`` are the chooser's own lists, by POP, and change under it.
    """

    __slots__ = ("_names", "_next_audit", "_random", "_settings", "_shares", "_tokens", "_waits")

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
        self._tokens = settings.probes_burst
        self._next_audit = self._audit_gap()

    def plan(self, group: Group) -> None:
        """Say at which request of the group a look will have become worth its cost."""
        picture, settings = group.picture, self._settings
        assert picture is not None
        group.look_at = inf
        if group.local or picture.explore < 0:
            return
        if not picture.gains:  # nothing measured yet: ask about the runner-up, but send nobody there
            group.look_at = 0 if self._probing(group) else inf
        elif self._probing(group):
            group.look_at = settings.probe_cost / picture.gains[picture.explore] - settings.head_start
        else:
            self._plan_request(group)

    def _plan_request(self, group: Group) -> None:
        """Find the POP for which an exploring request pays off first: it may cost what it loses."""
        picture, prior, settings = group.picture, group.prior, self._settings
        assert picture is not None
        assert prior is not None
        best = picture.expected[picture.order[0]]
        for at, gain in enumerate(picture.gains):
            pop = prior.candidates[at]
            if gain <= 0 or pop == group.chosen or self._shares[pop] <= group.ticket:
                continue
            loss = picture.expected[at] - best + gain
            cost = settings.explore_cost + settings.explore_patience * loss
            at_request = cost / gain - settings.head_start
            if at_request < group.look_at:
                group.look_at = at_request
                picture.explore = at

    def turn(self, group: Group, decision: Decision, now_s: float, *, can_probe: bool) -> Decision:
        """Return the decision for one request: mostly as it is, sometimes with a look elsewhere."""
        settings = self._settings
        tokens = self._tokens + settings.probes_per_request
        self._tokens = tokens if tokens < settings.probes_burst else settings.probes_burst
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
        if not self._probing(group):
            group.look_at = group.requests + _AGAIN_AFTER
            return self._exploring(group, decision, pop)
        if self._tokens < 1 or now_s - group.looked_s < settings.probe_pause_s:
            return decision
        group.unanswered += 1  # until a round trip to another POP is observed
        group.look_at = group.requests + (1 << group.unanswered)
        if group.unanswered >= settings.unanswered_max:
            self.plan(group)  # from now on by requests
        return self._asked(group, decision, pop, now_s) if can_probe else decision

    def _exploring(self, group: Group, decision: Decision, pop: int) -> Decision:
        """Return the decision to serve this request from another POP, unless that one is busy."""
        picture = group.picture
        assert picture is not None
        if self._names[pop] == decision.pop or decision.pop is None or self._waits[pop] > 0:
            return decision
        others = (decision.pop, *(name for name in decision.alternatives if name != self._names[pop]))
        return Decision(self._names[pop], Reason.EXPLORED, picture.expected[picture.explore], others)

    def _audit(self, group: Group, decision: Decision, now_s: float, *, can_probe: bool) -> Decision:
        """Ask for a probe of any POP now and then: finds those that everybody believes to be bad."""
        self._next_audit = self._audit_gap()
        if group.local or not can_probe or not self._probing(group) or self._tokens < 1:
            return decision
        prior = group.prior
        assert prior is not None
        pop = prior.candidates[self._random.randrange(len(prior.candidates))]
        if self._names[pop] == decision.pop or self._shares[pop] <= group.ticket:
            return decision
        return self._asked(group, decision, pop, now_s)

    def _asked(self, group: Group, decision: Decision, pop: int, now_s: float) -> Decision:
        self._tokens -= 1
        group.looked_s = now_s
        return replace(decision, probe=self._names[pop])

    def _probing(self, group: Group) -> bool:
        return self._settings.side_probes and group.unanswered < self._settings.unanswered_max

    def _audit_gap(self) -> int:
        share = self._settings.audit_share
        return 1 << 62 if share <= 0 else max(1, round(self._random.expovariate(share)))
