"""TLS: which certificate authorities are trusted, and where they are."""

import functools
import importlib.util
import os
import ssl
from pathlib import Path


def default_ca_file() -> str:
    """Return the bundle that botocore would use, without importing botocore: that costs 100 ms."""
    if named := os.environ.get("AWS_CA_BUNDLE"):
        return named
    for package in ("certifi", "botocore"):
        spec = importlib.util.find_spec(package)
        if spec is not None and spec.origin is not None:
            bundle = Path(spec.origin).with_name("cacert.pem")
            if bundle.is_file():
                return str(bundle)
    raise FileNotFoundError("no CA bundle: neither certifi nor botocore is installed")


@functools.cache
def trusting(ca_file: str) -> ssl.SSLContext:
    """Return a TLS context that verifies certificate and host name; made once, since reading costs 28 ms.

    Args:
        ca_file: Authorities to trust, PEM.

    Raises:
        OSError: They can't be read.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(ca_file)
    return context
