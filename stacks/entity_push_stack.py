"""Our own stack: one `EntityPush`, and what a company asks of every stack."""

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

from .app_settings import AppSettings
from .contract import DEFAULT_CONSTRUCT
from .entity_push import EntityPush


class EntityPushStack(Stack):
    """Everything that one deployment is."""

    def __init__(self, scope: Construct, construct_id: str, *, settings: AppSettings):
        super().__init__(
            scope,
            construct_id,
            description="Entity Push: subscription-based push over WebSockets",
            tags=dict(settings.tags),
        )
        EntityPush(self, DEFAULT_CONSTRUCT, settings=settings)
        if settings.permissions_boundary:
            iam.PermissionsBoundary.of(self).apply(self._policy(settings.permissions_boundary))

    def _policy(self, name: str) -> iam.IManagedPolicy:
        """Return the managed policy of this name or ARN."""
        if name.startswith("arn:"):
            return iam.ManagedPolicy.from_managed_policy_arn(self, "Boundary", name)
        return iam.ManagedPolicy.from_managed_policy_name(self, "Boundary", name)
