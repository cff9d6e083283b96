"""A load on a deployment: clients that follow entities and publish, with times and losses.

make load ARGS="--connections 100 --updates 500"
make load ARGS="--url wss://… --token … --connections 20 --updates 100"
"""

import argparse
import asyncio
import resource
import statistics
import sys
import uuid
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from entity_push.runtime.environment import AuthorizationMode

from operations import deployment
from operations.load_plan import Plan
from operations.load_run import LoadRun, Tally, Tokens
from operations.minting import MintingError, TokenSigner
from operations.visible import visible
from stacks.contract import ClaimNames

MOST_CONNECTS_PER_SECOND = 400.0
"""Of API Gateway's 500 for all APIs of an account and Region, some are left to others (API Gateway Developer
Guide, "Quotas for configuring and running a WebSocket API")."""

MOST_MESSAGE_BYTES = 20_000
"""A larger update would not fit one frame, and cost more than is reckoned with."""

SPARE_FILES = 100
"""Open files of this process besides connections."""

EXAMPLES = """\
examples:
  make load ARGS="--connections 100 --updates 500"
  make load ENV=staging ARGS="--connections 2000 --entities 20 --updates 3000 --rate 20 --yes"
  make load ARGS="--url wss://… --token - --connections 20 --updates 100" < token.txt

Entities are load/<run>/<number>. A token of your own has to grant load/* to subscribe and to publish. It ends
with 0 if every client has shown every update once, and with 1 if not.
"""


class LoadError(Exception):
    """The load can't be made as it is wanted; the message has a remedy."""


@deployment.command(
    "load", "The deployment's secret could not be read: {}", sentences=[LoadError, MintingError, ValueError]
)
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    chosen = _parse(arguments)
    plan = Plan(
        chosen.connections,
        chosen.updates,
        min(chosen.entities, chosen.connections),
        chosen.rate,
        chosen.connects_per_second,
        chosen.bytes,
    )
    prefix = f"load/{uuid.uuid4().hex[:8]}/"
    url, tokens = _target(chosen, prefix, plan)
    _make_room(plan.connections)
    print(
        f"{plan.connections:,} clients of {plan.entities:,} entities, {plan.updates:,} updates, "
        f"{plan.shown:,} to be shown; at most about {plan.minutes:.1f} minutes",
        flush=True,
    )
    question = f"About ${plan.dollars:,.2f} on {visible(url)}, without free tiers. Go on?"
    if not _is_here(url) and not deployment.may(question, said_yes=chosen.yes):
        return 1
    run = LoadRun(url, tokens, plan, prefix)
    try:
        asyncio.run(run.run())
    except KeyboardInterrupt:
        print("load: stopped", file=sys.stderr)
    return 0 if _told(run.tally, plan) else 1


def _target(chosen: argparse.Namespace, prefix: str, plan: Plan) -> tuple[str, Tokens]:
    """Return where clients connect, and their tokens.

    Raises:
        LoadError: one token does not do for so many connections, or the options don't fit together.
        MintingError: the deployment has no secret to make tokens with.
    """
    if not chosen.url:
        found = deployment.find(chosen)
        url, mode = found.outputs["WebSocketUrl"], found.outputs.get("Authorization")
        if chosen.token:
            return url, _one_token(chosen, plan)
        if mode == AuthorizationMode.NONE:
            return url, lambda _number: None
        return url, _tokens_by(TokenSigner.of(found.outputs, found.client("secretsmanager")), prefix, plan)
    if not chosen.url.startswith(("wss://", "ws://")):
        raise LoadError(f"--url {visible(chosen.url)} is no URL of a WebSocket: see the output WebSocketUrl.")
    if chosen.token:
        return chosen.url, _one_token(chosen, plan)
    if not chosen.secret:
        return chosen.url, lambda _number: None
    if not (chosen.issuer and chosen.audience):
        raise LoadError("--secret needs --issuer and --audience: the outputs TokenIssuer and TokenAudience.")
    signer = TokenSigner(_text(chosen.secret), chosen.issuer, chosen.audience, ClaimNames())
    return chosen.url, _tokens_by(signer, prefix, plan)


def _one_token(chosen: argparse.Namespace, plan: Plan) -> Tokens:
    """Return the one token for all: they are connections of one user, of which a deployment takes so many."""
    if plan.connections > chosen.connections_per_user:
        raise LoadError(
            f"One token is one user, who may have {chosen.connections_per_user} connections "
            "(connectionsPerUser). Say --secret, so that each client is a user of its own, or "
            "--connections-per-user if the deployment takes more."
        )
    token = _text(chosen.token)
    return lambda _number: token


def _tokens_by(signer: TokenSigner, prefix: str, plan: Plan) -> Tokens:
    """Return tokens of users of their own, good until the load is over."""
    seconds, grants = plan.minutes * 60 + 3600, [f"{prefix}*"]

    def token(number: int) -> str:
        return signer.token(f"{prefix}{number}", subscribe=grants, publish=grants, seconds=seconds)

    return token


def _text(given: str) -> str:
    """Return an option's text; `-` stands for a line of standard input, which no list of processes shows."""
    return sys.stdin.readline().strip() if given == "-" else given


def _is_here(url: str) -> bool:
    return urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1")


def _make_room(connections: int) -> None:
    """Let this process open as many files as it may.

    Raises:
        LoadError: that is fewer than the connections.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = connections + SPARE_FILES
    if hard != resource.RLIM_INFINITY and needed > hard:
        raise LoadError(
            f"{connections:,} connections are {needed:,} open files, of {hard:,} here: see ulimit -Hn."
        )
    if soft != resource.RLIM_INFINITY and needed > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


def _told(tally: Tally, plan: Plan) -> bool:
    """Print what came of it; tell whether every client was there and has shown every update once."""
    lost = tally.lost(plan)
    if tally.ready < plan.connections:
        print(f"{plan.connections - tally.ready:,} of {plan.connections:,} clients could not subscribe")
    if tally.seconds:
        print("from publishing to showing: " + ", ".join(_percentiles(tally.seconds)))
        span = max(tally.last - min(tally.sent.values()), 0.001)
        print(f"rate: {len(tally.sent) / span:.1f} updates/s, {len(tally.seconds) / span:.1f} shown/s")
    print(f"lost: {lost:,}; shown twice: {tally.twice:,}; states fetched anew: {tally.resets:,}")
    if tally.refused or tally.unknown:
        print(f"not taken: {len(tally.refused):,}; perhaps not taken: {len(tally.unknown):,}")
    for error, count in tally.errors.most_common(5):
        print(f"{count:,} x {visible(error)}")
    complete = len(tally.sent) == plan.updates  # none is published unless all clients are there
    return complete and not (lost or tally.twice or tally.refused or tally.unknown)


def _percentiles(seconds: Sequence[float]) -> list[str]:
    milliseconds = sorted(1000 * each for each in seconds)
    cuts = (
        statistics.quantiles(milliseconds, n=100, method="inclusive")
        if len(milliseconds) > 1
        else milliseconds * 99
    )
    return [
        *(f"p{percent} {cuts[percent - 1]:,.0f} ms" for percent in (50, 90, 99)),
        f"max {milliseconds[-1]:,.0f} ms",
    ]


def _number_of(kind: type[float], least: float, most: float) -> Callable[[str], float]:
    """Return a reader of numbers between two bounds."""

    def read(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = kind(-1)
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is no number from {least:g} to {most:g}")
        return value

    return read


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make load",
        description="Let clients follow entities and publish; tell times and losses.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    for name, kind, default, bounds, what in (
        ("connections", int, 20, (1, 100_000), "clients; each is a user of its own, but for --token"),
        ("updates", int, 100, (1, 1_000_000), "published in all"),
        ("entities", int, 10, (1, 100_000), "that the clients follow, one each"),
        ("rate", float, 10.0, (0.01, 1000), "updates per second"),
        (
            "connects-per-second",
            float,
            100.0,
            (0.1, MOST_CONNECTS_PER_SECOND),
            "clients that connect in a second",
        ),
        ("bytes", int, 100, (0, MOST_MESSAGE_BYTES), "of an update's message"),
        ("connections-per-user", int, 50, (1, 100_000), "the deployment's setting, for --token"),
    ):
        add(
            f"--{name}",
            type=_number_of(kind, *bounds),
            default=default,
            help=f"{what} (default: %(default)s)",
        )
    add(
        "--yes", action="store_true", help="do not ask before it costs money; nobody is asked on this machine"
    )
    group = parser.add_argument_group("who connects, and where (default: the deployment named below)")
    group.add_argument(
        "--url", help="the output WebSocketUrl of any deployment; no AWS credentials are needed"
    )
    group.add_argument("--token", help="one for all clients; - reads it from standard input")
    group.add_argument("--secret", help="what the deployment signs tokens with, for --url; - reads it")
    group.add_argument("--issuer", help="the output TokenIssuer, for --secret")
    group.add_argument("--audience", help="the output TokenAudience, for --secret")
    deployment.add_arguments(parser)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
