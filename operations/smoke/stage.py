"""What a stage keeps of settings that an update leaves out."""

from operations.smoke.check import Check, Target

LEFT_OUT = {"accessLogs": "false", "routeThrottles": ""}
"""What the second deployment leaves out of the stage."""


def _kept(target: Target) -> str:
    api_id = target.url.removeprefix("wss://").partition(".")[0]
    stage = target.client("apigatewayv2").get_stage(ApiId=api_id, StageName=target.url.rpartition("/")[2])
    kept = {
        "access logs": stage.get("AccessLogSettings", {}).get("DestinationArn"),
        "rates of routes": stage.get("RouteSettings"),
    }
    return ", ".join(name for name, value in kept.items() if value) or "nothing"


CHECKS = (
    Check(
        "settings that the second deployment has taken away from the stage",
        "access logs, rates of routes",
        "docs/how-to/upgrade.md: UpdateStage keeps what it is not given",
        _kept,
        here=False,
    ),
)
