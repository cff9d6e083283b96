"""How long data and logs are kept."""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_logs as logs

from stacks.settings import Settings


def removal_policy(settings: Settings) -> RemovalPolicy:
    """Return what happens to data when the stack is deleted."""
    return RemovalPolicy.RETAIN if settings.retain_data else RemovalPolicy.DESTROY


def log_retention(settings: Settings) -> logs.RetentionDays:
    """Return the CDK's name for the number of days that logs are kept."""
    units = {
        **{1: "ONE_DAY", 3: "THREE_DAYS", 5: "FIVE_DAYS", 7: "ONE_WEEK", 14: "TWO_WEEKS"},
        **{30: "ONE_MONTH", 60: "TWO_MONTHS", 90: "THREE_MONTHS", 120: "FOUR_MONTHS"},
        **{150: "FIVE_MONTHS", 180: "SIX_MONTHS", 365: "ONE_YEAR", 400: "THIRTEEN_MONTHS"},
        **{545: "EIGHTEEN_MONTHS", 731: "TWO_YEARS", 1096: "THREE_YEARS", 1827: "FIVE_YEARS"},
        3653: "TEN_YEARS",
    }
    return logs.RetentionDays[units[settings.log_retention_days]]
