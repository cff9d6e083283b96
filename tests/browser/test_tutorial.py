"""docs/tutorial/live-page.md, followed by its own text: its page, its commands, and what it says is shown."""

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from local.aws import ROOT
from mutants import copied_tree
from tests.browser.tab import Tab
from tests.e2e.conftest import App, eventually

DOCUMENT = ROOT / "docs" / "tutorial" / "live-page.md"
LIVE = "document.getElementById('live').textContent"
STATES = "[...document.querySelectorAll('li')].map((line) => line.textContent)"


def blocks(language: str) -> list[str]:
    """Return the document's blocks of code in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL | re.M)


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_what: object) -> None:
        """Log nothing."""


@pytest.fixture
def folder(app: App, tmp_path: Path) -> Path:
    """Return a copy of the project in which `make local` seems to be up."""
    copied_tree.copy_to(tmp_path)
    app.outputs.save(tmp_path / ".local" / "outputs.json")
    (tmp_path / "clients/javascript/node_modules").symlink_to(ROOT / "clients/javascript/node_modules")
    return tmp_path


@pytest.fixture
def address(folder: Path) -> Iterator[str]:
    """Yield where the project's folder is served, as by the tutorial's `python -m http.server`."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def my_page(folder: Path) -> Path:
    """Return the folder with the page that the tutorial has one write."""
    (page,) = blocks("html")
    made = folder / "my-page"
    made.mkdir()
    (made / "index.html").write_text(page, encoding="utf-8")
    return made


def test_the_page_of_the_tutorial_says_why_it_does_not_connect(
    app: App, my_page: Path, address: str, open_tab: Callable[[str], Tab]
) -> None:
    told = {"url": app.outputs.web_socket_url, "token": "of another deployment"}
    (my_page / "connection.json").write_text(json.dumps(told), encoding="utf-8")
    tab = open_tab(f"{address}/my-page/")
    eventually(lambda: str(tab.evaluate(LIVE)).startswith("waiting: "))
    assert "If it says `waiting: …`" in DOCUMENT.read_text(encoding="utf-8")


@pytest.mark.usefixtures("my_page")
def test_the_page_of_the_tutorial_shows_what_the_tutorial_says(
    folder: Path, address: str, open_tab: Callable[[str], Tab]
) -> None:
    connect, change, miss = blocks("sh")
    (shown,) = blocks("text")

    def run(*scripts: str) -> None:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        environment = {**os.environ, "PATH": path, "PYTHONPATH": ""}
        script = "set -eu\n" + "".join(scripts)
        subprocess.run(["bash", "-c", script], cwd=folder, env=environment, check=True, capture_output=True)

    run(connect)
    first = open_tab(f"{address}/my-page/")
    eventually(lambda: first.evaluate(LIVE) == "subscribed")
    run(change)
    eventually(lambda: first.evaluate(STATES) == ["paid"])
    first.open("about:blank")
    run(change.replace("change paid\n", ""), miss)
    second = open_tab(f"{address}/my-page/")
    eventually(lambda: second.evaluate(STATES) == shown.splitlines())
