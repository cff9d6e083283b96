"""A release: its version and changelog, and the packages to publish. Nothing is published here.

make release ARGS="--version 1.2.3"           try it: packages in build/release/1.2.3, nothing else changes
make release ARGS="--version 1.2.3 --write"   the same, and write the version and the changelog
"""

import argparse
import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from operations import deployment
from operations.release import construct_wheel, versions
from operations.release.construct_wheel import WheelError
from operations.release.versions import VersionError

ROOT = Path(__file__).resolve().parents[2]
BUILT = ROOT / "build" / "release"

PUBLISH = """\
To publish, after `make test`:
  git commit -am "Release {version}" && git tag -a v{version} -m "{version}"
  git push --follow-tags
  python -m twine upload {folder}/*.whl
  npm publish {folder}/*.tgz
"""


class ReleaseError(Exception):
    """The release can't be made; the message has a remedy."""


def committed(target: Path) -> None:
    """Write the files of the last commit into a folder: what is released is what is committed.

    Raises:
        ReleaseError: the tree has changes that are not committed, or is no repository.
    """
    changed = _git("status", "--porcelain").stdout.decode()
    if changed.strip():
        raise ReleaseError(f"Commit these first, or take them back:\n{changed.rstrip()}")
    with tempfile.NamedTemporaryFile(suffix=".tar") as packed:
        packed.write(_git("archive", "--format=tar", "HEAD").stdout)
        packed.flush()
        with tarfile.open(packed.name) as archive:
            archive.extractall(target, filter="data")


def _git(*words: str) -> "subprocess.CompletedProcess[bytes]":
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, check=False)
    if done.returncode:
        raise ReleaseError(f"git {words[0]}: {done.stderr.decode().strip()}")
    return done


def pack_for_npm(package: Path, version: str, target: Path) -> Path:
    """Pack the JavaScript client as `npm pack` does; return the path of the archive.

    npm's own command wants a cache and a home folder to write to, for a copy of two folders.

    Args:
        package: the package's folder.
        version: its version.
        target: the folder that the archive is put in.
    """
    path = target / f"entity-push-{version}.tgz"
    with tarfile.open(path, "w:gz") as archive:
        for name in ("package.json", "README.md", "LICENSE", "src", "types"):
            archive.add(package / name, arcname=f"package/{name}", filter=_reproducible)
    return path


def _reproducible(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = entry.mtime = 0
    entry.uname = entry.gname = ""
    return entry


def make(version: str, target: Path) -> list[Path]:
    """Make the packages of a version from the last commit; return their paths.

    Args:
        version: the version.
        target: the folder that they are put in, with the notes. It is made anew, once all of them are made.

    Raises:
        ReleaseError, VersionError, WheelError: it can't be made.
    """
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder)
        committed(tree)
        versions.check_next(version, versions.current(tree))
        notes = versions.notes(tree)
        versions.set_version(tree, version)
        print("building the construct's wheel, the Python client's, and the JavaScript client's archive ...")
        wheels = tree / "wheels"
        wheels.mkdir()
        made = [
            construct_wheel.build(tree, version, wheels),
            construct_wheel.wheel_of(tree / "clients" / "python", wheels),
            pack_for_npm(tree / "clients" / "javascript", version, wheels),
        ]
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        (target / "notes.md").write_text(notes, encoding="utf-8")
        return [Path(shutil.copy(path, target)) for path in made]


@deployment.command(
    "release", "The release could not be made: {}", sentences=[ReleaseError, VersionError, WheelError]
)
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(
        prog="make release", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--version", required=True, help="the version to release, such as 1.2.3")
    parser.add_argument("--write", action="store_true", help="write the version and the changelog here, too")
    chosen = parser.parse_args(arguments)
    folder = BUILT / chosen.version
    for path in make(chosen.version, folder):
        print(f"  {hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(ROOT)}")
    print(f"What is new: {(folder / 'notes.md').relative_to(ROOT)}")
    if not chosen.write:
        print("Nothing else was changed. With --write, the version and the changelog are.")
        return 0
    versions.set_version(ROOT, chosen.version)
    versions.close_changelog(ROOT, chosen.version, datetime.now(tz=UTC).date())
    print(PUBLISH.format(version=chosen.version, folder=folder.relative_to(ROOT)), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
