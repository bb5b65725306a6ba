"""Functions that speak HTTP themselves: ``http`` (wasi:http components) and ``cgi`` (WASI commands).

As an origin they get the request and answer it, bodies streaming both ways; as a trigger they see a request and
answer it or let it go on. ``cgi`` and ``component`` say what a guest of each kind sees and what its answer means,
``letters`` is the events of triggers and of ``edgefaas test``; all three are pure. ``exchange`` and ``gateway`` run it.
Must not know the cache, sockets or the sandbox.
"""

from edgefaas.gateway.answers import REDIRECTIONS_MAX, Answer, LocalRedirection
from edgefaas.gateway.gateway import Gateway
from edgefaas.gateway.letters import GATEWAY_KINDS, Letter, read_letter, trigger_letter

__all__ = [
    "GATEWAY_KINDS",
    "REDIRECTIONS_MAX",
    "Answer",
    "Gateway",
    "Letter",
    "LocalRedirection",
    "read_letter",
    "trigger_letter",
]
