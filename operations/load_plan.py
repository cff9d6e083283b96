"""A load: how many connections and updates, and what AWS asks for it."""

from dataclasses import dataclass

# Prices in us-east-1 and AWS's free tiers left out, as docs/how-to/deploy.md has them with their parts.
MESSAGE_DOLLARS = 1.00e-6
"""A frame to or from a client."""

MINUTE_DOLLARS = 0.25e-6
"""A minute of one connection."""

WRITE_DOLLARS = 0.625e-6
"""A write unit of DynamoDB."""

INVOCATION_DOLLARS = 2.35e-6
"""An invocation of 50 ms ($1.35 per million), and 2 KB of logs ($1.00)."""

UPDATE_DOLLARS = 5.55e-6
"""An update that comes alone, but for its frames: bus, queue, push function, table, logs."""

CONNECT_INVOCATIONS = 4
"""The authorizer, `$connect`, `subscribe`, `$disconnect`."""

CONNECT_WRITES = 13
"""Four items of the connection put and deleted, and 4 units for subscribing, and 1 for a history."""

WAITING_MINUTES = 1.0
"""How long connections stay open without an update: until all are there, and after the last one."""


@dataclass(frozen=True)
class Plan:
    """A load.

    Attributes:
        connections: how many clients connect; each follows one entity.
        updates: how many updates they publish in all.
        entities: how many different entities there are; at most as many as connections.
        rate: updates per second.
        connects_per_second: how many clients begin to connect in a second.
        message_bytes: the size of an update's message.
    """

    connections: int
    updates: int
    entities: int
    rate: float
    connects_per_second: float
    message_bytes: int

    @property
    def shown(self) -> int:
        """How many updates all clients together are to show."""
        return sum(len(self.followers(update % self.entities)) for update in range(self.updates))

    def followers(self, entity: int) -> range:
        """Return the numbers of the clients that follow an entity, by its number."""
        return range(entity, self.connections, self.entities)

    @property
    def minutes(self) -> float:
        """How long it takes, about."""
        return (
            self.connections / self.connects_per_second / 60 + self.updates / self.rate / 60 + WAITING_MINUTES
        )

    @property
    def dollars(self) -> float:
        """What AWS asks for it, about; with batches less."""
        connecting = (
            CONNECT_INVOCATIONS * INVOCATION_DOLLARS + CONNECT_WRITES * WRITE_DOLLARS + 2 * MESSAGE_DOLLARS
        )
        publishing = UPDATE_DOLLARS + INVOCATION_DOLLARS + 2 * MESSAGE_DOLLARS
        return (
            self.connections * (connecting + self.minutes * MINUTE_DOLLARS)
            + self.updates * publishing
            + self.shown * MESSAGE_DOLLARS
        )
