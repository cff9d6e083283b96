"""The authorizer of `$connect`: a valid token opens a connection, every other handshake gets 401."""

from typing import Any

from entity_push.auth.authorizer import Authorizer, UnauthorizedError
from entity_push.runtime import invocations
from entity_push.runtime.environment import AuthorizeEnvironment

authorizer = Authorizer.from_environment(AuthorizeEnvironment.read())


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer with what the token grants.

    Raises:
        UnauthorizedError: the token is not valid. Any other exception refuses with 500.
    """
    invocations.begin(context)
    answer = authorizer.authorize(event)
    if answer is None:
        # Lambda's runtime logs every frame that an exception has gone through (awslambdaric 4.2,
        # handle_event_request in its bootstrap.py). Raised here, it has gone through one.
        raise UnauthorizedError
    return answer
