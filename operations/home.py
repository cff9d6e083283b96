"""The user's home folder, in which the CDK keeps its caches."""

import tempfile
from pathlib import Path


class HomeError(Exception):
    """The home folder can't be written; the message has a remedy."""


def check() -> None:
    """Find out now what would end in a long traceback of the CDK later.

    Raises:
        HomeError: the folder can't be made or written.
    """
    home = Path.home()
    try:
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=home):
            pass
    except OSError as error:
        raise HomeError(
            f"The home folder {home} can't be written ({error.strerror}), and the CDK keeps its caches "
            "there. Name another: export HOME=/tmp/home"
        ) from error
