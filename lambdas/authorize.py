"""The authorizer of `$connect`: lets in whoever has a valid token, and refuses everybody else with 401."""

from typing import Any

from entity_push.auth.authorizer import Authorizer
from entity_push.runtime.environment import AuthorizeEnvironment

authorizer = Authorizer.from_environment(AuthorizeEnvironment.read())


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Answer with what the token grants; another exception than Unauthorized refuses with 500."""
    return authorizer.authorize(event)
