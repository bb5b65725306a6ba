"""Which POP should serve a viewer, and why: GeoIP says where to start, measured latency says where to go.

Pure: instants are arguments, chance is a seed. A decision is kept per group (prefix) and thought over when
something was learnt. A look elsewhere is taken when what it promises, over the requests to come, is worth
more than it costs: by a side probe where the viewer can make one, else by serving one request from there. How
many requests are to come is guessed as how many there were (Lindy's law).
"""

from collections.abc import Sequence
from math import ceil, inf

from router.address import is_local, packed, prefix_key
from router.decision import ChoiceSettings, Decision, Reason
from router.explain import Explanation, explained, group_name
from router.field import Field, Prior, arc_km, unit_vector
from router.groups import Group, GroupTable, network_of
from router.load import Loads, PopLoad
from router.location import Location
from router.looks import Looks
from router.mesh import Mesh
from router.path_model import PathModel, fit_paths, log_extra_of
from router.posterior import (
    ANYWHERE_DEVIATION,
    ANYWHERE_LOG_MS,
    PopKernel,
    contradicted,
    posterior,
    with_peers,
)
from router.samples import RTT_MS_MAX, Samples
from router.sharing import PathNews

_ALTERNATIVES_MAX = 3
_GOLDEN = 0x9E3779B97F4A7C15
_LOCAL_KEY = -1
_SHARE_STEPS = 32
_UNPLACED_MAX = 64  # POPs considered for a viewer of unknown place


class Chooser:
    """Chooses for one POP or front router. ``here`` is this POP's name, "" when it serves nothing itself."""

    def __init__(
        self, mesh: Mesh, *, here: str = "", settings: ChoiceSettings | None = None, seed: int = 0
    ) -> None:
        self.mesh = mesh
        self.settings = settings or ChoiceSettings()
        self._names = [pop.name for pop in mesh]
        self._here = mesh.index(here) if here else -1
        self._shares = [1.0] * len(mesh)
        self._field = Field(mesh, PathModel())
        self._kernel = PopKernel(self._field.vectors)
        self._groups = GroupTable()
        self._loads = Loads(len(mesh))
        self._busy = False  # whether waits must be looked at
        self._epoch = 0
        self._looks = Looks(self._names, self._shares, self._loads.waits, self.settings, seed)
        self._news = PathNews(mesh, self._groups)

    def set_health(self, pop: str, share: float) -> None:
        """Say how much of its viewers a POP should get now: 0 to 1, as ``Health.share`` tells."""
        index = self.mesh.index(pop)
        share = (
            ceil(share * _SHARE_STEPS) / _SHARE_STEPS
        )  # so that a warming POP is not news at every request
        if self._shares[index] != share:
            self._shares[index] = share
            self._epoch += 1

    def set_load(self, pop: str, load: PopLoad, now_s: float) -> None:
        """Take a POP's word on how busy it is; news older than ten seconds is forgotten."""
        self._loads.told(self.mesh.index(pop), load, now_s)
        self._loads.forget_stale(now_s)
        self._busy = not self._loads.quiet

    def sent(self, pop: str) -> None:
        """Count a request that goes to the POP; every one must be ``finished``."""
        self._loads.sent(self.mesh.index(pop))
        self._busy = True

    def finished(self, pop: str) -> None:
        """Count a request that came back from the POP, or failed."""
        self._loads.finished(self.mesh.index(pop))

    def calibrate(self, paths: Sequence[tuple[str, str, float]]) -> None:
        """Take round trips between POPs (name, name, ms): fit the path model, and start the map with them.

        Cheap enough for every few minutes. What viewers showed is kept: groups tell the new map again.
        """
        indexed = [
            (self.mesh.index(one), self.mesh.index(other), ms)
            for one, other, ms in paths
            if one != other and 0 < ms <= RTT_MS_MAX
        ]
        field = Field(self.mesh, PathModel())
        vectors = field.vectors
        field.model = fit_paths([(arc_km(vectors[a], vectors[b]), ms) for a, b, ms in indexed])
        for a, b, ms in indexed:
            field.credit_pops(a, b, ms)
        self._field = field
        for group in self._groups.in_use():
            group.prior = None
            group.epoch = -1

    def choose(self, address: str, location: Location, now_s: float, *, can_probe: bool = True) -> Decision:
        """Return the POP for a viewer; never raises.

        ``can_probe`` says whether this viewer could be asked to.
        """
        octets = packed(address)
        key = _LOCAL_KEY if octets is None else prefix_key(octets)
        group = self._groups.get(key) or self._group(key, octets, location)
        if group.epoch != self._epoch:
            self._think(group, now_s)
        group.requests += 1
        decision = group.decision
        assert isinstance(decision, Decision)
        if self._busy:
            decision = self._spill(group, decision)
        return self._looks.turn(group, decision, now_s, can_probe=can_probe)

    def passing_on_pays(self, decision: Decision) -> bool:
        """Say whether a request that arrived here is answered sooner by passing it on to the chosen POP.

        The viewer's way to this POP is travelled in both cases: it pays when the wait here is longer than the
        way between the POPs and the wait there, and when this POP serves nothing or is not in service.
        """
        here = self._here
        if decision.pop is None or here < 0 or self._shares[here] == 0:
            return decision.pop is not None
        there = self.mesh.index(decision.pop)
        waits = self._loads.waits
        return waits[here] > self._field.between_pops_ms(here, there) + waits[there]

    def observe(self, address: str, location: Location, pop: str, rtt_ms: float, now_s: float) -> None:
        """Take a round trip between this viewer and a POP, measured on the viewer's own connection."""
        octets = packed(address)
        if octets is None or not 0 < rtt_ms <= RTT_MS_MAX or is_local(octets):
            return
        index = self.mesh.index(pop)
        key = prefix_key(octets)
        group = self._groups.get(key) or self._group(key, octets, location)
        found = group.samples.get(index)
        if found is None:
            group.samples[index] = Samples(rtt_ms, now_s)
            changed = True
        else:
            changed = found.add(rtt_ms, now_s)
        if changed:
            self._credit(group, index)
            self._news.note(key, index)
        if index != group.chosen:
            group.unanswered = 0
            group.epoch = -1  # every look elsewhere lowers what the next one promises
        elif changed:
            group.epoch = -1

    def news(self, now_s: float) -> dict[str, object]:
        """Return what was measured here since the last call, for the other POPs: plain values, bounded."""
        return self._news.tell(now_s)

    def take_news(self, message: object, now_s: float) -> int:
        """Take another POP's ``news``; return how many paths it told of that concern this mesh.

        Raises:
            GossipError: it is not in the agreed form; nothing of it was taken.
        """
        taken = self._news.take(message, now_s)
        for group, pop in taken:
            if group is not None:
                self._credit(group, pop)
                group.epoch = -1
        return len(taken)

    def consult(self, address: str, location: Location, now_s: float) -> Decision:
        """Return what would be chosen, without counting a request or looking elsewhere: for DNS answers."""
        return self._thought(address, location, now_s)[1]

    def explain(self, address: str, location: Location, now_s: float) -> Explanation:
        """Return what a decision for this viewer rests on; changes nothing that later decisions use."""
        group, decision = self._thought(address, location, now_s)
        return Explanation(
            prefix=group_name(group),
            network=group.network,
            pop=decision.pop,
            reason=decision.reason.value,
            requests=group.requests,
            misplaced=group.misplaced,
            pops=explained(group, self._names, self._shares, self._loads, now_s),
        )

    def _thought(self, address: str, location: Location, now_s: float) -> tuple[Group, Decision]:
        """Return the group of an address with a decision; one that is not in use is not taken into use."""
        octets = packed(address)
        key = _LOCAL_KEY if octets is None else prefix_key(octets)
        group = self._groups.get(key) or self._new_group(key, octets, location, self._groups.kept(key))
        if group.epoch != self._epoch:
            self._think(group, now_s)
        decision = group.decision
        assert isinstance(decision, Decision)
        return group, self._spill(group, decision) if self._busy else decision

    def _group(self, key: int, octets: bytes | None, location: Location) -> Group:
        samples, requests = self._groups.unpack(key)
        group = self._new_group(key, octets, location, samples, requests)
        self._groups.put(group)
        return group

    def _new_group(
        self,
        key: int,
        octets: bytes | None,
        location: Location,
        samples: dict[int, Samples],
        requests: int = 0,
    ) -> Group:
        local = octets is None or is_local(octets)
        point = zone = None
        if location.latitude is not None and location.longitude is not None and not local:
            point = unit_vector(location.latitude, location.longitude)
            zone = self._field.zone(location.latitude, location.longitude)
        ticket = (key * _GOLDEN >> 32 & 0xFFFF) / 0x10000
        return Group(key, ticket, point, zone, network_of(location), samples, requests, local=local)

    def _prior(self, group: Group) -> Prior:
        """Return what to believe before measuring.

        Nothing but correlations when the place is wrong or unknown.
        """
        if group.point is not None and group.zone is not None and not group.misplaced:
            prior = self._field.prior(group.point, group.zone)
            peers = self._field.peers(group.network) if group.network else None
            return prior if peers is None else with_peers(prior, peers, self._kernel)
        candidates = list(range(min(len(self._names), _UNPLACED_MAX)))
        if self._here >= len(candidates):
            candidates.append(self._here)
        count = len(candidates)
        return Prior(
            candidates,
            [0.0] * count,
            [ANYWHERE_LOG_MS] * count,
            [ANYWHERE_LOG_MS] * count,
            [ANYWHERE_DEVIATION] * count,
        )

    def _think(self, group: Group, now_s: float) -> None:
        """Form a new picture of the group's paths, and decide."""
        field = self._field
        if group.prior is None or group.prior_change != field.change:
            group.prior = self._prior(group)
            group.prior_change = field.change
            if not group.misplaced and group.point is not None and contradicted(group.prior, group.samples):
                group.misplaced = True
                group.prior = self._prior(group)
        group.picture = posterior(group.prior, group.samples, self._kernel, group.chosen)
        group.epoch = self._epoch
        self._decide(group)
        self._looks.plan(group)

    def _decide(self, group: Group) -> None:
        """Choose by the picture among the POPs in service."""
        prior, picture = group.prior, group.picture
        assert prior is not None
        assert picture is not None
        shares, ticket = self._shares, group.ticket
        usable = [at for at in picture.order if shares[prior.candidates[at]] > ticket]
        if not usable:
            usable = [at for at in picture.order if shares[prior.candidates[at]] > 0]
        if not usable:
            group.decision = self._last_resort(group)
            return
        names, expected = self._names, picture.expected
        best = usable[0]
        reason = Reason.MEASURED if prior.candidates[best] in group.samples else Reason.NEAREST
        if best != picture.order[0]:
            reason = Reason.IN_SERVICE
        if group.chosen >= 0 and prior.candidates[best] != group.chosen:
            for at in usable[1:]:
                if expected[at] - expected[best] > self.settings.hysteresis_ms:
                    break
                if prior.candidates[at] == group.chosen:
                    best, reason = at, Reason.KEPT
                    break
        if group.point is None and not group.samples:
            best = self._unplaced(group, usable)
            here = prior.candidates[best] == self._here
            reason = Reason.NOT_PLACED if here else Reason.NOT_PLACED_IN_FRONT
        chosen = prior.candidates[best]
        group.chosen = chosen
        gain = None
        if self._here >= 0:
            own = [at for at, pop in enumerate(prior.candidates) if pop == self._here]
            gain = expected[own[0]] - expected[best] if own else None
        others = tuple(names[prior.candidates[at]] for at in usable[: _ALTERNATIVES_MAX + 1] if at != best)
        settled = all(
            shares[prior.candidates[at]] >= 1 for at in picture.order[: picture.order.index(best) + 1]
        )
        group.decision = Decision(
            names[chosen], reason, expected[best], others[:_ALTERNATIVES_MAX], gain, settled=settled
        )

    def _unplaced(self, group: Group, usable: list[int]) -> int:
        """Return where a viewer of unknown place goes: here, or to one POP by hash so that it stays there."""
        assert group.prior is not None
        for at in usable:
            if group.prior.candidates[at] == self._here:
                return at
        return sorted(usable)[int(group.ticket * len(usable))]

    def _last_resort(self, group: Group) -> Decision:
        """Return any POP in service when no candidate is, or this one, or none."""
        for index, share in enumerate(self._shares):
            if share > 0:
                group.chosen = index
                return Decision(self._names[index], Reason.NEAREST, 0.0, settled=False)
        group.chosen = self._here
        name = self._names[self._here] if self._here >= 0 else None
        return Decision(name, Reason.NONE_IN_SERVICE, 0.0, settled=False)

    def _spill(self, group: Group, decision: Decision) -> Decision:
        """Return the decision with the least predicted total: round trip and wait."""
        picture, prior = group.picture, group.prior
        assert picture is not None
        assert prior is not None
        costs, shares, ticket = self._loads.costs, self._shares, group.ticket
        if decision.pop is None or costs[group.chosen] == 0:
            return decision
        best, least = -1, inf
        for at in picture.order:
            expected_ms = picture.expected[at]
            if expected_ms >= least:
                break
            pop = prior.candidates[at]
            total_ms = expected_ms + costs[pop]
            if total_ms < least and shares[pop] > ticket:
                best, least = at, total_ms
        if best < 0 or prior.candidates[best] == group.chosen:
            return decision
        name = self._names[prior.candidates[best]]
        others = (decision.pop, *(other for other in decision.alternatives if other != name))
        return Decision(name, Reason.SPILLED, picture.expected[best], others, decision.gain_ms)

    def _credit(self, group: Group, pop: int) -> None:
        """Tell the map what this group's path to the POP is like."""
        if group.zone is None or group.misplaced:
            return
        if group.prior is None:
            group.prior = self._prior(group)
        try:
            at = group.prior.candidates.index(pop)
        except ValueError:
            return
        found = group.samples[pop]
        residual = log_extra_of(found.floor_ms, group.prior.bounds[at]) - group.prior.bases[at]
        before = found.credited
        self._field.credit(group.zone, group.network, pop, residual, before)
        found.credited = residual
