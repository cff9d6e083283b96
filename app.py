"""The CDK app: `cdk deploy` runs it. Settings: docs/reference/settings.md."""

import sys


def main() -> None:
    """Synthesize the stack; a wrong setting ends it with a sentence."""
    _say("loading the CDK")
    # Imported here, so that the line above comes before seconds of loading.
    import aws_cdk as cdk  # noqa: PLC0415

    from stacks.app_settings import AppSettings  # noqa: PLC0415
    from stacks.bundle import BundleError  # noqa: PLC0415
    from stacks.entity_push_stack import EntityPushStack  # noqa: PLC0415
    from stacks.setting_checks import SettingError  # noqa: PLC0415

    app = cdk.App()
    _say("describing the resources")
    try:
        settings = AppSettings.from_context(app.node.get_all_context())
        EntityPushStack(app, settings.stack_name, settings=settings)
    except (SettingError, BundleError) as error:
        sys.exit(f"entity-push: {error}")
    _say("writing the template")
    app.synth()


def _say(what: str) -> None:
    """Say on standard error what takes a while; the CDK CLI passes it on."""
    print(f"entity-push: {what} ...", file=sys.stderr, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
