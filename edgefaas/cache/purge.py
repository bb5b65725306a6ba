"""What a purge means and which stored responses it hits. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Purge:
    """Which stored responses to drop; ``soft`` marks them stale instead.

    ``kind`` is url, prefix, wildcard, host, tag or everything; ``value`` is its argument ("" for everything).
    """

    kind: str
    value: str = ""
    soft: bool = False
