"""How a viewer gets to the POP that was chosen: answer here, pass the request on, or send the viewer there.

Pure. Loops are impossible: a request that a POP passed on is answered where it arrives, and a viewer who asks
by a POP's own name (which is where a redirect leads) is never sent further.
Sources: RFC 9110 sections 15.4.8 (307), 9.2.1 (safe methods), 7.8 (Upgrade); Fetch standard (no redirected
preflights).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from router.mesh import Mesh, Pop

_DEFAULT_PORTS = {"http": 80, "https": 443}
_TARGET_ALLOWED = frozenset(map(chr, range(0x21, 0x7F)))  # visible ASCII (RFC 9110, 5.5); no CR, LF, space


class Way(StrEnum):
    """How a site steers; ``DNS`` steers before the request, which is then answered where it arrives."""

    ANSWER = "answer"
    PROXY = "proxy"
    REDIRECT = "redirect"
    DNS = "dns"


@dataclass(frozen=True, slots=True, kw_only=True)
class SteeringPolicy:
    """How this POP steers. ``here`` is its name, "" for a router in front that serves nothing itself.

    A redirect costs the viewer a round trip and pays off after five to eight requests, so one is made only
    when the other POP is at least ``redirect_gain_ms`` closer.
    """

    way: Way = Way.ANSWER
    here: str = ""
    redirect_gain_ms: float = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """What steering must know of a request.

    ``host`` is its authority, ``hops`` how often it was passed on.
    """

    method: str
    host: str
    target: str
    hops: int = 0
    has_body: bool = False
    upgrade: bool = False


@dataclass(frozen=True, slots=True)
class AnswerHere:
    """Serve the request in this POP; ``reason`` is for people."""

    reason: str


@dataclass(frozen=True, slots=True)
class ProxyTo:
    """Pass the request on to this POP."""

    pop: Pop
    reason: str


@dataclass(frozen=True, slots=True)
class RedirectTo:
    """Answer 307 with this ``Location``; it must not be cached for others (``Cache-Control: no-store``)."""

    pop: Pop
    location: str
    reason: str
    status: int = 307


@dataclass(frozen=True, slots=True)
class NowhereToGo:
    """A front router found no POP in service: 503 with ``Retry-After``."""

    reason: str


Steer = AnswerHere | ProxyTo | RedirectTo | NowhereToGo


class Steering:
    """Decides for one site's mesh. Immutable."""

    __slots__ = ("_mesh", "_own_names", "_policy")

    def __init__(self, mesh: Mesh, policy: SteeringPolicy) -> None:
        self._mesh = mesh
        self._policy = policy
        self._own_names = frozenset(filter(None, (_authority(pop.url) for pop in mesh)))
        if policy.here:
            mesh.index(policy.here)  # raises MeshError

    def steer(
        self, arrival: Arrival, chosen: str | None, *, gain_ms: float | None = None, pays: bool = True
    ) -> Steer:
        """Say what to do with a request whose viewer belongs to POP ``chosen`` (None: none is in service).

        ``gain_ms`` is how much closer the chosen POP is to the viewer than this one; None when that is
        unknown. ``pays`` says whether passing on takes less than answering here (``Chooser.passing_on_pays``).
        """
        policy = self._policy
        if chosen is None:
            return (
                AnswerHere("no other POP is in service")
                if policy.here
                else NowhereToGo("no POP is in service")
            )
        if policy.here:
            kept = self._kept_here(arrival, chosen, pays=pays)
            if kept is not None:
                return AnswerHere(kept)
        elif arrival.hops:
            return NowhereToGo("a router in front got a request that a POP had passed on")
        pop = self._mesh.pop(chosen)
        if policy.way is Way.REDIRECT:
            location = self._location(arrival, pop, gain_ms)
            if location is not None:
                return RedirectTo(pop, location, f"{chosen} serves this viewer best")
        if not pop.url:
            reason = f'POP "{chosen}" has no url'
            return AnswerHere(reason) if policy.here else NowhereToGo(reason)
        return ProxyTo(pop, f"{chosen} serves this viewer best")

    def _kept_here(self, arrival: Arrival, chosen: str, *, pays: bool) -> str | None:
        """Return why this POP answers by itself, or None when it should not."""
        policy = self._policy
        if chosen == policy.here:
            return "this POP serves the viewer best"
        if policy.way in (Way.ANSWER, Way.DNS):
            return "this site answers where requests arrive"
        if arrival.hops:
            return "another POP passed the request on"
        if not pays and policy.way is Way.PROXY:
            return "answering here takes less than passing on"
        if policy.way is Way.REDIRECT and normal_authority(arrival.host, "") in self._own_names:
            return "the viewer asked for this POP by name"
        return None

    def _location(self, arrival: Arrival, pop: Pop, gain_ms: float | None) -> str | None:
        """Return where a redirect would lead, or None when the request is better passed on.

        A body would be sent twice, and one that streams cannot be; preflights must not be redirected;
        upgrades are not followed by clients.
        """
        if (
            not pop.url
            or arrival.has_body
            or arrival.upgrade
            or arrival.method in ("OPTIONS", "CONNECT", "TRACE")
        ):
            return None
        if gain_ms is not None and gain_ms < self._policy.redirect_gain_ms and self._policy.here:
            return None
        if not arrival.target.startswith("/") or normal_authority(arrival.host, "") in self._own_names:
            return None
        return pop.url + "".join(c if c in _TARGET_ALLOWED else _escaped(c) for c in arrival.target)


def normal_authority(authority: str, scheme: str) -> str:
    """Return host and port in lower case, without the scheme's default port, to compare with others."""
    lower = authority.strip().lower()
    for name, port in _DEFAULT_PORTS.items():
        if scheme in (name, "") and lower.endswith(f":{port}"):
            return lower[: -len(f":{port}")]
    return lower


def _authority(url: str) -> str:
    parts = urlsplit(url)
    return normal_authority(parts.netloc.rpartition("@")[2], parts.scheme)


def _escaped(character: str) -> str:
    """Return the percent-encoding of a character: of its octet (latin-1), or of its UTF-8."""
    octets = character.encode("latin-1" if ord(character) < 256 else "utf-8", "replace")  # noqa: PLR2004
    return "".join(f"%{octet:02X}" for octet in octets)


def retry_elsewhere(
    method: str, *, body_replayable: bool, alternatives: Sequence[str], tried: int
) -> str | None:
    """Return the POP that should get a request which its first POP failed to answer, or None.

    Once only, and only what is safe to send twice (RFC 9110, 9.2.2).
    """
    if tried != 1 or not alternatives or not body_replayable:
        return None
    return alternatives[0] if method in ("GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE") else None
