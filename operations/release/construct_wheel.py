"""The wheel of the construct: `stacks/` as the package `entity_push_cdk`, with the files that it deploys.

make wheel           of the sources as they are, with the version that they name
"""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from operations import deployment
from operations.release import versions
from operations.release.versions import VersionError

ROOT = Path(__file__).resolve().parents[2]
BUILT = ROOT / "build" / "wheel"

PACKAGE = "entity_push_cdk"

DEPLOYED = ("lambdas", "console", "clients/javascript/src")
"""What the package carries in its folder `files`: stacks/places.py looks for it there."""

PYPROJECT = """\
[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"

[project]
name = "entity-push-cdk"
version = "{version}"
description = "Entity Push as a construct of the AWS CDK: subscription-based push over WebSockets."
readme = "README.md"
requires-python = ">=3.11"
license = "MIT"
dependencies = ["aws-cdk-lib>=2.275,<3", "constructs>=10,<11"]

[tool.setuptools]
packages = ["entity_push_cdk"]

[tool.setuptools.package-data]
entity_push_cdk = ["files/**/*"]
"""

_UNUSED = shutil.ignore_patterns("__pycache__", "*.pyc")


class WheelError(Exception):
    """A wheel could not be built; the message has what pip said."""


def build(root: Path, version: str, target: Path) -> Path:
    """Build the construct's wheel; return its path.

    Args:
        root: the repository, or a copy of it.
        version: the wheel's version.
        target: the folder that the wheel is put in; what it is made of is put below it.

    Raises:
        WheelError: pip could not build it.
    """
    source = target / "construct"
    if source.exists():
        shutil.rmtree(source)
    shutil.copytree(root / "stacks", source / PACKAGE, ignore=_UNUSED)
    for folder in DEPLOYED:
        shutil.copytree(root / folder, source / PACKAGE / "files" / folder, ignore=_UNUSED)
    shutil.copyfile(root / "docs" / "how-to" / "embed-the-construct.md", source / "README.md")
    shutil.copyfile(root / "LICENSE", source / "LICENSE")
    (source / "pyproject.toml").write_text(PYPROJECT.format(version=version), encoding="utf-8")
    return wheel_of(source, target)


def wheel_of(source: Path, target: Path) -> Path:
    """Build the wheel of a Python project, with the setuptools that are installed here; return its path.

    Raises:
        WheelError: pip could not build it.
    """
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "wheel", "--no-build-isolation", "--no-index", "--no-deps"),
            *("--quiet", "--disable-pip-version-check", "--wheel-dir", str(target), str(source)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise WheelError(f"The wheel of {source.name} could not be built:\n{done.stderr}")
    return max(target.glob("*.whl"), key=lambda path: path.stat().st_mtime_ns)


@deployment.command("wheel", "The wheel could not be made: {}", sentences=[WheelError, VersionError])
def main(_arguments: Sequence[str] | None = None) -> int:
    """Make the wheel, alone in its folder; return the exit status."""
    print("building the construct's wheel ...", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        made = build(ROOT, versions.current(ROOT), Path(folder))
        shutil.rmtree(BUILT, ignore_errors=True)
        BUILT.mkdir(parents=True)
        print(f"pip install {shutil.copy(made, BUILT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
