"""The report as a table for a terminal. Pure: text in, text out; styles by click."""

from collections.abc import Sequence

import click

from benchmarks.figures import count, duration, size
from benchmarks.measure import Column, Outcome
from benchmarks.samples import sample
from benchmarks.suite import Report

GOOD = 1.0
NAME_WIDTH = 18
NOTHING = "\N{EN DASH}"
TIMES = "\N{MULTIPLICATION SIGN}"


def ratio_text(outcome: Outcome, other: str, quantity: str = "throughput") -> str:
    """Return ours / theirs with two decimals, or a dash."""
    ratio = outcome.ratio(quantity, other)
    return f"{ratio.median:.2f}" if ratio is not None else NOTHING


def _coloured(text: str, *, good: bool) -> str:
    return click.style(text, fg="green" if good else "yellow", bold=True)


def headline(outcome: Outcome) -> str:
    """Return the row's ratios in words, first of all."""
    reference = outcome.row.reference
    throughput, p99 = outcome.ratio("throughput", reference), outcome.ratio("p99", reference)
    if throughput is None or p99 is None:
        absent = [name for name in ("edgefaas", reference) if outcome.column(name) is None]
        text = f"no ratio: no figures of {' and '.join(absent)}" if reference else "no peer does this"
        return click.style(text, dim=True)
    parts = []
    if outcome.rate is None:
        text = _coloured(f"{throughput.median:.2f}{TIMES}", good=throughput.median >= GOOD)
        parts.append(f"{text} {reference}'s throughput, {throughput.low:.2f} to {throughput.high:.2f}")
    text = _coloured(f"{p99.median:.2f}{TIMES}", good=p99.median <= GOOD)
    parts.append(f"p99 {text}, {p99.low:.2f} to {p99.high:.2f}")
    return "; ".join(parts)


def _line(column: Column, outcome: Outcome) -> str:
    name = f"  {column.name:<{NAME_WIDTH}}"
    if not column.runs:
        return name + click.style(column.failure.splitlines()[0], fg="red")
    throughput = sample(column.of("throughput"))
    latencies = "".join(
        f"{duration(sample(column.of(quantity)).median):>10}"
        for quantity in ("p50", "p90", "p99", "p999", "max")
    )
    ours = column.name == "edgefaas"
    ratio = "" if ours else ratio_text(outcome, column.name)
    cpu = sample(column.of("cpu_us")).median
    spread = f"±{throughput.spread / 2:.0%}"
    text = f"{ratio:>7}{count(throughput.median):>12}{spread:>6}{latencies}{cpu:>10.1f}"
    behind = click.style("  fell behind", fg="yellow") if outcome.fell_behind(column) else ""
    return name + (click.style(text, bold=True) if ours else text) + behind


def row_lines(outcome: Outcome) -> list[str]:
    """Return the lines of one row."""
    loop = f"open loop at {count(outcome.rate)}/s" if outcome.rate is not None else "closed loop"
    connections = f"{outcome.row.connections} connection{'s' if outcome.row.connections > 1 else ''}"
    title = f"{outcome.row.title}, {connections}, {loop}"
    head = (
        f"  {'':<{NAME_WIDTH}}{'ratio':>7}{'answers/s':>12}{'':>6}"
        f"{'p50':>10}{'p90':>10}{'p99':>10}{'p99.9':>10}{'max':>10}{'CPU µs':>10}"
    )
    body = [_line(column, outcome) for column in outcome.columns]
    name = click.style(f"[{outcome.row.name}]", dim=True)
    return [
        f"{click.style(title, bold=True)} {name}",
        f"  {headline(outcome)}",
        click.style(head, dim=True),
        *body,
        "",
    ]


def probe_lines(report: Report) -> list[str]:
    """Return what was measured once at a time."""
    lines = [click.style("Once at a time", bold=True)]
    for probe in report.probes:
        found = probe.sample
        if found is None:
            lines.append(f"  {probe.title}: " + click.style(probe.failure.splitlines()[0], fg="red"))
            continue
        value = click.style(duration(found.median * 1e3), bold=True)
        between = f"{duration(found.low * 1e3)} to {duration(found.high * 1e3)}"
        lines.append(f"  {probe.title}: {value}, {between} " + click.style(f"[{probe.name}]", dim=True))
    return [*lines, ""] if report.probes else []


def servers_lines(report: Report) -> list[str]:
    """Return who took part, and who could not."""
    lines = [click.style("Servers", bold=True)]
    for name, about in report.servers.items():
        if "missing" in about:
            why = str(about["missing"])
            lines.append(
                f"  {name:<{NAME_WIDTH}}" + click.style(f"missing: {why}; {about['remedy']}", fg="yellow")
            )
        else:
            resident = about.get("resident_bytes", 0)
            memory = size(float(resident)) if isinstance(resident, int) else ""
            lines.append(
                f"  {name:<{NAME_WIDTH}}{about['version']}, started in {about['start_ms']} ms, "
                f"{about.get('idle_cpu_percent', 0):g} % of a core at rest, {memory} resident after the run"
            )
    return lines


def machine_lines(report: Report) -> list[str]:
    """Return what it was measured on."""
    about = report.machine
    pace = report.pace
    virtual = " (virtual)" if about["virtual"] else ""
    return [
        click.style("Machine", bold=True),
        f"  {about['cpu']}, {about['cores']} cores{virtual}, {about['system']}, Linux {about['kernel']}, "
        f"Python {about['python']}",
        f"  every server on core {about['server_core']}, generator on core {about['generator_core']}, "
        f"origin on core {about['origin_core']}",
        f"  medians of {pace.rounds} alternating runs of {pace.duration_s:g} s; edgefaas {report.revision}",
    ]


def lines(report: Report) -> Sequence[str]:
    """Return the whole report as lines; styled, which ``click.echo`` takes away where nobody sees colours."""
    text: list[str] = [""]
    for outcome in report.outcomes:
        text += row_lines(outcome)
    text += probe_lines(report)
    text += [*servers_lines(report), "", *machine_lines(report)]
    told = report.warnings()
    if told:
        text += ["", click.style("Be careful", bold=True), *(f"  {warning}" for warning in told)]
    note = "ratio: EdgeFaaS / that column, median of paired runs. CPU µs: server CPU per answer."
    return [*text, "", click.style(note, dim=True)]
