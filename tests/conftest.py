"""What holds for every test: no test depends on how fast or busy the machine is, nor on how pytest was started."""

import signal

from hypothesis import HealthCheck, settings

settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell without job control starts what it puts behind (&) so, and whatever the tests start would inherit it: the
    # commands that they interrupt would never end.
    signal.signal(signal.SIGINT, signal.default_int_handler)
