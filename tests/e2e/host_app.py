"""A team's CDK app: two deployments beside a resource of the team's own, in one stack.

Run it from any folder: python host_app.py
"""

import sys
from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_iam as iam

sys.path.append(str(Path(__file__).resolve().parents[2]))  # where the team keeps Entity Push

from stacks.entity_push import EntityPush
from stacks.settings import Settings

CONSTRUCTS = ("Orders", "Chat")

app = cdk.App()
stack = cdk.Stack(app, "Host")
service = iam.Role(stack, "Service", assumed_by=iam.AccountRootPrincipal())
settings = Settings(
    event_bus="own",
    retain_data=False,
    architecture=app.node.try_get_context("architecture") or "arm64",
    python_version=app.node.try_get_context("pythonVersion") or "3.13",
)
for name in CONSTRUCTS:
    push = EntityPush(stack, name, settings=settings)
    push.grant_put_events(service)
    push.grant_mint_tokens(service)
app.synth()
