"""Where AWS's services are, as the SDKs find them.

The partitions: `partitions.json` in botocore. The variables: AWS SDKs and Tools Reference Guide,
"Service-specific endpoints". tests/unit/runtime/test_endpoints.py compares all Regions with botocore.
"""

import os
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

_SUFFIXES = {
    "cn-": "amazonaws.com.cn",
    "eusc-": "amazonaws.eu",
    "us-iso-": "c2s.ic.gov",
    "us-isob-": "sc2s.sgov.gov",
    "us-isof-": "csp.hci.ic.gov",
    "eu-isoe-": "cloud.adc-e.uk",
}
"""The domains of partitions, by the beginnings of their Regions' names. All others are in amazonaws.com."""


class Endpoint(NamedTuple):
    """Where a service takes requests.

    Attributes:
        tls: whether it speaks TLS.
        host: its name or address.
        port: its port.
        path: the path of requests.
    """

    tls: bool
    host: str
    port: int
    path: str = "/"

    @classmethod
    def at(cls, url: str) -> "Endpoint":
        """Return the endpoint at a URL.

        Raises:
            ValueError: this is no such URL.
        """
        parts = urlsplit(url)
        host = parts.hostname or ""
        wrong = parts.scheme not in ("http", "https") or parts.query or parts.fragment
        if wrong or not host or not host.isascii():
            raise ValueError(f"not an endpoint: {url!r}")
        tls = parts.scheme == "https"
        return cls(tls, host, parts.port or (443 if tls else 80), parts.path or "/")

    @property
    def authority(self) -> str:
        """The `Host` header: the default port is in neither it nor the signature."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.tls else 80) else f"{host}:{self.port}"


def endpoint_url(service: str, region: str, environ: Mapping[str, str] = os.environ) -> str:
    """Return the URL of a service's endpoint in a Region.

    Args:
        service: the beginning of its host name, such as `dynamodb`.
        region: the Region.
        environ: where a URL may be set for one service, or for all: a local AWS has one.
    """
    if environ.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() != "true":
        for name in (f"AWS_ENDPOINT_URL_{_VARIABLES[service]}", "AWS_ENDPOINT_URL"):
            if url := environ.get(name):
                return url
    suffixes = (suffix for prefix, suffix in _SUFFIXES.items() if region.startswith(prefix))
    return f"https://{service}.{region}.{next(suffixes, 'amazonaws.com')}"


_VARIABLES = {
    "dynamodb": "DYNAMODB",
    "events": "EVENTBRIDGE",
    "secretsmanager": "SECRETS_MANAGER",
    "sqs": "SQS",
}
"""How the variables' names call the services."""
