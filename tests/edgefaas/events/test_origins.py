"""Origins: how functions see, change and choose them."""

import functools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefaas.events import (
    AWS_RULES,
    OPEN_RULES,
    Continue,
    CustomOrigin,
    EventContext,
    OriginGroupChoice,
    OriginUpdate,
    Rules,
    S3Origin,
    describe_url,
)
from edgefaas.events.origin_helpers import FAILOVER_STATUSES, HELPER_FIELD
from edgefaas.events.origins import FORBIDDEN_CUSTOM, OriginChange, OriginReader, encode_origin
from edgefaas.site import Trigger
from tests.edgefaas.events.builders import BOTH_RULES, FUNCTIONS, LAMBDA, Edit, refused, returns, sent

ORIGIN = CustomOrigin(domain_name="one.example", port=8080, custom_headers={"X-Key": "k"})


def chosen(edit: Edit | None = None, rules: Rules = OPEN_RULES) -> OriginChange | None:
    event = sent(LAMBDA, Trigger.ORIGIN_REQUEST, context=EventContext(origin=ORIGIN))
    result = returns(event, edit, rules)
    assert isinstance(result, Continue)
    return result.origin


def helped(value: Any, rules: Rules = OPEN_RULES) -> OriginChange | None:
    event = sent(FUNCTIONS, Trigger.VIEWER_REQUEST)
    result = returns(event, lambda message: message.update({HELPER_FIELD: value}), rules)
    assert isinstance(result, Continue)
    return result.origin


def custom(**fields: Any) -> Edit:
    return lambda message: message["origin"]["custom"].update(fields)


@BOTH_RULES
def test_an_origin_returned_as_it_came_is_no_change(rules: Rules) -> None:
    assert chosen(rules=rules) is None
    assert chosen(lambda message: message.pop("origin"), rules) is None


def test_a_custom_origin_is_changed_field_by_field() -> None:
    assert chosen(custom(domainName="two.example", port=443, protocol="https", path="/v2")) == CustomOrigin(
        domain_name="two.example", port=443, protocol="https", path="/v2", custom_headers={"X-Key": "k"}
    )


def test_a_custom_origin_is_replaced_by_a_bucket() -> None:
    bucket = {
        "domainName": "b.s3.eu-central-1.amazonaws.com",
        "region": "eu-central-1",
        "authMethod": "origin-access-identity",
        "path": "/p",
        "customHeaders": {},
    }
    origin = chosen(lambda message: message.update(origin={"s3": bucket}))
    assert origin == S3Origin(
        domain_name="b.s3.eu-central-1.amazonaws.com",
        region="eu-central-1",
        auth_method="origin-access-identity",
        path="/p",
    )
    assert origin.url == "https://b.s3.eu-central-1.amazonaws.com/p"


def test_an_origin_holds_exactly_one_of_custom_and_s3() -> None:
    with refused("exactly one of custom and s3"):
        chosen(lambda message: message["origin"].update(s3={"domainName": "b.example"}))
    with refused("exactly one of custom and s3"):
        chosen(lambda message: message.update(origin={}))


@BOTH_RULES
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("path", "v1"),
        ("path", "/v1/"),
        ("path", "/a b"),
        ("path", "/" + "a" * 255),
        ("port", 0),
        ("port", 65_536),
        ("port", "x"),
        ("port", "9" * 5_000),  # int() refuses so many digits
        ("port", "\u0661\u0660\u0662\u0664"),  # digits, but not those of a port
        ("port", True),
        ("protocol", "ftp"),
        ("keepaliveTimeout", 0),
        ("readTimeout", 121),
        ("readTimeout", "soon"),
        ("domainName", "http://a.example"),
        ("domainName", "a.example:80"),
        ("domainName", "a.example/x"),
        ("domainName", ""),
        ("domainName", None),
        ("domainName", "a.example\r\nHost: b"),
        ("domainName", "::1"),
        ("sslProtocols", ["TLSv9"]),
        ("sslProtocols", []),
        ("customHeaders", ["x"]),
    ],
)
def test_a_wrong_field_of_an_origin_is_refused_by_name(rules: Rules, field: str, value: object) -> None:
    with refused(rf"request\.origin\.custom\.{field} is"):
        chosen(custom(**{field: value}), rules)


@BOTH_RULES
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("path", ""),
        ("path", "/" + "a" * 254),
        ("port", 80),
        ("port", 443),
        ("port", 1024),
        ("port", 65_535),
        ("readTimeout", 1),
        ("readTimeout", 120),
        ("keepaliveTimeout", 60),
    ],
)
def test_the_ends_of_every_range_are_taken(rules: Rules, field: str, value: object) -> None:
    assert isinstance(chosen(custom(**{field: value, "domainName": "z.example"}), rules), CustomOrigin)


@pytest.mark.parametrize(("field", "value"), [("port", 81), ("port", 1023), ("domainName", "192.0.2.1")])
def test_what_only_aws_refuses_is_taken_by_default(field: str, value: object) -> None:
    assert isinstance(chosen(custom(**{field: value})), CustomOrigin)
    with refused(f"{field} is"):
        chosen(custom(**{field: value}), AWS_RULES)


@pytest.mark.parametrize("name", [*sorted(FORBIDDEN_CUSTOM), "if-none-match", "x-amz-acl", "x-edge-x"])
def test_custom_headers_that_origins_may_not_be_sent_are_refused(name: str) -> None:
    with refused(f"customHeaders.{name}"):
        chosen(custom(customHeaders={name: [{"key": name, "value": "1"}]}))


def test_a_viewer_request_may_choose_an_origin_unless_aws_rules_hold() -> None:
    event = sent(LAMBDA, Trigger.VIEWER_REQUEST)
    edit = lambda message: message.update(origin={"custom": {"domainName": "two.example"}})  # noqa: E731
    open_result, aws_result = returns(event, edit), returns(event, edit, AWS_RULES)
    assert isinstance(open_result, Continue)
    assert open_result.origin == CustomOrigin(domain_name="two.example", port=443, protocol="https")
    assert isinstance(aws_result, Continue)
    assert aws_result.origin is None


hosts = st.from_regex(r"[a-z][a-z0-9]{0,8}(\.[a-z]{1,8}){0,2}", fullmatch=True)
paths = st.from_regex(r"(/[a-z0-9]{1,4}){0,3}", fullmatch=True)
custom_origins = st.builds(
    CustomOrigin,
    domain_name=hosts,
    port=st.integers(1, 65_535),
    protocol=st.sampled_from(["http", "https"]),
    path=paths,
    keepalive_timeout_s=st.integers(1, 60),
    read_timeout_s=st.integers(1, 120),
)


@given(custom_origins | st.builds(S3Origin, domain_name=hosts, path=paths))
def test_every_origin_that_is_shown_can_be_returned(origin: CustomOrigin | S3Origin) -> None:
    assert OriginReader(Trigger.ORIGIN_REQUEST, aws=False).read(encode_origin(origin)) == origin


@given(custom_origins)
def test_the_url_of_an_origin_describes_the_same_origin(origin: CustomOrigin) -> None:
    again = describe_url(origin.url)
    assert (again.domain_name, again.port, again.protocol, again.path) == (
        origin.domain_name,
        origin.port,
        origin.protocol,
        origin.path,
    )


def test_update_request_origin_names_what_changes() -> None:
    assert helped(
        {
            "update": {
                "domainName": "api.example",
                "originPath": "/v1",
                "hostHeader": "www.example",
                "customHeaders": {"X-A": "1"},
                "customOriginConfig": {"port": 8443, "protocol": "https", "sslProtocols": ["TLSv1.2"]},
                "timeouts": {"readTimeout": 7, "connectionTimeout": 2, "keepAliveTimeout": 3},
                "originAccessControlConfig": {"enabled": False},
            }
        }
    ) == OriginUpdate(
        domain_name="api.example",
        path="/v1",
        host_header="www.example",
        custom_headers={"X-A": "1"},
        port=8443,
        protocol="https",
        read_timeout_s=7,
        connect_timeout_s=2,
        keepalive_timeout_s=3,
    )
    assert helped({"update": {}}) == OriginUpdate()


def test_select_request_origin_by_id_names_an_origin() -> None:
    assert helped({"select": {"originId": "b", "originPath": "/x"}}) == OriginUpdate(origin_id="b", path="/x")
    with refused("selectRequestOriginById got None"):
        helped({"select": {}})


def test_create_request_origin_group_names_two_origins_and_the_statuses() -> None:
    group = {
        "originIds": [{"originId": "a"}, {"originId": "b"}],
        "failoverCriteria": {"statusCodes": [500, 502]},
    }
    assert helped({"group": group}) == OriginGroupChoice(
        origin_ids=("a", "b"), status_codes=frozenset({500, 502})
    )
    with refused("originIds is"):
        helped({"group": {**group, "originIds": [{"originId": "a"}]}})
    for statuses in ([], [200], None, ["500"], [[500]]):
        with refused("statusCodes is"):
            helped({"group": {**group, "failoverCriteria": {"statusCodes": statuses}}})
    assert all(status >= 400 for status in FAILOVER_STATUSES)


@pytest.mark.parametrize("value", [{}, {"update": {}, "select": {}}, 7, {"other": {}}, {"update": 7}])
def test_a_broken_record_of_a_helper_is_refused(value: object) -> None:
    with refused("edgefaas:origin|updateRequestOrigin"):
        helped(value)


def test_a_port_may_be_text_and_defaults_to_the_protocols_own() -> None:
    assert chosen(custom(port="8443")) == CustomOrigin(
        domain_name="one.example", port=8443, custom_headers={"X-Key": "k"}
    )
    for protocol, port in (("http", 80), ("https", 443)):
        origin = {"custom": {"domainName": "two.example", "protocol": protocol}}
        found = chosen(functools.partial(set_origin, origin))
        assert isinstance(found, CustomOrigin)
        assert (found.protocol, found.port) == (protocol, port)


def set_origin(origin: dict[str, Any], message: dict[str, Any]) -> None:
    message["origin"] = origin


@pytest.mark.parametrize("lines", [7, [7], [{"key": "X-A"}], {"value": 1}, None])
def test_a_custom_header_that_is_no_list_of_lines_is_refused(lines: object) -> None:
    with refused("x-a"):
        chosen(custom(customHeaders={"x-a": lines}))


def test_the_statuses_of_failover_are_cloudfronts() -> None:
    assert sorted(FAILOVER_STATUSES) == [400, 403, 404, 416, 429, 500, 502, 503, 504]


def test_a_refused_helper_is_named() -> None:
    with refused(r"updateRequestOrigin\.port is 0"):
        helped({"update": {"port": 0}})
    with refused(r"selectRequestOriginById\.port is 0"):
        helped({"select": {"originId": "a", "port": 0}})


@pytest.mark.parametrize("key", ["Transfer-Encoding", "Host", 7, None])
def test_the_key_of_a_custom_header_is_its_name_in_another_case_or_nothing(key: object) -> None:
    """A forbidden name under ``key`` would get past the names above."""
    origin = chosen(custom(customHeaders={"x-a": [{"key": key, "value": "1"}]}))
    assert isinstance(origin, CustomOrigin)
    assert origin.custom_headers == {"x-a": "1"}
