"""What POPs tell each other when they ask each other how they are: load, measured round trips.

Pure: instants are arguments. A probe proves with ``X-Edge-Mesh`` that its sender knows the mesh secret, and
names what it has heard already; only then the health answer tells more than the POP's name, and it is signed
together with the question, so that it can neither be forged nor replayed. Every worker of a POP has an
identity and numbers its news: whichever worker a probe meets, nothing is taken twice.
"""

import hmac
import json
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256

from edgefaas.figures import Figures, read_short
from router import Hop, HopError, PopLoad, sign_hop, verify_hop

FIELD = "X-Edge-Mesh"
ANSWER_BYTES_MAX = 200_000  # a prober reads up to 262,144
NEWS_KEPT = 8
NEWS_KEPT_S = 30.0
WORKERS_HEARD_MAX = 24  # of one POP; their names must fit into the header
PATHS_MAX = 1_000
SAMPLES_MIN = 200  # requests before a worker says how long one takes: the first ones find its cache empty
_STEP = 1.03  # how far one request moves the median


@dataclass(frozen=True, slots=True)
class Told:
    """What a POP told: how busy it is, its round trips to other POPs (ms), and its news by worker and number.

    ``load`` is None from a worker that has served too little to know; ``live`` is how its whole POP does, None from
    one that does not say.
    """

    worker: str
    load: PopLoad | None
    paths: Mapping[str, float]
    news: tuple[tuple[int, object], ...]
    live: Figures | None = None


def probe_key(secret: bytes) -> bytes:
    """Return the key of questions and answers: what signs passed-on requests must not sign these."""
    return hmac.digest(secret, b"edgefaas-probe", sha256)


class Listener:
    """Asks one POP, and reads what its workers answer."""

    def __init__(self, *, here: str, receiver: str, key: bytes) -> None:
        self._here = here
        self._receiver = receiver
        self._key = key
        self._asked = ""
        self._heard: dict[str, int] = {}

    def question(self, wall_s: float) -> str:
        """Return the value of ``X-Edge-Mesh`` for the next probe."""
        heard = ",".join(f"{worker}:{number}" for worker, number in self._heard.items())
        hop = Hop(
            sender=self._here or "router",
            receiver=self._receiver,
            viewer="",
            request_id=heard,
            sent_at_s=wall_s,
        )
        self._asked = sign_hop(hop, self._key)
        return self._asked

    def read(self, body: bytes) -> Told | None:
        """Return what the answer to the last question tells; None when it tells nothing, or is not signed."""
        try:
            outer = json.loads(body)
            text, mac = outer["mesh"], outer["mac"]
            if not hmac.compare_digest(_mac(self._key, self._asked, text), mac):
                return None
            told = _told(json.loads(text))
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
            return None
        newest = max((number for number, _ in told.news), default=0)
        before = self._heard.pop(told.worker, 0)
        self._heard[told.worker] = max(before, newest)
        while len(self._heard) > WORKERS_HEARD_MAX:
            del self._heard[next(iter(self._heard))]  # workers that ended
        return replace(told, news=tuple(n for n in told.news if n[0] > before))


class Teller:
    """What one worker tells of itself: counts requests in flight, keeps its latest news."""

    def __init__(self, *, here: str, worker: str, capacity: int, key: bytes) -> None:
        self._here = here
        self.worker = worker
        self._capacity = capacity
        self._key = key
        self._in_flight = 0
        self._service_ms = 0.0  # the median
        self._samples = 0
        self._news: deque[tuple[int, float, str]] = deque(maxlen=NEWS_KEPT)
        self._number = 0
        self.live: Mapping[str, object] | None = None

    @property
    def load(self) -> PopLoad | None:
        """Return how busy this worker is; None while it has served too little to know."""
        if self._samples < SAMPLES_MIN:
            return None
        return PopLoad(
            in_flight=self._in_flight, capacity=self._capacity, service_ms=round(self._service_ms, 3)
        )

    def began(self) -> None:
        """Count a request that is being worked on; each must be ``ended``."""
        self._in_flight += 1

    def ended(self, took_ms: float) -> None:
        """Count the end of a request; the median follows, which a few slow origins do not move."""
        self._in_flight -= 1
        self._samples += 1
        median = self._service_ms
        self._service_ms = (
            (median * _STEP if took_ms > median else median / _STEP) if median else max(took_ms, 0.01)
        )

    def note(self, news: Mapping[str, object], now_s: float) -> None:
        """Keep a message of the chooser's for whoever asks."""
        if news.get("paths"):
            self._number += 1
            self._news.append((self._number, now_s, json.dumps(news, separators=(",", ":"))))

    def answer(self, question: str | None, paths: Mapping[str, float], *, now_s: float, wall_s: float) -> str:
        """Return the health answer's JSON; what the mesh may know only when the question is signed."""
        outer: dict[str, object] = {"pop": self._here}
        if question is not None and self._key:
            try:
                hop = verify_hop(question, [self._key], receiver=self._here, now_s=wall_s)
            except HopError:
                hop = None
            if hop is not None:
                text = self._mesh(_heard(hop.request_id).get(self.worker, 0), paths, now_s)
                outer |= {"mesh": text, "mac": _mac(self._key, question, text)}
        return json.dumps(outer, separators=(",", ":")) + "\n"

    def _mesh(self, heard: int, paths: Mapping[str, float], now_s: float) -> str:
        load = self.load
        head: dict[str, object] = {
            "worker": self.worker,
            "load": None if load is None else [load.in_flight, load.capacity, load.service_ms],
            "paths": {name: round(ms, 3) for name, ms in list(paths.items())[:PATHS_MAX]},
        }
        if self.live is not None:
            head["live"] = self.live
        room, rows = ANSWER_BYTES_MAX, []
        for number, at_s, text in self._news:  # the oldest first: what has no room is told the next time
            if number <= heard or now_s - at_s > NEWS_KEPT_S:
                continue
            room -= len(text)
            if room < 0:
                break
            rows.append(f"[{number},{text}]")
        return f'{json.dumps(head, separators=(",", ":"))[:-1]},"news":[{",".join(rows)}]}}'


def _told(inner: Mapping[str, object]) -> Told:
    """Return what a signed answer says. Raises ValueError, KeyError or TypeError: another version wrote it."""
    load = None
    match inner["load"]:
        case None:
            pass
        case [int(in_flight), int(capacity), int() | float() as service_ms] if in_flight >= 0:
            load = PopLoad(in_flight=in_flight, capacity=capacity, service_ms=float(service_ms))
        case _:
            raise ValueError("a load is [in flight, capacity, ms]")
    paths, news = inner["paths"], inner["news"]
    if not isinstance(paths, dict) or not isinstance(news, list):
        raise TypeError("paths are a table, news a list")
    rows = tuple((int(number), message) for number, message in news)
    return Told(
        str(inner["worker"])[:32],
        load,
        {str(k): float(v) for k, v in paths.items()},
        rows,
        read_short(inner.get("live")),
    )


def _heard(text: str) -> dict[str, int]:
    pairs = (pair.partition(":") for pair in text.split(",") if pair)
    return {worker: int(number) for worker, _, number in pairs if number.isascii() and number.isdigit()}


def _mac(key: bytes, question: str, text: str) -> str:
    return hmac.digest(key, f"{question}\n{text}".encode(), sha256).hex()
