"""`make release`: where the version stands, what the changelog says, and what the packages have."""

import shutil
import subprocess
import tarfile
import zipfile
from datetime import date
from pathlib import Path

import pytest

from mutants import copied_tree
from operations.release import __main__ as release
from operations.release import versions
from operations.release.versions import VersionError

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return a folder with the files that name the version, and the changelog."""
    for path in (*versions.PLACES, "CHANGELOG.md"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / path, tmp_path / path)
    return tmp_path


def test_the_version_is_written_wherever_it_stands_and_nowhere_else(tree: Path) -> None:
    before = {path: (tree / path).read_text().splitlines() for path in versions.PLACES}
    versions.set_version(tree, "7.8.9")
    assert versions.current(tree) == "7.8.9"
    for path, lines in before.items():
        changed = [
            new for old, new in zip(lines, (tree / path).read_text().splitlines(), strict=True) if old != new
        ]
        assert len(changed) == (2 if path.endswith("lock.json") else 1)
        assert all("7.8.9" in line for line in changed)


def test_places_that_disagree_are_named(tree: Path) -> None:
    path = tree / "clients/python/src/entity_push_client/version.py"
    path.write_text('__version__ = "9.9.9"\n')
    with pytest.raises(VersionError, match=r"version.py: 9\.9\.9"):
        versions.current(tree)


@pytest.mark.parametrize("version", ["0.1.0", "0.0.9", "v1.0.0", "1.0", "1.0.0-rc1", "01.0.0", ""])
def test_a_version_has_to_follow_the_last_one(version: str) -> None:
    with pytest.raises(VersionError):
        versions.check_next(version, "0.1.0")


def test_later_versions_follow() -> None:
    for version in ("0.1.1", "0.2.0", "0.10.0", "1.0.0"):
        versions.check_next(version, "0.1.0")
    versions.check_next("0.10.0", "0.9.0")


def test_the_changelog_is_closed_and_a_new_part_is_open(tree: Path) -> None:
    (tree / "CHANGELOG.md").write_text(
        "# Changelog\n\n## Unreleased\n\n- New.\n\n## 0.1.0 - 2026-01-01\n\n- Old.\n"
    )
    assert versions.notes(tree) == "- New.\n"
    versions.close_changelog(tree, "0.2.0", date(2027, 2, 3))
    text = (tree / "CHANGELOG.md").read_text()
    assert "## Unreleased\n\n## 0.2.0 - 2027-02-03\n\n- New.\n\n## 0.1.0" in text
    with pytest.raises(VersionError, match="say there what is new"):
        versions.notes(tree)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a repository with this tree, committed."""
    copied_tree.copy_to(tmp_path)
    for path in tmp_path.iterdir():
        if path.is_symlink():  # to what the tests share
            path.unlink()
    (tmp_path / ".gitignore").write_text("build/\nnode_modules\n.venv\n__pycache__/\n")
    for words in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", "All")):
        git(tmp_path, *words)
    monkeypatch.setattr(release, "ROOT", tmp_path)
    monkeypatch.setattr(release, "BUILT", tmp_path / "build" / "release")
    return tmp_path


def git(folder: Path, *words: str) -> str:
    who = ("-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout


def test_a_dry_run_makes_the_packages_and_changes_nothing(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert release.main(["--version", "0.2.0"]) == 0
    folder = repository / "build/release/0.2.0"
    assert {path.name for path in folder.iterdir()} == {
        "entity_push_cdk-0.2.0-py3-none-any.whl",
        "entity_push_client-0.2.0-py3-none-any.whl",
        "entity-push-0.2.0.tgz",
        "notes.md",
    }
    assert git(repository, "status", "--porcelain") == ""
    with zipfile.ZipFile(folder / "entity_push_cdk-0.2.0-py3-none-any.whl") as wheel:
        names = set(wheel.namelist())
    tracked = git(
        repository, "ls-files", "stacks", "lambdas", "console", "clients/javascript/src"
    ).splitlines()
    for path in tracked:
        place = path.replace("stacks/", "", 1) if path.startswith("stacks/") else f"files/{path}"
        assert f"entity_push_cdk/{place}" in names
    with tarfile.open(folder / "entity-push-0.2.0.tgz") as archive:
        packed = archive.extractfile("package/package.json")
        assert packed is not None
        assert b'"version": "0.2.0"' in packed.read()
    printed = capsys.readouterr().out
    assert printed.count("build/release/0.2.0/") == 4
    assert "Nothing else was changed" in printed


def test_written_it_can_be_committed_and_the_next_one_follows(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def made(_version: str, target: Path) -> list[Path]:
        target.mkdir(parents=True)
        return []

    monkeypatch.setattr(release, "make", made)
    assert release.main(["--version", "0.2.0", "--write"]) == 0
    assert versions.current(repository) == "0.2.0"
    assert "## 0.2.0 - " in (repository / "CHANGELOG.md").read_text()


def test_what_is_not_committed_is_not_released(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (repository / "stacks" / "new.py").write_text("")
    assert release.main(["--version", "0.2.0"]) == 1
    assert "stacks/new.py" in capsys.readouterr().err
    assert not (repository / "build").exists()


def test_a_refused_version_makes_and_removes_no_folder(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = repository / "build" / "kept"
    kept.mkdir(parents=True)
    for version, says in (("0.1.0", "0.1.0 does not follow 0.1.0"), ("…", "is no version"), ("..", "is no")):
        assert release.main(["--version", version]) == 1
        assert says in capsys.readouterr().err
    assert list((repository / "build").iterdir()) == [kept]
