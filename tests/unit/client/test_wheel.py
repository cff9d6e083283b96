"""The wheel of clients/python: it builds without a network, and what it installs can be imported."""

import importlib.metadata
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import websockets

from tests.left_out import leave_out

SOURCE = Path("clients/python")
FIRST_WITH_WHEELS = 77


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    try:
        version = importlib.metadata.version("setuptools")
    except importlib.metadata.PackageNotFoundError:
        version = "0"
    if int(version.partition(".")[0]) < FIRST_WITH_WHEELS:
        leave_out(
            f"setuptools {version} can't build the wheel; make setup brings a newer one", fail_in_ci=True
        )
    folder = tmp_path_factory.mktemp("wheel")
    copied = shutil.copytree(SOURCE, folder / "source")  # building writes into its source
    _pip("wheel", "--no-build-isolation", "--wheel-dir", str(folder), str(copied))
    (built,) = folder.glob("*.whl")
    return built


def _pip(command: str, *arguments: str) -> None:
    options = ("--no-index", "--no-deps", "--quiet", "--disable-pip-version-check")
    done = subprocess.run(
        [sys.executable, "-m", "pip", command, *options, *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_it_has_all_modules_and_the_types(wheel: Path) -> None:
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    package = SOURCE / "src" / "entity_push_client"
    modules = {f"entity_push_client/{path.name}" for path in package.glob("*.py")}
    assert names == {*modules, "entity_push_client/py.typed"}


def test_it_can_be_imported_from_an_empty_folder(wheel: Path, tmp_path: Path) -> None:
    _pip("install", "--target", str(tmp_path), str(wheel))
    code = "import sys; sys.path[:0] = sys.argv[1:]; "
    code += "import entity_push_client as e; print(e.__file__, e.__version__)"
    folders = [str(tmp_path), str(Path(websockets.__file__).parents[1])]
    done = subprocess.run(
        [sys.executable, "-I", "-c", code, *folders], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stdout.split() == [str(tmp_path / "entity_push_client" / "__init__.py"), _version(wheel)]


def _version(wheel: Path) -> str:
    return wheel.name.split("-")[1]
