"""A new secret for a deployment's tokens, without an outage.

make rotate
"""

import argparse
import sys
from collections.abc import Sequence

from operations import deployment
from operations.deployment import Deployment
from operations.minting import MintingError, secret_arn
from stacks.contract import SECRET_CHARACTERS

MEANING = """\
The secret is rotated. New tokens are signed with the new one. Tokens of the one before stay good until they
expire or the secret is rotated again; older ones are refused, everywhere within five minutes.
So rotating twice revokes for good every token made until now: do it at once if the secret has leaked. Open
connections stay until their token expires.
"""


def rotate(found: Deployment) -> None:
    """Let a new random secret sign tokens. The current secret becomes the previous one.

    Secrets Manager moves AWSCURRENT to the new version, and AWSPREVIOUS to the version that had AWSCURRENT
    (API reference, PutSecretValue).

    Raises:
        MintingError: the deployment has no secret of its own.
        ClientError: the rights to rotate are missing.
    """
    arn, secrets_manager = secret_arn(found.outputs), found.client("secretsmanager")
    secret = secrets_manager.get_random_password(PasswordLength=SECRET_CHARACTERS, ExcludePunctuation=True)
    secrets_manager.put_secret_value(SecretId=arn, SecretString=secret["RandomPassword"])


@deployment.command("rotate", "The secret could not be rotated: {}", sentences=[MintingError])
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(
        prog="make rotate",
        description="Put a new random secret in the place of the one that signs a deployment's tokens. "
        "Tokens of the old one stay good until the next rotation.",
    )
    deployment.add_arguments(parser)
    parser.add_argument("--yes", action="store_true", help="don't ask; in the local AWS nobody is asked")
    chosen = parser.parse_args(arguments)
    found = deployment.find(chosen)
    if not deployment.may_change(found, "Rotate the secret", said_yes=chosen.yes):
        return 1
    rotate(found)
    print(MEANING, end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
