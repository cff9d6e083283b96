"""The event of an API's Lambda authorizer, and the client's answer when the authorizer fails."""

import contextvars
from typing import Any

from local.emulator.seams import apigateway, lambda_service
from local.emulator.websocket import Application, Receive, Scope, Send

# The header lines of the handshake that this task serves.
_header_lines: contextvars.ContextVar[list[tuple[bytes, bytes]]] = contextvars.ContextVar("header_lines")


def install() -> None:
    """Let authorizers refuse as on API Gateway, and see repeated headers; see also `header_lines`."""
    unauthorized()
    repeated_headers()


class _UnauthorizedError(Exception):
    """The authorizer failed with the one message that means 401."""


def unauthorized() -> None:
    """Answer 401 if an authorizer fails with the message `Unauthorized`; any other failure stays 500.

    MiniStack answers 500 to both.
    Source: API Gateway developer guide, "Use API Gateway Lambda authorizers" (its example function:
    "Return a 401 Unauthorized response"), which "Control access to WebSocket APIs with AWS Lambda
    REQUEST authorizers" builds upon.
    """
    execute = lambda_service._execute_function_with_config_scope
    authorize = apigateway._authorize_ws_connect

    def execute_or_refuse(function: Any, event: Any) -> Any:
        result = execute(function, event)
        if _is_authorizers(event) and result.get("error") and _message(result) == "Unauthorized":
            raise _UnauthorizedError
        return result

    async def authorize_or_refuse(*arguments: Any) -> Any:
        try:
            return await authorize(*arguments)
        except _UnauthorizedError:
            return (401, "Unauthorized"), None

    lambda_service._execute_function_with_config_scope = execute_or_refuse
    apigateway._authorize_ws_connect = authorize_or_refuse


def _is_authorizers(event: Any) -> bool:
    return isinstance(event, dict) and str(event.get("methodArn")).endswith("/$connect")


def _message(result: dict[str, Any]) -> object:
    body = result.get("body")
    return body.get("errorMessage") if isinstance(body, dict) else None


def repeated_headers() -> None:
    """Put every line of a repeated header into `multiValueHeaders`; `headers` has the last line.

    MiniStack has the last line in both.
    Source: API Gateway developer guide, "Set up Lambda proxy integrations", input format.
    """
    fields = apigateway._ws_connect_fields

    def fields_with_every_line(headers: Any, query_parameters: Any) -> Any:
        lines: dict[str, list[str]] = {}
        for name, value in _header_lines.get():
            lines.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
        return {**fields(headers, query_parameters), "multiValueHeaders": lines}

    apigateway._ws_connect_fields = fields_with_every_line


def header_lines(application: Application) -> Application:
    """Keep a handshake's header lines for `repeated_headers`. MiniStack's own dict has one per name."""

    async def application_with_header_lines(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            _header_lines.set(list(scope["headers"]))
        await application(scope, receive, send)

    return application_with_header_lines
