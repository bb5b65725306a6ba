"""How the site's origins look to functions."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefaas.events import AWS_RULES, OPEN_RULES, Continue, CustomOrigin, EventContext, Rules, S3Origin
from edgefaas.events.origin_views import describe_origin
from edgefaas.site import DirectoryOrigin, FunctionOrigin, Trigger, UrlOrigin
from tests.edgefaas.events.builders import LAMBDA, message_of, returns, sent


@pytest.mark.parametrize(
    ("host", "region"),
    [
        ("films.s3.amazonaws.com", "us-east-1"),
        ("films.s3.eu-central-1.amazonaws.com", "eu-central-1"),
        ("my.dotted.films.s3-eu-west-1.amazonaws.com", "eu-west-1"),
        ("s3.amazonaws.com", "us-east-1"),
    ],
)
def test_a_buckets_url_looks_like_s3(host: str, region: str) -> None:
    origin = UrlOrigin(name="films", url=f"https://{host}/public", headers={"X-A": "1"})
    assert describe_origin(origin) == S3Origin(
        domain_name=host, path="/public", region=region, custom_headers={"X-A": "1"}
    )


@pytest.mark.parametrize(
    "host",
    ["films.s3-website-us-east-1.amazonaws.com", "x.execute-api.us-east-1.amazonaws.com", "s3.example.com"],
)
def test_every_other_url_looks_like_a_custom_origin(host: str) -> None:
    assert describe_origin(UrlOrigin(name="x", url=f"https://{host}")) == CustomOrigin(
        domain_name=host, port=443, protocol="https"
    )


def test_a_folder_looks_like_a_bucket_and_a_function_like_nothing() -> None:
    assert describe_origin(DirectoryOrigin(name="assets", directory=Path("/srv"))) == S3Origin(
        domain_name="assets.s3.edgefaas.internal", region="local"
    )
    assert describe_origin(FunctionOrigin(name="f", function="f")) is None


@pytest.mark.parametrize("rules", [OPEN_RULES, AWS_RULES], ids=["open", "aws"])
@given(
    host=st.sampled_from(["127.0.0.1", "app.example", "b.s3.amazonaws.com"]),
    port=st.sampled_from(["", ":81", ":8080"]),
    timeout_s=st.floats(0.05, 3600),
)
def test_an_origin_that_is_returned_as_it_came_is_never_refused(
    rules: Rules, host: str, port: str, timeout_s: float
) -> None:
    origin = UrlOrigin(name="o", url=f"http://{host}{port}", first_byte_timeout_s=timeout_s)
    context = EventContext(origin=describe_origin(origin))
    event = sent(LAMBDA, Trigger.ORIGIN_REQUEST, context=context)
    assert message_of(event)["origin"]
    result = returns(event, rules=rules)
    assert isinstance(result, Continue)
    assert result.origin is None
