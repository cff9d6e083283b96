"""Findings of cdk-nag's AWS Solutions rules that are accepted, each where it arises and with its reason."""

from aws_cdk import Acknowledgment, Validations
from constructs import IConstruct


def acknowledge(construct: IConstruct, rule: str, reason: str) -> None:
    """Accept one finding of an AWS Solutions rule, such as `SQS3` or `IAM5[Resource::*]`."""
    Validations.of(construct).acknowledge(
        Acknowledgment(id=f"AwsSolutions::AwsSolutions-{rule}", reason=reason)
    )
