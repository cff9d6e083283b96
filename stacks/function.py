"""A function as every function here is: its own role, log group and trace, nothing it does not need."""

from collections.abc import Mapping, Sequence

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from stacks import bundle
from stacks.acknowledge import acknowledge
from stacks.settings import Settings

ARCHITECTURES = {
    "arm64": lambda_.Architecture.ARM_64,
    "x86_64": lambda_.Architecture.X86_64,
}


def log_group(scope: Construct, construct_id: str, settings: Settings) -> logs.LogGroup:
    """Return a log group that follows the settings for retention."""
    return logs.LogGroup(
        scope,
        construct_id,
        retention=logs.RetentionDays[_retention_name(settings.log_retention_days)],
        removal_policy=removal_policy(settings),
    )


def removal_policy(settings: Settings) -> RemovalPolicy:
    """Return what happens to data when the stack is deleted."""
    return RemovalPolicy.RETAIN if settings.retain_data else RemovalPolicy.DESTROY


def _retention_name(days: int) -> str:
    units = {
        **{1: "ONE_DAY", 3: "THREE_DAYS", 5: "FIVE_DAYS", 7: "ONE_WEEK", 14: "TWO_WEEKS"},
        **{30: "ONE_MONTH", 60: "TWO_MONTHS", 90: "THREE_MONTHS", 120: "FOUR_MONTHS"},
        **{150: "FIVE_MONTHS", 180: "SIX_MONTHS", 365: "ONE_YEAR", 400: "THIRTEEN_MONTHS"},
        **{545: "EIGHTEEN_MONTHS", 731: "TWO_YEARS", 1096: "THREE_YEARS", 1827: "FIVE_YEARS"},
        3653: "TEN_YEARS",
    }
    return units[days]


class AppFunction(Construct):
    """One Lambda function.

    Its role may write its own log group and traces; what else it may do, its user adds with ``allow``.

    Args:
        scope: the parent construct.
        construct_id: the construct's id.
        settings: the deployment's settings.
        module: the module in lambdas/ whose ``handler`` runs.
        environment: what the function reads from environment variables.
        timeout: the longest an invocation may take.
        memory: MB of memory; CPU comes in proportion.
        recursive_loop: what Lambda does when it sees the function feed its own queue.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        module: str,
        environment: Mapping[str, str],
        timeout: Duration,
        memory: int = 512,
        recursive_loop: lambda_.RecursiveLoop = lambda_.RecursiveLoop.TERMINATE,
    ):
        super().__init__(scope, construct_id)
        group = log_group(self, "Logs", settings)
        self.role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        self.function = lambda_.Function(
            self,
            "Function",
            code=lambda_.Code.from_asset(str(bundle.build(settings))),
            handler=f"{module}.handler",
            runtime=lambda_.Runtime(f"python{settings.python_version}", lambda_.RuntimeFamily.PYTHON),
            architecture=ARCHITECTURES[settings.architecture],
            description=f"Entity Push: {module}",
            environment={"POWERTOOLS_SERVICE_NAME": module, **environment},
            timeout=timeout,
            memory_size=memory,
            role=self.role,
            log_group=group,
            logging_format=lambda_.LoggingFormat.JSON,
            application_log_level_v2=lambda_.ApplicationLogLevel[settings.log_level],
            tracing=lambda_.Tracing.ACTIVE,
            recursive_loop=recursive_loop,
        )
        group.grant_write(self.role)
        acknowledge(
            self,
            "IAM5[Resource::*]",
            "X-Ray's write actions have no resource to name (Service Authorization Reference, AWS X-Ray).",
        )
        acknowledge(
            self,
            "L1",
            "The runtime is the Python that compiled the bytecode; all that may be set are supported.",
        )

    def allow(self, actions: Sequence[str], *resources: str) -> None:
        """Let the function do these actions on these ARNs."""
        self.role.add_to_principal_policy(
            iam.PolicyStatement(actions=list(actions), resources=list(resources))
        )
