"""A month's load, the prices, and the lines that a bill is made of."""

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml  # type: ignore[import-untyped]

from operations.cost.figures import CONNECTION_MINUTES, KB, MINUTES, PING_AFTER_MINUTES

PRICES = Path(__file__).with_name("prices.yaml")


@dataclass(frozen=True)
class Price:
    """What a vendor takes for something.

    Attributes:
        dollars: US dollars.
        per: for how many.
        what: of what, in words.
        seen: the month of the newest public text that quotes it (`2026-09`); None: it has no date.
        source: the vendor's page.
    """

    dollars: float
    per: int
    what: str
    seen: str | None
    source: str


@functools.cache
def prices() -> Mapping[str, Price]:
    """Return all prices by their names."""
    read = yaml.load(PRICES.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    return {name: Price(**told) for name, told in read.items()}


@dataclass(frozen=True)
class Load:
    """What happens in a month.

    Attributes:
        connections: clients that are connected at once, all month, each following one entity.
        updates: updates of all entities together.
        subscribers: clients that get an update, each.
        frame_bytes: bytes of a pushed frame.
        log: whether an update is stored as one segment of the log, or as before the log, as three items.
        own_key: whether data is encrypted with a key of one's own.
    """

    connections: float
    updates: float
    subscribers: float
    frame_bytes: int
    log: bool = True
    own_key: bool = False

    @property
    def deliveries(self) -> float:
        """Frames that are pushed."""
        return self.updates * self.subscribers

    @property
    def minutes(self) -> float:
        """Minutes of all connections together."""
        return self.connections * MINUTES

    @property
    def opened(self) -> float:
        """Connections that are opened: each client's, again and again."""
        return self.minutes / CONNECTION_MINUTES

    @property
    def pings(self) -> float:
        """Pings after silence, if updates reach a client at random times.

        At r updates a minute, a silence lasts for t minutes with the probability p = exp(-rt), and for each
        further t with p again. A ping ends each t, so there are rp / (1 - p) a minute; without updates, 1/t.
        """
        if not self.deliveries or not self.minutes:
            return self.minutes / PING_AFTER_MINUTES
        rate = self.deliveries / self.minutes
        silence = -rate * PING_AFTER_MINUTES
        return self.minutes * rate * math.exp(silence) / -math.expm1(silence)

    def pieces(self, kilobytes: int) -> int:
        """Return how many pieces of a size a frame is billed as."""
        return max(1, math.ceil(self.frame_bytes / (kilobytes * KB)))


@dataclass(frozen=True)
class Line:
    """A line of a bill.

    Attributes:
        service: whose line it is.
        price: the name of its price.
        what: what it pays for.
        quantity: how many units.
    """

    service: str
    price: str
    what: str
    quantity: float

    @property
    def dollars(self) -> float:
        """What it costs."""
        price = prices()[self.price]
        return self.quantity / price.per * price.dollars

    @property
    def measured(self) -> str:
        """The quantity with its unit, in words."""
        if self.quantity == 1:
            return "1"
        unit = prices()[self.price].what.partition(",")[0]
        return f"{self.quantity:,.0f} {unit}" if self.quantity >= 10 else f"{self.quantity:.2g} {unit}"
