"""The WebSocket API under a domain of the deployer's own."""

from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_route53 as route53
from constructs import Construct

from .settings import Settings


class CustomDomain(Construct):
    """A Regional domain name, its mapping to a stage, and its DNS record if the hosted zone is known.

    Source: API Gateway Developer Guide, "Custom domain names for WebSocket APIs": Regional only, TLS 1.2. The
    mapping has no path, and the URL no stage.

    Args:
        scope: the construct that has the API.
        construct_id: the construct's id.
        settings: the deployment's settings, with a `domain_name`.
        stage: the API's stage.

    Attributes:
        url: where clients connect.
        callback_url: where frames may be posted to connections. It is the domain without a stage: with the
            stage, API Gateway answers 403 (github.com/aws/aws-sdk-net/issues/1860).
        target: the name that the domain's record has to lead to.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, settings: Settings, stage: apigatewayv2.WebSocketStage
    ):
        super().__init__(scope, construct_id)
        domain = apigatewayv2.CfnDomainName(
            self,
            "Domain",
            domain_name=settings.domain_name,
            domain_name_configurations=[
                apigatewayv2.CfnDomainName.DomainNameConfigurationProperty(
                    certificate_arn=settings.certificate_arn,
                    endpoint_type="REGIONAL",
                    security_policy="TLS_1_2",
                )
            ],
        )
        mapping = apigatewayv2.CfnApiMapping(
            self, "Mapping", api_id=stage.api.api_id, domain_name=domain.ref, stage=stage.stage_name
        )
        served = stage.node.default_child
        assert isinstance(served, apigatewayv2.CfnStage)
        mapping.add_resource_dependency(served)
        self.url, self.callback_url = f"wss://{settings.domain_name}", f"https://{settings.domain_name}"
        self.target = domain.attr_regional_domain_name
        if settings.hosted_zone_id:
            route53.CfnRecordSet(
                self,
                "Record",
                hosted_zone_id=settings.hosted_zone_id,
                name=settings.domain_name,
                type="A",
                alias_target=route53.CfnRecordSet.AliasTargetProperty(
                    dns_name=domain.attr_regional_domain_name,
                    hosted_zone_id=domain.attr_regional_hosted_zone_id,
                ),
            )
