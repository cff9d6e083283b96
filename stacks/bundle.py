"""Builds what is uploaded as a function's code: our modules, their dependencies, valid bytecode. No Docker.

Three things differ from a plain `pip install -t`:

- Wheels are chosen for the function's architecture and Python, not for this machine's.
- botocore's descriptions of 400 services are cut down to those that the functions call.
- Every `.pyc` is *unchecked-hash* (PEP 552). CDK zips all files with a date of 1980, so Python would take
  the usual timestamp-checked bytecode for stale and compile everything again at each cold start.
"""

import compileall
import hashlib
import json
import py_compile
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from entity_push.runtime.environment import AuthorizationMode

from stacks.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
LAMBDAS = ROOT / "lambdas"
REQUIREMENTS = LAMBDAS / "requirements.txt"
OIDC_REQUIREMENTS = LAMBDAS / "requirements-oidc.txt"
BUILD = ROOT / "build" / "lambda"

BOTOCORE_SERVICES = ("dynamodb", "events", "secretsmanager", "sqs")
# What botocore itself reads at the start, besides the services' models.
BOTOCORE_DATA = (
    "endpoints.json",
    "partitions.json",
    "sdk-default-configuration.json",
    "_retry.json",
)

# Wheels for any of these run on Amazon Linux 2023 (glibc 2.34), the base of all supported runtimes.
PLATFORMS = {
    "arm64": ("manylinux2014_aarch64", "manylinux_2_28_aarch64"),
    "x86_64": ("manylinux2014_x86_64", "manylinux_2_28_x86_64"),
}


class BundleError(RuntimeError):
    """The bundle can't be built here; the message says why and what to do."""


def build(settings: Settings) -> Path:
    """Return the folder to upload: the same for all functions.

    It is built once per content: sources, requirements (more with `authorization=oidc`), Python and
    architecture.

    Raises:
        BundleError: pip found no wheels, or the function's Python is not installed here.
    """
    target = BUILD / _fingerprint(settings)
    if target.exists():
        return target
    print(f"entity-push: bundling the functions for {settings.architecture} ...", file=sys.stderr)  # noqa: T201
    BUILD.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=BUILD) as folder:
        draft = Path(folder) / "bundle"
        _install(draft, settings)
        _trim_botocore(draft / "botocore")
        for source in _sources():
            destination = draft / source.relative_to(LAMBDAS)
            destination.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, destination)
        _drop_unused(draft)
        _compile(draft, settings)
        _put_in_place(draft, target)
    return target


def build_with(settings: Settings, files: Mapping[str, str]) -> Path:
    """Return the folder to upload for a function that needs more than the others.

    Args:
        settings: the deployment's settings.
        files: texts by the names of the files that they are put in, beside the modules.
    """
    base = build(settings)
    digest = hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()[:16]
    target = base.with_name(f"{base.name}-{digest}")
    if not target.exists():
        with tempfile.TemporaryDirectory(dir=BUILD) as folder:
            draft = Path(folder) / "bundle"
            shutil.copytree(base, draft)
            for name, text in files.items():
                (draft / name).write_text(text, encoding="utf-8")
            _put_in_place(draft, target)
    return target


def _put_in_place(draft: Path, target: Path) -> None:
    try:
        draft.rename(target)
    except OSError:
        if not target.exists():  # else another synth made the same one meanwhile
            raise


def _sources() -> list[Path]:
    return sorted(LAMBDAS.rglob("*.py"))


def _requirements(settings: Settings) -> list[Path]:
    """Return the lock files: public keys need a library of several megabytes, a shared secret does not."""
    return (
        [REQUIREMENTS, OIDC_REQUIREMENTS]
        if settings.authorization == AuthorizationMode.OIDC
        else [REQUIREMENTS]
    )


def _fingerprint(settings: Settings) -> str:
    digest = hashlib.sha256(json.dumps([settings.python_version, settings.architecture]).encode())
    for path in (*_sources(), *_requirements(settings), Path(__file__)):
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def _install(target: Path, settings: Settings) -> None:
    platforms = [word for name in PLATFORMS[settings.architecture] for word in ("--platform", name)]
    requirements = [word for path in _requirements(settings) for word in ("--requirement", str(path))]
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
            *("--require-hashes", "--no-compile", "--only-binary=:all:", "--no-deps"),
            *("--implementation", "cp", "--python-version", settings.python_version),
            *platforms,
            *("--target", str(target)),
            *requirements,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BundleError(f"pip could not install the functions' requirements:\n{done.stderr}")


def _trim_botocore(package: Path) -> None:
    keep = {*BOTOCORE_SERVICES, *BOTOCORE_DATA}
    for entry in (package / "data").iterdir():
        if entry.name not in keep:
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()


def _drop_unused(bundle: Path) -> None:
    """Remove what installers need and functions do not; licences stay."""
    for path in (bundle / "bin", *bundle.glob("*.dist-info/RECORD")):
        if path.is_dir():
            shutil.rmtree(path)
        elif path.exists():
            path.unlink()


def _compile(bundle: Path, settings: Settings) -> None:
    """Write a hash-based `.pyc` for every module, with the bytecode of the function's Python."""
    if settings.python_version == f"{sys.version_info.major}.{sys.version_info.minor}":
        compiled = compileall.compile_dir(
            bundle,
            quiet=1,
            stripdir=str(bundle),
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        )
    else:
        compiled = _compile_elsewhere(bundle, f"python{settings.python_version}")
    if not compiled:
        raise BundleError("a module of the bundle does not compile; see above")


def _compile_elsewhere(bundle: Path, interpreter: str) -> bool:
    if not shutil.which(interpreter):
        raise BundleError(
            f"The setting pythonVersion asks for {interpreter}, which is not installed here and is needed "
            f"to compile the functions. Install it, or leave the setting out to use this Python."
        )
    done = subprocess.run(
        [
            *(interpreter, "-m", "compileall", "-q", "-s", str(bundle)),
            *("--invalidation-mode", "unchecked-hash", str(bundle)),
        ],
        check=False,
    )
    return done.returncode == 0
