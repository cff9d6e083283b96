"""A deployment's URLs on a local AWS: those in its outputs are of AWS, and lead nowhere from here."""

import os
import re
import urllib.parse
from collections.abc import Mapping

_OURS = re.compile(r"(?P<scheme>wss|https)://(?P<api>[^./]+)\.execute-api\.[^/]+/(?P<stage>[^/]+)/?")
"""API Gateway's own URL of a stage."""

_SCHEMES = {"wss": "ws", "https": "http"}


def endpoint_url() -> str | None:
    """Return the address of the local AWS that `AWS_ENDPOINT_URL` names; None if AWS is meant."""
    url = os.environ.get("AWS_ENDPOINT_URL", "")
    there = urllib.parse.urlsplit(url).hostname
    return url.rstrip("/") if there in ("127.0.0.1", "localhost", "::1") else None


def translated(outputs: Mapping[str, str], endpoint: str) -> dict[str, str]:
    """Return a stack's outputs with the URLs of a local AWS in the place of API Gateway's.

    Args:
        outputs: the outputs, as CloudFormation has them.
        endpoint: the local AWS's address, such as `http://127.0.0.1:4600`.
    """
    place = urllib.parse.urlsplit(endpoint).netloc

    def here(found: re.Match[str]) -> str:
        path = f"_aws/execute-api/{found['api']}/{found['stage']}"
        return f"{_SCHEMES[found['scheme']]}://{place}/{path}"

    return {name: _OURS.sub(here, value) for name, value in outputs.items()}
