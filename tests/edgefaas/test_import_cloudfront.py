"""Import: what a distribution says is what the site does, and the rest is named."""

import tomllib
from pathlib import Path
from random import Random
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st

from edgefaas.config import load_site, parse_site
from edgefaas.errors import ConfigError, UsageError
from edgefaas.import_cloudfront import Imported, import_distribution
from edgefaas.policies import (
    CACHE_POLICIES,
    CACHE_POLICY_IDS,
    ORIGIN_REQUEST_POLICIES,
    ORIGIN_REQUEST_POLICY_IDS,
)
from edgefaas.site import Behaviour, Selection, Site, Trigger, UrlOrigin, ViewerProtocol

OPTIMIZED = "658327ea-f89d-4fab-a63d-7e88639e58f6"
ALL_VIEWER = "216adef6-5c7f-47e4-b989-5492eafa07d3"


def listed(*items: Any) -> dict[str, Any]:
    return {"Quantity": len(items), "Items": list(items)} if items else {"Quantity": 0}


def custom_origin(name: str = "app", **fields: Any) -> dict[str, Any]:
    return {
        "Id": name,
        "DomainName": "app.example.org",
        "OriginPath": "",
        "CustomHeaders": listed(),
        "CustomOriginConfig": {
            "HTTPPort": 80,
            "HTTPSPort": 443,
            "OriginProtocolPolicy": "https-only",
            "OriginSslProtocols": listed("TLSv1.2"),
            "OriginReadTimeout": 30,
            "OriginKeepaliveTimeout": 5,
        },
        "ConnectionAttempts": 3,
        "ConnectionTimeout": 10,
        "OriginShield": {"Enabled": False},
        **fields,
    }


def behaviour(**fields: Any) -> dict[str, Any]:
    return {
        "TargetOriginId": "app",
        "TrustedSigners": {"Enabled": False, "Quantity": 0},
        "TrustedKeyGroups": {"Enabled": False, "Quantity": 0},
        "ViewerProtocolPolicy": "allow-all",
        "AllowedMethods": {**listed("HEAD", "GET"), "CachedMethods": listed("HEAD", "GET")},
        "SmoothStreaming": False,
        "Compress": True,
        "LambdaFunctionAssociations": listed(),
        "FunctionAssociations": listed(),
        "FieldLevelEncryptionId": "",
        "CachePolicyId": OPTIMIZED,
        **fields,
    }


def distribution(
    *origins: dict[str, Any], default: dict[str, Any] | None = None, **fields: Any
) -> dict[str, Any]:
    return {
        "ETag": "E2QWRUHEXAMPLE",
        "DistributionConfig": {
            "CallerReference": "cli-1",
            "Aliases": listed(),
            "DefaultRootObject": "",
            "Origins": listed(*(origins or (custom_origin(),))),
            "OriginGroups": listed(),
            "DefaultCacheBehavior": default or behaviour(),
            "CacheBehaviors": listed(),
            "CustomErrorResponses": listed(),
            "Comment": "",
            "Logging": {"Enabled": False, "IncludeCookies": False, "Bucket": "", "Prefix": ""},
            "PriceClass": "PriceClass_All",
            "Enabled": True,
            "ViewerCertificate": {"CloudFrontDefaultCertificate": True},
            "Restrictions": {"GeoRestriction": {"RestrictionType": "none", "Quantity": 0}},
            "WebACLId": "",
            "HttpVersion": "http2",
            "IsIPV6Enabled": True,
            **fields,
        },
    }


def site_of(imported: Imported, folder: Path = Path()) -> Site:
    return parse_site(imported.toml, folder=folder)


def only_behaviour(**fields: Any) -> tuple[Behaviour, tuple[str, ...]]:
    imported = import_distribution(distribution(default=behaviour(**fields)))
    (found,) = site_of(imported).behaviours
    return found, imported.left_out


def test_a_plain_distribution_is_carried_over_whole() -> None:
    imported = import_distribution(distribution())
    site = site_of(imported)
    assert imported.left_out == ()
    assert site.hosts == ("*",)
    assert site.origins["app"] == UrlOrigin(name="app", url="https://app.example.org", connect_timeout_s=10)
    (found,) = site.behaviours
    assert (found.pattern, found.origin, found.methods) == ("*", "app", frozenset({"GET", "HEAD", "OPTIONS"}))
    assert found.cache == CACHE_POLICIES["CachingOptimized"]
    assert found.origin_request is not None
    assert found.origin_request.headers == Selection(mode="none")


@pytest.mark.parametrize(
    "wrap", [lambda d: d, lambda d: d["DistributionConfig"], lambda d: {"Distribution": d}]
)
def test_every_form_that_the_aws_command_prints_is_read(wrap: Any) -> None:
    assert import_distribution(wrap(distribution())) == import_distribution(distribution())


@pytest.mark.parametrize("data", [None, [], "x", {}, {"DistributionConfig": {}}, {"Distribution": 7}])
def test_other_json_is_refused_with_the_command_to_type(data: Any) -> None:
    with pytest.raises(UsageError, match="not the configuration") as refusal:
        import_distribution(data)
    assert "get-distribution-config" in refusal.value.remedy


def test_text_that_toml_cannot_hold_is_replaced() -> None:
    assert site_of(import_distribution(distribution(Comment="a\ud83d\x7fb"))).name == "a?\x7fb"


@pytest.mark.parametrize("names", [["", "a"], ["a", "a"]])
def test_origins_without_an_id_of_their_own_are_refused(names: list[str]) -> None:
    with pytest.raises(UsageError, match="empty or used twice"):
        import_distribution(distribution(*map(custom_origin, names)))


def test_site_origins_groups_and_pages_are_carried_over() -> None:
    imported = import_distribution(
        distribution(
            custom_origin(
                "ELB (prod)",
                OriginPath="/v1/",
                CustomHeaders=listed({"HeaderName": "X-Key", "HeaderValue": 'a "b"'}),
                CustomOriginConfig={
                    "OriginProtocolPolicy": "http-only",
                    "HTTPPort": 8080,
                    "OriginReadTimeout": 60,
                },
            ),
            custom_origin("S3-bucket", CustomOriginConfig=None, S3OriginConfig={"OriginAccessIdentity": ""}),
            default=behaviour(TargetOriginId="group one"),
            Aliases=listed("www.example.com", "example.com"),
            DefaultRootObject="index.html",
            Comment="Shop\nproduction",
            OriginGroups=listed(
                {
                    "Id": "group one",
                    "FailoverCriteria": {"StatusCodes": listed(500, 503)},
                    "Members": listed({"OriginId": "ELB (prod)"}, {"OriginId": "S3-bucket"}),
                }
            ),
            CustomErrorResponses=listed(
                {
                    "ErrorCode": 404,
                    "ResponsePagePath": "/404.html",
                    "ResponseCode": "200",
                    "ErrorCachingMinTTL": 30,
                },
                {"ErrorCode": 503, "ResponsePagePath": "", "ResponseCode": "", "ErrorCachingMinTTL": 0},
            ),
        )
    )
    site = site_of(imported)
    assert (site.name, site.hosts, site.default_root) == (
        "Shop production",
        ("www.example.com", "example.com"),
        "index.html",
    )
    assert site.origins["ELB-prod"] == UrlOrigin(
        name="ELB-prod",
        url="http://app.example.org:8080/v1",
        headers={"X-Key": 'a "b"'},
        connect_timeout_s=10,
        first_byte_timeout_s=60,
    )
    assert site.origin_groups["group-one"].origins == ("ELB-prod", "S3-bucket")
    assert site.origin_groups["group-one"].statuses == {500, 503}
    assert site.behaviours[0].origin == "group-one"
    assert site.error_pages[404].path == "/404.html"
    assert (site.error_pages[404].response_status, site.error_pages[404].ttl_s) == (200, 30)
    assert (site.error_pages[503].path, site.error_pages[503].ttl_s) == ("", 0)


def test_behaviours_keep_their_order_and_the_default_comes_last() -> None:
    imported = import_distribution(
        distribution(
            CacheBehaviors=listed(
                behaviour(PathPattern="/b/*"), behaviour(PathPattern="*.jpg"), behaviour(PathPattern="a?")
            )
        )
    )
    assert [item.pattern for item in site_of(imported).behaviours] == ["/b/*", "*.jpg", "a?", "*"]


def test_functions_are_named_and_their_code_is_asked_for() -> None:
    found, left_out = only_behaviour(
        LambdaFunctionAssociations=listed(
            {
                "LambdaFunctionARN": "arn:aws:lambda:us-east-1:123456789012:function:rewrite:7",
                "EventType": "origin-request",
                "IncludeBody": True,
            },
            {
                "LambdaFunctionARN": "arn:aws:lambda:us-east-1:123456789012:function:headers:1",
                "EventType": "origin-response",
            },
        ),
        FunctionAssociations=listed(
            {"FunctionARN": "arn:aws:cloudfront::123456789012:function/login", "EventType": "viewer-request"}
        ),
    )
    assert found.triggers == {
        Trigger.ORIGIN_REQUEST: "rewrite",
        Trigger.ORIGIN_RESPONSE: "headers",
        Trigger.VIEWER_REQUEST: "login",
    }
    assert found.include_body
    assert any(
        '"login" is not in this file: put it into functions/login.js' in sentence for sentence in left_out
    )


@pytest.mark.parametrize("cache_id", CACHE_POLICY_IDS)
@pytest.mark.parametrize("forward_id", ORIGIN_REQUEST_POLICY_IDS)
def test_managed_policies_are_carried_over_by_name(cache_id: str, forward_id: str) -> None:
    found, left_out = only_behaviour(CachePolicyId=cache_id, OriginRequestPolicyId=forward_id)
    assert found.cache == CACHE_POLICIES[CACHE_POLICY_IDS[cache_id]]
    assert found.origin_request == ORIGIN_REQUEST_POLICIES[ORIGIN_REQUEST_POLICY_IDS[forward_id]]
    assert left_out == ()


def test_custom_policies_are_named_with_the_command_that_prints_them() -> None:
    found, left_out = only_behaviour(CachePolicyId="1111", OriginRequestPolicyId="2222")
    assert found.origin_request is None
    assert any("get-cache-policy --id 1111" in sentence for sentence in left_out)
    assert any("get-origin-request-policy --id 2222" in sentence for sentence in left_out)


def test_forwarded_values_become_keys_and_what_is_forwarded() -> None:
    found, left_out = only_behaviour(
        CachePolicyId=None,
        ForwardedValues={
            "QueryString": True,
            "QueryStringCacheKeys": listed("id", "page"),
            "Cookies": {"Forward": "whitelist", "WhitelistedNames": listed("session")},
            "Headers": listed("Accept-Language", "CloudFront-Viewer-Country"),
        },
        MinTTL=5,
        DefaultTTL="60",
        MaxTTL=600,
        Compress=False,
    )
    assert left_out == ()
    cache = found.cache
    assert (cache.min_ttl_s, cache.default_ttl_s, cache.max_ttl_s, cache.error_ttl_s) == (5, 60, 600, 10)
    assert cache.query == Selection(mode="only", names=frozenset({"id", "page"}))
    assert cache.cookies == Selection(mode="only", names=frozenset({"session"}))
    assert cache.headers == {"accept-language", "cloudfront-viewer-country"}
    assert not cache.compress
    assert found.location_headers == ("CloudFront-Viewer-Country",)
    assert found.origin_request is not None
    assert found.origin_request.query == Selection(mode="all")
    assert "accept-language" not in found.origin_request.headers.names
    assert "user-agent" in found.origin_request.headers.names


def test_forwarding_every_header_turns_the_cache_off() -> None:
    found, _ = only_behaviour(
        CachePolicyId=None,
        ForwardedValues={"QueryString": False, "Cookies": {"Forward": "all"}, "Headers": listed("*")},
        MinTTL=0,
    )
    assert found.cache.max_ttl_s == 0
    assert found.cache.cookies == Selection(mode="all")
    assert found.cache.query == Selection(mode="none")
    assert found.origin_request is not None
    assert found.origin_request.headers == Selection(mode="all")


def test_methods_and_protocols_are_carried_over() -> None:
    every = listed("GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE")
    assert only_behaviour(AllowedMethods=every)[0].methods is None
    assert only_behaviour(ViewerProtocolPolicy="https-only")[0].viewer_protocol is ViewerProtocol.HTTPS_ONLY


def test_a_behaviour_for_signed_viewers_does_not_load_until_its_key_is_there(tmp_path: Path) -> None:
    groups = {"Enabled": True, **listed("36c1ba9d-5d80-4a5c-a7a8-cfeb59a9a0fd")}
    imported = import_distribution(distribution(default=behaviour(TrustedKeyGroups=groups)))
    assert any("does not load" in sentence for sentence in imported.left_out)
    file = tmp_path / "edgefaas.toml"
    file.write_text(imported.toml)
    with pytest.raises(ConfigError, match="key-36c1ba9d"):
        load_site(file)
    key = rsa.generate_private_key(65537, 2048).public_key()
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "key-36c1ba9d-5d80-4a5c-a7a8-cfeb59a9a0fd.pem").write_bytes(
        key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    assert load_site(file).behaviours[0].trusted_keys == ("key-36c1ba9d-5d80-4a5c-a7a8-cfeb59a9a0fd",)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"WebACLId": "arn:aws:wafv2:x"}, "web ACL"),
        ({"Enabled": False}, "disabled"),
        ({"Logging": {"Enabled": True}}, "logs"),
        ({"ViewerCertificate": {"ACMCertificateArn": "arn:aws:acm:x"}}, "certificate"),
        ({"ContinuousDeploymentPolicyId": "x"}, "staging"),
        (
            {"Restrictions": {"GeoRestriction": {"RestrictionType": "whitelist", **listed("DE", "FR")}}},
            "only DE, FR",
        ),
    ],
)
def test_what_a_site_has_no_equivalent_for_is_named(fields: dict[str, Any], sentence: str) -> None:
    imported = import_distribution(distribution(**fields))
    assert any(sentence in item for item in imported.left_out)
    assert imported.toml.startswith("# Not carried over")
    assert site_of(imported)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"ResponseHeadersPolicyId": "67f7725c-6f97-4210-82d7-5512b31e9d03"}, "SecurityHeadersPolicy"),
        ({"FieldLevelEncryptionId": "x"}, "encrypts fields"),
        ({"RealtimeLogConfigArn": "arn:x"}, "real-time logs"),
        ({"SmoothStreaming": True}, "Smooth Streaming"),
        ({"GrpcConfig": {"Enabled": True}}, "gRPC"),
        ({"AllowedMethods": {**listed("GET"), "CachedMethods": listed("GET", "OPTIONS")}}, "OPTIONS"),
    ],
)
def test_what_a_behaviour_has_no_equivalent_for_is_named(fields: dict[str, Any], sentence: str) -> None:
    assert any(sentence in item for item in only_behaviour(**fields)[1])


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        (
            {"S3OriginConfig": {"OriginAccessIdentity": "origin-access-identity/cloudfront/E1"}},
            "private bucket",
        ),
        ({"OriginAccessControlId": "E1"}, "private bucket"),
        ({"OriginShield": {"Enabled": True, "OriginShieldRegion": "us-east-1"}}, "Origin Shield"),
        ({"ConnectionAttempts": 1}, "ConnectionAttempts"),
        ({"VpcOriginConfig": {"VpcOriginId": "vo_1"}}, "VPC"),
        ({"CustomOriginConfig": {"OriginProtocolPolicy": "match-viewer"}}, "matches the viewer's protocol"),
    ],
)
def test_what_an_origin_has_no_equivalent_for_is_named(fields: dict[str, Any], sentence: str) -> None:
    imported = import_distribution(distribution(custom_origin(**fields)))
    assert any(sentence in item for item in imported.left_out)
    assert site_of(imported).origins


ids = st.text(st.characters(min_codepoint=1, max_codepoint=0x2FF), min_size=1, max_size=80)
field_values = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=20)


@given(st.lists(ids, min_size=1, max_size=4, unique=True), st.text(max_size=70), field_values)
def test_whatever_things_are_called_the_site_loads(names: list[str], comment: str, secret: str) -> None:
    headers = listed({"HeaderName": "X-Secret", "HeaderValue": secret})
    origins = [custom_origin(name, CustomHeaders=headers) for name in names]
    imported = import_distribution(
        distribution(*origins, default=behaviour(TargetOriginId=names[-1]), Comment=comment)
    )
    tomllib.loads(imported.toml)
    site = site_of(imported)
    assert len(site.origins) == len(names)
    assert site.behaviours[0].origin == list(site.origins)[-1]


odd_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["Items", "Enabled", "Id"]), inner)
    ),
    max_leaves=6,
)
MEMBERS = [
    "Origins",
    "CacheBehaviors",
    "Aliases",
    "CustomErrorResponses",
    "OriginGroups",
    "Restrictions",
    "Comment",
]
PAGE: dict[str, Any] = {
    "ErrorCode": 404,
    "ResponsePagePath": "/x",
    "ResponseCode": "200",
    "ErrorCachingMinTTL": 1,
}


def test_a_control_character_in_what_is_not_carried_over_leaves_valid_toml() -> None:
    data = distribution(
        custom_origin(), default=behaviour(ForwardedValues={"\x1b[2J\x7f": "\ud800"}, MinTTL=0)
    )
    tomllib.loads(import_distribution(data).toml)


@given(
    value=odd_json, where=st.sampled_from(["distribution", "origin", "behaviour", "page"]), pick=st.randoms()
)
def test_broken_json_is_refused_and_never_a_crash(value: Any, where: str, pick: Random) -> None:
    origin, default, page = custom_origin(), behaviour(ForwardedValues={}, MinTTL=0), dict(PAGE)
    parts = {"origin": origin, "behaviour": default, "page": page}
    if where != "distribution":
        parts[where][pick.choice(sorted(parts[where]))] = value
    data = distribution(origin, default=default, CustomErrorResponses=listed(page))
    if where == "distribution":
        data["DistributionConfig"][pick.choice(MEMBERS)] = value
    try:
        imported = import_distribution(data)
    except UsageError as refusal:
        remedy = refusal.remedy
    else:
        remedy = "None needed."
        tomllib.loads(imported.toml)
    assert remedy
