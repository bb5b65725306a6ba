"""Distributed traces: what one request did in this POP, as OpenTelemetry sees it.

``context`` reads and writes the W3C fields, ``spans`` records, ``sampling`` decides what is recorded, ``tracer`` is a
worker's end, ``otlp`` and ``exporter`` the supervisor's. Off unless ``[telemetry] otlp`` is set; then a request has
``Request.trace``, and None otherwise, which is all that it costs.
"""
