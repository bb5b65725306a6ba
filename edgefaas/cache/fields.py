"""Field lists, and the fields that concern one connection only.

Pure. Sources: RFC 9110, 5.6.1 (lists), 5.6.4 (quoted strings), 7.6.1 (Connection); RFC 9111, 3.1 (what is
never stored).
"""

from edgefaas.message import Headers

HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authentication-info",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Never stored and never forwarded (RFC 9110, 7.6.1; RFC 9111, 3.1)."""

# What a Connection field cannot remove: a message without them has another meaning (RFC 9110, 7.6.1 bans it).
_NEVER_NOMINATED = frozenset(
    {"cache-control", "content-length", "content-type", "date", "host", "set-cookie", "vary"}
)

_WHITESPACE = " \t"


def split_list(text: str) -> list[str]:
    """Return the members of a comma-separated list, outer whitespace removed, empty ones dropped.

    Commas inside quoted strings do not separate. A quoted string that never ends reaches to the end.
    """
    if '"' not in text:
        return [member for part in text.split(",") if (member := part.strip(_WHITESPACE))]
    members: list[str] = []
    start = 0
    quoted = escaped = False
    for at, character in enumerate(text):
        if quoted:
            if escaped:
                escaped = False
            elif character == "\\":
                escaped = True
            elif character == '"':
                quoted = False
        elif character == '"':
            quoted = True
        elif character == ",":
            members.append(text[start:at])
            start = at + 1
    members.append(text[start:])
    return [member for part in members if (member := part.strip(_WHITESPACE))]


def unquote(text: str) -> str | None:
    """Return the content of a quoted string, or None when ``text`` is not one."""
    if len(text) < len('""') or text[0] != '"' or text[-1] != '"':
        return None
    characters: list[str] = []
    inner = iter(text[1:-1])
    for character in inner:
        if character == '"':
            return None
        if character == "\\":
            following = next(inner, None)
            if following is None:
                return None
            characters.append(following)
        else:
            characters.append(character)
    return "".join(characters)


def nominated_fields(headers: Headers) -> frozenset[str]:
    """Return the lower-case names of every field that must not travel beyond this connection."""
    lines = headers.values("connection")
    if not lines:
        return HOP_BY_HOP
    named = {member.lower() for line in lines for member in split_list(line)}
    return HOP_BY_HOP | (named - _NEVER_NOMINATED)


def without_connection_fields(headers: Headers) -> Headers:
    """Return a copy without hop-by-hop fields and those that ``Connection`` names."""
    dropped = nominated_fields(headers)
    return Headers((name, value) for name, value in headers if name.lower() not in dropped)
