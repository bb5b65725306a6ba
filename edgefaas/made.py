"""Responses that functions make, remembered by the octets that made them.

What a function's output means is decided by the output alone, and many functions say the same thing again and again
(a redirect, a refusal, a page). So output that was decoded once is not decoded again, and its head is written once,
with gaps for what differs from request to request. Pure: a gap is found by writing the head with markers, so the
octets are those of the ordinary path by construction; what does not come out with exactly one gap each has none.
"""

from dataclasses import dataclass

from edgefaas.message import Prepared, Response

MARKED_ID = "edgefaas-mark-of-the-request-id"
MARKED_DATE = "edgefaas-mark-of-the-date"
OUTPUT_BYTES_MAX = 16 * 1024
REMEMBERED_MAX = 1_024


@dataclass(frozen=True, slots=True)
class Template:
    """A whole answer to a GET with gaps for the request id and the date."""

    before_id: bytes
    between: bytes
    after_date: bytes
    body: bytes

    def fill(self, request_id: str, date: str) -> Prepared:
        """Return the answer to one request."""
        head = b"%b%b%b%b%b" % (
            self.before_id,
            request_id.encode("ascii"),
            self.between,
            date.encode("ascii"),
            self.after_date,
        )
        return Prepared(head, self.body)


def template_of(prepared: Prepared) -> Template | None:
    """Return the template of an answer that was prepared with the markers; None where they are not in place."""
    head = prepared.head.split(MARKED_ID.encode("ascii"))
    rest = head[-1].split(MARKED_DATE.encode("ascii"))
    if len(head) != 2 or len(rest) != 2:  # noqa: PLR2004 - one gap makes two parts
        return None
    return Template(head[0], rest[0], rest[1], prepared.body)


@dataclass(slots=True)
class Made:
    """A response that a function made.

    ``template`` is for answers to a plain GET, ``tried`` that it was looked for, ``word`` what X-Cache says then.
    """

    response: Response
    api: str
    template: Template | None = None
    tried: bool = False
    word: str = ""

    def copy(self) -> Response:
        """Return the response to change and send."""
        made = self.response
        return Response(status=made.status, reason=made.reason, headers=made.headers.copy(), body=made.body)


class MadeMemo:
    """What was made so far, by API and output; bounded, forgotten all at once."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[tuple[str, bytes], Made] = {}

    def get(self, api: str, output: bytes) -> Made | None:
        """Return what this output made before."""
        return self._known.get((api, output))

    def put(self, output: bytes, made: Made) -> None:
        """Remember what this output made, unless it is long."""
        if len(output) > OUTPUT_BYTES_MAX:
            return
        if len(self._known) >= REMEMBERED_MAX:
            self._known.clear()
        self._known[made.api, output] = made
