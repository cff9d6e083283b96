"""A load: how many connections and updates, and what AWS asks for it."""

from collections.abc import Iterator
from dataclasses import dataclass

from operations.cost import figures
from operations.cost.bill import Line
from operations.cost.figures import GB, KB

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
        """How long it takes at most, about."""
        return (
            self.connections / self.connects_per_second / 60 + self.updates / self.rate / 60 + WAITING_MINUTES
        )

    @property
    def dollars(self) -> float:
        """What AWS asks for it, about, with each update alone: in batches it is less."""
        return sum(line.dollars for line in self._lines())

    def _lines(self) -> Iterator[Line]:
        """Yield the lines of its bill, as `make cost` reckons."""
        opened, updates = self.connections, self.updates
        routes = len(figures.FUNCTIONS_PER_CONNECTION) * opened + updates  # each update is published, too
        yield Line("API Gateway", "gateway_minute", "open connections", opened * self.minutes)
        yield Line("API Gateway", "gateway_message", "updates", self.shown)
        yield Line("API Gateway", "gateway_message", "what is asked, and its answer", 2 * (opened + updates))
        yield Line("Lambda", "lambda_request", "invocations", routes + updates)
        seconds = updates * figures.PUSH_SECONDS + self.shown / figures.POSTS_PER_SECOND
        yield Line("Lambda", "lambda_gb_second", "pushing", seconds * figures.PUSH_MB / KB)
        small = routes * figures.FUNCTION_SECONDS
        yield Line("Lambda", "lambda_gb_second", "routes", small * figures.FUNCTION_MB / KB)
        writes = figures.CONNECT_WRITES + figures.SUBSCRIBE_WRITES + figures.DISCONNECT_WRITES
        yield Line("DynamoDB", "dynamodb_write", "connections, updates", opened * writes + updates)
        reads = updates * (figures.UPDATE_LISTS + figures.LOOK_READS)
        reads += opened * (figures.CONNECT_READS + figures.SUBSCRIBE_READS)
        yield Line("DynamoDB", "dynamodb_read", "connections, updates", reads)
        yield Line("EventBridge", "eventbridge_event", "updates", updates)
        yield Line("SQS", "sqs_request", "updates", figures.SQS_REQUESTS * updates)
        logged = updates * figures.PUSH_LOG_BYTES + (routes + updates) * figures.SYSTEM_LOG_BYTES
        logged += opened * figures.AUTHORIZE_LOG_BYTES + (3 * opened + updates) * figures.ACCESS_LOG_BYTES
        yield Line("CloudWatch", "logs_gb", "logs", logged / GB)
        yield Line("X-Ray", "trace", "traces, at the most", routes + updates)
