"""A check: what is expected of AWS, why, and what was seen."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from operations.deployment import Deployment
from operations.minting import TokenSigner

POLL_SECONDS = 2.0


@dataclass(frozen=True)
class Target:
    """A deployment that is checked.

    Attributes:
        found: the deployment, with its outputs and AWS clients.
        signer: makes tokens for it.
        most_connections: how many connections one user may have.
        run: tells the users and entities of this run from those of others.
    """

    found: Deployment
    signer: TokenSigner
    most_connections: int
    run: str = field(default_factory=lambda: f"{time.time_ns():x}")

    def client(self, service: str) -> Any:
        """Return a boto3 client of a service."""
        return self.found.client(service)

    @property
    def url(self) -> str:
        """Where clients connect."""
        return self.found.outputs["WebSocketUrl"]

    def token(self, user: str = "smoke", *, seconds: float = 3600) -> str:
        """Return a token of a user of this run, for all entities of this run, and for no room."""
        grants = [f"{self.run}/*"]
        return self.signer.token(f"{user} {self.run}", subscribe=grants, publish=grants, seconds=seconds)

    def entity(self, name: str) -> str:
        """Return the id of an entity of this run."""
        return f"{self.run}/{name}"


@dataclass(frozen=True)
class Check:
    """Something that is believed of AWS.

    Attributes:
        name: what is tried.
        expects: what is then seen.
        why: the source of the belief.
        see: tries it, and returns what was seen.
        here: whether the local AWS has the answer, too.
    """

    name: str
    expects: str
    why: str
    see: Callable[[Target], str]
    here: bool = True


@dataclass(frozen=True)
class Seen:
    """What became of a check.

    Attributes:
        check: the check.
        what: what was seen, or the error.
        seconds: how long it took.
    """

    check: Check
    what: str
    seconds: float

    @property
    def is_right(self) -> bool:
        """Whether it is what was expected."""
        return self.what == self.check.expects


def run(checks: Iterable[Check], target: Target) -> Iterator[Seen]:
    """Run checks one after the other; an error is what was seen, and ends only its check."""
    for check in checks:
        began = time.monotonic()
        try:
            what = check.see(target)
        except Exception as error:
            what = f"{type(error).__name__}: {error}"
        yield Seen(check, what, time.monotonic() - began)


def eventually(condition: Callable[[], Any], *, seconds: float) -> Any:
    """Return a condition's value as soon as it is true; after some seconds, whatever it is."""
    give_up = time.monotonic() + seconds
    while not (value := condition()) and time.monotonic() < give_up:
        time.sleep(POLL_SECONDS)
    return value
