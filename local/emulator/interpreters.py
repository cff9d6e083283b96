"""The Python that runs a function."""

import logging
import shutil
import subprocess
import sys
from pathlib import Path

logger = logging.getLogger("local.emulator.interpreters")


def find_interpreter(runtime: str, search_path: str) -> str:
    """Find the interpreter for a declared runtime: this process's base, or one on the PATH.

    Without an interpreter of that version, functions run on this process's base, with a warning. Pure Python
    nearly always behaves the same, while compiled dependencies of another version fail to import.

    Args:
        runtime: the runtime as the template has it, `python3.X`.
        search_path: the PATH to look on.
    """
    # The base interpreter, since sys.executable is the virtual environment's.
    own = str(Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}")
    if runtime == f"python3.{sys.version_info.minor}":
        return own
    found = shutil.which(runtime, path=search_path)
    if found and _is_version(found, runtime):
        return found
    logger.warning("No %s on the PATH: its functions run on %s", runtime, own)
    return own


def _is_version(binary: str, runtime: str) -> bool:
    """Tell whether a binary has a version, by asking it: a version manager's shim may lack its Python."""
    ask = "import sys; print('python%d.%d' % sys.version_info[:2])"
    try:
        answer = subprocess.run(
            [binary, "-S", "-c", ask], capture_output=True, text=True, check=True, timeout=10
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return answer.stdout.strip() == runtime
