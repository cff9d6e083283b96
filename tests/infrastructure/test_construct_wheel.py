"""The construct's wheel, installed in an empty folder, with the app that the documentation shows."""

import json
import os
import re
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path
from typing import Any

import pytest

from local.aws import ROOT
from operations.release import construct_wheel, versions
from stacks import interpreters

DOCUMENT = ROOT / "docs" / "how-to" / "embed-the-construct.md"

UNDECLARED = ("aws_lambda_powertools", "jwt", "boto3", "botocore", "operations", "stacks")
"""Modules that are here by chance, or in the repository only: the wheel names none of them."""

BLOCK = f"""
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {UNDECLARED!r}:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Blocked())
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return what `make wheel` makes."""
    built = tmp_path_factory.mktemp("wheel")
    (built / "entity_push_cdk-0.0.1-py3-none-any.whl").touch()  # of an earlier time
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(construct_wheel, "BUILT", built)
        assert construct_wheel.main([]) == 0
    (made,) = built.iterdir()
    return made


@pytest.fixture(scope="module")
def folder(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an empty folder with the app; the wheel is installed beside it."""
    place = tmp_path_factory.mktemp("app")
    installed = tmp_path_factory.mktemp("installed")
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps"),
            *("--target", str(installed), str(wheel)),
        ],
        check=True,
    )
    (installed / "sitecustomize.py").write_text(BLOCK)
    (app,) = re.findall(r"^```python\n(.*?)^```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL | re.M)
    # The functions' Python is this one, which can compile them.
    (place / "app.py").write_text(app.replace("replay_hours=48", f'python_version="{interpreters.THIS}"'))
    (place / "cdk.json").write_text(json.dumps({"app": f"{sys.executable} -P app.py"}))
    (place / "path").write_text(os.pathsep.join((str(installed), sysconfig.get_path("purelib"))))
    return place


@pytest.fixture(scope="module")
def template(folder: Path) -> dict[str, Any]:
    environment = {**os.environ, "PYTHONPATH": (folder / "path").read_text(), "CDK_OUTDIR": "cdk.out"}
    done = subprocess.run(
        [ROOT / "node_modules" / ".bin" / "cdk", "synth", "--quiet"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads((folder / "cdk.out" / "Shop.template.json").read_text())
    return found


def test_the_wheel_has_the_version_of_the_sources_and_is_made_from_them_as_they_are(wheel: Path) -> None:
    assert wheel.name == f"entity_push_cdk-{versions.current(ROOT)}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as packed:
        assert packed.read("entity_push_cdk/bundle.py") == (ROOT / "stacks/bundle.py").read_bytes()
        assert packed.read("entity_push_cdk/files/lambdas/push.py") == (ROOT / "lambdas/push.py").read_bytes()


def test_the_documented_app_makes_a_whole_deployment(template: dict[str, Any]) -> None:
    kinds = [resource["Type"] for resource in template["Resources"].values()]
    for kind in (
        "AWS::ApiGatewayV2::Api",
        "AWS::DynamoDB::Table",
        "AWS::Events::EventBus",
        "AWS::SQS::Queue",
    ):
        assert kind in kinds or kind.replace("::Table", "::GlobalTable") in kinds
    assert {"Url", "PushWebSocketUrl"} <= template["Outputs"].keys()


def test_its_functions_are_bundled_beside_the_app_from_the_wheel(
    folder: Path, template: dict[str, Any]
) -> None:
    del template  # it is made
    (bundle,) = {path.parent for path in (folder / "build" / "lambda").glob("*/subscribe.py")} - {None}
    assert (bundle / "entity_push" / "routes").is_dir()
    assert list(bundle.rglob("*.pyc"))
