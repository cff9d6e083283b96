"""AWS's Regions, and where botocore says that the services are in each."""

from typing import Any

import botocore.session
from botocore.config import Config
from entity_push.runtime import aws

_SESSION = botocore.session.get_session()

REGIONS: list[str] = sorted(
    region
    for partition in _SESSION.get_component("data_loader").load_data("partitions")["partitions"]
    for region in partition["regions"]
    if not region.endswith("-global")
)
"""All that botocore knows, of all partitions."""


def botocores(service: str, region: str, **others: Any) -> str:
    """Return the endpoint that a client of botocore has."""
    client = _SESSION.create_client(
        service, region, aws_access_key_id="x", aws_secret_access_key="x", config=Config(), **others
    )
    url: str = client.meta.endpoint_url
    return url


class _Endpoints(dict[tuple[str, str], str]):
    """The endpoints by service and Region, asked for once: making a client takes a tenth of a second."""

    def __missing__(self, key: tuple[str, str]) -> str:
        self[key] = botocores(*key)
        return self[key]


ENDPOINTS = _Endpoints()
SERVICES = sorted(aws.SERVICES)
