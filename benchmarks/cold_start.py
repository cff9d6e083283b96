"""What importing each function costs at its cold start, in instructions, against boto3 and a release.

    python -m benchmarks.cold_start

Instructions are counted, not seconds: the count is the same on a busy machine. Each function is imported
from its bundle by an interpreter that sees nothing else but the standard library, with the variables of its
template. The bare interpreter's own instructions are in every figure.
"""

import os
import platform
import re
import shutil
import sys
import sysconfig
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import report
from benchmarks.child import stderr_of
from testbed import release

# As in the local AWS, a function sees its bundle only (local/emulator/functions.py).
ISOLATED = ("-S", "-s", "-P", "-B")
PATH = "import sys; sys.path.insert(0, {!r}); "

# The hash seed makes sets and dicts, and with them the count, the same each time.
SEEDED = {"PYTHONHASHSEED": "0"}
AWS = {"AWS_DEFAULT_REGION": "eu-west-1", "AWS_REGION": "eu-west-1"}
AWS |= {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}
AWS |= {"AWS_ENDPOINT_URL": "https://127.0.0.1:9"}  # it refuses at once: TLS is made ready, but not spoken

PSEUDO_PARAMETERS = {"AWS::Region": "eu-west-1", "AWS::URLSuffix": "amazonaws.com", "AWS::Partition": "aws"}


class NoValgrindError(Exception):
    """Instructions can't be counted here; the message says what to install."""


@dataclass(frozen=True)
class Program:
    """What is run to count its instructions.

    Attributes:
        code: a few statements.
        folder: where it imports from, besides the standard library.
        environment: its variables.
    """

    code: str
    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    def instructions(self) -> float:
        """Return how many millions of instructions it takes, the interpreter's start included.

        Raises:
            NoValgrindError: there is no valgrind here.
        """
        if not shutil.which("valgrind"):
            raise NoValgrindError("valgrind, which counts instructions, is not installed here.")
        with tempfile.NamedTemporaryFile() as unread:
            output = f"--cachegrind-out-file={unread.name}"
            said = self._run("valgrind", "--tool=cachegrind", "--cache-sim=no", output)
        counted = re.search(r"I\s+refs:\s+([\d,]+)", said)
        assert counted is not None, said
        return int(counted[1].replace(",", "")) / 1e6

    def write_bytecode(self) -> None:
        """Run it once in a way that leaves valid bytecode of all that it imports."""
        self._run(flags=ISOLATED[:-1])

    def _run(self, *under: str, flags: Sequence[str] = ISOLATED) -> str:
        return stderr_of(
            [*under, sys.executable, *flags, "-c", PATH.format(str(self.folder)) + self.code],
            {"PATH": os.environ["PATH"], **SEEDED, **AWS, **self.environment},
        )


def functions(app: Path) -> dict[str, Program]:
    """Return the import of each function of an app, by its module's name."""
    architecture = "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64"
    (made,) = release.synthesize(app, [{"architecture": architecture}])
    resources = made["template"]["Resources"]
    found: dict[str, Program] = {}
    for item in resources.values():
        if item["Type"] == "AWS::Lambda::Function":
            properties = item["Properties"]
            module = properties["Handler"].removesuffix(".handler")
            variables = properties["Environment"]["Variables"]
            environment = {name: _text(value) for name, value in variables.items()}
            found[module] = Program(f"import {module}", Path(made["bundle"]), environment)
    return found


def _text(value: Any) -> str:
    """Return what a template's value looks like on AWS; names of resources are their logical ids."""
    match value:
        case {"Ref": name}:
            return PSEUDO_PARAMETERS.get(name, str(name))
        case {"Fn::GetAtt": [name, _attribute]}:
            return str(name)
        case {"Fn::Join": [separator, parts]}:
            return str(separator).join(map(_text, parts))
        case _:
            return str(value)


def counts(programs: Sequence[Program]) -> list[float]:
    """Return the millions of instructions of each program; as many run at once as there are cores."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(Program.instructions, programs))


def compare(
    modules: Sequence[str], now: Mapping[str, Program], before: Mapping[str, Program]
) -> list[tuple[float, float]]:
    """Return the millions of instructions of each function now and before, counted in turn."""
    found = counts([app[module] for module in modules for app in (now, before)])
    return list(zip(found[::2], found[1::2], strict=True))


PACKAGES = Path(sysconfig.get_path("purelib"))
BARE = Program("pass", PACKAGES)
BOTO3 = Program("import boto3; boto3.client('dynamodb')", PACKAGES)
"""What each function is compared with: the same on every machine, and known to everybody."""


def main() -> None:
    """Measure, print, and add to build/bench.json."""
    current, released = functions(release.ROOT), functions(release.sources())
    modules = sorted(current)
    compared = dict(zip(modules, compare(modules, current, released), strict=True))
    BOTO3.write_bytecode()
    measured = dict(zip(("bare interpreter", "boto3.client"), counts([BARE, BOTO3]), strict=True))
    boto3 = measured["boto3.client"]
    print(f"{'':18}      now   over boto3.client   {release.VERSION}   ratio   (millions of instructions)")
    for name, (now, before) in compared.items():
        print(f"{name:18} {now:8.1f} {now / boto3:19.3f} {before:7.1f} {now / before:7.3f}")
    for name, value in measured.items():
        print(f"{name:18} {value:8.1f}")
    unit = "million instructions"
    entries = [
        report.entry(f"cold start, {name}", now, unit, before) for name, (now, before) in compared.items()
    ]
    entries += [report.entry(f"cold start, {name}", value, unit) for name, value in measured.items()]
    entries += [
        report.entry(f"cold start over boto3.client, {name}", now, unit, boto3)
        for name, (now, _) in compared.items()
    ]
    report.write(entries)


if __name__ == "__main__":
    try:
        main()
    except (NoValgrindError, release.NoHistoryError) as error:
        print(f"LEFT OUT: {error}")
