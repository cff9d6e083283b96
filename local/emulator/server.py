"""Put the adaptations onto MiniStack, and serve."""

import sys
from dataclasses import dataclass
from pathlib import Path

from local.emulator import (
    authorizer,
    cloudformation,
    edge,
    events,
    functions,
    permissions,
    queries,
    seams,
    websocket,
)


@dataclass(frozen=True)
class Settings:
    """The emulator's settings.

    Attributes:
        port: the emulator's port on 127.0.0.1.
        directory: a private folder for all files that the emulator writes.
        search_path: the PATH to find interpreters for functions on.
        workers: the most processes of one function.
    """

    port: int
    directory: Path
    search_path: str
    workers: int


def serve(settings: Settings) -> None:
    """Serve until the process is killed."""
    cloudformation.install(settings.port)
    permissions.install()
    events.install()
    queries.install()
    functions.install(settings.directory, settings.search_path, settings.workers)
    websocket.install()
    authorizer.install()
    application = authorizer.header_lines(websocket.handshake(seams.app.app))
    application = edge.incoming_limits(application)
    application = edge.outgoing_limit(application)
    seams.app.app = edge.tls(application)
    sys.argv = ["ministack"]  # MiniStack parses the command line, and must not see the emulator's
    seams.app.main()
