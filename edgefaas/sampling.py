"""Once a second: ask the workers what they did, add it up, and let them know what the whole POP does.

A thin shell around ``control.live``: the clock and the control channel here, the sums there.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

from edgefaas.control.live import ANSWER_KINDS, LiveWindow, Sums
from edgefaas.fleet import Fleet
from edgefaas.onlooker import Onlooker
from edgefaas.site import Site

EVERY_S = 1.0
ANSWER_S = 0.8  # a worker that is busy for longer tells it the next time

log = logging.getLogger("edgefaas.sampling")


class Sampler:
    """What this POP and its mesh do just now. Make it inside the running loop."""

    def __init__(
        self, fleet: Fleet, site: Site, *, onlooker: Callable[[Site], Onlooker], wall_s: Callable[[], float]
    ) -> None:
        self._fleet = fleet
        self._site = site
        self._make_onlooker = onlooker
        self._onlooker = onlooker(site)
        self._wall_s = wall_s
        self._window = LiveWindow()

    def reconfigure(self, site: Site) -> None:
        """Watch the POPs of this site; what is known stays while they stay the same."""
        self._site = site
        after = self._make_onlooker(site)
        if after.known_as != self._onlooker.known_as:
            self._onlooker.stop()
            self._onlooker = after

    async def run(self) -> None:
        """Sample until cancelled."""
        loop = asyncio.get_running_loop()
        before_s = loop.time()
        while True:
            # In step with the clock, so that waiting for workers makes the steps no longer.
            await asyncio.sleep(EVERY_S - loop.time() % EVERY_S)
            sums = Sums()
            for news in await self._fleet.live(self._window.figures().short(), timeout_s=ANSWER_S):
                if not sums.take(news):
                    log.warning("a worker told nonsense about what it did")
            now_s = loop.time()
            self._window.tick(sums, over_s=now_s - before_s, at_s=self._wall_s())
            before_s = now_s

    async def live(self, *, history: bool, idle: bool) -> dict[str, Any]:
        """Return what the page and ``edgefaas top`` show, as JSON values; see ``docs/deploying.md``.

        With ``idle`` also the functions that ran before, but not within the window.
        """
        await self._onlooker.look()
        over_s, sums = self._window.now()
        figures = self._window.figures().to_json()
        functions: list[dict[str, Any]] = list(figures.pop("functions"))
        totals = self._window.totals
        for row in functions:
            row["runs"], row["errors"] = totals.get((row["name"], row["version"]), (0, 0))
        if idle:
            shown = {(row["name"], row["version"]) for row in functions}
            functions += [_still(key, counts) for key, counts in sorted(totals.items()) if key not in shown]
        answer = {
            "at_s": self._wall_s(),
            "window_s": round(over_s, 3),
            "site": self._site.name,
            "pop": self._site.router.pop,
            "totals": figures
            | {
                "cpu_cores": sums.cpu_us / 1e6 / over_s if over_s else 0.0,
                "answers_per_s": sums.answers(over_s) if over_s else dict.fromkeys(ANSWER_KINDS, 0.0),
            },
            "last": self._window.last(),
            "functions": functions,
            "pops": self._pops(figures, functions),
        }
        if history:
            answer["history"] = self._window.history()
        return answer

    def _pops(self, figures: Mapping[str, Any], functions: list[dict[str, Any]]) -> list[dict[str, Any]]:
        here = self._site.router.pop
        seen = self._onlooker.rows()
        busy = [row for row in functions if row["runs_per_s"]]
        own = {"state": "here", "ms": None, "problem": "", "live": {**figures, "functions": busy}}
        silent = {"state": "no address", "ms": None, "problem": "", "live": None}
        rows = [
            {
                "name": pop.name,
                "city": pop.city,
                "latitude": pop.latitude,
                "longitude": pop.longitude,
                "url": pop.url,
                **(own if pop.name == here else seen.get(pop.name, silent)),
            }
            for pop in self._site.pops.values()
        ]
        if here not in self._site.pops:  # a POP of no mesh, or a router in front: it has no place on the map
            nowhere = {"name": here, "city": "", "latitude": None, "longitude": None, "url": ""}
            rows.insert(0, nowhere | own)
        return rows


def _still(key: tuple[str, str], counts: tuple[int, int]) -> dict[str, Any]:
    """Return the row of a function that did nothing within the window."""
    name, version = key
    runs, errors = counts
    rates = dict.fromkeys(("runs_per_s", "errors_per_s", "cpu_ms_per_s"), 0.0)
    return {
        "name": name,
        "version": version,
        **rates,
        "p50_ms": None,
        "p99_ms": None,
        "runs": runs,
        "errors": errors,
    }
