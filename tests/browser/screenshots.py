"""Pictures of the console for the documents: `python -m tests.browser.screenshots`.

It deploys to a local AWS of its own. The pictures go to docs/how-to/.
"""

import time

from local.aws import ROOT, LocalAws
from local.console import Console
from local.deployment import deploy
from tests.browser.chromium import Chromium, find_chromium
from tests.browser.conftest import NO_CHROMIUM
from tests.browser.tab import Scheme, Tab

FOLDER = ROOT / "docs" / "how-to"
PICTURES: dict[str, tuple[Scheme, int, int]] = {
    "console-light.png": ("light", 1280, 900),
    "console-dark.png": ("dark", 1280, 900),
    "console-phone.png": ("light", 390, 844),
    "console-phone-dark.png": ("dark", 390, 844),
}
PAUSE_SECONDS = 3.0


def show_something(tab: Tab) -> None:
    """Let a page subscribe, take live updates, miss some, get them, and publish."""
    steps = [
        "0",
        "document.getElementById('put').click()",
        "document.getElementById('cut').click()",
        "document.getElementById('put').click()",
        "document.getElementById('cut').click()",
        "document.getElementById('entity').value = 'orders/*';"
        "document.getElementById('to').value = 'orders/42';"
        "document.querySelector('#subscribe .primary').click()",
        "document.querySelector('#publish .primary').click()",
    ]
    for step in steps:
        tab.evaluate(step)
        time.sleep(PAUSE_SECONDS)


def main() -> None:
    """Take the pictures."""
    program = find_chromium()
    if not program:
        raise SystemExit(NO_CHROMIUM)
    with LocalAws(port=0) as aws:
        console = Console(aws, deploy(aws))
        with console.served(), Chromium(program) as browser:
            for name, look in PICTURES.items():
                tab = Tab(browser, console.link())
                tab.look(*look)
                show_something(tab)
                (FOLDER / name).write_bytes(tab.picture())
                tab.close()


if __name__ == "__main__":
    main()
