"""What can go wrong, as exceptions. Each has a `code` for programs; its text is a sentence for people.

    EntityPushError
    ├── ServerError            the server answered with an error frame; `code` is the protocol's
    │   ├── RefusedError       a subscription or a publish is refused for good
    │   └── OutcomeUnknownError  a publish may have been taken, or not
    ├── HandshakeError         a connection could not be opened
    ├── ConnectionLostError    a connection has ended
    ├── TokenError             the application's token function failed
    ├── StateError             the application's `get_state` failed
    ├── InvalidMessageError    the application's `parse` refused a message
    ├── FailedError            the client has given up
    └── ClosedError            the client, or the subscription, is closed

An application raises `GiveUpError` in its own functions to stop what would otherwise be tried again.
"""

from collections.abc import Mapping
from typing import Any


class EntityPushError(Exception):
    """Something went wrong.

    Attributes:
        code: what went wrong, for programs.
    """

    def __init__(self, code: str, sentence: str):
        super().__init__(sentence)
        self.code = code


class ServerError(EntityPushError):
    """The server answered with an error frame.

    Attributes:
        code: the protocol's code (docs/reference/error-codes.md); `gateway_error` if API Gateway has
            answered in the server's place.
        about: the entity or channel that it is about; empty if the error is about none.
    """

    def __init__(self, code: str, sentence: str, about: str = ""):
        super().__init__(code, sentence)
        self.about = about


class RefusedError(ServerError):
    """A subscription or a publish is refused, and asking again would not help."""


class OutcomeUnknownError(ServerError):
    """A publish may have been taken, or not: repeating it may make a second update.

    Attributes:
        code: the server's code, or `unknown_outcome` if the server said nothing.
    """


class HandshakeError(EntityPushError):
    """A connection could not be opened.

    Attributes:
        status: the HTTP status of the refusal; None if there was no answer.
    """

    def __init__(self, sentence: str, status: int | None = None):
        super().__init__("connection_failed", sentence)
        self.status = status


class ConnectionLostError(EntityPushError):
    """A connection has ended. The client opens another one.

    Attributes:
        code: `connection_lost`; `invalid_frame` if a frame was garbled; or the protocol's code that ended it.
    """

    def __init__(self, sentence: str, code: str = "connection_lost"):
        super().__init__(code, sentence)


class TokenError(EntityPushError):
    """The application's token function raised an exception, or took too long. It is called again."""

    def __init__(self, sentence: str):
        super().__init__("token_failed", sentence)


class StateError(EntityPushError):
    """The application's `get_state` raised an exception. It is called again.

    Attributes:
        about: the entity, pattern or channel.
    """

    def __init__(self, about: str, sentence: str):
        super().__init__("get_state_failed", sentence)
        self.about = about


class InvalidMessageError(EntityPushError):
    """The application's `parse` refused a message. The iteration may go on after it.

    Attributes:
        frame: the whole frame.
    """

    def __init__(self, frame: Mapping[str, Any], sentence: str):
        super().__init__("parse_failed", sentence)
        self.frame = frame


class FailedError(EntityPushError):
    """The client has given up, and nothing more comes. `__cause__` is why."""


class ClosedError(EntityPushError):
    """The client, or the subscription, is closed."""

    def __init__(self, sentence: str = "The client is closed."):
        super().__init__("closed", sentence)


class GiveUpError(Exception):
    """The application's word for "do not try again".

    Raised in the token function, it stops the client. Raised in `get_state`, it ends that iteration.
    """
