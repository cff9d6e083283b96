"""Programs with all that they import, as a bundler makes them for a page."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from local.aws import ROOT

MODULES = ROOT / "clients/javascript/node_modules"


def bundle(program: Path, aliases: Mapping[str, Path] | None = None) -> bytes:
    """Return a program with all that it imports. React mounts twice in its development build only.

    Args:
        program: the file.
        aliases: files that stand for packages, by the packages' names.
    """
    return subprocess.run(
        [
            *(MODULES / ".bin/esbuild", program, "--bundle", "--format=esm", "--jsx=automatic"),
            *(f"--alias:{name}={file}" for name, file in (aliases or {}).items()),
            '--define:process.env.NODE_ENV="development"',
        ],
        env={**os.environ, "NODE_PATH": str(MODULES)},
        check=True,
        capture_output=True,
    ).stdout
