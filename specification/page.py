"""One page of asyncapi.yaml, which needs no network to be looked at: `make docs`.

AsyncAPI's own component draws it in the browser, out of the document that the page holds. Only the package of
the component is fetched, which has all in two files. Installing it would bring 245 others.
"""

import base64
import hashlib
import json
import sys
import tarfile
from pathlib import Path

from specification.document import ROOT, document

INTEGRITY = "sha512-k5ZqJd6+oxYaQ2o6F3rGWJ1MTIjXdpsUYB3NKQbVqr4yzrN0Ovj5c7eZx8NGd3wfKPhbOrLREtYl9K2OPfnSsA=="
"""The hash of the package that the Makefile names, in the form of npm's lock files."""

PAGE = ROOT / "build" / "docs" / "index.html"

_SCRIPT, _STYLE = "package/browser/standalone/index.js", "package/styles/default.min.css"
_SHOW = {"show": {"sidebar": True}, "expand": {"messageExamples": True}}
"""The component's configuration (docs/configuration/config-modification.md in its repository)."""


class ForeignPackageError(Exception):
    """The package is not the one that is named here."""


def page(script: str, style: str) -> str:
    """Return the page.

    Args:
        script: the component, which defines `AsyncApiStandalone`.
        style: its style sheet.
    """
    told = json.dumps({"schema": document(), "config": _SHOW}, ensure_ascii=False)
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{document()["info"]["title"]} {document()["info"]["version"]}</title>
<link rel="icon" href="data:,">
<style>{style}</style>
<body>
<div id="contract"></div>
<script>{_inside(script)}</script>
<script>AsyncApiStandalone.render({_inside(told)}, document.getElementById("contract"))</script>
</body>
</html>
"""


def _inside(code: str) -> str:
    """Return code that can't end the element that it is in. In its texts, the escape means the same."""
    return code.replace("</script", "<\\/script").replace("<!--", "<\\!--")


def component(package: Path) -> tuple[str, str]:
    """Return the script and the style sheet of the component.

    Args:
        package: the package, as `npm pack` fetches it.

    Raises:
        ForeignPackageError: its hash is another one.
    """
    digest = hashlib.sha512(package.read_bytes()).digest()
    if f"sha512-{base64.b64encode(digest).decode()}" != INTEGRITY:
        raise ForeignPackageError(f"{package} does not have the hash {INTEGRITY}: remove it")
    with tarfile.open(package) as files:
        return _text(files, _SCRIPT), _text(files, _STYLE)


def _text(files: tarfile.TarFile, name: str) -> str:
    file = files.extractfile(name)
    assert file
    return file.read().decode()


def main(package: str) -> int:
    """Write the page, and say where it is."""
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(page(*component(Path(package))), encoding="utf-8")
    print(PAGE.relative_to(ROOT))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
