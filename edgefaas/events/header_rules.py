"""Which fields a function is shown, which it may change, and what a field line must look like.

Pure. Sources: "Restrictions on edge functions" of the CloudFront developer guide; RFC 9110, 5.1 and 5.5.
"""

import re
from functools import lru_cache

from edgefaas.events.refusal import refuse
from edgefaas.site import Trigger

FORBIDDEN = frozenset(
    {
        "connection",
        "expect",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "trailer",
        "upgrade",
        "x-accel-buffering",
        "x-accel-charset",
        "x-accel-limit-rate",
        "x-accel-redirect",
        "x-amzn-auth",
        "x-amzn-cf-billing",
        "x-amzn-cf-id",
        "x-amzn-cf-xff",
        "x-amzn-errortype",
        "x-amzn-fle-profile",
        "x-amzn-header-count",
        "x-amzn-header-order",
        "x-amzn-lambda-integration-tag",
        "x-amzn-requestid",
        "x-cache",
        "x-forwarded-proto",
        "x-real-ip",
    }
)
FORBIDDEN_PREFIXES = ("x-amz-cf-", "x-edge-")

READ_ONLY: dict[Trigger, frozenset[str]] = {
    Trigger.VIEWER_REQUEST: frozenset({"content-length", "host", "transfer-encoding", "via"}),
    Trigger.ORIGIN_REQUEST: frozenset(
        {
            "accept-encoding",
            "content-length",
            "if-modified-since",
            "if-none-match",
            "if-range",
            "if-unmodified-since",
            "transfer-encoding",
            "via",
        }
    ),
    Trigger.ORIGIN_RESPONSE: frozenset({"transfer-encoding", "via"}),
    Trigger.VIEWER_RESPONSE: frozenset({"via", "warning"}),
}

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 9110, 5.6.2
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")  # a tab is allowed (RFC 9110, 5.5)


def is_forbidden(name: str) -> bool:
    """Return whether functions neither see nor may add the field ``name`` (lower case)."""
    return name in FORBIDDEN or name.startswith(FORBIDDEN_PREFIXES)


@lru_cache(maxsize=4096)  # the names of real traffic repeat; hostile ones only cost a miss
def shown_name(name: str) -> str:
    """Return the lower-case name under which a function sees a field, or "" when it does not."""
    lower = name.lower()
    return "" if is_forbidden(lower) else lower


@lru_cache(maxsize=4096)
def title_case(name: str) -> str:
    """Return the name with every word's first letter in upper case: ``x-my-id`` → ``X-My-Id``."""
    return "-".join(word[:1].upper() + word[1:] for word in name.split("-"))


@lru_cache(maxsize=4096)  # only what is allowed stays cached
def check_change(trigger: Trigger, name: str) -> None:
    """Refuse a change (added, changed, deleted) of the field ``name`` (lower case) where none is allowed."""
    _check_token(trigger, name)
    if is_forbidden(name):
        refuse(trigger, f'header "{name}" may not be set by a function', f'Do not add "{name}".')
    if name in READ_ONLY[trigger]:
        refuse(
            trigger,
            f'header "{name}" is read-only in this trigger and was added, changed or deleted',
            f'Return "{name}" as it came, or do the change in another trigger.',
        )


def check_generated(trigger: Trigger, name: str) -> None:
    """Refuse a field (lower case) that a response made by a function may not have."""
    _check_token(trigger, name)
    if is_forbidden(name) or name in ("transfer-encoding", "via"):
        refuse(trigger, f'header "{name}" may not be set by a function', f'Do not add "{name}".')


def _check_token(trigger: Trigger, name: str) -> None:
    if not _TOKEN.fullmatch(name):
        refuse(trigger, f"header name {name!r} is not a token", "Use letters, digits and hyphens only.")


def field_value(trigger: Trigger, name: str, value: object, *, aws: bool) -> str:
    """Return a field value as octets in latin-1, or refuse it.

    Numbers are written in decimal unless ``aws``. Characters above U+00FF go out as UTF-8.
    """
    if not isinstance(value, str):
        if aws or isinstance(value, bool) or not isinstance(value, (int, float)):
            refuse(
                trigger,
                f'header "{name}" has a value that is not a string ({type(value).__name__})',
                "Give the value as a string.",
            )
        value = f"{value}"
    if _CONTROL.search(value):
        refuse(
            trigger,
            f'header "{name}" has a control character in its value',
            "Remove line breaks and other control characters, or encode them.",
        )
    if value.isascii():
        return value.strip(" \t")
    try:
        value.encode("latin-1")
    except UnicodeEncodeError:
        value = value.encode("utf-8").decode("latin-1")
    return value.strip(" \t")
