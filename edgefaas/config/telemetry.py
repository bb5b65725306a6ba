"""``[telemetry]`` and ``[access_log]``: where traces and the access log go. Pure."""

from pathlib import Path

from edgefaas.config.names import TOKEN, VALUE, is_web_address
from edgefaas.site import AccessLogPolicy, TelemetryPolicy
from edgefaas.table import Table

TRACES_PATH = "/v1/traces"
TRACES_PER_SECOND_MAX = 10_000
FILES_KEPT_MAX = 1_000


def read_telemetry(table: Table, site_name: str) -> TelemetryPolicy:
    """Return which requests are traced, and who is told."""
    known = TelemetryPolicy()
    otlp = table.text("otlp").rstrip("/").removesuffix(TRACES_PATH)
    if otlp and not is_web_address(otlp):
        raise table.refuse(
            "otlp", f'is "{otlp}", not an http or https address', 'Write "http://localhost:4318".'
        )
    headers = table.string_map("headers")
    for name, value in headers.items():
        if not TOKEN.match(name) or not VALUE.match(value):
            raise table.refuse(
                "headers", f'holds "{name}", which cannot be sent', "Use a name and a value of HTTP."
            )
    policy = TelemetryPolicy(
        otlp=otlp,
        service_name=table.text("service_name", site_name) or site_name,
        sample_ratio=table.number("sample_ratio", known.sample_ratio, low=0, high=1),
        traces_per_second=table.number(
            "traces_per_second", known.traces_per_second, low=0.1, high=TRACES_PER_SECOND_MAX
        ),
        headers=headers,
    )
    table.done()
    return policy


def read_access_log(table: Table, folder: Path) -> AccessLogPolicy:
    """Return which file requests are logged in, and how. A relative path is taken from ``folder``."""
    known = AccessLogPolicy()
    file = table.text("file")
    if file and (file.endswith("/") or (folder / file).is_dir()):
        raise table.refuse("file", f'is "{file}", a folder', 'Write "logs/access.log".')
    policy = AccessLogPolicy(
        file=folder / file if file else None,
        format=table.choice("format", ("json", "cloudfront"), known.format),
        file_bytes=table.integer("max_mb", known.file_bytes >> 20, low=1, high=1 << 20) << 20,
        files_kept=table.integer("keep", known.files_kept, low=1, high=FILES_KEPT_MAX),
        cookies=table.boolean("cookies", default=known.cookies),
    )
    table.done()
    return policy
