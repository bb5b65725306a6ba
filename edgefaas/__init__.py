"""One point of presence: wire, journey, cache, triggers, origins, control store, admin API, telemetry."""

__version__ = "0.1.0"
