"""The counts that a bill is made from: what was measured, and what is assumed, with how to see it."""

MINUTES = 730 * 60
"""Minutes of a month."""

KB = 1024
GB = 1024**3

# Measured or counted. tests/unit/operations/test_cost_figures.py holds each of them to the code.

CONNECT_WRITES = 3
"""The connection, its user's channel, everyone's. A token that ends within two hours adds one."""

CONNECT_READS = 1
"""The user's connections are counted: up to 40 of them in one unit."""

SUBSCRIBE_WRITES = 4
SUBSCRIBE_READS = 3
DISCONNECT_WRITES = 5

UPDATE_WRITES_BEFORE = 6
"""What an update cost before the log: a transaction that wrote the head, the update and a marker."""

STORED_BYTES_AT_MOST = 24 * KB
"""A larger frame is stored without its message, in one unit."""

UPDATE_LISTS = 3
"""Lists of subscribers of an entity such as `orders/42`: its own, that of `orders/*`, and that of `*`."""

SUBSCRIBERS_PER_READ = 40

LOOK_READS = 2
"""A worker looks at the life and the tail of an entity that it has not met in the last minute."""

CHUNK = 1000
"""Connections of one message, where an update has more subscribers than that."""

POSTS_PER_SECOND = 15_800
"""From one vCPU at 15 ms latency: docs/explanation/performance.md, "What a post costs"."""

PUSH_MB = 1769
FUNCTION_MB = 512

PUSH_LOG_BYTES = 800
"""Printed for an update that comes alone: a line and its metrics."""

AUTHORIZE_LOG_BYTES = 240
ACCESS_LOG_BYTES = 400
"""A line of the API's access log. A connection has three, and one for each ping."""

PING_AFTER_MINUTES = 8
"""Of silence, by the client libraries. API Gateway closes an idle connection after 10 minutes."""

CONNECTION_MINUTES = 99
"""The client libraries change connections at a random 80 to 100 % of 110 minutes: API Gateway cuts at 120."""

FUNCTIONS_PER_CONNECTION = ("authorize", "connect", "subscribe", "disconnect")

SCHEDULED_FUNCTIONS = 2
EXPIRE_READS = 14
"""Half a unit for each of 26 lists a minute, in the mean: each quarter of an hour, 110 more are read."""

WATCH_REQUESTS = 3
OWN_METRICS = 29
ALARM_METRICS = 42
DASHBOARDS = 1
SECRETS = 1

# Assumed: nothing here was tried on AWS. CloudWatch Logs Insights shows durations, over the log groups:
#   filter @type = "REPORT" | stats avg(@billedDuration), count() by @log

PUSH_SECONDS = 0.05
"""An invocation of the push function, less its posts beyond the first."""

FUNCTION_SECONDS = 0.02
"""An invocation of any other function, warm."""

SYSTEM_LOG_BYTES = 400
"""Lambda's own lines START, END and REPORT."""

POLLS = 5 * 3
"""Requests of SQS a minute by a mapping that finds no messages: five pollers that wait 20 s each (AWS
Lambda Developer Guide, "Using Lambda with Amazon SQS"). SQS's metric `NumberOfEmptyReceives` shows it."""

SQS_REQUESTS = 3
"""A message is sent, received and deleted."""

TRACED_PER_SECOND = 1
TRACED_SHARE = 0.05
"""Lambda's active tracing takes one invocation a second, and 5 % of the others (AWS Lambda Developer Guide,
"Visualize Lambda function invocations using AWS X-Ray"). It is taken to be so for each function."""

RIVALS_CONNECTION_MINUTES = 24 * 60
"""The rivals' connections are taken to last a day. IoT Core's end after one."""
