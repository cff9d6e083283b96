"""The CDK app: `cdk deploy` runs it. Settings: docs/reference/settings.md."""

import sys

import aws_cdk as cdk

from stacks.app_settings import AppSettings
from stacks.bundle import BundleError
from stacks.entity_push_stack import EntityPushStack
from stacks.settings import SettingError


def main() -> None:
    """Synthesize the stack; a wrong setting ends it with a sentence."""
    app = cdk.App()
    try:
        settings = AppSettings.from_context(app.node.get_all_context())
        EntityPushStack(app, settings.stack_name, settings=settings)
    except (SettingError, BundleError) as error:
        sys.exit(f"entity-push: {error}")
    app.synth()


if __name__ == "__main__":
    main()
