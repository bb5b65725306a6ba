"""What a purge means, which stored responses it hits, and which of them came before it.

Pure. Every purge gets the next number of a sequence. A stored response carries the number that was current
when its fetch began (its *token*), so it is hit by exactly the purges with a higher number: a purge during
a fetch wins over that fetch, and a purge is in force as soon as it is in the log, however many responses
are stored. What it hits leaves memory and disk afterwards, in slices (``MemoryStore.sweep``).
"""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

from edgefaas.cache.key import canonical_host

URLS_REMEMBERED = 65_536
LOCAL_BITS = 20  # of a number: purges that are known in this process only come between two shared ones
PATTERNS_REMEMBERED = 1_024
KINDS = ("url", "prefix", "wildcard", "host", "tag", "everything")


@dataclass(frozen=True, slots=True, kw_only=True)
class Purge:
    """Which stored responses to drop; ``soft`` marks them stale instead.

    ``kind`` is url, prefix, wildcard, host, tag or everything; ``value`` is its argument ("" for everything).
    A url, prefix or wildcard starts with ``scheme://``, with ``//host``, or with ``/`` (then it holds for
    every host); ``*`` in a wildcard stands for any run of characters. A url without a query means exactly
    that.
    """

    kind: str
    value: str = ""
    soft: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """How many stored responses a purge hits; at least so many when not all were looked at (``complete``)."""

    number: int = 0
    complete: bool = True


class Hit(IntEnum):
    """What the purges after a token do to a response; the greater is the stronger."""

    NONE = 0
    SOFT = 1
    HARD = 2


class Purgeable(Protocol):
    """What a purge looks at."""

    @property
    def uri(self) -> str: ...  # noqa: D102 - canonical, with the keyed query

    @property
    def host(self) -> str: ...  # noqa: D102 - canonical

    @property
    def tags(self) -> tuple[str, ...]: ...  # noqa: D102


def problem_with(purge: Purge) -> str | None:
    """Return one sentence on what is wrong with ``purge``, or None when it can be carried out."""
    if purge.kind not in KINDS:
        return f'there is no purge by "{purge.kind}"; it is one of {", ".join(KINDS)}'
    if purge.kind == "everything":
        return None
    if not purge.value:
        return f"a purge by {purge.kind} needs a value"
    if purge.kind in ("url", "prefix", "wildcard"):
        rooted = purge.value.startswith(("/", "http://", "https://")) or (
            purge.kind == "wildcard" and purge.value.startswith("*")
        )
        if not rooted:
            return f'"{purge.value}" starts neither with "/" nor with "http://" or "https://"'
    return None


def matches(purge: Purge, target: Purgeable) -> bool:
    """Return whether ``purge`` names ``target``, whenever that was stored."""
    match purge.kind:
        case "everything":
            return True
        case "host":
            return canonical_host(purge.value, "") in _host_names(target.host)
        case "tag":
            return purge.value in target.tags
    wanted = _canonical(purge.value)
    spelling = _spelling_like(wanted, target.uri)
    match purge.kind:
        case "url":
            return spelling == wanted
        case "prefix":
            return spelling.startswith(wanted)
        case _:
            return _glob(wanted.split("*"), spelling)


def _spelling_like(wanted: str, uri: str) -> str:
    """Return the spelling of a URI that ``wanted`` is one of: from the path, the host, or the scheme on."""
    whole, from_host, from_path = _spellings(uri)
    if wanted.startswith("//"):
        return from_host
    return from_path if wanted.startswith("/") else whole


def _glob(parts: list[str], text: str) -> bool:
    """Return whether ``text`` is ``parts`` with any runs of characters between them; never backtracks."""
    if len(parts) == 1:
        return text == parts[0]
    first, *inner, last = parts
    if not text.startswith(first) or not text.endswith(last):
        return False
    at, end = len(first), len(text) - len(last)
    for part in inner:
        found = text.find(part, at, end) if at <= end else -1
        if found < 0:
            return False
        at = found + len(part)
    return at <= end


def _host_names(host: str) -> tuple[str, str]:
    """Return an authority, and it without its port: a purge may name either."""
    bare, colon, port = host.rpartition(":")
    return host, bare if colon and port.isdigit() else host


def _spellings(uri: str) -> tuple[str, str, str]:
    """Return a canonical URI with its scheme, without it, and from the path on."""
    rest = uri.split("://", 1)[-1]
    slash = rest.find("/")
    return uri, f"//{rest}", rest[slash:] if slash >= 0 else "/"


def _canonical(value: str) -> str:
    """Return a purge's value with its host in canonical form."""
    if value.startswith("//"):
        host, slash, path = value[2:].partition("/")
        return f"//{canonical_host(host, '')}{slash}{path}"
    scheme, separator, rest = value.partition("://")
    if not separator or "/" in scheme:
        return value
    host, slash, path = rest.partition("/")
    return f"{scheme.lower()}://{canonical_host(host, scheme.lower())}{slash}{path}"


@dataclass(slots=True)
class _Seqs:
    """The numbers of the latest hard and soft purge of one name."""

    hard: int = 0
    soft: int = 0

    def note(self, seq: int, *, soft: bool) -> None:
        if soft:
            self.soft = max(self.soft, seq)
        else:
            self.hard = max(self.hard, seq)

    def hit(self, token: int) -> Hit:
        if self.hard > token:
            return Hit.HARD
        return Hit.SOFT if self.soft > token else Hit.NONE


class PurgeLog:
    """The purges so far, arranged so that one response is checked against all of them in a few lookups.

    ``seq`` is the latest number; its upper bits are those that a shared tier gave (``shared_seq``).

    Bounded: when too many URLs are remembered, the oldest are forgotten and what began before them is
    refused on arrival (``since_fetch``); when too many patterns are, the oldest counts as a purge of
    everything.
    """

    def __init__(self, seq: int = 0) -> None:
        self.seq = seq
        self._everything = _Seqs()
        self._urls: OrderedDict[str, _Seqs] = OrderedDict()
        self._urls_forgotten = 0
        self._hosts: dict[str, _Seqs] = {}
        self._tags: dict[str, _Seqs] = {}
        self._patterns: OrderedDict[Purge, int] = OrderedDict()

    @property
    def shared_seq(self) -> int:
        """Return the latest number that a shared tier gave."""
        return self.seq >> LOCAL_BITS

    def record(self, purge: Purge, shared_seq: int | None = None) -> int:
        """Put ``purge`` in force and return its number.

        ``shared_seq`` is the number that a shared tier gave; without one, the purge holds in this process
        only.
        """
        number = self.seq + 1 if shared_seq is None else shared_seq << LOCAL_BITS
        self.seq = max(self.seq, number)
        match purge.kind:
            case "everything":
                self._everything.note(number, soft=purge.soft)
            case "host":
                self._named(self._hosts, canonical_host(purge.value, ""), number, soft=purge.soft)
            case "tag":
                self._named(self._tags, purge.value, number, soft=purge.soft)
            case "url":
                self._note_url(_canonical(purge.value), number, soft=purge.soft)
            case _:
                self._patterns[purge] = number
                self._patterns.move_to_end(purge)
                while len(self._patterns) > PATTERNS_REMEMBERED:
                    _, oldest = self._patterns.popitem(last=False)
                    self._everything.note(oldest, soft=False)
        return number

    def _named(self, names: dict[str, _Seqs], name: str, number: int, *, soft: bool) -> None:
        names.setdefault(name, _Seqs()).note(number, soft=soft)
        if len(names) > URLS_REMEMBERED:
            oldest = next(iter(names))
            gone = names.pop(oldest)
            self._everything.note(max(gone.hard, gone.soft), soft=False)

    def _note_url(self, url: str, number: int, *, soft: bool) -> None:
        self._urls.setdefault(url, _Seqs()).note(number, soft=soft)
        self._urls.move_to_end(url)
        while len(self._urls) > URLS_REMEMBERED:
            _, gone = self._urls.popitem(last=False)
            self._urls_forgotten = max(self._urls_forgotten, gone.hard, gone.soft)

    def hit(self, target: Purgeable, token: int) -> Hit:
        """Return what the purges after ``token`` do to ``target``."""
        if token >= self.seq:
            return Hit.NONE
        worst = self._everything.hit(token)
        for seqs in self._seqs_of(target):
            if worst is Hit.HARD:
                return worst
            worst = max(worst, seqs.hit(token))
        if worst is not Hit.HARD:
            for purge in reversed(self._patterns):
                if self._patterns[purge] <= token:
                    break
                if matches(purge, target):
                    worst = max(worst, Hit.SOFT if purge.soft else Hit.HARD)
        return worst

    def since_fetch(self, target: Purgeable, token: int) -> Hit:
        """Return ``hit`` for what is about to be stored; a forgotten purge counts as hitting it."""
        return Hit.HARD if token < self._urls_forgotten else self.hit(target, token)

    def _seqs_of(self, target: Purgeable) -> Iterable[_Seqs]:
        if self._urls:
            whole, from_host, from_path = _spellings(target.uri)
            # A path that starts with two slashes would read as a host; it is named with its host.
            for spelling in (whole, from_host, "" if from_path.startswith("//") else from_path):
                if (seqs := self._urls.get(spelling)) is not None:
                    yield seqs
        if self._hosts:
            for name in _host_names(target.host):
                if (seqs := self._hosts.get(name)) is not None:
                    yield seqs
        if self._tags:
            for tag in target.tags:
                if (seqs := self._tags.get(tag)) is not None:
                    yield seqs
