"""The epoch timer: ends the slice of whatever guest runs.

A POSIX timer whose expiry calls ``wasmtime_engine_increment_epoch``: in a signal handler in C (``calls.c``), else in
a thread of the C library. Either needs no GIL and works while a guest holds it. It is armed while guests run and
disarmed soon after: an idle process takes no interrupts. See docs/adr/0010 and 0112 for what a tick costs.
"""

import ctypes
import os
import signal
import struct

from sandbox.capi import library as c
from sandbox.capi.calls import quick
from sandbox.capi.engine import Engine
from sandbox.errors import SettingsError

_CLOCK_MONOTONIC = 1  # <bits/time.h>
_SIGEV_SIGNAL, _SIGEV_THREAD = 0, 2  # <bits/siginfo-consts.h>
_libc = ctypes.CDLL(None, use_errno=True)
_OFF = struct.pack("<qqqq", 0, 0, 0, 0)  # struct itimerspec: interval, value


class Ticker:
    """A timer that advances the engine's epoch every ``slice_us`` microseconds while it is on.

    Should ticks get lost (no thread can be started), a guest could hold the process for good. With
    ``dead_man_s`` the kernel ends a process that has not said ``alive`` for so long: SIGALRM, whose default
    that is, so nobody else may use it there.
    """

    def __init__(self, engine: Engine, *, slice_us: int, dead_man_s: float = 0) -> None:
        self._dead_man_s = dead_man_s
        self._spec = struct.pack("<qqqq", *divmod(slice_us * 1000, 10**9), *divmod(slice_us * 1000, 10**9))
        tick = ctypes.cast(c.engine_increment_epoch, ctypes.c_void_p).value or 0
        number = quick.tick_signal() if quick is not None else -1
        notify = _SIGEV_SIGNAL if number > 0 else _SIGEV_THREAD
        # struct sigevent: sigev_value, sigev_signo, sigev_notify, sigev_notify_function, attributes, padding
        event = ctypes.create_string_buffer(
            struct.pack("<QiiQQ", engine.address, max(number, 0), notify, tick, 0).ljust(64, b"\0")
        )
        self._timer = ctypes.c_void_p()
        if _libc.timer_create(_CLOCK_MONOTONIC, event, ctypes.byref(self._timer)) != 0:
            raise SettingsError(
                f"no epoch timer: {os.strerror(ctypes.get_errno())}",
                remedy="Raise the limit of pending signals (ulimit -i).",
            )
        self.on = False

    def start(self) -> None:
        """Tick from now on; the first tick comes a whole slice from now."""
        if not self.on:
            self._set(self._spec)
            self.on = True
            self.alive()

    def alive(self) -> None:
        """Put off the end of the process; to be called more often than every ``dead_man_s`` seconds."""
        if self._dead_man_s:
            signal.setitimer(signal.ITIMER_REAL, self._dead_man_s)

    def stop(self) -> None:
        """Tick no more."""
        if self.on:
            self._set(_OFF)
            self.on = False
            if self._dead_man_s:
                signal.setitimer(signal.ITIMER_REAL, 0)

    def close(self) -> None:
        """Give the timer back."""
        self.stop()
        _libc.timer_delete(self._timer)

    def _set(self, spec: bytes) -> None:
        failed = _libc.timer_settime(self._timer, 0, spec, None)
        assert not failed, os.strerror(ctypes.get_errno())
