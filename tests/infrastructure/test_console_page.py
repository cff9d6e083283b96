"""The hosted console page."""

import json
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import assertions

from stacks.console_page import CLIENT_FOLDER
from stacks.places import CONSOLE, JAVASCRIPT_CLIENT
from tests.infrastructure.conftest import make_stack, of_type
from tests.infrastructure.linters import findings_of_cfn_lint, raise_findings_of_cdk_nag


@pytest.fixture(scope="module")
def hosted() -> dict[str, Any]:
    return dict(assertions.Template.from_stack(make_stack({"consolePage": "true"})).to_json())


def test_it_is_off_by_default(resources: dict[str, Any]) -> None:
    assert not of_type(resources, "AWS::S3::Bucket")
    assert not of_type(resources, "AWS::CloudFront::Distribution")


def test_only_the_distribution_reads_the_files(hosted: dict[str, Any]) -> None:
    resources = hosted["Resources"]
    (bucket,) = of_type(resources, "AWS::S3::Bucket").values()
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    (policy,) = of_type(resources, "AWS::S3::BucketPolicy").values()
    statements = policy["PolicyDocument"]["Statement"]
    readers = [one for one in statements if one["Effect"] == "Allow" and one["Action"] == "s3:GetObject"]
    (reader,) = readers
    assert reader["Principal"] == {"Service": "cloudfront.amazonaws.com"}
    assert "AWS:SourceArn" in reader["Condition"]["StringEquals"]
    (denied,) = [one for one in statements if one["Effect"] == "Deny"]
    assert denied["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_browsers_get_it_by_https_and_in_no_frame(hosted: dict[str, Any]) -> None:
    resources = hosted["Resources"]
    (distribution,) = of_type(resources, "AWS::CloudFront::Distribution").values()
    behavior = distribution["DistributionConfig"]["DefaultCacheBehavior"]
    assert behavior["ViewerProtocolPolicy"] == "redirect-to-https"
    (headers,) = of_type(resources, "AWS::CloudFront::ResponseHeadersPolicy")
    assert behavior["ResponseHeadersPolicyId"] == {"Ref": headers}
    security = resources[headers]["Properties"]["ResponseHeadersPolicyConfig"]["SecurityHeadersConfig"]
    assert security["ContentSecurityPolicy"]["ContentSecurityPolicy"] == "frame-ancestors 'none'"


def test_the_page_finds_its_client_and_where_to_connect(hosted: dict[str, Any]) -> None:
    uploads = of_type(hosted["Resources"], "Custom::CDKBucketDeployment").values()
    assert {upload.get("DestinationBucketKeyPrefix") for upload in uploads} == {None, CLIENT_FOLDER}
    (page,) = [upload for upload in uploads if "DestinationBucketKeyPrefix" not in upload]
    assert page["Exclude"] == [f"{CLIENT_FOLDER}/*"], "uploading the page would delete the client"
    assert "WebSocketApi" in json.dumps(page["SourceMarkers"]), "the URL is put into config.json"
    assert f"./{CLIENT_FOLDER}/index.js" in (CONSOLE / "main.js").read_text(encoding="utf-8")
    assert (JAVASCRIPT_CLIENT / "index.js").exists()


def test_its_address_is_an_output(hosted: dict[str, Any]) -> None:
    assert "ConsoleUrl" in hosted["Outputs"]


def test_the_linters_find_nothing(tmp_path: Path) -> None:
    assert findings_of_cfn_lint(make_stack({"consolePage": "true"}), tmp_path) == ""
    stack = make_stack({"consolePage": "true"})
    raise_findings_of_cdk_nag(stack)
    assert isinstance(stack, cdk.Stack)


def test_a_bootstrap_with_a_name_of_its_own_is_no_new_finding() -> None:
    """Files lie in a bucket that has the qualifier of `cdk bootstrap` in its name."""
    raise_findings_of_cdk_nag(make_stack({"consolePage": "true", "@aws-cdk/core:bootstrapQualifier": "own"}))
