"""TLS with AWS: which certificate authorities are trusted.

AWS's endpoints have certificates of Amazon's own authority. Reading its five roots costs a fortieth of
reading the 120 that a system has. Where an endpoint has another authority's, as in isolated Regions, the
system's authorities are trusted as well, from the first failed handshake on.
"""

import functools
import os
import ssl
from pathlib import Path

AMAZON_ROOTS = str(Path(__file__).with_name("amazon_roots.pem"))
"""Amazon Trust Services recommends to trust all five (https://www.amazontrust.com/repository)."""


def default_ca_file() -> str:
    """Return the file of the authorities to trust; the variable that all of AWS's SDKs read wins."""
    return os.environ.get("AWS_CA_BUNDLE") or AMAZON_ROOTS


@functools.cache
def trusting(ca_file: str) -> ssl.SSLContext:
    """Return a TLS context that verifies certificate and host name; made once.

    Args:
        ca_file: Authorities to trust, PEM.

    Raises:
        OSError: They can't be read.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(ca_file)
    return context


@functools.cache
def wider_than(context: ssl.SSLContext) -> ssl.SSLContext | None:
    """Return the context to try after one that did not trust an endpoint, or None.

    After Amazon's authorities that is the system's. Authorities that somebody has named stay the only ones.
    """
    if context is not trusting(AMAZON_ROOTS):
        return None
    wider = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    wider.load_verify_locations(AMAZON_ROOTS)
    wider.load_default_certs()
    return wider
