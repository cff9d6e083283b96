"""Entity Push as one construct, for our own stack and for the stacks of other CDK apps."""

from collections.abc import Mapping

from aws_cdk import Annotations, CfnOutput, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from constructs import Construct
from entity_push.runtime.environment import AuthorizationMode

from . import bundle, interpreters
from .alarms import Alarms
from .authorization import Authorization
from .bus import event_bus
from .console_page import ConsolePage
from .contract import DEFAULT_CONSTRUCT, name_prefix
from .dashboard import Dashboard
from .encryption import Encryption
from .expiry import Expiry
from .log_queries import LogQueries
from .push_pipeline import PushPipeline
from .setting_checks import SettingError
from .settings import Settings
from .storage import Storage
from .watch import Watch
from .web_socket import WebSocket


class EntityPush(Construct):
    """Everything that one deployment is. A stack may have several, which share nothing.

    The id `Default` adds nothing to the names of resources and outputs; any other id is their prefix.

    Args:
        scope: the stack, or a construct in it.
        construct_id: the construct's id.
        settings: the deployment's settings.

    Attributes:
        name: what metrics, alarms, the API and, by default, tokens call the deployment.
        bus: where services put events.
        web_socket_url: where clients connect.
        callback_url: where frames are posted to connections.
        table: the table.
        alarm_topic: where alarms are announced.
        token_secret: what tokens are signed with; None if the deployment has no secret of its own.
    """

    def __init__(self, scope: Construct, construct_id: str, *, settings: Settings | None = None):
        super().__init__(scope, construct_id)
        self._settings = settings = settings or Settings()
        self.name = "-".join([Stack.of(self).stack_name, *self._ids()])
        Encryption(self, settings=settings, name=self.name, prefix=name_prefix(self._ids()))
        if not bundle.is_compiled(settings):
            self._warn_of_slow_starts()
        self.table = Storage(self, "Storage", settings=settings).table
        self.bus = event_bus(self, settings)
        authorization = Authorization(self, "Authorizer", settings=settings, name=self.name)
        self.token_secret = authorization.secret
        web_socket = WebSocket(
            self,
            "WebSocket",
            settings=settings,
            name=self.name,
            table=self.table,
            bus=self.bus,
            authorizer=authorization.authorizer,
        )
        self.web_socket_url, self.callback_url = web_socket.url, web_socket.callback_url
        pipeline = PushPipeline(
            self,
            "Notifications",  # with another id, queues would be replaced
            settings=settings,
            name=self.name,
            bus=self.bus,
            table=self.table,
            web_socket=web_socket,
        )
        functions = {**web_socket.functions, "push": pipeline.push.function}
        watch = Watch(self, "Watch", settings=settings, name=self.name, pipeline=pipeline)
        functions["watch"] = watch.function.function
        if authorization.function is not None:
            expiry = Expiry(
                self,
                "Expiry",
                settings=settings,
                name=self.name,
                table=self.table,
                web_socket=web_socket,
            )
            functions |= {"authorize": authorization.function, "expire": expiry.function.function}
        self.alarm_topic, observed = self._observe(pipeline, web_socket, functions)
        more = {**authorization.outputs, **observed}
        if web_socket.domain:
            more["DomainTarget"] = (web_socket.domain.target, "Where the record of the domain has to lead")
        if settings.console_page:
            page = ConsolePage(self, "Console", web_socket_url=self.web_socket_url)
            more["ConsoleUrl"] = (page.url, "The console page")
        self._add_outputs(pipeline, more)

    def grant_put_events(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let a service put events on the bus."""
        return iam.Grant.add_to_principal(
            grantee=grantee, actions=["events:PutEvents"], resource_arns=[self.bus.event_bus_arn]
        )

    def grant_mint_tokens(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let a service read the secret that signs tokens, and so let in anybody as anyone.

        Raises:
            SettingError: the deployment has no secret of its own.
        """
        if self.token_secret is None:
            raise SettingError(
                f"{self.node.path} has no secret that signs tokens: its setting authorization is "
                f"{self._settings.authorization}, and only {AuthorizationMode.JWT} has one."
            )
        actions = ["secretsmanager:GetSecretValue"]
        Encryption.of(self).let_use(grantee, actions)
        return iam.Grant.add_to_principal(
            grantee=grantee, actions=actions, resource_arns=[self.token_secret.secret_arn]
        )

    def _observe(
        self, pipeline: PushPipeline, web_socket: WebSocket, functions: Mapping[str, lambda_.Function]
    ) -> tuple[sns.Topic, dict[str, tuple[str, str]]]:
        """Add what people who run the deployment see of it; return the alarms' topic, and outputs."""
        settings = self._settings
        alarms = Alarms(
            self,
            "Alarms",
            settings=settings,
            name=self.name,
            pipeline=pipeline,
            web_socket=web_socket,
            functions=functions,
        )
        LogQueries(self, "Queries", name=self.name, functions=functions, access_logs=web_socket.access_logs)
        if not settings.dashboard:
            return alarms.topic, {}
        dashboard = Dashboard(
            self,
            "Dashboard",
            name=self.name,
            runbook=settings.runbook_url,
            alarms=alarms.alarms,
            pipeline=pipeline,
            web_socket=web_socket,
            functions=functions,
            table=self.table,
        )
        return alarms.topic, {"DashboardName": (dashboard.dashboard_name, "The dashboard in CloudWatch")}

    def _warn_of_slow_starts(self) -> None:
        version = self._settings.python_version
        given = self._settings.as_given("python_version", interpreters.THIS)
        Annotations.of(self).add_warning_v2(
            "entity-push:no-bytecode",
            f"Python {version}, which the functions run on, is not installed here. So their bytecode is left "
            f"out, and importing them takes two to three times as long at each cold start. Install "
            f"python{version}, or let them run on this one: {given}",
        )

    def _ids(self) -> list[str]:
        """Return the ids from below the stack down to this construct that tell it from others."""
        above = len(Stack.of(self).node.scopes)
        ids = [scope.node.id for scope in self.node.scopes[above:]]
        return [construct_id for construct_id in ids if construct_id != DEFAULT_CONSTRUCT]

    def _add_outputs(self, pipeline: PushPipeline, more: Mapping[str, tuple[str, str]]) -> None:
        outputs = {
            "WebSocketUrl": (self.web_socket_url, "Where clients connect"),
            "CallbackUrl": (self.callback_url, "Where frames are posted to connections"),
            "TableName": (self.table.table_name, "The table"),
            "QueueUrl": (pipeline.queue.queue_url, "Events on their way to the push function"),
            "DeadLetterQueueUrl": (
                pipeline.dead_letters.queue_url,
                "Messages that could not be pushed",
            ),
            "TargetDeadLetterQueueUrl": (
                pipeline.target_dead_letters.queue_url,
                "Events that EventBridge could not put on the queue",
            ),
            "AlarmTopicArn": (self.alarm_topic.topic_arn, "Where alarms are announced"),
            "EventBusName": (self.bus.event_bus_name, "Where services put events"),
            **more,
        }
        for name, (value, description) in outputs.items():
            output = CfnOutput(self, name, value=value, description=description)
            output.override_logical_id(name_prefix(self._ids()) + name)  # without the CDK's hash
