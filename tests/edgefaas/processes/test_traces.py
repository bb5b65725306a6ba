"""Traces of a real POP: from a viewer's request, over worker and supervisor, to a collector."""

import signal
from pathlib import Path

import pytest

from tests.edgefaas.processes.running import running_up, until
from tests.edgefaas.tracing.receiver import collecting, told

pytestmark = pytest.mark.slow
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
REAL_APP = "edgefaas.app:PopApp"


def test_a_request_becomes_a_trace_and_a_dead_collector_changes_no_answer(tmp_path: Path) -> None:
    with collecting((503, {}), (200, {})) as collector:
        (tmp_path / "a.txt").write_text("here")
        text = f'[origins.files]\ndirectory = "."\n[telemetry]\notlp = "{collector.url}"\n'
        (tmp_path / "edgefaas.toml").write_text(text)
        with running_up(tmp_path, workers=1, app=REAL_APP) as up:
            asked = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}
            answer = up.asked("/a.txt", asked)
            assert (answer.status, answer.body) == (200, b"here")
            until(lambda: [span for span in collector.spans if span.kind == span.SPAN_KIND_SERVER])
            (server,) = (span for span in collector.spans if span.kind == span.SPAN_KIND_SERVER)
            assert server.trace_id.hex() == TRACE
            assert told(server)["edgefaas.request_id"] == answer.headers["X-Edge-Request-Id"]

            def counted() -> int:  # when the collector's answer has been read, which takes its time
                told: int = up.admin("GET", "/v1/stats").json["supervisor"]["spans_exported_total"]
                return told

            until(lambda: counted() == len(collector.spans))
            up.asked("/a.txt", asked)  # what is recorded shortly before the end is sent, too
            before = len(collector.spans)
            up.process.send_signal(signal.SIGTERM)
            assert up.process.wait(60) == 0
            assert len(collector.spans) > before
