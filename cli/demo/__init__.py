"""``edgefaas demo``: a small content delivery network on this machine, with real requests through it.

``stage`` sets up the site, an origin, three POPs and a router in front; ``viewers`` says who asks,
``traffic`` asks, ``tally`` counts and ``screen`` shows. ``site/`` is the demo's site: it is in the wheel,
so that the demo works wherever edgefaas is installed.
"""

from cli.demo.command import demo

__all__ = ["demo"]
