"""A token to connect with, printed alone, for use in a shell.

make token ARGS="--user alice --subscribe 'orders/*'"
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from operations import deployment
from operations.minting import DEFAULT_SECONDS, MintingError, TokenSigner
from operations.visible import visible

EXAMPLES = """\
examples:
  make token ARGS="--user alice --subscribe 'orders/*' users/alice"
  make token ARGS="--user shop --publish '*' --minutes 1440 --stack Orders --profile production"

  token=$(make -s token ARGS="--user me --subscribe '*'")
  wscat -c <WebSocketUrl> -H "Authorization: Bearer $token"

patterns:
  orders/42   this entity
  orders/*    every entity below orders/
  *           every entity
  '#everyone' with --publish: all connections at once
"""


@deployment.command(
    "token", "The deployment's secret could not be read: {}", sentences=[MintingError, ValueError]
)
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    chosen = _parse(arguments)
    found = deployment.find(chosen)
    signer = TokenSigner.of(found.outputs, found.client("secretsmanager"))
    token = signer.token(
        chosen.user,
        subscribe=chosen.subscribe,
        publish=chosen.publish,
        seconds=chosen.minutes * 60,
    )
    _tell_grants(chosen.subscribe, chosen.publish)
    print(token)
    return 0


def _tell_grants(subscribe: Sequence[str], publish: Sequence[str]) -> None:
    if not subscribe and not publish:
        _note("this token may connect, and nothing else: it has neither --subscribe nor --publish.")
        return
    told = {"may subscribe to": subscribe, "may publish to": publish}
    _note("; ".join(f"{what}: {visible('  '.join(grants))}" for what, grants in told.items() if grants))
    for grant in dict.fromkeys([*subscribe, *publish]):
        if grant != "*" and "*" in grant.removesuffix("/*"):
            _note(
                f"{visible(grant)}: only * alone, and /* at the end, stand for others. This * is a character."
            )
    for name, grants in (("subscribe", subscribe), ("publish", publish)):
        if len(grants) > 1 and all("/" not in grant and Path(grant).exists() for grant in grants):
            _note(
                "these are the names of files in this folder, which a shell makes of a bare *. "
                f"For all entities: --{name} '*'"
            )


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make token",
        description="Print a token for a user of a deployment (authorization=jwt).",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--user", required=True, help="who connects with it")
    for name, what in (("subscribe", "subscribe"), ("publish", "publish")):
        parser.add_argument(
            f"--{name}",
            nargs="+",
            action="extend",
            default=[],
            metavar="PATTERN",
            help=f"entities that the user may {what} to",
        )
    parser.add_argument(
        "--minutes",
        type=float,
        default=DEFAULT_SECONDS / 60,
        help="how long it is good for (default: %(default)g)",
    )
    deployment.add_arguments(parser)
    return parser.parse_args(arguments)


def _note(text: str) -> None:
    print(f"token: {text}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
