"""What a viewer sees when something cannot be served: the status, one sentence, the request's id.

Never the operator's message, never a traceback. Pure.
"""

from http import HTTPStatus

from edgefaas.errors import EdgeError, FunctionError, FunctionThrottledError, OriginBusyError, RequestError
from edgefaas.events.skipping import failure_word
from edgefaas.message import Headers, Request, Response

_SENTENCES = {
    400: "The request could not be understood.",
    403: "This is not allowed.",
    404: "There is nothing here.",
    405: "This method is not allowed here.",
    413: "The request's body is too large.",
    421: "This host is not served here.",
    431: "The request's head is too large.",
    502: "What answers behind this address gave no valid answer.",
    503: "What answers behind this address could not answer now.",
    504: "What answers behind this address took too long.",
}


def reason_phrase(status: int) -> str:
    """Return the registered phrase of a status, or ``""``."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def error_page(status: int, request: Request, *, x_cache: str = "Error from edgefaas") -> Response:
    """Return the page for ``status``. It is never stored (RFC 9111, 5.2.2.5)."""
    phrase = reason_phrase(status)
    sentence = _SENTENCES.get(status, "The request could not be served.")
    body = (
        "<!doctype html><html lang=en><meta charset=utf-8>"
        f"<meta name=viewport content='width=device-width'><title>{status} {phrase}</title>"
        "<style>body{font:16px/1.5 system-ui,sans-serif;margin:15vh auto;max-width:34rem;padding:0 1rem}"
        "code{color:#666}</style>"
        f"<h1>{status} {phrase}</h1><p>{sentence}</p><p><code>request {request.id}</code></p></html>\n"
    ).encode()
    headers = Headers(
        [
            ("Content-Type", "text/html; charset=utf-8"),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
            ("X-Cache", x_cache),
        ]
    )
    return Response(
        status=status, reason=phrase, headers=headers, body=b"" if request.method == "HEAD" else body
    )


def page_for(error: EdgeError, request: Request) -> Response:
    """Return what the viewer gets for ``error``."""
    status = error.status_code if isinstance(error, RequestError) else error.status
    word = failure_word(error.api, error) if isinstance(error, FunctionError) else "Error"
    response = error_page(status, request, x_cache=f"{word} from edgefaas")
    if isinstance(error, (FunctionThrottledError, OriginBusyError)):
        response.headers.set("Retry-After", "1")
    return response
