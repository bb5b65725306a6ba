"""Fuzzing of bytes at the boundaries; see ``__main__``."""


def names() -> list[str]:
    """Return what can be fuzzed. Here, so that atheris can instrument the targets as they are imported."""
    return [
        "wasi",
        "host_functions",
        "module",
        "results",
        "heads",
        "bundles",
        "pairs",
        "frames",
        "component",
        "geo",
    ]
