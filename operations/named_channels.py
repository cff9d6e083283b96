"""Channels as the commands take them: by the ids of entities and users, and everyone's."""

import argparse
from collections.abc import Sequence

from entity_push.protocol.channels import EVERYONE, entity_channel, user_channel
from entity_push.protocol.ids import checked_entity_id, checked_user_id


def add_arguments(parser: argparse.ArgumentParser, what: str) -> None:
    """Add the options that name channels.

    Args:
        parser: the command's.
        what: what of a channel the command is about, such as `the history`.
    """
    for name, whose in (("entity", "of these entities"), ("user", "of the notifications for these users")):
        parser.add_argument(
            f"--{name}", nargs="+", action="extend", default=[], metavar="ID", help=f"{what} {whose}"
        )
    parser.add_argument("--everyone", action="store_true", help=f"{what} of the broadcasts")


def named(chosen: argparse.Namespace) -> Sequence[str]:
    """Return the channels that are named.

    Raises:
        ValueError: an id is not valid; the message has the rule.
    """
    return [
        *(entity_channel(checked_entity_id(entity_id)) for entity_id in chosen.entity),
        *(user_channel(checked_user_id(user_id)) for user_id in chosen.user),
        *([EVERYONE] if chosen.everyone else []),
    ]
