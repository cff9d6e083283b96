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

VERSION = "0.1.0"
COMMIT = "f6faffdcf703e7b88a40bd6edb0c0f240632f7ea"

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


def sources() -> Path:
    """Return a folder with the release's sources, unpacked once from git's history.

    Raises:
        NoHistoryError: the folder is a shallow clone, or no repository.
    """
    folder = RELEASES / COMMIT
    if folder.exists():
        return folder
    done = subprocess.run(
        ["git", "archive", "--format=zip", COMMIT], cwd=ROOT, capture_output=True, check=False
    )
    if done.returncode:
        raise NoHistoryError(
            f"version {VERSION} (commit {COMMIT[:7]}) is not in git's history here, and there is nothing to "
            f"compare with: fetch it with `git fetch --unshallow`."
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
    done = subprocess.run(
        [sys.executable, "-c", SYNTHESIZE],
        cwd=app,
        env={**os.environ, "PYTHONPATH": f"{app}:{app / 'lambdas'}"},
        input=json.dumps([dict(context) for context in contexts]),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: list[Synthesis] = json.loads(done.stdout)
    return found
