"""The folders that are uploaded as code, run by an interpreter that sees nothing else."""

import json
import platform
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from stacks import bundle, interpreters, places
from stacks.settings import Settings
from testbed.function_variables import function_variables

MODULES = tuple(sorted(source.stem for source in places.LAMBDAS.glob("*.py")))

HERE = Settings(python_version=interpreters.THIS)
OIDC = replace(HERE, authorization="oidc", token_issuer="https://example.com/", token_audience="app")

# Loaded by a function, each of these would cost more than the function itself
# (docs/explanation/performance.md).
HEAVY = (
    *("boto3", "botocore", "urllib3", "dateutil", "requests", "aiohttp", "asyncio", "pydantic"),
    *("aws_xray_sdk", "cryptography", "unicodedata", "uuid", "xml", "multiprocessing", "subprocess"),
)

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
    folder = bundle.build(HERE)
    sources = list(folder.rglob("*.py"))
    assert len(sources) > 150
    for source in sources:
        cached = source.parent / "__pycache__" / f"{source.stem}.{sys.implementation.cache_tag}.pyc"
        # Flags of PEP 552: bit 0 says hash-based, bit 1 that the source is to be checked.
        assert cached.read_bytes()[4:8] == b"\x01\0\0\0", source


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return unpack(replace(HERE, architecture=architecture()), tmp_path_factory.mktemp("zip"))


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
    assert "entity_push.auth.issuer_keys" not in seen["modules"]
    posts = "entity_push.posting.deliverer" in seen["modules"]
    assert posts == (module in ("push", "expire"))


@pytest.mark.skipif(sys.platform != "linux", reason="the bundle holds Linux libraries")
def test_only_an_issuers_tokens_need_the_library_for_public_keys(unpacked: Path, unpacked_oidc: Path) -> None:
    assert not (unpacked / "cryptography").exists()
    seen = load(unpacked_oidc, "authorize", AUTHORIZATION="oidc", TOKEN_SECRET_ARN="")
    assert seen["compiled"] == []
    assert "cryptography" in seen["modules"]
    assert "entity_push.runtime.aws" not in seen["modules"]  # an issuer's keys need nothing of AWS


def test_bundles_differ_only_where_their_requirements_do() -> None:
    plain = bundle._fingerprint(HERE)
    assert bundle._fingerprint(replace(HERE, authorization="none")) == plain
    assert bundle._fingerprint(replace(HERE, token_issuer="Orders")) == plain
    assert bundle._fingerprint(OIDC) != plain


@pytest.mark.parametrize(("settings", "megabytes"), [(HERE, 4), (OIDC, 20)])
def test_it_is_small(settings: Settings, megabytes: int) -> None:
    folder = bundle.build(settings)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    assert size < megabytes * 2**20


@pytest.fixture
def without_others(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Make this machine one that has no Python but the one that runs this."""
    monkeypatch.setattr(shutil, "which", lambda _name, **_options: None)
    interpreters.find.cache_clear()
    yield
    interpreters.find.cache_clear()


OTHER = Settings(python_version="3.12" if interpreters.THIS != "3.12" else "3.13")


@pytest.mark.usefixtures("without_others")
def test_where_the_functions_python_is_missing_they_go_without_bytecode(tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text("x = 1\n")
    bundle._compile(tmp_path, OTHER)
    assert list(tmp_path.rglob("*.pyc")) == []
    bundle._compile(tmp_path, HERE)
    assert len(list(tmp_path.rglob("*.pyc"))) == 1


def test_a_bundle_without_bytecode_is_not_taken_for_one_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with_it = bundle._fingerprint(HERE)
    monkeypatch.setattr(bundle, "is_compiled", lambda _settings: False)
    assert bundle._fingerprint(HERE) != with_it


def test_a_shim_without_its_python_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    version = OTHER.python_version
    shim = tmp_path / f"python{version}"
    monkeypatch.setenv("PATH", str(tmp_path))
    for answer, expected in (("exit 127", None), ("echo 3.1", None), (f"echo {version}", str(shim))):
        shim.write_text(f"#!/bin/sh\n{answer}\n")
        shim.chmod(0o755)
        interpreters.find.cache_clear()
        assert interpreters.find(version) == expected
    interpreters.find.cache_clear()


@pytest.mark.parametrize(
    ("version", "architecture", "expected"),
    [
        ("3.11", "arm64", ["manylinux2014_aarch64"]),
        ("3.12", "x86_64", ["manylinux2014_x86_64", "manylinux_2_28_x86_64"]),
        ("3.14", "arm64", ["manylinux2014_aarch64", "manylinux_2_28_aarch64"]),
    ],
)
def test_wheels_fit_the_runtimes_glibc(version: str, architecture: str, expected: list[str]) -> None:
    """python3.11 is based on Amazon Linux 2 with glibc 2.26, the later ones on 2.34."""
    assert bundle.platforms(Settings(python_version=version, architecture=architecture)) == expected


def test_a_long_command_says_what_it_does_and_all_of_it_if_it_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bundle, "PROGRESS_SECONDS", 0)
    code = "import sys; print('Collecting boto3'); print('why not', file=sys.stderr); sys.exit(3)"
    done = bundle._run([sys.executable, "-u", "-c", code])
    assert capsys.readouterr().err == "entity-push: Collecting boto3 ...\nentity-push: why not ...\n"
    assert (done.returncode, done.stdout) == (3, "Collecting boto3\nwhy not\n")
