"""MiniStack with the AWS behaviours that this app relies on and MiniStack lacks.

`local.aws.LocalAws` runs `python -m local.emulator`. Each module has one concern:

- `seams`: imports MiniStack, as the only module, and only the version that the package was written against.
- `cloudformation`: resource types and properties that MiniStack refuses or ignores.
- `functions`: the way a function's code runs; `interpreters`: its Python.
- `websocket`: the client's side of a WebSocket API.
- `authorizer`: the events and refusals of Lambda authorizers.
- `permissions`: the rights of SQS that cover several messages at once, and the keys that rights of DynamoDB
  look at.
- `queries`: the cost of a DynamoDB query; `orders`: the places of its items.
- `edge`: the front of every AWS endpoint.
- `server`: puts the parts together and serves.
"""
