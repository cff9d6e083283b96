"""With which key data is encrypted at rest: AWS's own keys, or one that belongs to the deployment."""

from collections.abc import Iterable
from typing import Self

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct, IConstruct

from .retention import removal_policy
from .settings import Settings

_ID = "Encryption"

# What a service does with the key in the name of a role that calls it.
_KEY_ACTIONS = {
    # The table's key (DynamoDB Developer Guide, "DynamoDB encryption at rest"; what the CDK grants writers).
    "dynamodb": (
        *("kms:DescribeKey", "kms:Encrypt", "kms:Decrypt", "kms:ReEncryptFrom", "kms:ReEncryptTo"),
        *("kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext"),
    ),
    # A queue's data keys, of producers and consumers (SQS Developer Guide, "Amazon SQS Key management").
    "sqs": ("kms:Decrypt", "kms:GenerateDataKey"),
    # The token secret, to read it (Secrets Manager User Guide, "Secret encryption and decryption").
    "secretsmanager": ("kms:Decrypt",),
}


class Encryption(Construct):
    """The key of everything that a deployment stores: table, queues, alarm topic, log groups, token secret.

    Every `EntityPush` has one; constructs in it find it with `Encryption.of`.

    Args:
        scope: the `EntityPush`.
        settings: the deployment's settings.
        name: the deployment's name.
        prefix: what the logical ids of the deployment's resources begin with.

    Attributes:
        key: the key that the deployment made (setting `encryption=customer`), or was given by its ARN. Or
            `None`: then each service encrypts with a key of AWS.
    """

    def __init__(self, scope: Construct, *, settings: Settings, name: str, prefix: str):
        super().__init__(scope, _ID)
        self._name, self._prefix = name, prefix
        self.key: kms.IKey | None = None
        if settings.encryption == "customer":
            self.key = self._key(settings)
        elif settings.encryption != "aws":
            # Its policy is its owner's: docs/how-to/deploy-in-a-company.md says what has to be in it.
            self.key = kms.Key.from_key_arn(self, "Key", settings.encryption)

    @classmethod
    def of(cls, construct: IConstruct) -> Self:
        """Return the one of a construct's deployment, which has to be made before it is asked for."""
        for scope in reversed(construct.node.scopes):
            found = scope.node.try_find_child(_ID)
            if isinstance(found, cls):
                return found
        raise LookupError(f"{construct.node.path} is in no EntityPush")

    def let_use(self, grantee: iam.IGrantable, actions: Iterable[str]) -> None:
        """Let a role use the key through the services whose actions it may do, and not by itself."""
        if not self.key:
            return
        stack = Stack.of(self)
        here = f"{stack.region}.{stack.url_suffix}"  # China's Regions end in amazonaws.com.cn
        for service in sorted({action.split(":")[0] for action in actions} & _KEY_ACTIONS.keys()):
            grantee.grant_principal.add_to_principal_policy(
                iam.PolicyStatement(
                    actions=list(_KEY_ACTIONS[service]),
                    resources=[self.key.key_arn],
                    conditions={"StringEquals": {"kms:ViaService": f"{service}.{here}"}},
                )
            )

    def _key(self, settings: Settings) -> kms.Key:
        key = kms.Key(
            self,
            "Key",
            description=f"Entity Push ({self._name}): everything that is stored",
            enable_key_rotation=True,  # every 365 days
            removal_policy=removal_policy(retain=settings.retain_data),
        )
        stack = Stack.of(self)
        of_this_account = {"StringEquals": {"aws:SourceAccount": stack.account}}
        # The rule writes to the queue and to its dead letters (SQS Developer Guide, "Amazon SQS Key
        # management"). Not narrowed to the rule, which needs the queue, which needs this key; the queues'
        # own policies are.
        self._let_service(
            key, "events.amazonaws.com", ("kms:GenerateDataKey", "kms:Decrypt"), of_this_account
        )
        # Alarms publish to the topic (SNS Developer Guide, "Managing Amazon SNS encryption keys and costs").
        self._let_service(
            key, "cloudwatch.amazonaws.com", ("kms:GenerateDataKey*", "kms:Decrypt"), of_this_account
        )
        # CloudFormation names log groups after the stack and the logical id
        # (CloudWatch Logs User Guide, "Encrypt log data").
        names = f"{stack.stack_name}-{self._prefix}*"
        log_groups = stack.format_arn(service="logs", resource=f"log-group:{names}")
        self._let_service(
            key,
            f"logs.{stack.region}.{stack.url_suffix}",
            ("kms:Encrypt*", "kms:Decrypt*", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"),
            {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": log_groups}},
        )
        return key

    def _let_service(
        self, key: kms.Key, service: str, actions: Iterable[str], conditions: dict[str, dict[str, str]]
    ) -> None:
        key.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal(service)],
                actions=list(actions),
                resources=["*"],  # of a key policy: this key
                conditions=conditions,
            )
        )
