"""A process that does not outlive the one that started it. Here because nobody else may use ctypes; Linux only."""

import ctypes
import signal
import sys

_SET_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of <linux/prctl.h>


def end_with_parent() -> bool:
    """Let the kernel kill this process when the thread that started it ends; return whether it will.

    Even one that is stopped, or stuck in a library: it could not see by itself that its parent is gone. A parent that
    ended before this call goes unnoticed. Source: PR_SET_PDEATHSIG(2const).
    """
    if sys.platform != "linux":
        return False
    done: int = ctypes.CDLL(None).prctl(_SET_DEATH_SIGNAL, int(signal.SIGKILL), 0, 0, 0)
    return done == 0
