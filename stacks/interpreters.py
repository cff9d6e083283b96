"""Pythons of this machine."""

import functools
import os
import shutil
import subprocess
import sys

THIS = f"{sys.version_info.major}.{sys.version_info.minor}"
"""The version that runs this, such as `3.12`."""


@functools.cache
def find(version: str, search_path: str | None = None) -> str | None:
    """Return the path of a Python of a version, or None if there is none.

    Args:
        version: such as `3.13`.
        search_path: the PATH to look on; by default, this process's.
    """
    if version == THIS:
        return sys.executable
    found = shutil.which(f"python{version}", path=search_path or os.environ.get("PATH", os.defpath))
    return found if found and _is_version(found, version) else None


def _is_version(binary: str, version: str) -> bool:
    """Tell whether a binary has a version, by asking it: a version manager's shim may lack its Python."""
    ask = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        answer = subprocess.run(
            [binary, "-S", "-c", ask], capture_output=True, text=True, check=True, timeout=10
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return answer.stdout.strip() == version
