"""``edgefaas stats``, ``reload`` and ``audit``."""

from typing import Any

import click

from cli import words
from cli.admin import remote_options
from cli.remote import Remote


@click.command()
@remote_options
def stats(remote: Remote) -> None:
    """Show what every worker has done since it started; with --json, every counter."""
    answer = remote.get("/v1/stats")
    about = answer["supervisor"]
    running = sum(1 for state in answer["states"] if state["running"])
    said = (
        f"{running} of {about['workers']} workers, {about['functions']} functions,"
        f" up for {about['uptime_seconds'] / 3600:.1f} h, {about['worker_restarts_total']} workers replaced"
    )
    head = ("WORKER", "PID", "REQUESTS", "5XX", "HITS", "P50", "P99", "FUNCTION RUNS", "CPU", "MEMORY")
    rows = [_row(worker) for worker in answer["workers"]]
    words.result(answer, as_json=remote.as_json, text=f"{words.table(rows, head=head)}\n\n{said}")


def _row(worker: dict[str, Any]) -> tuple[str, ...]:
    """Return one worker's row; a counter that this version does not keep is left empty."""
    cache, latency, process = (worker.get(key) or {} for key in ("cache", "latency_us", "process"))
    looked = cache.get("hits", 0) + cache.get("misses", 0)
    failed = sum(count for status, count in worker.get("statuses", {}).items() if status.startswith("5"))
    return (
        str(worker["worker"]),
        str(process.get("pid", "")),
        str(worker.get("requests", "")),
        str(failed),
        f"{100 * cache['hits'] / looked:.1f} %" if looked else "",
        *(f"{latency[key] / 1000:.2f} ms" if key in latency else "" for key in ("p50", "p99")),
        str((worker.get("sandbox") or {}).get("started", "")),
        f"{process['cpu_s']:.1f} s" if "cpu_s" in process else "",
        words.size(process["memory_max_bytes"]) if "memory_max_bytes" in process else "",
    )


@click.command()
@remote_options
def reload(remote: Remote) -> None:
    """Let the running POP read edgefaas.toml again; a wrong one changes nothing."""
    answer = remote.post("/v1/site/reload")
    for warning in answer["warnings"]:
        words.warn(warning)
    words.result(
        answer, as_json=remote.as_json, text=f'the site "{answer["site"]}" is served as its file says'
    )


@click.command()
@click.option("-n", "--lines", type=click.IntRange(1, 1000), default=50, show_default=True, help="How many.")
@remote_options
def audit(remote: Remote, lines: int) -> None:
    """Show who asked for which change, and how it ended."""
    answer = remote.get("/v1/audit", limit=lines)
    rows = [
        (
            words.moment(row["at_s"]),
            row["actor"],
            row["action"],
            row["target"],
            str(row["status"]),
            row["request_id"],
            row["detail"],
        )
        for row in answer["audit"]
    ]
    head = ("WHEN", "WHO", "WHAT", "OF", "STATUS", "REQUEST", "WHY NOT")
    words.result(answer, as_json=remote.as_json, text=words.table(rows, head=head))
