"""Limits and deadlines of the viewer's side. Frozen values that are known to be good."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class WireSettings:
    """Times are seconds; sizes are bytes. The limits of heads are in ``grammar`` and ``heads``.

    ``head_timeout_s`` is for a whole head, from its first octet (or from the start of the connection).
    ``body_idle_timeout_s`` is for each ``body_step_bytes`` of a request's body; ``write_stall_timeout_s`` for
    any progress of a viewer who takes an answer. ``body_limit_bytes`` is for one request's body. ``connections_max`` is
    for one worker; whoever comes on top gets a 503 at once. ``proxy_trusted`` are
    the networks (CIDR) whose connections begin with a PROXY protocol header.
    """

    head_timeout_s: float = 10.0
    body_idle_timeout_s: float = 30.0
    body_step_bytes: int = 1024
    keep_alive_timeout_s: float = 75.0
    write_stall_timeout_s: float = 60.0
    linger_timeout_s: float = 2.0
    body_limit_bytes: int = 1 << 30
    tick_s: float = 1.0
    connections_max: int = 16_384
    proxy_trusted: tuple[str, ...] = ()
