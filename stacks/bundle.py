"""Builds what is uploaded as a function's code: our modules, their dependencies, valid bytecode. No Docker.

Three things differ from a plain `pip install -t`:

- Wheels are chosen for the function's architecture and Python, not for this machine's.
- Powertools is cut down to what logs and metrics need: a twentieth of it.
- Every `.pyc` is *unchecked-hash* (PEP 552). CDK zips all files with a date of 1980, so Python would take
  the usual timestamp-checked bytecode for stale and compile everything again at each cold start.
"""

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from entity_push.runtime.environment import AuthorizationMode

from . import interpreters
from .places import BUILD, LAMBDAS
from .settings import Settings

REQUIREMENTS = LAMBDAS / "requirements.txt"
OIDC_REQUIREMENTS = LAMBDAS / "requirements-oidc.txt"

PROGRESS_SECONDS = 2.0

POWERTOOLS_UNUSED = ("event_handler",)
POWERTOOLS_UTILITIES = ("__init__.py", "jmespath_utils", "serialization.py", "typing")
"""What Powertools' Logger and Metrics import of its utilities."""

MACHINES = {"arm64": "aarch64", "x86_64": "x86_64"}


def platforms(settings: Settings) -> list[str]:
    """Return the platforms whose wheels run on a function's base.

    That is Amazon Linux 2 (glibc 2.26) for python3.11, and Amazon Linux 2023 (glibc 2.34) for all later ones
    (Lambda Developer Guide, "Lambda runtimes", and "What's new in AL2023").
    """
    bases = ("manylinux2014",) if settings.python_version == "3.11" else ("manylinux2014", "manylinux_2_28")
    return [f"{base}_{MACHINES[settings.architecture]}" for base in bases]


class BundleError(RuntimeError):
    """The bundle can't be built here; the message says why and what to do."""


def build(settings: Settings) -> Path:
    """Return the folder to upload: the same for all functions.

    It is built once per content: sources, requirements (more with `authorization=oidc`), Python and
    architecture. Without the functions' own Python on this machine, it has no bytecode.

    Raises:
        BundleError: pip found no wheels.
    """
    target = BUILD / _fingerprint(settings)
    if target.exists():
        return target
    _say(f"bundling the functions for {settings.architecture} and Python {settings.python_version}")
    BUILD.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=BUILD) as folder:
        draft = Path(folder) / "bundle"
        _install(draft, settings)
        _trim_powertools(draft / "aws_lambda_powertools")
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
    return sorted(path for path in LAMBDAS.rglob("*") if path.suffix in (".py", ".pem"))


def _requirements(settings: Settings) -> list[Path]:
    """Return the lock files: public keys need a library of several megabytes, a shared secret does not."""
    return (
        [REQUIREMENTS, OIDC_REQUIREMENTS]
        if settings.authorization == AuthorizationMode.OIDC
        else [REQUIREMENTS]
    )


def _fingerprint(settings: Settings) -> str:
    made_for = [settings.python_version, settings.architecture, is_compiled(settings)]
    digest = hashlib.sha256(json.dumps(made_for).encode())
    for path in (*_sources(), *_requirements(settings)):
        digest.update(str(path.relative_to(LAMBDAS)).encode() + b"\0" + path.read_bytes() + b"\0")
    digest.update(Path(__file__).read_bytes())
    return digest.hexdigest()[:16]


def _install(target: Path, settings: Settings) -> None:
    chosen = [word for name in platforms(settings) for word in ("--platform", name)]
    requirements = [word for path in _requirements(settings) for word in ("--requirement", str(path))]
    done = _run(
        [
            *(sys.executable, "-m", "pip", "install", "--disable-pip-version-check"),
            *("--no-color", "--progress-bar", "off"),
            *("--require-hashes", "--no-compile", "--only-binary=:all:", "--no-deps"),
            *("--implementation", "cp", "--python-version", settings.python_version),
            *chosen,
            *("--target", str(target)),
            *requirements,
        ]
    )
    if done.returncode:
        raise BundleError(f"pip could not install the functions' requirements:\n{done.stdout}")


def _trim_powertools(package: Path) -> None:
    unused = [package / name for name in POWERTOOLS_UNUSED]
    unused += [each for each in (package / "utilities").iterdir() if each.name not in POWERTOOLS_UTILITIES]
    for entry in unused:
        shutil.rmtree(entry) if entry.is_dir() else entry.unlink()


def _drop_unused(bundle: Path) -> None:
    """Remove what installers need and functions do not; licences stay."""
    for path in (bundle / "bin", *bundle.glob("*.dist-info/RECORD")):
        if path.is_dir():
            shutil.rmtree(path)
        elif path.exists():
            path.unlink()


def is_compiled(settings: Settings) -> bool:
    """Tell whether the functions' own Python is here, which alone can write their bytecode."""
    return interpreters.find(settings.python_version) is not None


def _compile(bundle: Path, settings: Settings) -> None:
    """Write a hash-based `.pyc` for every module, with the bytecode of the function's Python."""
    python = interpreters.find(settings.python_version)
    if python is None:
        return
    _say(f"compiling the modules with Python {settings.python_version}")
    done = _run(
        [
            *(python, "-u", "-m", "compileall", "-s", str(bundle)),
            *("--invalidation-mode", "unchecked-hash", str(bundle)),
        ]
    )
    if done.returncode:
        raise BundleError(f"a module of the bundle does not compile:\n{done.stdout}")


def _run(command: list[str]) -> "subprocess.CompletedProcess[str]":
    """Run a command that takes a while; now and then print the latest line that it wrote."""
    output, shown = "", time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            output += line
            if time.monotonic() - shown > PROGRESS_SECONDS:
                shown = time.monotonic()
                _say(line.strip().rstrip("."))
    return subprocess.CompletedProcess(command, process.returncode, output)


def _say(what: str) -> None:
    print(f"entity-push: {what} ...", file=sys.stderr, flush=True)  # noqa: T201
