"""The people's page behind CloudFront: what serves its files, what reaches the API, and with which headers."""

from functools import cache
from graphlib import TopologicalSorter
from typing import Any, Final

import pytest

from ops.local.page import page_files, security_headers
from ops.local.translation import nested
from tests.aws.test_api import switched
from tests.aws.test_order import dependencies
from tests.aws.translated import ACCOUNT, ENVIRONMENTS, REGION, Deployment, assembled, deployment

ORIGIN: Final = "https://approve.example.com"
CERTIFICATE: Final = f"arn:aws:acm:us-east-1:{ACCOUNT}:certificate/0a1b2c3d-0000-0000-0000-0a1b2c3d4e5f"
# CloudFront's managed policies, by the names that its guide gives their ids.
CACHING_OPTIMIZED: Final = "658327ea-f89d-4fab-a63d-7e88639e58f6"
CACHING_DISABLED: Final = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
ALL_VIEWER_EXCEPT_HOST: Final = "b689b0a8-53d0-40ab-baf2-68738e2966ac"


@cache
def with_page(environment: str, certificate: str = "") -> Deployment:
    """Translate a deployment with people and their page."""
    given = {"PeopleSignIn": "true", "PageOrigin": ORIGIN, "PageCertificateArn": certificate}
    root = switched(environment, **given)
    return assembled({"": root, "Page": nested(root, "Page")})


def _properties(of: Deployment, kind: str) -> dict[str, Any]:
    [path] = of.of_type(kind)
    found: dict[str, Any] = of.value(path, of.resources[path]["Properties"])
    return found


def _distribution(of: Deployment) -> dict[str, Any]:
    configured: dict[str, Any] = _properties(of, "AWS::CloudFront::Distribution")["DistributionConfig"]
    return configured


def test_there_is_a_page_only_where_people_sign_in_and_aws_serves_it() -> None:
    assert not [path for path in deployment("production").resources if path.startswith("Page")]
    assert "Page" not in switched("production", PeopleSignIn="true", PageOrigin=ORIGIN, Environment="local").resources


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_its_headers_are_those_that_it_was_tested_with_and_hsts(environment: str) -> None:
    of = with_page(environment)
    config = _properties(of, "AWS::CloudFront::ResponseHeadersPolicy")["ResponseHeadersPolicyConfig"]
    security = config["SecurityHeadersConfig"]
    headers = {item["Header"]: item["Value"] for item in config["CustomHeadersConfig"]["Items"]} | {
        "content-security-policy": security["ContentSecurityPolicy"]["ContentSecurityPolicy"],
        "referrer-policy": security["ReferrerPolicy"]["ReferrerPolicy"],
        "x-content-type-options": "nosniff" if "ContentTypeOptions" in security else "",
        "x-frame-options": security["FrameOptions"]["FrameOption"],
    }

    pool = f"https://{of.stack_name}-{ACCOUNT}.auth.{REGION}.amazoncognito.com"
    assert headers == security_headers(pool)
    assert security["StrictTransportSecurity"]["AccessControlMaxAgeSec"] >= 365 * 24 * 3600
    assert all(given["Override"] for given in [*security.values(), *config["CustomHeadersConfig"]["Items"]])
    behaviours = [_distribution(of)["DefaultCacheBehavior"], *_distribution(of)["CacheBehaviors"]]
    assert all("ResponseHeadersPolicyId" in behaviour for behaviour in behaviours)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_what_cloudfront_keeps_once_an_account_is_named_by_its_region_too(environment: str) -> None:
    """Another Region's stack of the same name could not be made otherwise."""
    of = with_page(environment)
    access = _properties(of, "AWS::CloudFront::OriginAccessControl")["OriginAccessControlConfig"]["Name"]
    headers = _properties(of, "AWS::CloudFront::ResponseHeadersPolicy")["ResponseHeadersPolicyConfig"]["Name"]

    assert access == headers == f"{of.stack_name}-page-{REGION}"
    assert len(access) <= 64


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_only_this_distribution_reads_the_files_and_nobody_without_tls(environment: str) -> None:
    of = with_page(environment)
    allow, deny = _properties(of, "AWS::S3::BucketPolicy")["PolicyDocument"]["Statement"]

    assert (allow["Principal"], allow["Action"]) == ({"Service": "cloudfront.amazonaws.com"}, "s3:GetObject")
    assert allow["Condition"]["StringEquals"]["AWS:SourceArn"].startswith(
        f"arn:aws:cloudfront::{ACCOUNT}:distribution/"
    )
    assert (deny["Effect"], deny["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    bucket = _properties(of, "AWS::S3::Bucket")
    assert all(bucket["PublicAccessBlockConfiguration"].values())
    access = _properties(of, "AWS::CloudFront::OriginAccessControl")["OriginAccessControlConfig"]
    assert (access["SigningBehavior"], access["OriginAccessControlOriginType"]) == ("always", "s3")
    files = _distribution(of)["Origins"][0]
    assert files["S3OriginConfig"] == {"OriginAccessIdentity": ""}


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_api_gets_each_call_as_it_was_sent_but_for_its_host_and_no_answer_is_kept(environment: str) -> None:
    distribution = _distribution(with_page(environment))
    api = distribution["Origins"][1]
    [behaviour] = distribution["CacheBehaviors"]

    assert behaviour["PathPattern"] == "/api/*"
    assert behaviour["CachePolicyId"] == CACHING_DISABLED
    assert behaviour["OriginRequestPolicyId"] == ALL_VIEWER_EXCEPT_HOST
    assert {"GET", "POST", "PUT"} < set(behaviour["AllowedMethods"])
    assert (api["OriginPath"], api["CustomOriginConfig"]["OriginProtocolPolicy"]) == (f"/{environment}", "https-only")
    assert behaviour["ViewerProtocolPolicy"] == "https-only"
    assert not [name for name in page_files(None) if name.startswith("api/")]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_no_error_of_the_api_is_rewritten_and_files_are_looked_for_anew_each_second(environment: str) -> None:
    distribution = _distribution(with_page(environment))

    assert "CustomErrorResponses" not in distribution
    assert distribution["DefaultRootObject"] == "index.html"
    assert distribution["DefaultCacheBehavior"]["CachePolicyId"] == CACHING_OPTIMIZED
    assert distribution["DefaultCacheBehavior"]["ViewerProtocolPolicy"] == "redirect-to-https"


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_nothing_waits_for_itself(environment: str) -> None:
    assert list(TopologicalSorter(dependencies(with_page(environment))).static_order())


def test_a_name_of_ones_own_comes_with_its_certificate_and_never_without() -> None:
    own, other = _distribution(with_page("production", CERTIFICATE)), _distribution(with_page("production"))

    assert own["Aliases"] == ["approve.example.com"]
    assert own["ViewerCertificate"]["AcmCertificateArn"] == CERTIFICATE
    assert own["ViewerCertificate"]["MinimumProtocolVersion"] == "TLSv1.2_2021"
    assert "Aliases" not in other
    assert other["ViewerCertificate"] == {"CloudFrontDefaultCertificate": True}
