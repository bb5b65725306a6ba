"""Which precompressed sibling of a file a viewer takes (RFC 9110, 12.5.3). Pure."""

import re

SUFFIXES = {"br": ".br", "zstd": ".zst", "gzip": ".gz"}  # in our order of preference
_WEIGHT = re.compile(r"[qQ]=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)")


def acceptable(accept_encoding: str | None) -> list[str]:
    """Return the codings of ``SUFFIXES`` that are acceptable and not worse than identity, best first."""
    if accept_encoding is None:
        return []
    weights: dict[str, float] = {}
    for member in accept_encoding.lower().split(","):
        coding, *parameters = [part.strip(" \t") for part in member.split(";")]
        weight = 1.0
        for parameter in parameters:
            match = _WEIGHT.fullmatch(parameter)
            weight = float(match[1]) if match else 0.0
        weights.setdefault("gzip" if coding == "x-gzip" else coding, weight)
    floor = weights.get("identity", 0.0)
    wanted = [(weights.get(coding, weights.get("*", 0.0)), coding) for coding in SUFFIXES]
    chosen = [(weight, coding) for weight, coding in wanted if weight > 0 and weight >= floor]
    return [coding for _, coding in sorted(chosen, key=lambda entry: -entry[0])]
