"""Spans on their way to a collector that works, refuses, hangs, or is not there."""

import asyncio
import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefaas.site import RouterPolicy, Site, TelemetryPolicy
from edgefaas.tracing import exporter
from edgefaas.tracing.exporter import (
    PAUSE_MAX_S,
    QUEUE_SPANS,
    Exporter,
    Later,
    Never,
    Sent,
    judge_answer,
    pause_s,
)
from edgefaas.tracing.otlp import encode
from edgefaas.tracing.spans import PlainSpan, is_plain_span
from tests.edgefaas.tracing.receiver import collecting, decode, told

DEADLINE_S = 60.0


def plain(number: int = 0, **known: Any) -> PlainSpan:
    span: PlainSpan = [
        "a" * 32,
        f"{number + 1:016x}",
        "",
        "x=1",
        True,
        "GET /a",
        2,
        10**18,
        10**18 + 5,
        known,
        "",
    ]
    assert is_plain_span(span)
    return span


def site(url: str, **headers: str) -> Site:
    return Site(
        name="demo",
        telemetry=TelemetryPolicy(otlp=url, service_name="shop", headers=headers),
        router=RouterPolicy(pop="fra"),
    )


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not condition():
            await asyncio.sleep(0.01)


values = (
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
    | st.integers(-(2**63), 2**63 - 1)
    | st.booleans()
    | st.floats(allow_nan=False)
)


@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20), values, max_size=5
    )
)
def test_what_opentelemetry_decodes_is_what_was_recorded(known: dict[str, Any]) -> None:
    (resource,) = decode(encode([plain(**known)], {"service.name": "shop"})).resource_spans
    assert resource.resource.attributes[0].value.string_value == "shop"
    (span,) = resource.scope_spans[0].spans
    assert told(span) == known
    assert (span.trace_id.hex(), span.span_id.hex(), span.trace_state) == ("a" * 32, "0" * 15 + "1", "x=1")
    assert (span.kind, span.start_time_unix_nano, span.end_time_unix_nano) == (2, 10**18, 10**18 + 5)
    assert span.flags == 0x301
    assert not span.parent_span_id


def test_what_went_wrong_is_a_status_and_a_type() -> None:
    failed = [*plain()[:10], "OriginTimeoutError"]
    span = decode(encode([failed], {})).resource_spans[0].scope_spans[0].spans[0]
    assert span.status.code == 2
    assert told(span) == {"error.type": "OriginTimeoutError"}


def test_spans_arrive_with_who_sends_them_and_the_fields_that_the_site_asks_for() -> None:
    async def main() -> None:
        with collecting() as collector:
            exports = Exporter(site(f"{collector.url}/base", Authorization="Bearer x"))
            exports.take(0, [plain(number) for number in range(3)], 2)
            await exports.close()
            assert len(collector.spans) == 3
            assert (exports.exported, exports.dropped) == (3, 2)
            resource = {
                item.key: item.value.string_value
                for item in collector.requests[0].resource_spans[0].resource.attributes
            }
            assert (resource["service.name"], resource["edgefaas.pop"]) == ("shop", "fra")
            sent = collector.fields[0]
            assert (sent["path"], sent["authorization"]) == ("/base/v1/traces", "Bearer x")
            assert sent["content-type"] == "application/json"

    asyncio.run(main())


def test_what_is_no_span_is_left_out() -> None:
    async def main() -> None:
        with collecting() as collector:
            exports = Exporter(site(collector.url))
            for nonsense in (None, "spans", [1, ["a"]], [plain()[:5]]):
                exports.take(0, nonsense, "many")
            exports.take(0, [["x"], plain()], -1)
            await exports.close()
            assert (len(collector.spans), exports.dropped) == (1, 0)

    asyncio.run(main())


def test_a_collector_that_is_busy_gets_the_spans_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporter, "PAUSE_FIRST_S", 0.01)
    monkeypatch.setattr(exporter, "GATHER_S", 0.01)

    async def main() -> None:
        with collecting((503, {}), (429, {"Retry-After": "0"}), (200, {})) as collector:
            exports = Exporter(site(collector.url))
            exports.take(0, [plain()], 0)
            await until(lambda: exports.exported)
            assert (collector.taken, len(collector.spans), exports.dropped) == (3, 1, 0)
            await exports.close()

    asyncio.run(main())


def test_spans_that_a_collector_refuses_are_dropped_and_counted() -> None:
    async def main() -> None:
        with collecting((400, {})) as collector:
            exports = Exporter(site(collector.url))
            exports.take(0, [plain()], 0)
            await exports.close()
            assert (collector.taken, exports.exported, exports.dropped) == (1, 0, 1)

    asyncio.run(main())


def test_a_collector_that_hangs_costs_a_bounded_queue_and_no_end_of_the_pop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(exporter, "CLOSE_S", 0.2)

    async def main() -> None:
        stuck = threading.Event()
        with collecting(stuck=stuck) as collector:
            exports = Exporter(site(collector.url))
            exports.take(0, [plain()] * 600, 0)
            exports.take(1, [plain()] * QUEUE_SPANS, 0)
            assert exports.dropped == 600
            await exports.close()  # gives up after a while, and the thread that hangs holds nobody
            assert exports.exported == 0

    asyncio.run(main())


def test_a_collector_that_is_not_there_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))
            exports = Exporter(site(f"http://127.0.0.1:{nobody.getsockname()[1]}"))
            exports.take(0, [plain()] * 600, 0)
            await exports.close()
            assert (exports.exported, exports.dropped) == (0, 600)

    asyncio.run(main())
    assert [record.levelname for record in caplog.records if "cannot be sent" in record.message] == [
        "WARNING"
    ]


def test_a_site_without_a_collector_keeps_nothing() -> None:
    async def main() -> None:
        exports = Exporter(Site(name="demo"))
        exports.take(0, [plain()], 0)
        assert exports.dropped == 1
        await exports.close()

    asyncio.run(main())


def test_a_site_that_is_read_again_sends_to_its_new_collector(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporter, "GATHER_S", 0.01)

    async def main() -> None:
        with collecting() as first, collecting() as second:
            exports = Exporter(site(first.url))
            exports.take(0, [plain()], 0)
            await until(lambda: exports.exported)
            exports.apply(site(second.url))
            exports.take(0, [plain()], 0)
            await exports.close()
            assert (len(first.spans), len(second.spans)) == (1, 1)

    asyncio.run(main())


@pytest.mark.parametrize(
    ("status", "retry_after", "verdict"),
    [
        (200, None, Sent()),
        (202, None, Sent()),
        (429, "7", Later("it answers 429", 7)),
        (503, "soon", Later("it answers 503")),
        (504, "9999", Later("it answers 504", PAUSE_MAX_S)),
        (400, None, Never("it answers 400")),
        (404, None, Never("it answers 404")),
        (500, None, Never("it answers 500")),
    ],
)
def test_what_may_be_sent_again_is_what_the_protocol_says(
    status: int, retry_after: str | None, verdict: object
) -> None:
    assert judge_answer(status, retry_after) == verdict


@given(st.integers(1, 50), st.floats(0, PAUSE_MAX_S))
def test_pauses_grow_and_are_as_long_as_the_collector_asks(attempt: int, after_s: float) -> None:
    assert after_s <= pause_s(attempt, after_s) <= PAUSE_MAX_S
    assert pause_s(attempt, 0) <= pause_s(attempt + 1, 0)
