"""What the stack tells each function through environment variables.

The stack writes these descriptions (`variables`), and a function reads its own once, at the start (`read`).
"""

import os
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Self, dataclass_transform

METRICS_NAMESPACE = "EntityPush"
"""CloudWatch's namespace of the functions' own metrics."""


class MissingVariableError(RuntimeError):
    """The function was deployed without a variable that it needs."""

    def __init__(self, name: str):
        super().__init__(f"the environment variable {name} is not set")


class AuthorizationMode(StrEnum):
    """Whose tokens let clients in."""

    JWT = "jwt"
    """Tokens signed with the deployment's own secret."""

    OIDC = "oidc"
    """Tokens of an OpenID Connect provider."""

    NONE = "none"
    """Anybody connects, without a token."""


@dataclass_transform(kw_only_default=True, frozen_default=True)
class Environment:
    """The environment variables of one function.

    A subclass declares one field per variable: the field `table_name` is the variable `TABLE_NAME`. A field
    with a default may be absent. It is made like a dataclass; `dataclass` itself would compile code for
    every class here, at a millisecond of each cold start.
    """

    def __init__(self, **values: Any):
        for name in self.fields():
            # A default stands in the class.
            setattr(self, name, values.pop(name) if name in values else getattr(type(self), name))
        if values:
            raise TypeError(f"{type(self).__name__} has no field {', '.join(values)}")

    @classmethod
    def fields(cls) -> dict[str, type]:
        """Return the type of each field by its name."""
        bases = reversed(cls.__mro__)
        return {name: kind for base in bases for name, kind in getattr(base, "__annotations__", {}).items()}

    @classmethod
    def read(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """Read the environment of this process.

        Raises:
            MissingVariableError: a variable is absent or empty.
            ValueError: a variable has a value that its type does not allow.
        """
        values = {}
        for name, kind in cls.fields().items():
            text = environ.get(name.upper())
            if text:
                values[name] = text == "true" if kind is bool else kind(text)
            elif not hasattr(cls, name):
                raise MissingVariableError(name.upper())
        return cls(**values)

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Self:
        """Return the environment that has, of many facts, those that the function reads."""
        return cls(**{name: facts[name] for name in cls.fields() if name in facts})

    def variables(self) -> dict[str, str]:
        """Return the variables to set; an empty text is left out."""
        texts = {name.upper(): _text(getattr(self, name)) for name in self.fields()}
        return {name: text for name, text in texts.items() if text}


def _text(value: str | int) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


class AuthorizeEnvironment(Environment):
    """The authorizer of `$connect`. `token_secret_arn` is set in the mode `jwt` only."""

    deployment_name: str
    authorization: AuthorizationMode
    token_issuer: str
    token_audience: str
    user_claim: str
    subscribe_claim: str
    publish_claim: str
    token_secret_arn: str = ""


class ConnectEnvironment(Environment):
    """`$connect`."""

    deployment_name: str
    table_name: str
    authorization: AuthorizationMode
    everyone: bool
    connections_per_user: int
    callback_url: str


class DisconnectEnvironment(Environment):
    """`$disconnect`."""

    table_name: str


class DefaultEnvironment(Environment):
    """`$default`."""

    deployment_name: str
    client_frame_bytes: int


class AdmittingEnvironment(Environment):
    """What every route reads that answers frames of connections in the table."""

    deployment_name: str
    table_name: str
    authorization: AuthorizationMode
    client_frame_bytes: int


class UnsubscribeEnvironment(AdmittingEnvironment):
    """`unsubscribe`."""


class SubscribeEnvironment(AdmittingEnvironment):
    """`subscribe`."""

    subscriptions_per_connection: int
    replay_seconds: int


class PublishEnvironment(AdmittingEnvironment):
    """`publish`, `onMessage` and `message`."""

    event_bus_name: str
    deployment_address: str


class PushEnvironment(Environment):
    """The push function."""

    deployment_name: str
    table_name: str
    replay_seconds: int
    callback_url: str
    queue_url: str
    dead_letter_queue_url: str


class ExpireEnvironment(Environment):
    """The function that closes connections whose token has expired."""

    deployment_name: str
    table_name: str
    callback_url: str


class WatchEnvironment(Environment):
    """The function that looks at the queues."""

    deployment_name: str
    queue_url: str
    dead_letter_queue_url: str
    target_dead_letter_queue_url: str


ENVIRONMENTS: dict[str, type[Environment]] = {
    "authorize": AuthorizeEnvironment,
    "connect": ConnectEnvironment,
    "default": DefaultEnvironment,
    "disconnect": DisconnectEnvironment,
    "expire": ExpireEnvironment,
    "publish": PublishEnvironment,
    "push": PushEnvironment,
    "subscribe": SubscribeEnvironment,
    "unsubscribe": UnsubscribeEnvironment,
    "watch": WatchEnvironment,
}
"""The environment of each module in `lambdas/`."""


def aws_region() -> str:
    """Return the Region that the function runs in; Lambda itself sets this variable."""
    return os.environ["AWS_REGION"]
