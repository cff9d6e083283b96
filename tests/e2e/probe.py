"""The code of a function that only tries calls, to find the rights of its role.

The function runs in the local AWS with the bundle of the app's functions, for the bundle's botocore.
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
    """Try each call; return the names of the calls that were not denied, whatever their other outcome."""
    return sorted(name for name, call in event.items() if _outcome(**call) not in DENIED)


def _outcome(service: str, operation: str, parameters: dict[str, Any]) -> str:
    """Call a service's operation, or a method on a URL of `execute-api`; return the error."""
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
