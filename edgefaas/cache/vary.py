"""Secondary keys: which stored variant a request selects.

Pure. Source: RFC 9111, 4.1. Values are compared after the transformations that section allows: lines
combined, whitespace around list members removed, and what a field's own definition calls equivalent
(RFC 9110, 12.5.1-12.5.4: case, and the order of members whose weights differ or are equal).
"""

from collections.abc import Iterable, Sequence
from typing import Protocol, TypeVar

from edgefaas.cache.fields import split_list
from edgefaas.message import Headers

Selectors = tuple[tuple[str, str | None], ...]
"""Lower-case field names with the normalised value of the request that was answered (None: absent)."""

STAR = "*"
_WEIGHTED = frozenset({"accept-encoding", "accept-language", "accept-charset"})
_CODING_ALIASES = {"x-gzip": "gzip", "x-compress": "compress"}  # RFC 9110, 8.4.1


class Variant(Protocol):
    """What variant selection has to know of a stored response."""

    @property
    def selectors(self) -> Selectors: ...  # noqa: D102 - see the class

    @property
    def birth_s(self) -> float: ...  # noqa: D102


V = TypeVar("V", bound=Variant)


def vary_names(headers: Headers) -> tuple[str, ...]:
    """Return the sorted lower-case names of a response's Vary; ``("*",)`` when a star is anywhere in it."""
    lines = headers.values("vary")
    if not lines:
        return ()
    names = {member.lower() for line in lines for member in split_list(line)}
    return (STAR,) if STAR in names else tuple(sorted(names))


def selectors_of(names: Iterable[str], headers: Headers) -> Selectors:
    """Return the secondary key of a request with these ``headers``."""
    return tuple((name, normalised(name, headers)) for name in names)


def normalised(name: str, headers: Headers) -> str | None:
    """Return the value of a request field in the form that variants are compared in; None when absent."""
    lines = headers.values(name)
    if not lines:
        return None
    members = [member for line in lines for member in split_list(line)]
    if name in _WEIGHTED:
        return ",".join(sorted(_weighted(name, member) for member in members))
    return ",".join(members)


def _weighted(name: str, member: str) -> str:
    """Return one member of a weighted list in lower case, with a weight of 1 left out."""
    word, *parameters = (part.strip(" \t").lower() for part in member.split(";"))
    if name == "accept-encoding":
        word = _CODING_ALIASES.get(word, word)
    kept = []
    for parameter in parameters:
        name_, equals, weight = parameter.partition("=")
        if name_ != "q" or not equals:
            kept.append(parameter)
            continue
        if "." in weight:
            weight = weight.rstrip("0").rstrip(".")
        if weight != "1":
            kept.append(f"q={weight or '0'}")
    return ";".join((word, *kept))


def select_variant(request_headers: Headers, variants: Sequence[V]) -> V | None:
    """Return the matching variant, the most recent one when several match; None when none does."""
    best: V | None = None
    for variant in variants:
        selectors = variant.selectors
        if selectors and not _matches(selectors, request_headers):
            continue
        if best is None or variant.birth_s >= best.birth_s:
            best = variant
    return best


def selects(selectors: Selectors, headers: Headers) -> bool:
    """Return whether a response stored under ``selectors`` may answer a request with these ``headers``."""
    return _matches(selectors, headers)


def collapse_key(key: str, variants: Sequence[Variant], headers: Headers) -> str:
    """Return what requests must have in common to share one trip to the origin.

    The primary key and, where a stored variant has shown which fields the origin varies on, their values.
    """
    names = {name for variant in variants for name, _ in variant.selectors}
    if not names:
        return key
    return f"{key}\n{selectors_of(sorted(names), headers)!r}"


def _matches(selectors: Selectors, headers: Headers) -> bool:
    return all(name != STAR and normalised(name, headers) == value for name, value in selectors)
