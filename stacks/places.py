"""Where the files are that are deployed: beside this package in the repository, within it in its wheel."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_IN_WHEEL = _PACKAGE / "files"

_ROOT = _IN_WHEEL if _IN_WHEEL.is_dir() else _PACKAGE.parent

LAMBDAS = _ROOT / "lambdas"
"""The functions' modules, with the lock files of what they need."""

CONSOLE = _ROOT / "console"
"""The console page."""

JAVASCRIPT_CLIENT = _ROOT / "clients" / "javascript" / "src"
"""The client that the console page loads."""

BUILD = (Path.cwd() if _IN_WHEEL.is_dir() else _ROOT) / "build" / "lambda"
"""Where bundles are made: in the app's folder, since nobody may write where packages are installed."""
