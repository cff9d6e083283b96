"""Put the adaptations onto MiniStack, and serve."""

import sys
from dataclasses import dataclass
from pathlib import Path

from local.emulator import authorizer, cloudformation, edge, functions, permissions, queries, seams, websocket


@dataclass(frozen=True)
class Settings:
    """How the emulator runs.

    Attributes:
        port: where it listens, on 127.0.0.1.
        directory: a private folder for everything that it writes.
        search_path: the PATH to find interpreters for functions on.
        workers: how many processes one function may have.
    """

    port: int
    directory: Path
    search_path: str
    workers: int


def serve(settings: Settings) -> None:
    """Serve until the process is killed."""
    cloudformation.install(settings.port)
    permissions.install()
    queries.install()
    functions.install(settings.directory, settings.search_path, settings.workers)
    websocket.install()
    authorizer.install()
    application = authorizer.header_lines(websocket.handshake(seams.app.app))
    application = edge.incoming_limits(application)
    application = edge.outgoing_limit(application)
    seams.app.app = edge.tls(application)
    sys.argv = ["ministack"]  # it parses the command line, and ours isn't meant for it
    seams.app.main()
