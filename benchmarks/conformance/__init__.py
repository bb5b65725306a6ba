"""The public HTTP cache conformance suite against a real POP: install, run, score, compare.

``python -m benchmarks.conformance``. The suite is the npm package http-cache-tests; nothing of it is kept here.
"""
