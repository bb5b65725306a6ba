"""What a run is condensed to: plots, page, table and JSON, from measurements made up for the purpose."""

import json
import math
import re
from html.parser import HTMLParser
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import page, plots, table
from benchmarks.command import in_lines
from benchmarks.figures import count, duration, size
from benchmarks.generator import Measurement
from benchmarks.measure import FULL, Column, Outcome, headline
from benchmarks.probes import PROBES, Probe, choose
from benchmarks.rows import SUBJECTS
from benchmarks.suite import Report, shown
from cli.bench import bench

VOID = {"meta", "br", "line", "link"}
ROW = SUBJECTS[0].rows()[0]
OPEN_ROW = SUBJECTS[0].rows()[-1]


def measurement(throughput: float = 1_000.0, **changed: object) -> Measurement:
    known: dict[str, object] = {
        "requests": 2_000,
        "errors": 0,
        "errors_by_kind": {"status": 0},
        "by_status": {200: 2_000},
        "unfinished": 0,
        "duration_s": 2.0,
        "throughput": throughput,
        "body_bytes": 2_048_000,
        "latency_us": {"p50": 80.0, "p90": 90.0, "p99": 200.0, "p999": 900.0, "max": 1_500.0},
        "buckets": ((80.0, 1_000), (90.0, 900), (1_500.0, 100)),
        "lag_p99_us": 3.0,
        "server_cpu_s": 1.0,
        "generator_cpu_share": 0.4,
        **changed,
    }
    return Measurement(**known)  # type: ignore[arg-type]


def report(*outcomes: Outcome) -> Report:
    machine = {
        "cpu": "A Processor <fast>",
        "cores": 4,
        "memory_bytes": 8e9,
        "virtual": True,
        "kernel": "6.1",
        "system": "Debian",
        "python": "3.11",
        "load_per_core_at_start": 0.1,
        "server_core": 3,
        "generator_core": 2,
        "origin_core": 1,
    }
    servers: dict[str, dict[str, object]] = {
        "edgefaas": {
            "version": "0.1",
            "command": "edgefaas up",
            "start_ms": 300,
            "resident_bytes": 80_000_000,
        },
        "nginx": {"missing": "nginx is not in PATH", "remedy": "apt-get install nginx-light"},
    }
    return Report(
        started="2026-11-22T00:00:00+00:00",
        machine=machine,
        revision="abc",
        pace=FULL,
        servers=servers,
        outcomes=list(outcomes),
        probes=[Probe(name="cold-first", title="first request", values=[3.0, 5.0, 4.0])],
    )


def outcome() -> Outcome:
    ours = Column(
        name="edgefaas", target="/a", runs=[measurement(900.0), measurement(1_000.0), measurement(800.0)]
    )
    theirs = Column(
        name="nginx", target="/b", runs=[measurement(1_800.0), measurement(2_000.0), measurement(400.0)]
    )
    broken = Column(name="varnish", target="/c", failure="wrong answer: 3 digest\nmore")
    return Outcome(row=ROW, columns=[ours, theirs, broken])


class Balance(HTMLParser):
    """Fails when an element is not closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag


def test_the_ratio_is_the_median_of_pairs_and_not_the_ratio_of_medians() -> None:
    ratio = outcome().ratio("throughput", "nginx")
    assert ratio is not None
    assert (ratio.low, ratio.median, ratio.high) == (0.5, 0.5, 2.0)
    assert headline([outcome()])["hit-1k-c1"]["throughput"] == 0.5


def test_a_column_with_a_wrong_answer_has_a_reason_and_no_figures() -> None:
    told = outcome().as_json()
    columns = told["columns"]
    assert isinstance(columns, dict)
    assert columns["varnish"] == {"target": "/c", "failure": "wrong answer: 3 digest\nmore"}
    ratios = told["ratio"]
    assert isinstance(ratios, dict)
    assert set(ratios) == {"nginx"}


def test_a_sceptic_is_told_when_the_generator_was_the_limit_or_a_server_fell_behind() -> None:
    busy = Column(name="nginx", target="/", runs=[measurement(generator_cpu_share=0.95)])
    behind = Column(name="edgefaas", target="/", runs=[measurement(unfinished=500)])
    told = Outcome(row=OPEN_ROW, columns=[busy, behind], rate=1_000.0).warnings()
    assert any("whole core against nginx" in text for text in told)
    assert any("edgefaas could not keep up" in text for text in told)


def test_the_json_is_plain_and_complete() -> None:
    told = json.loads(json.dumps(report(outcome()).as_json()))
    assert told["rows"][0]["columns"]["edgefaas"]["percentiles_us"][0] == [0, 80]
    assert told["rows"][0]["columns"]["edgefaas"]["cpu_us"]["median"] == 500
    assert told["servers"]["nginx"]["missing"]
    assert told["probes"][0]["median"] == 4


def test_the_file_of_a_report_is_the_same_json_with_a_line_for_each_row() -> None:
    told = json.loads(json.dumps(report(outcome(), outcome()).as_json()))
    text = in_lines(told)
    assert json.loads(text) == told
    assert sum(line.startswith('  {"name": "hit-1k') for line in text.splitlines()) == 2


def test_the_page_is_whole_loads_nothing_and_names_what_is_missing() -> None:
    told = json.loads(json.dumps(report(outcome(), Outcome(row=OPEN_ROW, columns=[], rate=5.0)).as_json()))
    text = page.render(told)
    balance = Balance()
    balance.feed(text)
    assert balance.open == []
    assert not re.search(r"(src|href)=|url\(|@import", text)
    assert "A Processor &lt;fast&gt;" in text
    assert "nginx is not in PATH" in text
    assert "wrong answer: 3 digest" in text
    assert "first request" in text


def test_a_page_without_any_figure_is_still_a_page() -> None:
    text = page.render(json.loads(json.dumps(report().as_json())))
    assert "No ratio" in text


def test_the_table_puts_the_ratio_first_and_names_what_is_missing() -> None:
    lines = [click.unstyle(line) for line in table.lines(report(outcome()))]
    text = "\n".join(lines)
    assert lines.index(next(line for line in lines if "0.50" in line)) < lines.index(
        next(line for line in lines if "nginx  " in line)
    )
    assert "missing: nginx is not in PATH; apt-get install nginx-light" in text
    assert "wrong answer: 3 digest" in text
    assert max(map(len, lines)) <= 140


def test_commands_are_shown_without_the_paths_of_this_machine() -> None:
    folder = Path("/somewhere/run")
    checkout = Path(__file__).parent.parent.parent
    command = ["/usr/sbin/nginx", "-p", f"{folder}/1", f"{checkout}/benchmarks/guests/hello_node.js"]
    assert shown(command, folder / "1") == "nginx -p RUN ./benchmarks/guests/hello_node.js"


@given(st.lists(st.floats(min_value=0.01, max_value=1e9), min_size=1))
def test_every_value_lies_within_its_axis(values: list[float]) -> None:
    logarithmic = plots.log_axis("x", values, str)
    linear = plots.zero_axis("x", max(values), str)
    for value in values:
        assert 0 <= logarithmic.place(value) <= 1
        assert 0 <= linear.place(value) <= 1
    assert 2 <= len(linear.ticks) <= 8


@given(st.lists(st.floats(min_value=0, max_value=100), min_size=2))
def test_higher_percentiles_lie_further_right(percentiles: list[float]) -> None:
    places = [plots.percentile_place(value) for value in sorted(percentiles)]
    assert places == sorted(places)
    assert places[0] >= 0
    assert places[-1] <= 1 or math.isclose(places[-1], 1)


@pytest.mark.parametrize(
    ("value", "text"), [(0.4, "0 µs"), (84.2, "84 µs"), (1_234, "1.23 ms"), (3.1e6, "3.1 s")]
)
def test_latencies_have_the_unit_that_suits_them(value: float, text: str) -> None:
    assert duration(value) == text


def test_rates_and_sizes_are_written_for_people() -> None:
    assert (count(63_512.4), count(9.44), size(86e6), size(23e9)) == ("63,512", "9.44", "86 MB", "23 GB")


def test_probes_are_chosen_by_the_beginning_of_their_names() -> None:
    assert choose(["deploy"]) == ["deploy-to-live"]
    assert choose(()) == [name for name, _, _ in PROBES]


def test_a_name_that_is_no_row_is_a_usage_error_and_starts_nothing() -> None:
    done = CliRunner().invoke(bench, ["nonsense"])
    assert done.exit_code == 2
    assert "edgefaas bench --list" in done.output


def test_the_list_names_every_row_and_probe() -> None:
    done = CliRunner().invoke(bench, ["--list"])
    assert done.exit_code == 0
    assert "hit-1k-open50-c32" in done.output
    assert "deploy-to-live" in done.output
