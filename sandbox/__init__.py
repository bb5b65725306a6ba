"""Run a guest: bytes in, bytes out, limits. Knows no HTTP; the only importer of wasmtime and ctypes."""
