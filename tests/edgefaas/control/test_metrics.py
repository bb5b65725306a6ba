"""What Prometheus reads: by its own client's parser."""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from edgefaas import __version__
from edgefaas.control.exposition import Exposition
from edgefaas.control.metrics import render
from edgefaas.histogram import Histogram
from tests.edgefaas.live import FakeOrigin, Pop, Seen, origin, pop, reply
from tests.edgefaas.test_functions_on_the_way import constant, deploy

NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
UNITS = ("seconds", "bytes", "info", "total")
UNITLESS = {
    "edgefaas_workers",
    "edgefaas_functions",
    "edgefaas_connections",
    "edgefaas_functions_running",
    "edgefaas_functions_idle",
    "edgefaas_functions_queued",
    "edgefaas_cache_objects",
    "edgefaas_origin_connections",
    "edgefaas_peer_up",
    "process_open_fds",
}


def parsed(text: str) -> dict[str, Metric]:
    families = list(text_string_to_metric_families(text))
    assert len({family.name for family in families}) == len(families)
    return {family.name: family for family in families}


def value(families: dict[str, Metric], name: str, **labels: str) -> float:
    """Return the one sample called ``name`` with these labels."""
    family = families[re.sub(r"_(bucket|sum|count|total)$", "", name)]
    (found,) = [s for s in family.samples if s.name == name and labels.items() <= s.labels.items()]
    return float(found.value)


@given(st.text(), st.text())
def test_any_text_may_be_the_value_of_a_label(one: str, other: str) -> None:
    page = Exposition({"pop": one})
    page.gauge("edgefaas_x", 'about\n"\\x"', 1, {"other": other})
    told = parsed(page.text)["edgefaas_x"]
    shown = {"other": other.encode("utf-8", "replace").decode()}
    if one:
        shown["pop"] = one.encode("utf-8", "replace").decode()
    assert told.samples[0].labels == shown
    assert told.documentation == 'about\n"\\x"'


@given(st.lists(st.integers(0, 2**40), max_size=50))
def test_a_histogram_counts_exactly_what_is_below_each_bound(values_us: list[int]) -> None:
    histogram = Histogram()
    for value_us in values_us:
        histogram.add(value_us)
    families = parsed(render([{"worker": 0, "latency_us": histogram.summary()}], own={}))
    samples = families["edgefaas_http_request_duration_seconds"].samples
    bounds = 0
    for sample in samples:
        if sample.name.endswith("_bucket"):
            bounds += 1
            below = sum(value_us < float(sample.labels["le"]) * 1e6 for value_us in values_us)
            assert sample.value == below
        elif sample.name.endswith("_count"):
            assert sample.value == len(values_us)
        else:
            assert sample.value == pytest.approx(sum(values_us) / 1e6)
    assert bounds == 21


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)
KEYS = (
    "statuses",
    "words",
    "latency_us",
    "cache",
    "disk",
    "functions",
    "origins",
    "peers",
    "process",
    "sandbox",
)


@given(st.dictionaries(st.sampled_from([*KEYS, "origin_connections", "body_bytes", "worker"]), json_values))
def test_a_worker_that_tells_nonsense_spoils_no_page(stats: dict[str, Any]) -> None:
    families = parsed(render([stats, {"worker": 1, "body_bytes": 7}], own={"workers": 2}))
    assert value(families, "edgefaas_http_response_body_bytes_total", worker="1") == 7
    assert value(families, "edgefaas_workers") == 2


SITE = """
[site]
hosts = ["*"]
[origins.app]
url = "http://127.0.0.1:{port}"
[functions.made]
source = "made.wat"
[cache]
memory_mb = 1
disk_mb = 64
[[behaviors]]
path = "/made"
viewer_request = "made"
[[behaviors]]
path = "*"
origin = "app"
[pops.fra]
latitude = 50.1
longitude = 8.7
[pops.iad]
latitude = 39.0
longitude = -77.5
url = "http://127.0.0.1:1"
[router]
pop = "fra"
"""


def replying(seen: Seen) -> bytes:
    if "missing" in seen.target:
        return reply("no", status="404 Not Found", Cache_Control="max-age=60")
    return reply(b"x" * 100_000, Cache_Control="max-age=60", ETag='"1"')


async def _ask_all(served: Pop, fake: FakeOrigin) -> None:
    for _ in range(4):
        await served.ask("/a")
    for _ in range(3):
        await served.ask("/a", headers={"If-None-Match": '"1"'})
        await served.ask("/missing")
    for number in range(20):  # more than fits into memory
        await served.ask(f"/many/{number}")
    await served.ask("/made")
    fake.reply = lambda _: b""
    await served.ask("/broken")


def test_what_viewers_got_is_what_the_metrics_say(tmp_path: Path) -> None:
    async def main() -> str:
        async with origin(replying) as fake, pop(SITE.format(port=fake.port), tmp_path) as served:
            await deploy(served, tmp_path / "artifacts", made=constant('{"status":"200","body":"x"}'))
            await _ask_all(served, fake)
            return render([{"worker": 0, **served.app.stats()}], own={"functions": 1}, pop="fra")

    text = asyncio.run(main())
    told = parsed(text)
    assert value(told, "edgefaas_build_info", version=__version__) == 1
    responses = "edgefaas_http_responses_total"
    assert value(told, responses, status="200") == 4 + 20 + 1
    assert value(told, responses, status="304") == 3
    assert value(told, responses, status="404") == 3
    assert value(told, responses, status="502") == 1
    results = "edgefaas_cache_responses_total"
    assert value(told, results, result="Hit") == 3 + 3 + 2
    assert value(told, results, result="Miss") == 1 + 1 + 20
    assert value(told, results, result="LambdaGeneratedResponse") == 1
    assert value(told, "edgefaas_http_response_body_bytes_total") > 24 * 100_000
    evicted = value(told, "edgefaas_cache_evicted_total", tier="memory")
    assert evicted > 0
    assert value(told, "edgefaas_cache_eviction_age_seconds_count", tier="memory") == evicted
    assert value(told, "edgefaas_cache_limit_bytes", tier="disk") == 64 << 20
    assert value(told, "edgefaas_function_runs_total", function="made") == 1
    assert value(told, "edgefaas_function_duration_seconds_count", function="made") == 1
    assert value(told, "edgefaas_origin_responses_total", origin="app", status="200") == 21
    assert value(told, "edgefaas_origin_responses_total", origin="app", status="0") == 1
    assert value(told, "edgefaas_origin_response_seconds_count", origin="app") == 23
    assert value(told, "edgefaas_peer_requests_total", peer="iad", result="sent") == 0
    assert {sample.labels.get("pop") for family in told.values() for sample in family.samples} == {"fra"}
    for family in told.values():
        assert NAME.fullmatch(family.name), family.name
        assert family.documentation
        assert family.type in ("counter", "gauge", "histogram")
        assert family.type == "counter" or family.name.endswith(UNITS) or family.name in UNITLESS, family.name
