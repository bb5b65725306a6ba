"""Cache directives of requests and responses, parsed; never tested for presence in the text.

Pure. Sources: RFC 9111, 1.2.2 (delta-seconds), 4.2.1 (duplicates), 5.1 (Age), 5.2 (Cache-Control);
RFC 5861 (stale-while-revalidate, stale-if-error); RFC 9213 (CDN-Cache-Control).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from edgefaas.cache.fields import split_list, unquote
from edgefaas.cache.structured import Member, StructuredFieldError, parse_dictionary
from edgefaas.message import Headers

DELTA_SECONDS_MAX = 2**31  # RFC 9111, 1.2.2
TARGETED_FIELDS = ("cdn-cache-control",)  # RFC 9213, 2.2: the target list of this cache, first match wins

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+", re.ASCII)
_DIGITS = re.compile(r"[0-9]+", re.ASCII)
_SECONDS = ("max-age", "s-maxage", "stale-while-revalidate", "stale-if-error")
_FLAGS = (
    "no-store",
    "must-revalidate",
    "proxy-revalidate",
    "public",
    "must-understand",
    "immutable",
    "no-transform",
)
_QUOTE = '"'
_FLAGS_OR_FIELDS = ("no-cache", "private")


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseDirectives:
    """What a response says about its caching. Durations are seconds; None where nothing is said.

    ``no_cache`` and ``private`` are the unqualified forms; the ``…_fields`` are the lower-case names of the
    qualified ones. ``targeted`` tells that a CDN-Cache-Control field replaced Cache-Control and Expires.
    """

    max_age_s: int | None = None
    s_maxage_s: int | None = None
    stale_while_revalidate_s: int | None = None
    stale_if_error_s: int | None = None
    no_store: bool = False
    no_cache: bool = False
    no_cache_fields: frozenset[str] = frozenset()
    private: bool = False
    private_fields: frozenset[str] = frozenset()
    must_revalidate: bool = False
    proxy_revalidate: bool = False
    must_understand: bool = False
    public: bool = False
    immutable: bool = False
    no_transform: bool = False
    targeted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestDirectives:
    """What a viewer asks of caches. ``max_stale_s`` is infinite for a bare ``max-stale``."""

    max_age_s: int | None = None
    min_fresh_s: int | None = None
    max_stale_s: float | None = None
    stale_if_error_s: int | None = None
    no_cache: bool = False
    no_store: bool = False
    only_if_cached: bool = False


NO_REQUEST_DIRECTIVES = RequestDirectives()


def delta_seconds(text: str) -> int | None:
    """Return a non-negative number of seconds, at most 2**31, or None when ``text`` is not one."""
    if _DIGITS.fullmatch(text) is None:
        return None
    if len(text.lstrip("0")) > len(str(DELTA_SECONDS_MAX)):
        return DELTA_SECONDS_MAX
    return min(int(text), DELTA_SECONDS_MAX)


def parse_age(headers: Headers) -> int:
    """Return the Age of a response: its first member, 0 when absent or invalid (RFC 9111, 5.1)."""
    lines = headers.values("age")
    if not lines:
        return 0
    first = lines[0].split(",", 1)[0].strip(" \t")
    return delta_seconds(first) or 0


@lru_cache(maxsize=2048)
def parse_directives(text: str) -> Mapping[str, str | None]:
    """Return lower-case directive names with their raw arguments (None: no argument).

    What is not a directive is ignored; of several of one name the first counts (RFC 9111, 4.2.1), except
    that a form without argument, which is stricter, wins for ``no-cache`` and ``private``.
    """
    found: dict[str, str | None] = {}
    for member in split_list(text):
        name, equals, argument = member.partition("=")
        if _TOKEN.fullmatch(name) is None:
            continue
        name = name.lower()
        value = argument if equals else None
        if name not in found:
            found[name] = value
        elif name in _FLAGS_OR_FIELDS:
            earlier = found[name]
            if earlier is None or value is None:
                found[name] = None
            else:
                found[name] = f'"{earlier.strip(_QUOTE)},{value.strip(_QUOTE)}"'
    return found


def _seconds(found: Mapping[str, str | None], name: str) -> int | None:
    """Return the argument in seconds; 0 when it is invalid: then the response counts as stale (4.2.1)."""
    if name not in found:
        return None
    text = found[name]
    if text is None:
        return 0
    unquoted = unquote(text)
    return delta_seconds(text if unquoted is None else unquoted) or 0


def _field_names(argument: str | None) -> frozenset[str] | None:
    """Return the field names of a qualified form, or None when it has to count as unqualified."""
    if argument is None:
        return None
    unquoted = unquote(argument)
    names = split_list(argument if unquoted is None else unquoted)
    if not names or any(_TOKEN.fullmatch(name) is None for name in names):
        return None
    return frozenset(name.lower() for name in names)


@lru_cache(maxsize=2048)
def cache_control_directives(text: str) -> ResponseDirectives:
    """Return what the value of a response's Cache-Control says."""
    found = parse_directives(text)
    no_cache_fields = _field_names(found["no-cache"]) if "no-cache" in found else frozenset()
    private_fields = _field_names(found["private"]) if "private" in found else frozenset()
    return ResponseDirectives(
        max_age_s=_seconds(found, "max-age"),
        s_maxage_s=_seconds(found, "s-maxage"),
        stale_while_revalidate_s=_seconds(found, "stale-while-revalidate"),
        stale_if_error_s=_seconds(found, "stale-if-error"),
        no_store="no-store" in found,
        no_cache=no_cache_fields is None,
        no_cache_fields=no_cache_fields or frozenset(),
        private=private_fields is None,
        private_fields=private_fields or frozenset(),
        must_revalidate="must-revalidate" in found,
        proxy_revalidate="proxy-revalidate" in found,
        must_understand="must-understand" in found,
        public="public" in found,
        immutable="immutable" in found,
        no_transform="no-transform" in found,
    )


@lru_cache(maxsize=512)
def _from_targeted(text: str) -> ResponseDirectives | None:
    """Return the directives of a targeted field, or None when it is empty or invalid (RFC 9213, 2.1)."""
    try:
        members = parse_dictionary(text)
    except StructuredFieldError:
        return None
    if not members or not _well_typed(members):
        return None
    seconds: dict[str, int] = {}
    for name in _SECONDS:
        value = members.get(name)
        if isinstance(value, int):
            seconds[name] = min(value, DELTA_SECONDS_MAX)
    flags = {name for name in _FLAGS if members.get(name) is True}
    no_cache, private = members.get("no-cache"), members.get("private")
    no_cache_fields = _field_names(no_cache) if isinstance(no_cache, str) else frozenset[str]()
    private_fields = _field_names(private) if isinstance(private, str) else frozenset[str]()
    return ResponseDirectives(
        max_age_s=seconds.get("max-age"),
        s_maxage_s=seconds.get("s-maxage"),
        stale_while_revalidate_s=seconds.get("stale-while-revalidate"),
        stale_if_error_s=seconds.get("stale-if-error"),
        no_store="no-store" in flags,
        no_cache=no_cache is True or no_cache_fields is None,
        no_cache_fields=no_cache_fields or frozenset(),
        private=private is True or private_fields is None,
        private_fields=private_fields or frozenset(),
        must_revalidate="must-revalidate" in flags,
        proxy_revalidate="proxy-revalidate" in flags,
        must_understand="must-understand" in flags,
        public="public" in flags,
        immutable="immutable" in flags,
        no_transform="no-transform" in flags,
        targeted=True,
    )


def _well_typed(members: Mapping[str, Member]) -> bool:
    for name in _SECONDS:
        value = members.get(name, 0)
        if type(value) is not int or value < 0:
            return False
    if any(not isinstance(members.get(name, True), bool) for name in _FLAGS):
        return False
    return all(isinstance(members.get(name, True), bool | str) for name in _FLAGS_OR_FIELDS)


def response_directives(headers: Headers) -> ResponseDirectives:
    """Return what governs this cache: the first valid targeted field, else Cache-Control."""
    for field in TARGETED_FIELDS:
        text = headers.get(field)
        if text is not None:
            targeted = _from_targeted(text)
            if targeted is not None:
                return targeted
    return cache_control_directives(headers.get("cache-control") or "")


@lru_cache(maxsize=512)
def _request_directives(cache_control: str | None, pragma: str | None) -> RequestDirectives:
    if cache_control is None:
        # Pragma counts only where Cache-Control is absent (RFC 9111, 5.4).
        return RequestDirectives(no_cache="no-cache" in parse_directives(pragma or ""))
    found = parse_directives(cache_control)
    max_stale: float | None = None
    if "max-stale" in found:
        argument = found["max-stale"]
        max_stale = float("inf") if argument is None else float(_seconds(found, "max-stale") or 0)
    return RequestDirectives(
        max_age_s=_seconds(found, "max-age"),
        min_fresh_s=_seconds(found, "min-fresh"),
        max_stale_s=max_stale,
        stale_if_error_s=_seconds(found, "stale-if-error"),
        no_cache="no-cache" in found,
        no_store="no-store" in found,
        only_if_cached="only-if-cached" in found,
    )


def request_directives(cache_control: str | None, pragma: str | None) -> RequestDirectives:
    """Return what the viewer asks for, from the combined Cache-Control and Pragma values (None: absent)."""
    if cache_control is None and pragma is None:
        return NO_REQUEST_DIRECTIVES
    return _request_directives(cache_control, pragma)
