"""What the demo prints. Pure: counts in, lines out; click takes the styles away where nobody sees colours."""

from collections.abc import Mapping, Sequence
from textwrap import wrap

import click

from cli.demo.stage import PLACES, Stage
from cli.demo.tally import LEGEND, CountryLine, Kind, Tally
from cli.demo.traffic import Ask
from cli.demo.viewers import COUNTRIES, Viewer
from router import fibre_bound_ms

BAR_WIDTH = 30
KIND_COLOURS: Mapping[Kind, str] = {
    Kind.HIT: "green",
    Kind.FUNCTION: "magenta",
    Kind.MISS: "yellow",
    Kind.PASSED: "blue",
    Kind.ERROR: "red",
}


def bar(done: int, total: int, note: str) -> str:
    """Return the line that shows how far it is."""
    share = done / total if total else 1.0
    filled = round(share * BAR_WIDTH)
    meter = click.style("━" * filled, fg="green") + click.style("╌" * (BAR_WIDTH - filled), dim=True)
    return f"  {meter} {share:4.0%}  {note}"


def fitted(lines: Sequence[str], columns: int) -> list[str]:
    """Return the lines, those that are wider than a terminal of ``columns`` broken between words."""
    found: list[str] = []
    for line in lines:
        plain = click.unstyle(line)
        if len(plain) <= columns:
            found.append(line)
            continue
        indent = " " * (len(plain) - len(plain.lstrip()) + 2)
        found += wrap(
            plain, columns, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
        )
    return found


def cut(text: str, columns: int) -> str:
    """Return one line that a terminal of ``columns`` does not break: what is redrawn in place must not."""
    plain = click.unstyle(text)
    return text if len(plain) < columns else plain[: columns - 1]


def live_note(done: int, total: int, ask: Ask, pop: str) -> str:
    """Return the words beside the bar."""
    city = PLACES[pop].city if pop in PLACES else "?"
    return f"{done:,} of {total:,}   {COUNTRIES[ask.viewer.country]} → {city}"


def _milliseconds(value: float) -> str:
    return f"{value:.2f} ms" if value < 10 else f"{value:.1f} ms"  # noqa: PLR2004


def _country_cell(line: CountryLine) -> str:
    distance = f"{line.distance_km:>7,.0f} km"
    light = click.style(f"{fibre_bound_ms(line.distance_km):>5.0f} ms", dim=True)
    mark = (
        ""
        if line.nearest == line.requests
        else click.style(f"  {line.nearest}/{line.requests} nearest", fg="yellow")
    )
    return f"{COUNTRIES[line.country]:<21}{line.requests:>6,}{distance}{light}{mark}"


def country_lines(tally: Tally) -> list[str]:
    """Return which POP served which country, and how far that is."""
    countries = tally.countries()
    lines: list[str] = []
    for name in [*PLACES, ""]:
        mine = [line for line in countries if line.pop == name]
        if not mine:
            continue
        counts = tally.by_pop[name]
        hits = counts[Kind.HIT] / counts.total()
        title = f"{PLACES[name].city} ({name})" if name else "no POP named itself"
        summary = f"{counts.total():,} answers, {hits:.0%} from its cache"
        lines += [f"  {click.style(title, bold=True)}  {click.style(summary, dim=True)}"]
        lines += [f"    {_country_cell(line)}" for line in mine]
        lines.append("")
    head = f"    {'country':<21}{'asked':>6}{'distance':>10}{'light':>8}"
    return [click.style(head, dim=True), *lines]


def kind_lines(tally: Tally) -> list[str]:
    """Return how the answers came about, and how long they took."""
    head = f"  {'answer':<10}{'count':>8}{'share':>8}{'p50':>12}{'p99':>12}"
    lines = [click.style(head, dim=True)]
    for line in tally.kinds():
        name = click.style(f"{line.kind:<10}", fg=KIND_COLOURS[line.kind], bold=True)
        times = f"{_milliseconds(line.p50_ms):>12}{_milliseconds(line.p99_ms):>12}"
        legend = click.style(f"   {LEGEND[line.kind]}", dim=True)
        lines.append(f"  {name}{line.count:>8,}{line.share:>8.0%}{times}{legend}")
    return lines


def report(tally: Tally, took_s: float, credit: str) -> list[str]:
    """Return everything that is shown after the requests."""
    nearest = sum(tally.nearest.values())
    served = sum(len(distances) for distances in tally.distances_km.values())
    rate = f"{tally.total:,} requests in {took_s:.1f} s, {tally.total / took_s:,.0f} per second"
    lines = [
        click.style("Who was served where", bold=True) + click.style(f"   {rate}", dim=True),
        "",
        *country_lines(tally),
        f"  {nearest:,} of {served:,} requests were served by the POP nearest to the viewer.",
        click.style("  light: the least round trip that fibre over this distance allows.", dim=True),
        "",
        click.style("How it was answered", bold=True)
        + click.style(
            "   times on this machine, through the router and the POP; the origin takes 25 ms", dim=True
        ),
        "",
        *kind_lines(tally),
    ]
    if tally.errors:
        lines += ["", click.style(f"  {tally.errors} errors; the first: {tally.first_error}", fg="red")]
    if credit:
        lines += ["", click.style(f"  {credit}", dim=True)]
    return lines


def _example(viewers: Sequence[Viewer], country: str) -> str:
    return next((viewer.address for viewer in viewers if viewer.country == country), viewers[0].address)


def curl_lines(stage: Stage, viewers: Sequence[Viewer]) -> list[str]:
    """Return commands and an address to copy, each with what it shows."""
    japan, brazil, germany = (_example(viewers, country) for country in ("JP", "BR", "DE"))
    forwarded = "-H 'X-Forwarded-For: {}'"
    tries = [
        ("a cached page, from Singapore's cache", f"{stage.url}/articles/7", forwarded.format(japan)),
        ("a JavaScript function that knows the country", f"{stage.url}/hello", forwarded.format(brazil)),
        ("a WebAssembly function", f"{stage.url}/wasm", forwarded.format(germany)),
        ("never stored: from the origin", f"{stage.url}/api/stock", forwarded.format(germany)),
        ("a POP asked directly", f"http://127.0.0.1:{stage.ports.pops['fra']}/assets/site.css", ""),
    ]
    lines = [click.style("Try it", bold=True)]
    for what, url, field in tries:
        lines += ["", click.style(f"  # {what}", dim=True), f"  curl -i {url} {field}".rstrip()]
    data = stage.folder / "data" / "fra"
    watches = [
        (
            f"the POPs on a map, live, in a browser; the token is in {data / 'admin-token'}",
            stage.page_url("fra"),
        ),
        ("the same in a terminal", f"edgefaas top --data {data}"),
    ]
    for what, where in watches:
        lines += ["", click.style(f"  # {what}", dim=True), f"  {where}"]
    return lines


def as_json(tally: Tally, took_s: float, stage: Stage) -> dict[str, object]:
    """Return the same as JSON values."""
    return {
        "url": stage.url,
        "pops": {name: f"http://127.0.0.1:{port}" for name, port in stage.ports.pops.items()},
        "requests": tally.total,
        "took_s": round(took_s, 3),
        "errors": tally.errors,
        "first_error": tally.first_error,
        "nearest": sum(tally.nearest.values()),
        "countries": [
            {
                "country": line.country,
                "pop": line.pop,
                "requests": line.requests,
                "distance_km": round(line.distance_km),
                "nearest": line.nearest,
            }
            for line in tally.countries()
        ],
        "kinds": [
            {
                "kind": str(line.kind),
                "count": line.count,
                "share": round(line.share, 4),
                "p50_ms": round(line.p50_ms, 3),
                "p99_ms": round(line.p99_ms, 3),
            }
            for line in tally.kinds()
        ],
    }
