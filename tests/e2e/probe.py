"""The code of a function that only tries calls, to find the rights of its role.

The function runs in the local AWS with the bundle of the app's functions, and calls as they do.
"""

import os
import re
import urllib.error
import urllib.request
from typing import Any

from entity_push.posting.signing import Signer
from entity_push.runtime import aws
from entity_push.runtime.aws_errors import RefusedError

DENIED = {"AccessDenied", "AccessDeniedException", "403"}


def handler(event: dict[str, dict[str, Any]], _context: Any) -> list[str]:
    """Try each call; return the names of the calls that were not denied, whatever their other outcome."""
    return sorted(name for name, call in event.items() if _outcome(**call) not in DENIED)


def _outcome(service: str, operation: str, parameters: dict[str, Any]) -> str:
    """Call a service's operation, or a method on a URL of `execute-api`; return the error."""
    if service == "execute-api":
        return _status(operation, parameters["url"])
    method = re.sub("(?<=[a-z])(?=[A-Z])", "_", operation).lower()
    try:
        getattr(aws.client(service), method)(**parameters)
    except RefusedError as error:
        return error.code
    return ""


def _status(method: str, url: str) -> str:
    endpoint, _, connection_id = url.partition("/@connections/")
    body = b"probe" if method == "POST" else b""
    signer = Signer(endpoint, os.environ["AWS_REGION"])
    stamp = signer.stamp(aws.credentials())
    _, authorization = stamp.sign(method, connection_id, signer.payload_hash(body))
    headers = dict(line.split(": ", 1) for line in [*stamp.headers, authorization])
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body or None, headers, method=method)):
            return "200"
    except urllib.error.HTTPError as error:
        return str(error.code)
