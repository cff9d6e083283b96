"""The console page, hosted by S3 and CloudFront (setting `consolePage`)."""

import functools

from aws_cdk import CfnElement, Duration, RemovalPolicy, Stack
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_cloudfront_origins as origins
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_deployment as s3_deployment
from constructs import Construct

from .acknowledge import acknowledge
from .places import CONSOLE, JAVASCRIPT_CLIENT

CLIENT_FOLDER = "entity-push"
"""Where the page looks for the client."""

CACHE = Duration.minutes(5)


class ConsolePage(Construct):
    """A private bucket with the page, and a distribution that serves it. The page holds no secret.

    Args:
        scope: the stack, or a construct in it.
        construct_id: the construct's id.
        web_socket_url: where the page connects, unless somebody types another URL.

    Attributes:
        url: the page's address.
    """

    def __init__(self, scope: Construct, construct_id: str, *, web_socket_url: str):
        super().__init__(scope, construct_id)
        bucket = s3.Bucket(
            self,
            "Files",
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            enforce_ssl=True,
            removal_policy=RemovalPolicy.DESTROY,  # it is all in the app
            auto_delete_objects=True,
        )
        distribution = cloudfront.Distribution(
            self,
            "Distribution",
            comment="Entity Push console",
            default_root_object="index.html",
            default_behavior=cloudfront.BehaviorOptions(
                origin=origins.S3BucketOrigin.with_origin_access_control(bucket),
                viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.REDIRECT_TO_HTTPS,
                response_headers_policy=self._headers(),
            ),
            price_class=cloudfront.PriceClass.PRICE_CLASS_100,
        )
        self._upload(bucket, distribution, web_socket_url)
        self.url = f"https://{distribution.distribution_domain_name}/"
        _accept_findings(bucket, distribution)

    def _headers(self) -> cloudfront.ResponseHeadersPolicy:
        """Return headers against framing and guessing of types. The page's own meta element has the rest."""
        return cloudfront.ResponseHeadersPolicy(
            self,
            "Headers",
            security_headers_behavior=cloudfront.ResponseSecurityHeadersBehavior(
                content_security_policy=cloudfront.ResponseHeadersContentSecurityPolicy(
                    content_security_policy="frame-ancestors 'none'", override=True
                ),
                content_type_options=cloudfront.ResponseHeadersContentTypeOptions(override=True),
                strict_transport_security=cloudfront.ResponseHeadersStrictTransportSecurity(
                    access_control_max_age=Duration.days(365), override=True
                ),
            ),
        )

    def _upload(self, bucket: s3.Bucket, distribution: cloudfront.Distribution, web_socket_url: str) -> None:
        """Copy the page, what it is told, and the client into the bucket."""
        upload = functools.partial(
            s3_deployment.BucketDeployment,
            self,
            destination_bucket=bucket,
            distribution=distribution,
            cache_control=[s3_deployment.CacheControl.max_age(CACHE)],
        )
        config = s3_deployment.Source.json_data("config.json", {"url": web_socket_url})
        page = upload(
            "Page",
            sources=[s3_deployment.Source.asset(str(CONSOLE)), config],
            exclude=[f"{CLIENT_FOLDER}/*"],  # else it would be deleted, as no file of the page
        )
        client = upload(
            "Client",
            sources=[s3_deployment.Source.asset(str(JAVASCRIPT_CLIENT))],
            destination_key_prefix=CLIENT_FOLDER,
        )
        client.node.add_dependency(page)
        _accept_findings_of_uploads(page, bucket)


def _accept_findings(bucket: s3.Bucket, distribution: cloudfront.Distribution) -> None:
    public = "The page and its client are public: they hold no data, and nobody needs to know who reads them."
    acknowledge(bucket, "S1", public)
    acknowledge(distribution, "CFR1", public)
    acknowledge(distribution, "CFR2", public)
    acknowledge(distribution, "CFR3", public)
    acknowledge(
        distribution,
        "CFR4",
        "CloudFront's own certificate allows old protocols. A domain of one's own is not.",
    )


def _accept_findings_of_uploads(page: s3_deployment.BucketDeployment, bucket: s3.Bucket) -> None:
    """Accept what the CDK's own function for uploads, one per stack, may do."""
    function = page.handler_role.node.scope
    files = bucket.node.default_child
    assert function is not None
    assert isinstance(files, CfnElement)
    qualifier = Stack.of(bucket).synthesizer.bootstrap_qualifier
    assets = f"cdk-{qualifier}-assets-<AWS::AccountId>-<AWS::Region>"
    rights = [
        *(
            f"Action::s3:{action}"
            for action in ("Abort*", "DeleteObject*", "GetBucket*", "GetObject*", "List*")
        ),
        f"Resource::<{Stack.of(bucket).get_logical_id(files)}.Arn>/*",
        f"Resource::arn:<AWS::Partition>:s3:::{assets}/*",
        "Resource::*",
    ]
    reason = "This is the CDK's own function, which copies the page's files while it is deployed."
    role = "IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole]"
    for rule in ("L1", role, *(f"IAM5[{right}]" for right in rights)):
        acknowledge(function, rule, reason)
