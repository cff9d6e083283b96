"""The front of every AWS endpoint: TLS, and API Gateway's payload limits."""

from local.emulator.websocket import Application, Message, Receive, Scope, Send

# "Quotas for configuring and running a WebSocket API": message payload size 128 KB. The other limit there, 32
# KB for a WebSocket frame, is not restored: the server joins frames before the application sees them. So a
# client that sends more than 32 KB in one frame works here and is closed on AWS.
MESSAGE_LIMIT = 128 * 1024

_UNSUPPORTED_DATA = 1003
_MESSAGE_TOO_BIG = 1009


def tls(application: Application) -> Application:
    """Let every request count as sent over TLS, like requests to AWS.

    Policies that test `aws:SecureTransport`, such as that of CDK's asset bucket, would refuse plain HTTP.
    Source: IAM user guide, "AWS global condition context keys".
    """

    async def application_behind_tls(scope: Scope, receive: Receive, send: Send) -> None:
        if "headers" in scope:
            headers = [*scope["headers"], (b"x-forwarded-proto", b"https")]
            scope = {**scope, "headers": headers}
        await application(scope, receive, send)

    return application_behind_tls


def incoming_limits(application: Application) -> Application:
    """Close a connection whose client sends binary (1003), or a message over 128 KB (1009).

    Source: API Gateway developer guide, "Quotas for configuring and running a WebSocket API" and
    "Binary media types for WebSocket APIs".
    """

    async def application_with_limits(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            return await application(scope, receive, send)

        async def receive_within_limits() -> Message:
            message = await receive()
            code = _refusal(message) if message["type"] == "websocket.receive" else None
            if code is None:
                return message
            await send({"type": "websocket.close", "code": code})
            return {"type": "websocket.disconnect", "code": code}

        return await application(scope, receive_within_limits, send)

    return application_with_limits


def _refusal(message: Message) -> int | None:
    """Return the close code for a message that API Gateway refuses; None for any other message."""
    text = message.get("text")
    if text is None:
        return _UNSUPPORTED_DATA
    return _MESSAGE_TOO_BIG if len(text.encode()) > MESSAGE_LIMIT else None


def outgoing_limit(application: Application) -> Application:
    """Answer PostToConnection over 128 KB with 413 PayloadTooLargeException.

    Source: Amazon API Gateway Management API reference, PostToConnection, Errors.
    """

    async def application_with_limit(scope: Scope, receive: Receive, send: Send) -> None:
        if not _is_post_to_connection(scope) or _content_length(scope) <= MESSAGE_LIMIT:
            return await application(scope, receive, send)
        headers = [
            (b"content-type", b"application/json"),
            (b"x-amzn-errortype", b"PayloadTooLargeException"),
        ]
        await send({"type": "http.response.start", "status": 413, "headers": headers})
        body = b'{"message":"Message too long"}'
        return await send({"type": "http.response.body", "body": body})

    return application_with_limit


def _is_post_to_connection(scope: Scope) -> bool:
    if scope["type"] != "http":
        return False
    return scope["method"] == "POST" and "/@connections/" in scope["path"]


def _content_length(scope: Scope) -> int:
    return int(dict(scope["headers"]).get(b"content-length", b"0"))
