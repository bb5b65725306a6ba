"""Whether it is worth trying to connect to an endpoint that has not answered of late.

Pure. Only silence counts: an origin that refuses connections costs nothing to ask again, and may be back at any moment;
one that lets every attempt run into its deadline costs each viewer that deadline. After ``PATIENCE`` silent
attempts in a row the endpoint rests, longer each time, and one attempt at a time finds out whether it is back.
"""

PATIENCE = 3
FIRST_REST_S = 1.0
LONGEST_REST_S = 8.0


class EndpointHealth:
    """What the last attempts to connect came to. Instants are seconds on one monotonic clock."""

    __slots__ = ("_resting_until_s", "_silent_count", "_trial_running")

    def __init__(self) -> None:
        self._silent_count = 0
        self._resting_until_s = 0.0
        self._trial_running = False

    def may_try(self, now_s: float) -> bool:
        """Return whether an attempt should be made now; a caller who is told so must report how it went."""
        if self._silent_count < PATIENCE:
            return True
        if now_s < self._resting_until_s or self._trial_running:
            return False
        self._trial_running = True
        return True

    def ended(self, *, silent: bool, now_s: float) -> None:
        """Take note of an attempt that ended: with a connection or a refusal, or silent."""
        self._trial_running = False
        if not silent:
            self._silent_count = 0
            return
        self._silent_count += 1
        rests = self._silent_count - PATIENCE
        if rests >= 0:
            self._resting_until_s = now_s + min(LONGEST_REST_S, FIRST_REST_S * 2.0 ** min(rests, 8))
