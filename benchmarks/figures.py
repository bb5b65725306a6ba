"""Figures for people: rates, latencies, sizes. Pure."""


def count(value: float) -> str:
    """Return a rate: 63,512, or 9.4 below a hundred."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def duration(microseconds: float) -> str:
    """Return a latency with its unit: 84 µs, 1.2 ms, 3.1 s."""
    if microseconds < 1_000:
        return f"{microseconds:.0f} µs"
    if microseconds < 1_000_000:
        return f"{microseconds / 1_000:.3g} ms"
    return f"{microseconds / 1_000_000:.3g} s"


def size(octets: float) -> str:
    """Return a size in MB or GB."""
    return f"{octets / 1e6:,.0f} MB" if octets < 1e10 else f"{octets / 1e9:.0f} GB"
