"""Questions to the logs, as queries of CloudWatch Logs Insights.

A query's fields are those of the lines that the functions and API Gateway write. Lists in a line, such as
`connections`, are looked through by `@message like`.
"""

from dataclasses import dataclass

ACCESS = "access"
"""The API's access log, beside the functions, which are called by their modules."""

EVERYWHERE = None


@dataclass(frozen=True)
class SavedQuery:
    """A query.

    Attributes:
        text: the query. What is in angle brackets is to be replaced by whoever asks: a query's parameters are
            too young a property of CloudFormation to rest a deployment on.
        logs: the logs that have the answer; `EVERYWHERE` for all.
    """

    text: str
    logs: tuple[str, ...] | None


SAVED_QUERIES = {
    "why 401": SavedQuery(
        """\
filter message = "connect refused"
| stats count() as handshakes, latest(@timestamp) as last, latest(connection_id) as connection by reason
| sort handshakes desc
""",
        ("authorize",),
    ),
    "what became of an event": SavedQuery(
        """\
fields @timestamp, message, channel, delivered, gone, expired, rounds, retry, silent, unsent, last_failure,
  refused, code, reason
| filter @message like "<event id>"
| sort @timestamp asc
""",
        ("push",),
    ),
    "what became of a connection": SavedQuery(
        """\
fields @timestamp, coalesce(message, eventType) as what, service, routeKey, status, integrationStatus, error,
  action, entity, channel, reason
| filter @message like "<connection id>"
| sort @timestamp asc
""",
        EVERYWHERE,
    ),
    "who asks without a grant": SavedQuery(
        """\
filter message = "forbidden"
| stats count() as lines, latest(entity) as last, latest(connection_id) as connection by user_id, action
| sort lines desc
""",
        ("subscribe", "publish", "connect"),
    ),
    "what fails": SavedQuery(
        """\
filter level in ["ERROR", "WARNING"]
| stats count() as lines, latest(@timestamp) as last, latest(@message) as line by service, message
| sort last desc
""",
        EVERYWHERE,
    ),
}
"""The queries, by their names."""
