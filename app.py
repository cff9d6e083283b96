"""The CDK app: `cdk deploy` runs it. Settings: docs/reference/settings.md."""

import sys
from pathlib import Path

import aws_cdk as cdk

# The stack and the functions share the wire format and the names of events.
sys.path.insert(0, str(Path(__file__).resolve().parent / "lambdas"))

from stacks.bundle import BundleError
from stacks.entity_push_stack import EntityPushStack
from stacks.settings import SettingError, Settings


def main() -> None:
    """Synthesize the stack; a wrong setting ends it with a sentence."""
    app = cdk.App()
    try:
        settings = Settings.from_context(app.node.get_all_context())
        EntityPushStack(app, settings.stack_name, settings=settings)
    except (SettingError, BundleError) as error:
        sys.exit(f"entity-push: {error}")
    app.synth()


if __name__ == "__main__":
    main()
