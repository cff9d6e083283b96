"""AWS clients, made once per process from one botocore session.

botocore, not boto3: `boto3.client` loads the resource machinery first, which no function uses.
"""

import functools
import logging
from typing import Any

import botocore.config
import botocore.session
from botocore.credentials import ReadOnlyCredentials
from botocore.exceptions import NoCredentialsError

# Parameters are built by this package and its tests; checking them again on each call costs CPU.
# Three attempts of at most 3 s and their pauses end before a route's own 15 s, so that it can still answer.
# Without a user agent of its own, botocore composes one anew for each call: a tenth of the call's CPU.
CLIENT_CONFIG = botocore.config.Config(
    user_agent="entity-push",
    connect_timeout=1,
    read_timeout=2,
    retries={"mode": "standard", "total_max_attempts": 3},
    parameter_validation=False,
    tcp_keepalive=True,
)


# At DEBUG, Lambda's root logger would have them log signed requests, which can be sent again, and messages.
for _name in ("botocore", "urllib3"):
    logging.getLogger(_name).setLevel(logging.INFO)


@functools.cache
def session() -> botocore.session.Session:
    """Return the process's session: finding credentials and models is slow, so it is done once."""
    return botocore.session.get_session()


def client(service: str) -> Any:
    """Return a new client of a service whose model is in the bundle (stacks/bundle.py)."""
    return session().create_client(service, config=CLIENT_CONFIG)


def credentials() -> ReadOnlyCredentials:
    """Return the function's credentials, fresh ones when they have rotated.

    Raises:
        NoCredentialsError: there are none.
    """
    found = session().get_credentials()
    if found is None:
        raise NoCredentialsError
    return found.get_frozen_credentials()
