"""What the figures were taken on: without it they mean nothing."""

import os
import platform
import subprocess
from pathlib import Path

from benchmarks.cores import Cores


def cpu_model() -> str:
    """Return the processor's name as the kernel tells it."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def memory_bytes() -> int:
    """Return the size of the machine's memory."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def virtualised() -> bool:
    """Return whether the processor says that a hypervisor runs it: then neighbours can disturb a run."""
    return " hypervisor" in Path("/proc/cpuinfo").read_text()


def busy_share() -> float:
    """Return the load of the last minute divided by the cores: near 0 on a quiet machine."""
    return os.getloadavg()[0] / (os.cpu_count() or 1)


def revision(folder: Path) -> str:
    """Return the commit that is measured, marked when files were changed; "unknown" outside a checkout."""
    try:
        asked = ["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=10", "--exclude=*"]
        done = subprocess.run(asked, capture_output=True, text=True, timeout=10, check=False)
    except OSError:
        return "unknown"
    return done.stdout.strip() or "unknown"


def describe(cores: Cores) -> dict[str, object]:
    """Return the machine as JSON values."""
    return {
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "memory_bytes": memory_bytes(),
        "virtual": virtualised(),
        "kernel": platform.release(),
        "system": platform.freedesktop_os_release().get("PRETTY_NAME", "unknown"),
        "python": platform.python_version(),
        "load_per_core_at_start": round(busy_share(), 2),
        "server_core": cores.server,
        "generator_core": cores.generator,
        "origin_core": cores.origin,
    }
