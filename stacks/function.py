"""A function as every function here is: its own role, log group and trace, nothing it does not need."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from aws_cdk import CfnElement, Duration, Stack
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct
from entity_push.runtime.environment import Environment

from . import bundle
from .acknowledge import acknowledge
from .encryption import Encryption
from .retention import LOG_RETENTIONS, removal_policy
from .settings import Settings

ARCHITECTURES = {
    "arm64": lambda_.Architecture.ARM_64,
    "x86_64": lambda_.Architecture.X86_64,
}

VPC_ACTIONS = (
    "ec2:CreateNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:DeleteNetworkInterface",
    "ec2:AssignPrivateIpAddresses",
    "ec2:UnassignPrivateIpAddresses",
)
"""What Lambda does with a function's role in a VPC."""


def log_group(scope: Construct, construct_id: str, settings: Settings) -> logs.LogGroup:
    """Return a log group that follows the settings for retention and encryption."""
    return logs.LogGroup(
        scope,
        construct_id,
        encryption_key=Encryption.of(scope).key,
        retention=LOG_RETENTIONS[settings.log_retention_days],
        removal_policy=removal_policy(retain=settings.retain_data),
    )


def _bundle(settings: Settings, files: Mapping[str, str] | None) -> Path:
    return bundle.build_with(settings, files) if files else bundle.build(settings)


class AppFunction(Construct):
    """One Lambda function.

    Its role may write its own log group and traces; what else it may do, its user adds with `allow`.

    Args:
        scope: the parent construct.
        construct_id: the construct's id.
        settings: the deployment's settings.
        module: the module in lambdas/ whose `handler` runs.
        environment: what the function reads from environment variables.
        timeout: the longest an invocation may take.
        memory: MB of memory; CPU comes in proportion.
        recursive_loop: what Lambda does when it sees the function feed its own queue.
        files: texts that are bundled beside the modules, by the names of their files.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        module: str,
        environment: Environment,
        timeout: Duration,
        memory: int = 512,
        recursive_loop: lambda_.RecursiveLoop = lambda_.RecursiveLoop.TERMINATE,
        files: Mapping[str, str] | None = None,
    ):
        super().__init__(scope, construct_id)
        group = log_group(self, "Logs", settings)
        self.role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        self.function = lambda_.Function(
            self,
            "Function",
            code=lambda_.Code.from_asset(str(_bundle(settings, files))),
            handler=f"{module}.handler",
            runtime=lambda_.Runtime(f"python{settings.python_version}", lambda_.RuntimeFamily.PYTHON),
            architecture=ARCHITECTURES[settings.architecture],
            description=f"Entity Push: {module}",
            environment={"POWERTOOLS_SERVICE_NAME": module, **environment.variables()},
            timeout=timeout,
            memory_size=memory,
            role=self.role,
            log_group=group,
            logging_format=lambda_.LoggingFormat.JSON,
            application_log_level_v2=lambda_.ApplicationLogLevel[settings.log_level],
            tracing=lambda_.Tracing.ACTIVE if settings.tracing else lambda_.Tracing.DISABLED,
            recursive_loop=recursive_loop,
        )
        group.grant_write(self.role)
        if settings.subnet_ids:
            self._enter_vpc(settings)
        acknowledge(
            self,
            "IAM5[Resource::*]",
            "X-Ray's write actions have no resource to name (Service Authorization Reference, AWS X-Ray), "
            "and Lambda wants a VPC's actions on any.",
        )
        acknowledge(
            self,
            "L1",
            "One runtime for all machines (setting pythonVersion); all that may be set are supported.",
        )

    def _enter_vpc(self, settings: Settings) -> None:
        """Let the function run in the subnets of the settings.

        The role needs these actions on any resource (Lambda Developer Guide, "Giving Lambda functions access
        to resources in an Amazon VPC", required permissions).
        """
        resource = self.function.node.default_child
        assert isinstance(resource, lambda_.CfnFunction)
        resource.vpc_config = lambda_.CfnFunction.VpcConfigProperty(
            subnet_ids=list(settings.subnet_ids), security_group_ids=list(settings.security_group_ids)
        )
        self.role.add_to_principal_policy(iam.PolicyStatement(actions=list(VPC_ACTIONS), resources=["*"]))

    def allow(
        self, actions: Sequence[str], *resources: str, conditions: Mapping[str, Any] | None = None
    ) -> None:
        """Let the function do these actions on these ARNs, and use the key of what it finds there."""
        self.role.add_to_principal_policy(
            iam.PolicyStatement(actions=list(actions), resources=list(resources), conditions=conditions)
        )
        Encryption.of(self).let_use(self.role, actions)

    def allow_items(self, table: dynamodb.ITable, actions: Sequence[str], prefixes: Sequence[str]) -> None:
        """Let the function do these actions of DynamoDB on a table's items whose partition key begins so.

        Source: DynamoDB Developer Guide, "Using IAM policy conditions for fine-grained access control".
        """
        keys = {"dynamodb:LeadingKeys": [f"{prefix}*" for prefix in prefixes]}
        self.allow(
            [f"dynamodb:{action}" for action in actions],
            table.table_arn,
            conditions={"ForAllValues:StringLike": keys},
        )

    def allow_connections(self, stage: apigatewayv2.WebSocketStage, *methods: str) -> None:
        """Let the function post to (POST), close (DELETE) or look up (GET) connections of a stage."""
        stack = Stack.of(self)
        api_id = stack.get_logical_id(cast(CfnElement, stage.api.node.default_child))
        for method in methods:
            path = f"{stage.stage_name}/{method}/@connections/*"
            self.allow(
                ("execute-api:ManageConnections",),
                stack.format_arn(service="execute-api", resource=stage.api.api_id, resource_name=path),
            )
            acknowledge(
                self,
                "IAM5[Resource::arn:<AWS::Partition>:execute-api:<AWS::Region>:<AWS::AccountId>:"
                f"<{api_id}>/{path}]",
                "Connections come and go; all those of this stage, and nothing else, may be reached.",
            )
