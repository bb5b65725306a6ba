"""Watch what is on its way, and take back what fails. A thin shell: ``rollout.judge`` decides.

Looks at the workers' counters while there is a rollout with a rule, and sleeps otherwise. What is watched is in the
store, so a POP that was killed watches on after its restart, over a new window.
"""

import asyncio
import logging
import math
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from edgefaas.control.rollout import Counted, Rollout, counted, grown, judge
from edgefaas.errors import EdgeError

log = logging.getLogger("edgefaas.rollout")

LOOK_EVERY_S = 0.5
_NOTHING = Counted()
Key = tuple[str, str]


class Deploys(Protocol):
    """What changes what is live."""

    @property
    def rollouts_changed(self) -> asyncio.Event:
        """Set when something has gone on its way."""
        ...

    async def take_back(self, salt: str, reason: str) -> list[Rollout]:
        """Take back what was deployed together. Raises EdgeError."""
        ...

    async def end_watch(self, salt: str) -> None:
        """Let versions that everybody has stay."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """What the watch asks: what is on its way, every worker's statistics, and a clock that only goes forward."""

    deploys: Deploys
    rollouts: Callable[[], Awaitable[dict[str, Rollout]]]
    stats: Callable[[], Awaitable[list[dict[str, Any]]]]
    clock: Callable[[], float]
    told: Callable[[Sequence[Rollout], str], Awaitable[None]]


class Windows:
    """What versions did within the last while, from counters that only workers hold."""

    def __init__(self) -> None:
        self._last: dict[object, dict[Key, Counted]] = {}
        self._steps: dict[Key, deque[tuple[float, Counted]]] = {}
        self._began = False

    def take(self, stats: Sequence[dict[str, Any]], now_s: float, keep_s: float) -> None:
        """Note what every worker counted since the last time; what is older than ``keep_s`` is forgotten."""
        for row in stats:
            worker = (row.get("process") or {}).get("pid", row.get("worker"))
            seen = counted([*(row.get("functions") or ()), *(row.get("releases") or ())])
            before = self._last.get(worker)
            self._last[worker] = seen
            if not self._began:
                continue  # counted before anybody watched; a worker that comes later began with nothing
            for key, now in seen.items():
                step = grown((before or {}).get(key, _NOTHING), now)
                if step.runs:
                    self._steps.setdefault(key, deque()).append((now_s, step))
        self._began = True
        for steps in self._steps.values():
            while steps and steps[0][0] < now_s - keep_s:
                steps.popleft()

    def of(self, key: Key, since_s: float) -> Counted:
        """Return what a version did since then."""
        steps = [step for at_s, step in self._steps.get(key, ()) if at_s >= since_s]
        return Counted(sum(step.runs for step in steps), sum(step.errors for step in steps))


class RolloutWatch:
    """Runs for as long as the POP does."""

    def __init__(self, watched: Watched) -> None:
        self._watched = watched
        # When each was first looked at. What is stored with it is the wall's time, which may be set meanwhile: then a
        # version that fails would stay for hours, or be watched no longer.
        self._seen_s: dict[tuple[str, str, float], float] = {}

    async def run(self) -> None:
        """Watch, until cancelled."""
        while True:
            await self._watched.deploys.rollouts_changed.wait()
            self._watched.deploys.rollouts_changed.clear()
            windows = Windows()
            try:
                while await self.look(windows):  # noqa: ASYNC110  # counters are looked at, there is no event
                    await asyncio.sleep(LOOK_EVERY_S)
            except BaseException:
                self._watched.deploys.rollouts_changed.set()  # who begins anew goes on watching
                raise

    async def look(self, windows: Windows) -> bool:
        """Look once; return whether there is anything left to watch."""
        try:
            rollouts = {
                name: item for name, item in (await self._watched.rollouts()).items() if item.rule is not None
            }
            if not rollouts:
                return False
            now_s = self._watched.clock()
            self._seen_s = {key: self._seen_s.get(key, now_s) for key in map(_identity, rollouts.values())}
            keep_s = max(item.rule.window_s for item in rollouts.values() if item.rule)
            windows.take(await self._watched.stats(), now_s, keep_s)
            for salt in {item.salt for item in rollouts.values()}:
                group = [item for item in rollouts.values() if item.salt == salt]
                await self._decide(salt, group, windows, now_s)
        except EdgeError as error:
            log.error("what is on its way is not watched: %s", error.advice)  # noqa: TRY400  # no traceback to users
        return True

    def _end_s(self, item: Rollout) -> float:
        """Return when watching ends; what was on its way when the POP started has a whole window from then on."""
        if item.until_s is None or item.rule is None:
            return math.inf
        return self._seen_s[_identity(item)] + item.rule.window_s

    async def _decide(self, salt: str, group: Sequence[Rollout], windows: Windows, now_s: float) -> None:
        over = all(now_s >= self._end_s(item) for item in group)
        for item in group:
            assert item.rule is not None
            since_s = max(self._seen_s[_identity(item)], now_s - item.rule.window_s)
            new = windows.of((item.function, item.version), since_s)
            # A version that everybody has runs beside none: what the one before did is over.
            beside = windows.of((item.function, item.previous), since_s) if item.is_canary else _NOTHING
            if why := judge(new, beside, item.rule, final=over):
                reason = f"{item.function}: {why}"
                log.warning("taken back: %s", reason)
                await self._watched.told(await self._watched.deploys.take_back(salt, reason), reason)
                return
        if over:
            await self._watched.deploys.end_watch(salt)


def _identity(item: Rollout) -> tuple[str, str, float]:
    return item.function, item.version, item.since_s
