"""MiniStack with the AWS behaviours that this app relies on and MiniStack lacks.

Run as `python -m local.emulator`; :class:`local.aws.LocalAws` does so. One module per concern:

- `seams`: the only module that imports MiniStack, and only the version it was written against.
- `cloudformation`: resource types and properties that MiniStack refuses or ignores.
- `functions`: how a function's code runs; `interpreters`: on which Python.
- `websocket`: what a client of a WebSocket API sees.
- `authorizer`: what decides whether a client may connect.
- `permissions`: which rights of SQS cover several messages at once.
- `queries`: what a DynamoDB query costs; `orders`: where it finds its items.
- `edge`: what stands in front of every AWS endpoint.
- `server`: puts them together and serves.
"""
