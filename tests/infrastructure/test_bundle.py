"""The folders that are uploaded as code, run by an interpreter that sees nothing else."""

import json
import platform
import shutil
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from stacks import bundle
from stacks.settings import Settings
from testbed.function_variables import function_variables

MODULES = tuple(sorted(source.stem for source in bundle.LAMBDAS.glob("*.py")))

OIDC = Settings(authorization="oidc", token_issuer="https://example.com/", token_audience="app")

# Loaded by a function, each of these would cost more than the function itself
# (docs/explanation/performance.md).
HEAVY = ("boto3", "pydantic", "aiohttp", "asyncio", "aws_xray_sdk", "requests", "cryptography")

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
    return unpack(Settings(architecture=architecture()), tmp_path_factory.mktemp("zip"))


@pytest.fixture(scope="module")
def unpacked_oidc(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return unpack(replace(OIDC, architecture=architecture()), tmp_path_factory.mktemp("zip"))


def architecture() -> str:
    """Return what the settings call this machine's processor."""
    return "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64"


def unpack(settings: Settings, folder: Path) -> Path:
    """Return a bundle, zipped with CDK's date and unpacked as Lambda does."""
    built = bundle.build(settings)
    archive = folder / "code.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in built.rglob("*"):
            if path.is_file():
                entry = zipfile.ZipInfo(str(path.relative_to(built)), (1980, 1, 1, 0, 0, 0))
                file.writestr(entry, path.read_bytes())
    with zipfile.ZipFile(archive) as file:
        file.extractall(folder / "code")
    return folder / "code"


def load(folder: Path, module: str, **environment: str) -> dict[str, list[str]]:
    """Import a function's module from nothing but its bundle; tell what that compiled and loaded."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", IMPORT, str(folder), module],
        env={**function_variables(module), "POWERTOOLS_SERVICE_NAME": module, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    seen: dict[str, list[str]] = json.loads(done.stdout)
    return seen


@pytest.mark.skipif(sys.platform != "linux", reason="the bundle holds Linux libraries")
@pytest.mark.parametrize("module", MODULES)
def test_a_functions_import_compiles_nothing_and_loads_nothing_heavy(unpacked: Path, module: str) -> None:
    seen = load(unpacked, module)
    assert seen["compiled"] == []
    assert [name for name in HEAVY if name in seen["modules"]] == []
    assert ("jwt" in seen["modules"]) == (module == "authorize")


@pytest.mark.skipif(sys.platform != "linux", reason="the bundle holds Linux libraries")
def test_only_an_issuers_tokens_need_the_library_for_public_keys(unpacked: Path, unpacked_oidc: Path) -> None:
    assert not (unpacked / "cryptography").exists()
    seen = load(unpacked_oidc, "authorize", AUTHORIZATION="oidc", TOKEN_SECRET_ARN="")
    assert seen["compiled"] == []
    assert "cryptography" in seen["modules"]
    assert "botocore.session" not in seen["modules"]  # an issuer's keys need nothing of AWS


def test_bundles_differ_only_where_their_requirements_do() -> None:
    plain = bundle._fingerprint(Settings())
    assert bundle._fingerprint(Settings(authorization="none")) == plain
    assert bundle._fingerprint(Settings(token_issuer="Orders")) == plain
    assert bundle._fingerprint(OIDC) != plain


@pytest.mark.parametrize(("settings", "megabytes"), [(Settings(), 20), (OIDC, 36)])
def test_it_is_small(settings: Settings, megabytes: int) -> None:
    folder = bundle.build(settings)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    assert size < megabytes * 2**20


def test_a_python_that_is_not_here_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    other = "3.12" if sys.version_info[:2] != (3, 12) else "3.13"
    with pytest.raises(bundle.BundleError, match=f"pythonVersion asks for python{other}"):
        bundle._compile(Path(), Settings(python_version=other))
