"""The report as one HTML page with inline plots; it loads nothing. Pure: JSON values in, text out.

``python -m benchmarks.page REPORT.json > report.html`` draws the page of an earlier run again.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from benchmarks import plots
from benchmarks.figures import count, duration, size

STYLE = (Path(__file__).parent / "report.css").read_text()

Json = Mapping[str, Any]
LATENCIES = (("p50", "p50"), ("p90", "p90"), ("p99", "p99"), ("p999", "p99.9"), ("max", "max"))
MINUS = "\N{EN DASH}"
TIMES = "\N{MULTIPLICATION SIGN}"
METHOD = (
    "A ratio is EdgeFaaS divided by the other, the median of paired runs, with the extremes beside it. "
    "CPU µs is the CPU time of all processes of a server per answer. Open loop: requests are due at fixed "
    "instants, and latency counts from there, so a stall cannot hide the requests that it kept waiting."
)


def render(report: Json) -> str:
    """Return the whole page for a report as ``edgefaas bench --json`` prints it."""
    rows: Sequence[Json] = report["rows"]
    titles = list(dict.fromkeys(row["title"] for row in rows))
    body = [
        "<h1>EdgeFaaS beside others</h1>",
        f'<p class="soft">{escape(_summary(report))}</p>',
        _headline(rows),
        *(_subject(title, [row for row in rows if row["title"] == title]) for title in titles),
        _probes(report["probes"]),
        _servers(report["servers"]),
        _machine(report),
    ]
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
    title = "<title>EdgeFaaS beside others</title>"
    page = f'<!doctype html><html lang="en"><head>{head}{title}<style>{STYLE}</style></head>'
    return f"{page}<body><main>{''.join(body)}</main></body></html>\n"


def _summary(report: Json) -> str:
    machine, pace = report["machine"], report["pace"]
    parts = [
        f"{report['started'][:10]}, edgefaas {report['revision']}, {machine['cpu']}",
        f"every server on the same one of {machine['cores']} cores",
        f"medians of {pace['rounds']} alternating runs of {pace['duration_s']:g} s",
    ]
    return ", ".join(parts) + "."


def _verdict(value: float, *, good: bool) -> str:
    return f'<span class="{"good" if good else "poor"}">{value:.2f}{TIMES}</span>'


def _range(ratio: Json) -> str:
    return f'<span class="soft"> {ratio["low"]:.2f}{MINUS}{ratio["high"]:.2f}</span>'


def _headline(rows: Sequence[Json]) -> str:
    """Return the ratios first: every row that has one."""
    lines = []
    for row in rows:
        ratio = row["ratio"].get(row["reference"])
        if ratio is None:
            continue
        fast, tail, cpu = ratio["throughput"], ratio["p99"], ratio.get("cpu_us")
        closed = row["loop"] == "closed"
        throughput = _verdict(fast["median"], good=fast["median"] >= 1) + _range(fast) if closed else MINUS
        p99 = _verdict(tail["median"], good=tail["median"] <= 1) + _range(tail)
        lines.append(
            f"<tr><td>{escape(row['title'])}</td><td>{_load(row)}</td><td>{escape(row['reference'])}</td>"
            f"<td>{throughput}</td><td>{p99}</td>"
            f"<td>{_verdict(cpu['median'], good=cpu['median'] <= 1) if cpu else MINUS}</td></tr>"
        )
    if not lines:
        return '<p class="soft">No ratio: a side of every comparison is missing.</p>'
    head = "".join(
        f"<th>{text}</th>"
        for text in (
            "EdgeFaaS / peer",
            "load",
            "peer",
            "throughput (more is better)",
            "p99 (less)",
            "CPU (less)",
        )
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"


def _load(row: Json) -> str:
    text = f"{row['connections']} conn."
    return text if row["rate"] is None else f"{text}, {count(row['rate'])}/s fixed"


def _subject(title: str, rows: Sequence[Json]) -> str:
    figures = "".join([*_throughput_plot(rows), *(_latency_plot(row) for row in rows if _measured(row))])
    tables = "".join(_table(row) for row in rows)
    return f'<h2>{escape(title)}</h2><div class="plots">{figures}</div>{tables}'


def _measured(row: Json) -> dict[str, Json]:
    return {name: column for name, column in row["columns"].items() if "failure" not in column}


def _figure(title: str, drawing: str, names: Sequence[str]) -> str:
    return f"<figure><h3>{escape(title)}</h3>{drawing}{plots.legend(names)}</figure>"


def _latency_plot(row: Json) -> str:
    series = [
        (name, [(point, max(value, 1.0)) for point, value in column["percentiles_us"]])
        for name, column in _measured(row).items()
    ]
    values = [value for _, points in series for _, value in points]
    title = f"Latency by percentile, {_load(row)}"
    drawing = plots.lines(
        series,
        across=plots.percentile_axis(),
        up=plots.log_axis("latency", values, duration),
        title=title,
        dots=False,
    )
    return _figure(title, drawing, [name for name, _ in series])


def _throughput_plot(rows: Sequence[Json]) -> list[str]:
    """Return the plot of throughput by connections, where several were measured."""
    closed = [row for row in rows if row["loop"] == "closed"]
    points: dict[str, list[tuple[float, float]]] = {}
    for row in closed:
        for name, column in _measured(row).items():
            points.setdefault(name, []).append((row["connections"], column["throughput"]["median"]))
    if len(closed) < 2 or not points:  # one point is no line
        return []
    highest = max(value for line in points.values() for _, value in line)
    drawing = plots.lines(
        list(points.items()),
        across=plots.steps_axis("connections", [row["connections"] for row in closed]),
        up=plots.zero_axis("answers/s", highest, count),
        title="Answers per second by connections",
        dots=True,
    )
    return [_figure("Answers per second by connections", drawing, list(points))]


def _table(row: Json) -> str:
    head = ["server", "ratio", "answers/s", "spread", *(label for _, label in LATENCIES), "CPU µs"]
    cells = "".join(f"<th>{text}</th>" for text in head)
    lines = "".join(_line(row, name, column) for name, column in row["columns"].items())
    caption = f'<p class="soft">{_load(row)} {MINUS} <code>{escape(row["name"])}</code></p>'
    return f"{caption}<table><thead><tr>{cells}</tr></thead><tbody>{lines}</tbody></table>"


def _line(row: Json, name: str, column: Json) -> str:
    if "failure" in column:
        why = escape(column["failure"].splitlines()[0])
        return f'<tr><td>{escape(name)}</td><td class="failure" colspan="9">{why}</td></tr>'
    ratio = row["ratio"].get(name, {}).get("throughput")
    cells = [
        f"{ratio['median']:.2f}" if ratio else "",
        count(column["throughput"]["median"]),
        f"±{column['throughput']['spread'] / 2:.0%}",
        *(duration(column[key]["median"]) for key, _ in LATENCIES),
        f"{column['cpu_us']['median']:.1f}",
    ]
    style = ' class="ours"' if name == "edgefaas" else ""
    return f"<tr{style}><td>{escape(name)}</td>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _probes(probes: Sequence[Json]) -> str:
    if not probes:
        return ""
    lines = []
    for probe in probes:
        name = f"<td>{escape(probe['title'])}</td>"
        if "failure" in probe:
            lines.append(f'<tr>{name}<td class="failure" colspan="3">{escape(probe["failure"])}</td></tr>')
            continue
        cells = "".join(f"<td>{duration(probe[key] * 1e3)}</td>" for key in ("median", "low", "high"))
        lines.append(f"<tr>{name}{cells}</tr>")
    head = "<th>what</th><th>median</th><th>least</th><th>most</th>"
    return (
        f"<h2>Once at a time</h2><table><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"
    )


def _servers(servers: Mapping[str, Json]) -> str:
    lines = []
    for name, about in servers.items():
        if "missing" in about:
            why = escape(f"missing: {about['missing']}; {about['remedy']}")
            lines.append(f'<tr><td>{escape(name)}</td><td class="failure" colspan="5">{why}</td></tr>')
            continue
        memory = size(about["resident_bytes"]) if "resident_bytes" in about else ""
        command = f"<code>{escape(about['command'])}</code>"
        lines.append(
            f"<tr><td>{escape(name)}</td><td>{escape(about['version'])}</td>"
            f"<td>{about['start_ms']} ms</td><td>{about.get('idle_cpu_percent', 0):g} %</td><td>{memory}</td>"
            f'<td style="text-align:left;white-space:normal">{command}</td></tr>'
        )
    names = ("server", "version", "start", "CPU at rest", "memory after")
    head = "".join(f"<th>{name}</th>" for name in names) + '<th style="text-align:left">command</th>'
    return f"<h2>Servers</h2><table><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"


def _machine(report: Json) -> str:
    machine = report["machine"]
    virtual = " (virtual)" if machine["virtual"] else ""
    facts = [
        f"{machine['cpu']}, {machine['cores']} cores{virtual}, {size(machine['memory_bytes'])} of memory.",
        f"{machine['system']}, Linux {machine['kernel']}, Python {machine['python']}.",
        f"Load per core at the start: {machine['load_per_core_at_start']}.",
        f"Servers on core {machine['server_core']}, generator on core {machine['generator_core']}, "
        f"origin on core {machine['origin_core']}.",
        METHOD,
        *report["warnings"],
    ]
    return "<h2>Machine and method</h2>" + "".join(f"<p>{escape(fact)}</p>" for fact in facts)


if __name__ == "__main__":
    sys.stdout.write(render(json.loads(Path(sys.argv[1]).read_text())))
