"""Peers side by side in one run: what ``edgefaas bench`` and ``python -m benchmarks`` do.

``load/`` is the load generator (C), ``generator`` builds and runs it, ``peers/`` knows how each server is
found, configured and started, ``rows`` says what is compared, ``measure`` alternates the runs,
``samples`` condenses them, and ``table``, ``page`` and ``plots`` show them. Not part of the wheel: a
benchmark belongs to a checkout.
"""
