"""The servers of a comparison. Each knows how it is found, configured and started; none is required but ours.

A peer that is not on this machine is named as missing, with what would bring it; its column stays empty.
"""

from benchmarks.peers.contract import Found, Ground, Missing, Peer
from benchmarks.peers.haproxy import HAProxy
from benchmarks.peers.nginx import Nginx, NginxCache
from benchmarks.peers.node import Node
from benchmarks.peers.pop import Pop
from benchmarks.peers.varnish import Varnish
from benchmarks.peers.wasmtime_serve import WasmtimeServe
from benchmarks.peers.workerd import Workerd

PEERS: tuple[type[Peer], ...] = (Pop, Nginx, NginxCache, Varnish, HAProxy, Workerd, Node, WasmtimeServe)
"""In the order of the columns; ours first."""

__all__ = ["PEERS", "Found", "Ground", "Missing", "Peer"]
