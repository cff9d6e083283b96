"""Draw small changes over lambdas/ by a seed, and see tests go red that import the changed module.

python -m mutants.drawn --seed 16              draw 60 and try them
python -m mutants.drawn --seed 16 --list       only show them
python -m mutants.drawn --seed 16 --only 3,17  try these of the 60 again

A change is tried in a copy of the tree: first by the tests that name its module. When all have been tried
so, what lives is tried by the others of tests/unit, tests/delivery and tests/model that import the module. A
change that lives needs a test, or the reason why it changes nothing. Results are appended to
build/drawn-SEED.jsonl; a second start goes on where the first one was ended. It takes an hour or two.

A seed draws the same changes as long as lambdas/ is the same.
"""

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mutants import copied_tree
from mutants.changes import KINDS, Change, changes
from mutants.importers import imports
from mutants.trial import LIVES, Trial

ROUNDS = {"near": Trial.near, "far": Trial.far}
"""Which tests try a change, one round after the other."""


def draw(texts: Mapping[str, str], seed: int, count: int) -> list[Change]:
    """Return changes of some files, whose texts are given by path: first a kind is drawn, then a place."""
    places: dict[str, list[Change]] = {kind: [] for kind in KINDS}
    for path in sorted(texts):
        for change in changes(path, texts[path]):
            places[change.kind].append(change)
    chance, drawn = random.Random(seed), list[Change]()
    while len(drawn) < count and any(places.values()):
        of_kind = places[chance.choice([kind for kind in KINDS if places[kind]])]
        change = of_kind.pop(chance.randrange(len(of_kind)))
        if not change.is_none(texts[change.path]):
            drawn.append(change)
    return drawn


@dataclass(frozen=True)
class Results:
    """The file with a line per change and round: what became of it."""

    path: Path

    def read(self, round_: str) -> dict[str, str]:
        """Return the last outcome of each change in a round."""
        lines = self.path.read_text(encoding="utf-8").splitlines() if self.path.exists() else []
        entries = [entry for entry in map(json.loads, lines) if entry["round"] == round_]
        return {entry["change"]: entry["outcome"] for entry in entries}

    def add(self, **entry: object) -> None:
        """Append a line, and show it."""
        self.path.parent.mkdir(exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry, ensure_ascii=False) + "\n")
        print(
            "{number:3}  {round}  {outcome:5} {seconds:4} s  {change}  {test}".format_map(entry), flush=True
        )


def main() -> int:
    """Try the changes; return 0 if none lives, else 1."""
    options = _options()
    texts = {
        name: (copied_tree.ROOT / name).read_text(encoding="utf-8")
        for name in copied_tree.listed()
        if name.endswith(".py")
    }
    code = {name: text for name, text in texts.items() if name.startswith("lambdas/")}
    drawn = dict(enumerate(draw(code, options.seed, options.count), 1))
    if options.list:
        for number, change in drawn.items():
            print(f"{number:3}  {change.told(texts[change.path])}")
        return 0
    wanted = {
        number: change for number, change in drawn.items() if not options.only or number in options.only
    }
    results = Results(options.results or copied_tree.ROOT / f"build/drawn-{options.seed}.jsonl")
    wanted = {
        number: change for number, change in drawn.items() if not options.only or number in options.only
    }
    with tempfile.TemporaryDirectory() as folder:
        copied_tree.copy_to(Path(folder))
        trial = Trial(Path(folder), imports(texts))
        for round_ in ROUNDS:
            known = {} if options.only else results.read(round_)
            for number, change in list(wanted.items()):
                told = change.told(texts[change.path])
                outcome = known.get(told) or _tried(
                    trial, change, round_, results, {"number": number, "change": told}
                )
                if outcome != LIVES:
                    del wanted[number]
    print(f"{len(wanted)} live")
    return 1 if wanted else 0


def _tried(trial: Trial, change: Change, round_: str, results: Results, entry: dict[str, object]) -> str:
    """Try a change in one round, and add the result."""
    began = time.monotonic()
    outcome, test = trial.outcome(change, ROUNDS[round_](trial, change.path))
    seconds = round(time.monotonic() - began)
    results.add(**entry, round=round_, outcome=outcome, seconds=seconds, test=test)
    return outcome


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m mutants.drawn",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seed", type=int, required=True, help="the same seed draws the same changes")
    parser.add_argument("--count", type=int, default=60, help="how many (60)")
    parser.add_argument("--list", action="store_true", help="only show them")
    parser.add_argument(
        "--only",
        type=lambda text: [int(number) for number in text.split(",")],
        help="the numbers of some, to try again",
    )
    parser.add_argument("--results", type=Path, help="the file to append to (build/drawn-SEED.jsonl)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
