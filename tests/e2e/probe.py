"""The code of a function that only tries things: what the role that it runs with is allowed.

It goes to the local AWS with the bundle of the app's functions, whose botocore it uses.
"""

import os
import urllib.error
import urllib.request
from typing import Any

import botocore.session
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import ClientError

DENIED = {"AccessDenied", "AccessDeniedException", "403"}


def handler(event: dict[str, dict[str, Any]], _context: Any) -> list[str]:
    """Try each call; return the names of those that were not denied, whatever else came of them."""
    return sorted(name for name, call in event.items() if _outcome(**call) not in DENIED)


def _outcome(service: str, operation: str, parameters: dict[str, Any]) -> str:
    """Call an API: the operation of a service, or a method on a URL of `execute-api`; return its error."""
    session = botocore.session.get_session()
    if service == "execute-api":
        return _status(session, operation, parameters["url"])
    client: Any = session.create_client(service)
    try:
        client._make_api_call(operation, parameters)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return ""


def _status(session: Any, method: str, url: str) -> str:
    request = AWSRequest(method, url, data=b"probe" if method == "POST" else None)
    SigV4Auth(session.get_credentials(), "execute-api", os.environ["AWS_REGION"]).add_auth(request)
    headers = dict(request.headers)
    try:
        with urllib.request.urlopen(urllib.request.Request(url, request.data, headers, method=method)):
            return "200"
    except urllib.error.HTTPError as error:
        return str(error.code)
