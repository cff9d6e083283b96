"""The WebSocket API: routes, their functions, and the stage."""

from aws_cdk import ArnFormat, Duration, RemovalPolicy, Stack
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_apigatewayv2_integrations as integrations
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct
from entity_push.protocol import frames
from entity_push.protocol.actions import ACTIONS, Handler
from entity_push.runtime.environment import ENVIRONMENTS
from entity_push.table import keys

from .access_log import ACCESS_LOG_FIELDS
from .acknowledge import acknowledge
from .api_deployment import deploy_api
from .bus import deployment_address
from .custom_domain import CustomDomain
from .function import AppFunction, log_group
from .settings import Settings
from .throttles import throttle_routes


class WebSocket(Construct):
    """API Gateway WebSocket API with one function per route.

    Attributes:
        api: the API.
        stage: its stage, with throttle and access logs.
        url: where clients connect.
        callback_url: where frames are posted to connections.
        domain: the domain of its own; None without.
        functions: the routes' functions, by their modules.
        access_logs: what its access logs are written to; None without access logs.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        name: str,
        table: dynamodb.ITable,
        bus: events.IEventBus,
        authorizer: apigatewayv2.IWebSocketRouteAuthorizer | None,
    ):
        super().__init__(scope, construct_id)
        self._settings, self._table, self._bus = settings, table, bus
        self.api = apigatewayv2.WebSocketApi(
            self,
            "Api",
            api_name=name,
            route_selection_expression="$request.body.action",
        )
        self.access_logs: logs.ILogGroup | None = None
        self.stage = self._stage()
        self.url, self.callback_url = self.stage.url, self.stage.callback_url
        self.domain: CustomDomain | None = None
        if settings.domain_name:
            self.domain = CustomDomain(self, "CustomDomain", settings=settings, stage=self.stage)
            self.url = self.domain.url
        if self.domain and not settings.execute_api_endpoint:
            self._close_own_endpoint()
            self.callback_url = self.domain.callback_url
        # What routes may want to know; each function is told what its description names.
        self._facts = {
            "deployment_name": name,
            "table_name": table.table_name,
            "authorization": settings.authorization,
            "everyone": settings.everyone,
            "event_bus_name": bus.event_bus_name,
            "deployment_address": deployment_address(self, name),
            "connections_per_user": settings.connections_per_user,
            "client_frame_bytes": settings.client_frame_kilobytes * 1024,
            "subscriptions_per_connection": settings.subscriptions_per_connection,
            "replay_seconds": settings.replay_seconds,
            "callback_url": self.callback_url,
        }
        self.functions: dict[str, lambda_.Function] = {}
        connect = self._function(
            Handler(
                "connect",
                table=("BatchWriteItem", "Query", "DeleteItem", "BatchGetItem"),
                items=keys.PARTITIONS,
            )
        )
        connect.allow_connections(self.stage, "GET")
        self._add_route("$connect", connect, authorizer)
        disconnect = self._function(
            Handler("disconnect", table=("DeleteItem", "BatchWriteItem"), items=keys.PARTITIONS)
        )
        self._add_route("$disconnect", disconnect)
        self._add_actions()
        self._add_route("$default", self._function(Handler("default")))
        throttle_routes(self.stage, settings)
        deploy_api(self, self.api, self.stage)

    def _add_actions(self) -> None:
        functions: dict[str, AppFunction] = {}
        for action in ACTIONS:
            if action.handler is None:
                self._add_pong(action.name)
                continue
            module = action.handler.module
            if module not in functions:
                functions[module] = self._function(action.handler)
            self._add_route(action.name, functions[module])

    def _function(self, handler: Handler) -> AppFunction:
        function = AppFunction(
            self,
            handler.module.capitalize(),
            settings=self._settings,
            module=handler.module,
            environment=ENVIRONMENTS[handler.module].of(self._facts),
            timeout=Duration.seconds(15),  # API Gateway itself gives up after 29
        )
        self.functions[handler.module] = function.function
        if handler.table:
            function.allow_items(self._table, handler.table, handler.items)
        if handler.bus:
            function.allow([f"events:{action}" for action in handler.bus], self._bus.event_bus_arn)
        return function

    def _add_route(
        self,
        key: str,
        app_function: AppFunction,
        authorizer: apigatewayv2.IWebSocketRouteAuthorizer | None = None,
    ) -> None:
        route = self.api.add_route(
            key,
            authorizer=authorizer,
            integration=integrations.WebSocketLambdaIntegration(
                f"{key.removeprefix('$').capitalize()}Integration", app_function.function
            ),
            # Without a route response, API Gateway drops what the function answers.
            return_response=key not in ("$connect", "$disconnect"),
        )
        if authorizer is None:
            self._acknowledge_route(route, key)

    def _acknowledge_route(self, route: apigatewayv2.WebSocketRoute, key: str) -> None:
        reason = "Only $connect can be authorized on a WebSocket API; frames come on connections it let in."
        if key == "$connect":
            reason = "The setting authorization is none, which is said loudly at deployment."
        acknowledge(route, "APIG4", reason)

    def _add_pong(self, key: str) -> None:
        """Let API Gateway answer pings itself: they only keep the connection from idling out."""
        route = self.api.add_route(
            key,
            integration=integrations.WebSocketMockIntegration(
                "PingIntegration",
                request_templates={"200": '{"statusCode":200}'},
                template_selection_expression="200",
            ),
            return_response=True,
        )
        self._acknowledge_route(route, key)
        integration = next(
            child
            for child in self.api.node.find_all()
            if isinstance(child, apigatewayv2.CfnIntegration) and child.integration_type == "MOCK"
        )
        apigatewayv2.CfnIntegrationResponse(
            self,
            "Pong",
            api_id=self.api.api_id,
            integration_id=integration.ref,
            integration_response_key="$default",
            template_selection_expression="200",
            response_templates={"200": frames.encode(frames.pong()).decode()},
        )

    def _close_own_endpoint(self) -> None:
        resource = self.api.node.default_child
        assert isinstance(resource, apigatewayv2.CfnApi)
        resource.disable_execute_api_endpoint = True

    def _stage(self) -> apigatewayv2.WebSocketStage:
        settings = self._settings
        stage = apigatewayv2.WebSocketStage(
            self,
            "Stage",
            web_socket_api=self.api,
            stage_name=settings.stage,
            auto_deploy=False,
            throttle=apigatewayv2.ThrottleSettings(
                rate_limit=settings.throttle_rate, burst_limit=settings.throttle_burst
            ),
        )
        if settings.access_logs:
            self.access_logs = log_group(self, "AccessLogs", settings)
            self._log_access(stage, self.access_logs)
        return stage

    def _log_access(self, stage: apigatewayv2.WebSocketStage, group: logs.ILogGroup) -> None:
        resource = stage.node.default_child
        assert isinstance(resource, apigatewayv2.CfnStage)
        # The ARN that a log group has by itself ends in `:*`. API Gateway keeps it without, so a stage with
        # it differs from its template for good (API Gateway reference, AccessLogSettings).
        destination = Stack.of(self).format_arn(
            service="logs",
            resource="log-group",
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
            resource_name=group.log_group_name,
        )
        resource.access_log_settings = apigatewayv2.CfnStage.AccessLogSettingsProperty(
            destination_arn=destination,
            format=Stack.of(self).to_json_string(
                {name: f"$context.{variable}" for name, variable in ACCESS_LOG_FIELDS.items()}
            ),
        )
        if self._settings.api_gateway_log_role:
            resource.add_resource_dependency(self._account())

    def _account(self) -> apigateway.CfnAccount:
        """Return what sets the role with which API Gateway writes logs: one per account and Region.

        Without any, a stage with access logs can't be made; taking it away on deletion would break
        the logs of every other API, so it stays. The stack may have one already.
        """
        for construct in Stack.of(self).node.find_all():
            if isinstance(construct, apigateway.CfnAccount):
                return construct
        role = iam.Role(
            self,
            "ApiGatewayLogRole",
            assumed_by=iam.ServicePrincipal("apigateway.amazonaws.com"),
            managed_policies=[
                iam.ManagedPolicy.from_aws_managed_policy_name(
                    "service-role/AmazonAPIGatewayPushToCloudWatchLogs"
                )
            ],
        )
        acknowledge(
            role,
            "IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/"
            "AmazonAPIGatewayPushToCloudWatchLogs]",
            "AWS prescribes this policy for the role (API Gateway Developer Guide, CloudWatch logging).",
        )
        # Also after a failed deployment: from now on, it is what other APIs of the account write logs with.
        role.apply_removal_policy(RemovalPolicy.RETAIN)
        account = apigateway.CfnAccount(self, "ApiGatewayAccount", cloud_watch_role_arn=role.role_arn)
        account.apply_removal_policy(RemovalPolicy.RETAIN)
        return account
