"""The folders that are uploaded as code, run by an interpreter that sees nothing else."""

import json
import platform
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from stacks import bundle
from stacks.settings import Settings

MODULES = ("connect", "default", "disconnect", "push", "subscribe", "unsubscribe")

# Loaded by a function, each of these would cost more than the function itself (docs/performance.md).
HEAVY = ("boto3", "pydantic", "aiohttp", "asyncio", "aws_xray_sdk", "requests", "cryptography")

ENVIRONMENT = {
    "AWS_REGION": "eu-west-1",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "x",
    "AWS_SECRET_ACCESS_KEY": "x",
    "TABLE_NAME": "t",
    "SUBSCRIPTIONS_PER_CONNECTION": "1",
    "REPLAY_SECONDS": "86400",
    "HEAD_SECONDS": "2592000",
    "CALLBACK_URL": "https://example.execute-api.eu-west-1.amazonaws.com/prod",
    "QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/111122223333/q",
    "DEAD_LETTER_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/111122223333/d",
    "POWERTOOLS_SERVICE_NAME": "test",
}

# Imports a handler as Lambda does, and tells which modules that loaded and which of them were compiled.
IMPORT = """
import importlib, json, sys, importlib._bootstrap_external as loader
compiled = []
to_code = loader.SourceLoader.source_to_code
def counting(self, data, path, **kw):
    compiled.append(path)
    return to_code(self, data, path, **kw)
loader.SourceLoader.source_to_code = counting
sys.path.insert(0, sys.argv[1])
importlib.import_module(sys.argv[2]).handler
print(json.dumps({"compiled": compiled, "modules": sorted(sys.modules)}))
"""


def test_every_module_has_bytecode_that_is_valid_whatever_the_files_date() -> None:
    folder = bundle.build(Settings())
    sources = list(folder.rglob("*.py"))
    assert len(sources) > 200
    for source in sources:
        cached = source.parent / "__pycache__" / f"{source.stem}.{sys.implementation.cache_tag}.pyc"
        # Flags of PEP 552: bit 0 says hash-based, bit 1 that the source is to be checked.
        assert cached.read_bytes()[4:8] == b"\x01\0\0\0", source


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle for this machine's processor, zipped with CDK's date and unpacked as Lambda does."""
    architecture = "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64"
    built = bundle.build(Settings(architecture=architecture))
    archive = tmp_path_factory.mktemp("zip") / "code.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in built.rglob("*"):
            if path.is_file():
                entry = zipfile.ZipInfo(str(path.relative_to(built)), (1980, 1, 1, 0, 0, 0))
                file.writestr(entry, path.read_bytes())
    folder = archive.parent / "code"
    with zipfile.ZipFile(archive) as file:
        file.extractall(folder)
    return folder


@pytest.mark.skipif(sys.platform != "linux", reason="the bundle holds Linux libraries")
@pytest.mark.parametrize("module", MODULES)
def test_a_functions_import_compiles_nothing_and_loads_nothing_heavy(unpacked: Path, module: str) -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", IMPORT, str(unpacked), module],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["compiled"] == []
    assert [name for name in HEAVY if name in seen["modules"]] == []


def test_it_is_small() -> None:
    folder = bundle.build(Settings())
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    assert size < 20 * 2**20


def test_a_python_that_is_not_here_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    other = "3.12" if sys.version_info[:2] != (3, 12) else "3.13"
    with pytest.raises(bundle.BundleError, match=f"pythonVersion asks for python{other}"):
        bundle._compile(Path(), Settings(python_version=other))
