"""Where a viewer should be served: location, latency, health, choice. Knows no WebAssembly."""
