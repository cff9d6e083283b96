"""The right to connect: the authorizer of `$connect`, and the secret that signs tokens."""

from aws_cdk import Annotations, Duration
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_apigatewayv2_authorizers as authorizers
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct
from entity_push.runtime.environment import AuthorizationMode, AuthorizeEnvironment

from .acknowledge import acknowledge
from .contract import SECRET_CHARACTERS, ClaimNames
from .encryption import Encryption
from .function import AppFunction
from .retention import removal_policy
from .settings import Settings


class Authorization(Construct):
    """Lets in the clients that the setting `authorization` names, and no others.

    Args:
        scope: the parent construct.
        construct_id: the construct's id.
        settings: the deployment's settings.
        name: the deployment's name, by default the issuer and the audience of its tokens.

    Attributes:
        authorizer: for `$connect`; None if anybody may connect.
        function: the authorizer's function; likewise.
        secret: what tokens are signed with; None if somebody else signs them, or there are none.
        outputs: what the stack tells of it: name to value and description.
    """

    def __init__(self, scope: Construct, construct_id: str, *, settings: Settings, name: str):
        super().__init__(scope, construct_id)
        self._settings, self._name = settings, name
        self._issuer, self._audience = settings.token_issuer or name, settings.token_audience or name
        self.authorizer: apigatewayv2.IWebSocketRouteAuthorizer | None = None
        self.function: lambda_.Function | None = None
        self.secret: secretsmanager.Secret | None = None
        self.outputs = {"Authorization": (settings.authorization, "Who may connect: jwt, oidc or none")}
        if settings.authorization == AuthorizationMode.NONE:
            Annotations.of(self).add_warning_v2(
                "entity-push:no-authorization",
                "NO AUTHORIZATION: anybody who knows the URL can connect, and subscribe and publish to "
                "everything. Deploy without "
                f"{settings.as_given('authorization', settings.authorization)} unless that is what you want.",
            )
            return
        if settings.authorization == AuthorizationMode.JWT:
            self.secret = self._secret()
        self.function = self._function().function
        self.authorizer = authorizers.WebSocketLambdaAuthorizer(
            "Authorizer",
            self.function,
            # API Gateway refuses a handshake without an identity source, and a token may be in three places.
            identity_source=[],
        )
        claims = ClaimNames(settings.user_claim, settings.subscribe_claim, settings.publish_claim)
        self.outputs |= {
            "TokenIssuer": (self._issuer, "The iss of tokens"),
            "TokenAudience": (self._audience, "The aud of tokens"),
            "TokenClaims": (
                claims.to_output(),
                "The claims of tokens for user, subscribe grants and publish grants",
            ),
        }
        if self.secret:
            self.outputs["TokenSecretArn"] = (
                self.secret.secret_arn,
                "The secret that signs tokens: make token",
            )

    def _secret(self) -> secretsmanager.Secret:
        secret = secretsmanager.Secret(
            self,
            "TokenSecret",
            description=f"Entity Push ({self._name}): signs the tokens of clients",
            encryption_key=Encryption.of(self).key,
            generate_secret_string=secretsmanager.SecretStringGenerator(
                password_length=SECRET_CHARACTERS, exclude_punctuation=True
            ),
            removal_policy=removal_policy(retain=self._settings.retain_data),
        )
        acknowledge(
            secret,
            "SMG4",
            "Issuers of tokens elsewhere may hold a copy, so its owner says when it is rotated: make rotate.",
        )
        return secret

    def _function(self) -> AppFunction:
        settings = self._settings
        environment = AuthorizeEnvironment(
            deployment_name=self._name,
            authorization=AuthorizationMode(settings.authorization),
            token_issuer=self._issuer,
            token_audience=self._audience,
            user_claim=settings.user_claim,
            subscribe_claim=settings.subscribe_claim,
            publish_claim=settings.publish_claim,
            token_secret_arn=self.secret.secret_arn if self.secret else "",
        )
        authorize = AppFunction(
            self,
            "Authorize",
            settings=settings,
            module="authorize",
            environment=environment,
            timeout=Duration.seconds(20),  # the three attempts of a call that fails take 12
        )
        if self.secret:
            authorize.allow(("secretsmanager:GetSecretValue",), self.secret.secret_arn)
        return authorize
