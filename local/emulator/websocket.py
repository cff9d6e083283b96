"""The client's side of a WebSocket API: the handshake, the answers, the errors."""

import contextvars
from collections.abc import Awaitable, Callable
from typing import Any

from local.emulator.seams import apigateway, lambda_runtime, lambda_service

Message = dict[str, Any]
Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

# The answer of `$connect` on the socket that this task serves.
_connect_answer: contextvars.ContextVar[dict[str, Any]] = contextvars.ContextVar("connect_answer")

_NO_ROUTE = {"routeKey": None, "routeId": None}


def install() -> None:
    """Let routes invoke, answer and fail as on API Gateway; see also `handshake`."""
    concurrent_invocations()
    answers()
    forbidden_without_route()


class Invocation:
    """One invocation of a route's function, in the same way as every other invocation.

    MiniStack's WebSocket routes keep one process per function. So two clients wait for each other, logs are
    missing, and an exception's text goes to the client. This class stands in for that process.
    Source: API Gateway developer guide, "Integrations for WebSocket APIs" (each message is an
    invocation of its own) and "Set up a WebSocket API integration request".
    """

    def __init__(self, name: str, config: Any, code_zip: bytes, qualifier: str = "$LATEST") -> None:
        del qualifier  # the configuration is the qualified one already
        self.function = {
            **lambda_service._functions[name],
            "config": config,
            "code_zip": code_zip,
        }

    def invoke(self, event: dict[str, Any], _request_id: str) -> dict[str, Any]:
        """Run the function. A failure becomes an answer that `answers` understands."""
        context = event["requestContext"]
        context["messageDirection"] = "IN"
        connection = apigateway._ws_connections.get(context["connectionId"])
        if connection:  # MiniStack gives the time of the message instead
            context["connectedAt"] = connection["connectedAt"] * 1000
        result = lambda_service._execute_function(self.function, event)
        if result.get("error") or result.get("throttle"):
            return {"status": "ok", "result": {"failed": True, "statusCode": 502}}
        return {"status": "ok", "result": result.get("body")}


def concurrent_invocations() -> None:
    """Let routes invoke functions through `Invocation`."""
    lambda_runtime.get_or_create_worker = Invocation


def answers() -> None:
    """Answer only on routes with a route response. A failing function answers with a fixed frame.

    - Without RouteResponseSelectionExpression and RouteResponse, a function's answer is dropped: API Gateway
      developer guide, "Set up route responses for WebSocket APIs".
    - The client of a failing function gets `Internal server error` instead of the exception's text.
    - A message without a route is `Forbidden`: see `forbidden_without_route`.
    """
    invoke = apigateway._invoke_ws_lambda

    async def invoke_and_answer(*args: Any, **keywords: Any) -> Any:
        api, _account, _region, route, _stage, connection, event_type, message_id = args[:8]

        def error_frame(text: str) -> dict[str, Any]:
            body = {"message": text, "connectionId": connection, "requestId": message_id}
            return {"body": body}

        if route is _NO_ROUTE:
            return error_frame("Forbidden")
        answer = await invoke(*args, **keywords)
        if event_type == "CONNECT":
            _connect_answer.get().update(answer or {})
        if event_type != "MESSAGE":
            return answer
        if isinstance(answer, dict) and answer.get("failed"):
            return error_frame("Internal server error")
        return answer if _has_route_response(api, route) else None

    apigateway._invoke_ws_lambda = invoke_and_answer


def _has_route_response(api: str, route: dict[str, Any]) -> bool:
    """Tell whether a route is two-way: it has a route response and an expression that selects it."""
    responses = apigateway._route_responses.get(api, {}).get(route["routeId"])
    return bool(responses and route.get("routeResponseSelectionExpression"))


def forbidden_without_route() -> None:
    """Answer `Forbidden` to an action that no route takes, on an API without `$default`.

    AWS does so, though the developer guide doesn't describe the frame. MiniStack gives no answer.
    """
    match = apigateway._match_ws_route

    def match_or_forbid(api: str, route_key: str) -> Any:
        route = match(api, route_key)
        return route or (None if route_key in ("$connect", "$disconnect") else _NO_ROUTE)

    apigateway._match_ws_route = match_or_forbid


def handshake(application: Application) -> Application:
    """Let `$connect` decide the handshake's subprotocol, and its status when it refuses.

    - The `Sec-WebSocket-Protocol` header that `$connect` returns is echoed; MiniStack never does:
      API Gateway developer guide, "Set up a $connect route that requires a WebSocket subprotocol".
    - A refused handshake has the status that `$connect` returned, or 502 when its function failed;
      MiniStack always says 403. The same page shows a handshake refused with its function's 400.
    """

    async def application_with_handshake(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            return await application(scope, receive, send)
        answer: dict[str, Any] = {}
        _connect_answer.set(answer)
        accepted = False

        async def send_handshake(message: Message) -> None:
            nonlocal accepted
            if message["type"] == "websocket.accept":
                accepted = True
                message = {**message, "subprotocol": _returned_subprotocol(answer)}
            elif message["type"] == "websocket.close" and not accepted and "statusCode" in answer:
                status = int(answer["statusCode"])
                await send({"type": "websocket.http.response.start", "status": status, "headers": []})
                message = {"type": "websocket.http.response.body", "body": b""}
            await send(message)

        return await application(scope, receive, send_handshake)

    return application_with_handshake


def _returned_subprotocol(answer: dict[str, Any]) -> str | None:
    """Return the subprotocol in `$connect`'s answer. The header's name may have any case."""
    headers = {name.lower(): value for name, value in (answer.get("headers") or {}).items()}
    return headers.get("sec-websocket-protocol")
