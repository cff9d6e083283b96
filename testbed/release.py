"""The release before this one, with which tests and benchmarks compare."""

import io
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict

from stacks import interpreters

VERSION = "0.1.0"
COMMIT = "f6faffdcf703e7b88a40bd6edb0c0f240632f7ea"

BEFORE_THE_LOG = "5fd324c2c23456a0db75c2f1e09094ef8551017a"
"""The last commit that numbered updates by a head and a transaction: the baseline of the log's benchmarks."""

ROOT = Path(__file__).resolve().parents[1]
RELEASES = ROOT / "build" / "releases"


class NoHistoryError(Exception):
    """The release's commit is missing here; the message has the remedy."""


class Synthesis(TypedDict):
    """An app's result for some settings.

    Attributes:
        template: the stack's template.
        bundle: the folder with the functions' code.
    """

    template: dict[str, Any]
    bundle: str


# The code runs in an app's folder, so that it imports that app's modules.
SYNTHESIZE = """
import json, sys
from aws_cdk import assertions
from stacks import bundle
from stacks.settings import Settings
from tests.infrastructure.conftest import make_stack

def synthesize(context):
    template = assertions.Template.from_stack(make_stack(context)).to_json()
    return {"template": template, "bundle": str(bundle.build(Settings.from_context(context)))}

print(json.dumps([synthesize(context) for context in json.load(sys.stdin)]))
"""


def sources(commit: str = COMMIT) -> Path:
    """Return a folder with the sources of the release or another commit, unpacked once from git's history.

    Raises:
        NoHistoryError: the folder is a shallow clone, or no repository.
    """
    folder = RELEASES / commit
    if folder.exists():
        return folder
    done = subprocess.run(
        ["git", "archive", "--format=zip", commit], cwd=ROOT, capture_output=True, check=False
    )
    if done.returncode:
        raise NoHistoryError(
            f"commit {commit[:7]} is not in git's history here, and there is nothing to compare with: "
            f"fetch it with `git fetch --unshallow`."
        )
    RELEASES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=RELEASES) as draft:
        with zipfile.ZipFile(io.BytesIO(done.stdout)) as archive:
            archive.extractall(Path(draft) / "sources")
        try:
            (Path(draft) / "sources").rename(folder)
        except OSError:
            if not folder.exists():  # otherwise another process has unpacked the sources meanwhile
                raise
    return folder


def synthesize(app: Path, contexts: Sequence[Mapping[str, str]]) -> list[Synthesis]:
    """Synthesize an app with several settings, in a process of its own.

    Args:
        app: the folder with the app's sources.
        contexts: the settings, as `cdk deploy -c` takes them.
    """
    # Whatever the default is, what is compared has bytecode of this Python.
    here = {"pythonVersion": interpreters.THIS}
    found: list[Synthesis] = json.loads(
        run(SYNTHESIZE, app, said=json.dumps([{**here, **context} for context in contexts]))
    )
    return found


def run(code: str, app: Path, *, said: str = "") -> str:
    """Run code with an app's sources, in a process of its own; return what it prints.

    Args:
        code: a few statements.
        app: the folder with the app's sources.
        said: what the code reads from standard input.
    """
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=app,
        env={**os.environ, "PYTHONPATH": f"{app}:{app / 'lambdas'}"},
        input=said,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
