"""Run a function once for its developer: outcome, result, logs and usage as plain values."""

from dataclasses import asdict
from typing import Any

import orjson

from edgefaas.contract import LogLine
from edgefaas.errors import FunctionValidationError
from edgefaas.failures import failure
from edgefaas.gateway.letters import GATEWAY_KINDS, read_letter
from edgefaas.guests import Guests
from edgefaas.redaction import redacted
from sandbox.contract import Finished, Outcome, Threw


async def invoke_once(guests: Guests, function: str, event: bytes) -> dict[str, object]:
    """Return ``{"outcome", "result" or "error", "remedy", "logs", "usage", "version"}``.

    ``result`` is the parsed JSON of the output, or its text where it is not JSON. Kinds ``http`` and ``cgi`` take an
    event or a plain request, and their answer is told in the same form; see ``gateway.letters``.

    Raises UnknownFunctionError; UsageError for an event that is no request.
    """
    lines: list[LogLine] = []
    live = guests.get(function)
    letter = read_letter(live.kind, event) if live.kind in GATEWAY_KINDS else None
    payload = event if letter is None else letter.payload
    outcome = await guests.run(function, payload, "invoke", lines.append)
    told: dict[str, object] = {
        "function": live.name,
        "version": live.version,
        "outcome": type(outcome).__name__.lower(),
        "logs": [{"level": line.level, "text": line.text} for line in lines],
        "usage": asdict(outcome.usage),
    }
    if isinstance(outcome, Finished):
        try:
            told["result"] = parsed(outcome.output if letter is None else letter.result(outcome.output))
        except FunctionValidationError as wrong:
            return told | {"outcome": "invalid", "error": str(wrong), "remedy": wrong.remedy, "detail": ""}
        return told
    error = failure(live, outcome)
    return told | {
        "error": redacted(live, str(error)),
        "remedy": error.remedy,
        "detail": redacted(live, detail_of(outcome)),
    }


def parsed(output: bytes) -> Any:
    """Return the JSON value of a function's output, or its text."""
    try:
        return orjson.loads(output)
    except orjson.JSONDecodeError:
        return output.decode("utf-8", "replace")


def detail_of(outcome: Outcome) -> str:
    """Return the stack or traceback of a guest that threw, else ""."""
    return outcome.detail if isinstance(outcome, Threw) else ""
