"""What [telemetry] may say."""

from pathlib import Path

import pytest

from edgefaas.config import parse_site
from edgefaas.control.masking import without_secrets
from edgefaas.control.plain import from_plain, to_plain
from edgefaas.errors import ConfigError
from edgefaas.site import Site, TelemetryPolicy

NOWHERE = Path("/srv/site")


def telemetry(lines: str, before: str = "") -> TelemetryPolicy:
    return parse_site(f"{before}[telemetry]\n{lines}\n", folder=NOWHERE).telemetry


def test_nothing_is_traced_by_default() -> None:
    assert telemetry("").otlp == ""


def test_a_collector_is_named_by_its_base_or_by_its_whole_address() -> None:
    for url in ("http://c:4318", "http://c:4318/", "http://c:4318/v1/traces"):
        assert telemetry(f'otlp = "{url}"').otlp == "http://c:4318"


def test_the_service_is_called_as_the_site_unless_it_has_a_name_of_its_own() -> None:
    assert telemetry("", '[site]\nname = "shop"\n').service_name == "shop"
    assert telemetry('service_name = "edge"', '[site]\nname = "shop"\n').service_name == "edge"


@pytest.mark.parametrize(
    ("key", "good", "bad"),
    [
        ("sample_ratio", ("0", "0.01", "1"), ("-0.01", "1.01", "nan", '"1"', "true")),
        ("traces_per_second", ("0.1", "10000"), ("0", "10001")),
        ("otlp", ('"https://c"',), ('"c:4318"', '"ftp://c"', '"http://c?x"')),
        ("headers", ('{ Authorization = "Bearer x" }',), ('{ "a b" = "c" }', '{ a = "b\\nc" }', "{ a = 1 }")),
    ],
)
def test_every_value_is_taken_in_its_range_and_refused_by_name_outside(
    key: str, good: tuple[str, ...], bad: tuple[str, ...]
) -> None:
    for value in good:
        telemetry(f"{key} = {value}")
    for value in bad:
        with pytest.raises(ConfigError, match=rf"line 2: telemetry.{key}") as refused:
            telemetry(f"{key} = {value}")
        assert refused.value.remedy


def test_what_is_sent_to_the_collector_travels_to_workers_and_is_shown_to_nobody() -> None:
    site = parse_site('[telemetry]\notlp = "http://c"\nheaders = { X-Key = "geheim" }\n', folder=NOWHERE)
    assert from_plain(Site, to_plain(site)) == site
    shown = without_secrets(to_plain(site))
    assert "geheim" not in str(shown)
    assert "X-Key" in shown["telemetry"]["headers"]
