"""A mutant: the project with one piece of its source replaced, so that one defence is broken."""

from dataclasses import dataclass


class RottenMutantError(Exception):
    """The source has changed, and the piece to replace is not in it once any more."""


@dataclass(frozen=True)
class Mutant:
    """A way to break a defence.

    Attributes:
        name: what is broken, in words.
        path: the file.
        old: a piece of the file that occurs once.
        new: what stands there instead.
        test: a test that has to go red, as SECURITY.md names it.
        every: whether every occurrence is replaced: a lock file's lines change with each new version.
        only: which of the tests in a whole file or folder to run (pytest's `-k`); empty for all.
    """

    name: str
    path: str
    old: str
    new: str
    test: str
    only: str = ""
    every: bool = False

    @property
    def is_slow(self) -> bool:
        """Whether the test deploys into the local AWS, which takes up to a minute."""
        return self.test.startswith("tests/e2e")

    def broken(self, text: str) -> str:
        """Return the file's text with the defence broken.

        Raises:
            RottenMutantError: the piece does not occur exactly once.
        """
        times = text.count(self.old)
        if not times or (times > 1 and not self.every):
            raise RottenMutantError(
                f"{self.path} has {times} times what the mutant {self.name!r} replaces:"
                f" {self.old!r}. Write the mutant anew in mutants/defences.py."
            )
        return text.replace(self.old, self.new)
