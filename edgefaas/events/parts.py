"""Parts of a function's output that both APIs check alike: targets, statuses, bodies.

Pure. Sources: "Restrictions on edge functions" and "Quotas" of the CloudFront developer guide.
"""

import base64
import binascii
import json
import re
from http import HTTPStatus
from typing import Any

import orjson

from edgefaas.events.event import Rules
from edgefaas.events.refusal import refuse
from edgefaas.site import Trigger

TARGET_MAX_CHARS = 8191  # "must be less than 8192 characters", URI and query string together
STATUS_MIN, STATUS_MAX = 200, 599

_PLAIN_URI = re.compile(r"/[!$%&'()*+,\-./0-9:;=@A-Z_a-z~\[\]{}|^`\"<>\\]*")
_PLAIN_QUERY = re.compile(r"[!$%&'()*+,\-./0-9:;=?@A-Z_a-z~\[\]{}|^`\"<>\\]*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_STATUS = re.compile(r"[0-9]{3}")
_NO_REASON = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def read_result(trigger: Trigger, output: bytes) -> dict[str, Any]:
    """Return the object that a function returned, as JSON.

    Lone surrogates, which JavaScript's strings may hold and UTF-8 cannot, become U+FFFD as they do in browsers.
    """
    try:
        returned = orjson.loads(output)
    except orjson.JSONDecodeError as error:
        returned = _without_surrogates(output)
        if returned is None:
            refuse(trigger, f"the result is not JSON ({error})", "Return the request or a response.")
    if not isinstance(returned, dict):
        kind = "nothing (null)" if returned is None else f"a {type(returned).__name__}"
        refuse(trigger, f"the result is {kind}", "Return the request or a response object.")
    return returned


def _without_surrogates(output: bytes) -> Any:
    """Return the JSON value with surrogates replaced, or None when it is none even so."""
    if b"\\u" not in output:
        return None
    try:
        text = json.dumps(json.loads(output), ensure_ascii=False)
        return orjson.loads(_SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text))
    except (ValueError, RecursionError):
        return None


def _encoded(text: str, also: str) -> str:
    """Percent-encode blanks, characters outside ASCII and those in ``also``."""
    return "".join(
        char
        if "!" <= char <= "~" and char not in also
        else "".join(f"%{octet:02X}" for octet in char.encode("utf-8", "surrogatepass"))
        for char in text
    )


def read_uri(trigger: Trigger, value: object, *, aws: bool) -> str:
    """Return a path for the request line.

    ``?`` and ``#`` would change the query and are encoded; blanks and characters outside ASCII are encoded
    too, and refused under AWS's rules. Control characters are always refused.
    """
    if not isinstance(value, str) or not value.startswith("/"):
        refuse(trigger, f"uri is {value!r}", 'Return a uri that starts with "/".')
    assert isinstance(value, str)
    if _PLAIN_URI.fullmatch(value):
        return value
    if _CONTROL.search(value):
        refuse(trigger, "uri has a control character", "Percent-encode it.")
    if aws and (" " in value or "#" in value):
        refuse(trigger, "uri has a space or a #", "Percent-encode it.")
    return _encoded(value, "?#")


def read_query(trigger: Trigger, value: object, *, aws: bool) -> str:
    """Return a query string for the request line, without the ``?``."""
    if value is None:
        return ""
    if not isinstance(value, str):
        refuse(trigger, f"querystring is {value!r}", "Return the query string as a string.")
    if _PLAIN_QUERY.fullmatch(value):
        return value
    if _CONTROL.search(value):
        refuse(trigger, "querystring has a control character", "Percent-encode it.")
    if aws and (" " in value or "#" in value):
        refuse(trigger, "querystring has a space or a #", "Percent-encode it.")
    return _encoded(value, "#")


def check_target(trigger: Trigger, path: str, query: str) -> None:
    """Refuse a URI and query string that are too long together."""
    length = len(path) + len(query)
    if length > TARGET_MAX_CHARS:
        refuse(
            trigger,
            f"uri and querystring have {length} characters; the limit is {TARGET_MAX_CHARS}",
            "Shorten them.",
        )


def read_status(trigger: Trigger, value: object, name: str) -> int:
    """Return a final status, 200 to 599; strings and integers are both taken."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, str) and _STATUS.fullmatch(value):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not STATUS_MIN <= value <= STATUS_MAX:
        refuse(trigger, f"{name} is {value!r}", f"Return a {name} of 200 to 599.")
    return value


def read_reason(trigger: Trigger, value: object, status: int) -> str:
    """Return the reason phrase; the standard one when the function gives none."""
    if value is None or value == "":
        try:
            return HTTPStatus(status).phrase
        except ValueError:
            return ""
    if not isinstance(value, str) or _NO_REASON.search(value):
        refuse(trigger, f"statusDescription is {value!r}", "Return a single line of text.")
    return value if value.isascii() else value.encode("utf-8").decode("latin-1")


def read_body(
    trigger: Trigger, value: object, encoding: object, rules: Rules, *, name: str = "body"
) -> bytes:
    """Return the octets of a body given as ``text`` or ``base64``; refuse other encodings and oversize."""
    if encoding is None or encoding == "":
        encoding = "text"
    if encoding not in ("text", "base64"):
        refuse(trigger, f"{name} encoding is {encoding!r}", 'Use "text" or "base64".')
    if value is None:
        value = ""
    if not isinstance(value, str):
        refuse(
            trigger,
            f"{name} is not a string ({type(value).__name__})",
            "Return text, or base64 with its encoding; JSON.stringify an object first.",
        )
    is_base64 = encoding == "base64"
    data = value.encode("utf-8", "surrogatepass")
    allowed = rules.body_returned_chars(trigger, base64=is_base64)
    if allowed is not None and len(data) > allowed:
        refuse(trigger, f"{name} has {len(data)} bytes; the limit is {allowed}", "Return a smaller body.")
    if not is_base64:
        return data
    try:
        return base64.b64decode(data + b"=" * (-len(data) % 4), validate=True)
    except binascii.Error:
        refuse(trigger, f"{name} is not valid base64", "Encode the body as base64, or declare it as text.")


def check_no_content(trigger: Trigger, status: int, body: bytes) -> None:
    """Refuse a 204 with a body (RFC 9110, 15.3.5; CloudFront answers 502)."""
    if status == HTTPStatus.NO_CONTENT and body:
        refuse(trigger, "status 204 comes with a body", "Return no body, or another status.")


def expect_object(trigger: Trigger, value: object, name: str) -> dict[str, Any]:
    """Return a JSON object, or refuse what is none."""
    if not isinstance(value, dict):
        refuse(trigger, f"{name} is not an object ({type(value).__name__})", f"Return {name} as an object.")
    return value
