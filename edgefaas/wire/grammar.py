"""The octets of HTTP/1.1 messages, as regular expressions, for both sides of a POP.

Pure. Strict on purpose: bare LF, folded lines, blanks before a colon and control characters never match, because
what two parsers read differently is how requests are smuggled. Sources: RFC 9110, 5.1 and 5.5; RFC 9112, 2-5.
"""

import re

TOKEN_CLASS = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]"
VALUE_CLASS = rb"[^\x00-\x08\x0a-\x1f\x7f]"
FIELD_SECTION = rb"(?:" + TOKEN_CLASS + rb"++:" + VALUE_CLASS + rb"*+\r\n)*+"

HEAD_LIMIT_BYTES = 64 * 1024
FIELD_COUNT_LIMIT = 200

TOKEN = re.compile(TOKEN_CLASS + rb"++")
DIGITS = re.compile(rb"[0-9]{1,18}")
_BARE_LF = re.compile(rb"(?<!\r)\n")


class FramingError(ValueError):
    """The octets are not an HTTP/1.1 message; the text says what is wrong with them."""


def has_bare_lf(data: bytes) -> bool:
    """Return whether a line ends with LF alone, which RFC 9112, 2.2 lets us refuse."""
    return _BARE_LF.search(data) is not None


def content_length(values: list[bytes]) -> int:
    """Return the declared length in bytes.

    Raises:
        FramingError: several lines or members (even equal ones), or not 1 to 18 digits (RFC 9112, 6.3).
    """
    if len(values) != 1:
        raise FramingError("there is more than one Content-Length line")
    if not DIGITS.fullmatch(values[0]):
        raise FramingError("Content-Length is not a plain number")
    return int(values[0])
