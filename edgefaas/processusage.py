"""What this process uses of its machine, as Linux tells it: getrusage(2), proc_pid_fd(5), proc_pid_statm(5)."""

import os
import resource
from pathlib import Path


class ProcessUsage:
    """Totals, and what was used since it was last asked."""

    def __init__(self) -> None:
        self._cpu_us_told = 0

    def totals(self) -> dict[str, object]:
        """Return CPU (s), memory (bytes: now, and at most) and open files."""
        used = resource.getrusage(resource.RUSAGE_SELF)
        return {
            "pid": os.getpid(),
            "cpu_s": used.ru_utime + used.ru_stime,
            "memory_bytes": _resident_bytes(),
            "memory_max_bytes": used.ru_maxrss * 1024,
            "open_files": _open_files(),
        }

    def cpu_us_since(self) -> int:
        """Return the CPU (µs) since the last call; at first, all of it."""
        used = resource.getrusage(resource.RUSAGE_SELF)
        cpu_us = round((used.ru_utime + used.ru_stime) * 1e6)
        since_us, self._cpu_us_told = cpu_us - self._cpu_us_told, cpu_us
        return since_us


def _open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
