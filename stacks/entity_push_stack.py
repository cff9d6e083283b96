"""Our own stack: one `EntityPush`, and nothing else."""

from aws_cdk import Stack
from constructs import Construct

from stacks.contract import DEFAULT_CONSTRUCT
from stacks.entity_push import EntityPush
from stacks.settings import Settings


class EntityPushStack(Stack):
    """Everything that one deployment is."""

    def __init__(self, scope: Construct, construct_id: str, *, settings: Settings):
        super().__init__(
            scope, construct_id, description="Entity Push: subscription-based push over WebSockets"
        )
        EntityPush(self, DEFAULT_CONSTRUCT, settings=settings)
