"""WASI preview 1 (``wasi_snapshot_preview1``), our own: every call is there, and nothing leads outside.

No file system, no network; environment and arguments are what the function was given; clocks, randomness and
sleep are ours, so a sleeping guest is as preemptible as a looping one.
"""

from sandbox.wasi.calls import WASI_MODULE, define_wasi
from sandbox.wasi.flow import FlowingInput, FlowingOutput
from sandbox.wasi.streams import GuestExitError, Input, Output, Wasi

__all__ = [
    "WASI_MODULE",
    "FlowingInput",
    "FlowingOutput",
    "GuestExitError",
    "Input",
    "Output",
    "Wasi",
    "define_wasi",
]
