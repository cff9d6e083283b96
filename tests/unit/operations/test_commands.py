"""The commands of those who run a deployment: which one they mean, and what they do to it."""

import argparse
import io
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import jwt
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from operations import deployment, environments, rotate, token


@pytest.fixture
def local() -> Iterator[dict[str, str]]:
    """The outputs of a local deployment, with an endpoint that something listens at."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        endpoint = f"http://127.0.0.1:{listener.getsockname()[1]}"
        yield {"WebSocketUrl": "wss://x", "Authorization": "none", "EndpointUrl": endpoint}


@pytest.fixture(autouse=True)
def local_outputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the outputs of `make local` would be; it is not up."""
    path = tmp_path / "outputs.json"
    monkeypatch.setattr(deployment, "LOCAL_OUTPUTS", path)
    return path


@pytest.fixture
def local_is_up(local: dict[str, str], local_outputs: Path) -> None:
    """`make local` is up."""
    local_outputs.write_text(json.dumps(local))


class Stacks:
    """CloudFormation with three stacks, of which `Shop` has two constructs. Moto's needs many packages."""

    def __init__(self, secret: str):
        self._secret = secret

    def describe_stacks(self, **arguments: str) -> dict[str, Any]:
        name = arguments["StackName"]
        match name:
            case "EntityPush" | "Orders":
                outputs = self._outputs(name)
            case "Shop":
                outputs = self._outputs("Shop-Push", "Push") | self._outputs("Shop-Chat", "Chat")
            case _:
                message = f"Stack with id {name} does not exist"
                raise ClientError(
                    {"Error": {"Code": "ValidationError", "Message": message}}, "DescribeStacks"
                )
        return {
            "Stacks": [
                {"Outputs": [{"OutputKey": key, "OutputValue": outputs[key]} for key in outputs]},
            ]
        }

    def _outputs(self, name: str, prefix: str = "") -> dict[str, str]:
        outputs = {
            "WebSocketUrl": f"wss://{name}.execute-api.us-east-1.amazonaws.com/prod",
            "Authorization": "jwt",
            "TokenIssuer": name,
            "TokenAudience": name,
            "TokenClaims": '{"user":"sub","subscribe":"subscribe","publish":"publish"}',
            "TokenSecretArn": self._secret,
        }
        return {prefix + key: value for key, value in outputs.items()}


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An account with a deployment `EntityPush` and another, `Orders`; gives the ARN of their secret."""
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY"):
        monkeypatch.setenv(f"AWS_{name}", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    client: Any = boto3.Session.client
    with mock_aws():
        arn = secrets().create_secret(Name="tokens", SecretString="1" * 64)["ARN"]

        def fake_client(self: Any, service: str, **options: Any) -> Any:
            return Stacks(arn) if service == "cloudformation" else client(self, service, **options)

        monkeypatch.setattr(boto3.Session, "client", fake_client)
        yield arn


def secrets() -> Any:
    return boto3.client("secretsmanager", region_name="us-east-1")


def claims(text: str, secret: str, audience: str = "EntityPush") -> dict[str, Any]:
    """Verify a printed token; it is alone, on one line."""
    assert text.endswith("\n")
    found: dict[str, Any] = jwt.decode(text[:-1], secret, ["HS256"], audience=audience, issuer=audience)
    return found


@pytest.mark.usefixtures("account")
def test_a_token_is_printed_alone(capsys: pytest.CaptureFixture[str]) -> None:
    chosen = ["--user", "alice", "--subscribe", "orders/*", "users/alice", "--subscribe", "news"]
    assert token.main([*chosen, "--publish", "*", "--minutes", "0.5"]) == 0
    shown = capsys.readouterr()
    found = claims(shown.out, "1" * 64)
    assert found["sub"] == "alice"
    assert found["subscribe"] == ["orders/*", "users/alice", "news"]
    assert found["publish"] == ["*"]
    assert 30 <= found["exp"] - found["iat"] <= 31
    assert "may subscribe to: orders/*  users/alice  news; may publish to: *" in shown.err
    assert "files" not in shown.err


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize(
    ("grant", "warned"),
    [
        ("*", False),
        ("orders/*", False),
        ("orders*", True),
        ("*/1", True),
        ("a/*/b/*", True),
        ("#everyone", False),
    ],
)
def test_a_star_that_is_no_pattern_comes_with_a_warning(
    capsys: pytest.CaptureFixture[str], grant: str, warned: bool
) -> None:
    assert token.main(["--user", "alice", "--publish", grant]) == 0
    shown = capsys.readouterr()
    assert claims(shown.out, "1" * 64)["publish"] == [grant]
    assert (f"{grant}: only * alone" in shown.err) == warned


@pytest.mark.usefixtures("account")
def test_grants_that_are_the_names_of_files_come_with_a_warning(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A shell makes these of a bare `*`."""
    for name in ("Makefile", "README.md"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    assert token.main(["--user", "alice", "--subscribe", "Makefile", "README.md"]) == 0
    shown = capsys.readouterr()
    assert claims(shown.out, "1" * 64)["subscribe"] == ["Makefile", "README.md"]
    assert "names of files in this folder" in shown.err
    assert "--subscribe '*'" in shown.err


@pytest.mark.usefixtures("account")
def test_a_token_that_allows_nothing_is_printed_with_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    assert token.main(["--user", "alice"]) == 0
    shown = capsys.readouterr()
    assert claims(shown.out, "1" * 64)["subscribe"] == []
    assert "may connect, and nothing else" in shown.err


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize(
    ("chosen", "says"),
    [
        (["--user", "a", "--subscribe", "orders\n"], "A grant is an entityId"),
        (["--user", ""], "A user id is"),
        (["--user", "a", "--minutes", "0"], "minutes"),
        (["--user", "a", "--stack", "Nowhere"], "Check --stack"),
        (["--user", "a", "--local"], "make local"),
        (["--user", "a", "--local", "--stack", "Orders"], "leave --stack"),
        (["--user", "a", "--stack", "Shop"], "Say which with --construct; it has: Chat, Push."),
        (["--user", "a", "--stack", "Shop", "--construct", "Pusch"], "id Pusch"),
        (["--user", "a", "--construct", "Push"], "it has: Default."),
    ],
    ids=str,
)
def test_a_mistake_is_a_sentence_and_no_token(
    capsys: pytest.CaptureFixture[str], chosen: list[str], says: str
) -> None:
    assert token.main(chosen) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert says in shown.err


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({}, "token: No Region is set: export AWS_REGION, or set one in the AWS profile.\n"),
        ({"AWS_REGION": "eu-west-1"}, "token: There are no AWS credentials here. Log in"),
        (
            {"AWS_PROFILE": "gone"},
            "token: The stack Orders could not be looked up (The config profile (gone)",
        ),
    ],
    ids=str,
)
def test_an_aws_configuration_that_lacks_something_is_no_missing_stack(
    variables: dict[str, str], says: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name in ("CONFIG_FILE", "SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(f"AWS_{name}", os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert token.main(["--user", "a", "--stack", "Orders"]) == 1
    assert capsys.readouterr().err.startswith(says)


@pytest.mark.usefixtures("account")
def test_a_stack_that_is_not_there_was_not_found(capsys: pytest.CaptureFixture[str]) -> None:
    assert token.main(["--user", "a", "--stack", "Nowhere"]) == 1
    assert "The stack Nowhere was not found (An error" in capsys.readouterr().err


@pytest.mark.parametrize(
    "command",
    [
        lambda chosen: rotate.main([*chosen, "--yes"]),
        lambda chosen: token.main([*chosen, "--user", "a"]),
    ],
)
def test_without_a_secret_to_read_it_says_so(
    account: str, command: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    secrets().delete_secret(SecretId=account, ForceDeleteWithoutRecovery=True)
    assert command([]) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "secret could not be" in shown.err


@pytest.mark.parametrize(("answer", "rotated"), [("yes", True), ("y", False), ("", False), (None, False)])
def test_rotating_in_an_account_asks_first(
    account: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    answer: str | None,
    rotated: bool,
) -> None:
    """None: there is no terminal to ask in."""
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{answer}\n"))
    monkeypatch.setattr("sys.stdin.isatty", lambda: answer is not None, raising=False)
    assert rotate.main(["--stack", "Orders"]) == (0 if rotated else 1)
    secret = secrets().get_secret_value(SecretId=account)["SecretString"]
    assert (secret != "1" * 64) == rotated
    assert "Orders in us-east-1" in capsys.readouterr().err


def test_rotating_once_keeps_the_old_secret_and_twice_drops_it(
    account: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def stages() -> dict[str, str]:
        versions = secrets().describe_secret(SecretId=account)["VersionIdsToStages"]
        read = {
            stage: secrets().get_secret_value(SecretId=account, VersionId=version)["SecretString"]
            for version, names in versions.items()
            for stage in names
        }
        return {stage: text for stage, text in read.items() if stage.startswith("AWS")}

    assert rotate.main(["--yes"]) == 0
    once = stages()
    assert once["AWSPREVIOUS"] == "1" * 64
    assert len(once["AWSCURRENT"]) == 64
    assert once["AWSCURRENT"].isalnum()
    assert len(set(once["AWSCURRENT"])) > 10
    assert rotate.main(["--yes"]) == 0
    twice = stages()
    assert twice["AWSPREVIOUS"] == once["AWSCURRENT"]
    assert twice["AWSCURRENT"] not in once.values()
    assert "1" * 64 not in twice.values()
    shown = capsys.readouterr()
    assert "rotating twice revokes" in shown.out
    assert not [text for text in {*once.values(), *twice.values()} if text in shown.out + shown.err]
    assert token.main(["--user", "alice"]) == 0
    claims(capsys.readouterr().out, twice["AWSCURRENT"])


@pytest.mark.parametrize("chosen", [[], ["--local"]], ids=["nothing is said", "--local"])
@pytest.mark.usefixtures("account", "local_is_up")
def test_the_local_aws_is_meant_while_it_is_up(capsys: pytest.CaptureFixture[str], chosen: list[str]) -> None:
    assert token.main(["--user", "alice", *chosen]) == 1
    shown = capsys.readouterr().err
    assert "takes no tokens" in shown, "as the local outputs say, and not those in the account"
    assert ("the local AWS is meant" in shown) == (not chosen)


@pytest.mark.parametrize("command", [rotate.main, lambda chosen: token.main([*chosen, "--user", "a"])])
@pytest.mark.parametrize("chosen", [[], ["--local"]], ids=["nothing is said", "--local"])
@pytest.mark.usefixtures("account")
def test_what_a_killed_local_aws_left_never_means_the_account(
    local: dict[str, str],
    local_outputs: Path,
    capsys: pytest.CaptureFixture[str],
    chosen: list[str],
    command: Any,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    local_outputs.write_text(json.dumps({**local, "EndpointUrl": f"http://127.0.0.1:{port}"}))
    assert command(chosen) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert f"Nothing answers at http://127.0.0.1:{port}" in shown.err


@pytest.mark.usefixtures("account", "local_is_up")
def test_an_environment_says_which_deployment_is_meant(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "orders.json").write_text('{"stackName":"Orders"}')
    monkeypatch.setattr(environments, "FOLDER", tmp_path)
    monkeypatch.setenv(environments.VARIABLE, "orders")
    assert token.main(["--user", "alice", "--subscribe", "*"]) == 0
    claims(capsys.readouterr().out, "1" * 64, "Orders")
    assert token.main(["--user", "alice", "--local"]) == 1
    assert "leave --stack" in capsys.readouterr().err


@pytest.mark.usefixtures("account", "local_is_up")
@pytest.mark.parametrize(
    ("chosen", "stack"),
    [
        (["--stack", "Orders"], "Orders"),
        (["--stack", "EntityPush"], "EntityPush"),
        (["--region", "us-east-1"], "EntityPush"),
        (["--stack", "Shop", "--construct", "Push"], "Shop-Push"),
        (["--stack", "Shop", "--construct", "Chat/Default"], "Shop-Chat"),
    ],
    ids=str,
)
def test_whoever_names_the_account_gets_it_also_while_the_local_aws_is_up(
    capsys: pytest.CaptureFixture[str], chosen: list[str], stack: str
) -> None:
    assert token.main(["--user", "alice", "--subscribe", "*", *chosen]) == 0
    shown = capsys.readouterr()
    claims(shown.out, "1" * 64, stack)
    assert "local AWS" not in shown.err


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize(
    ("endpoint", "url", "address"),
    [
        (
            "http://127.0.0.1:4600",
            "ws://127.0.0.1:4600/_aws/execute-api/Orders/prod",
            "http://127.0.0.1:4600",
        ),
        ("https://vpce-1.example.com", "wss://Orders.execute-api.us-east-1.amazonaws.com/prod", None),
    ],
    ids=["a local AWS", "another endpoint"],
)
def test_a_deployment_on_the_local_aws_that_the_environment_names_has_the_urls_there(
    monkeypatch: pytest.MonkeyPatch, endpoint: str, url: str, address: str | None
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    parser = argparse.ArgumentParser()
    deployment.add_arguments(parser)
    found = deployment.find(parser.parse_args(["--stack", "Orders"]))
    assert found.outputs["WebSocketUrl"] == url
    assert found.endpoint_url == address


def test_a_command_whose_reader_has_seen_enough_ends_without_a_traceback() -> None:
    program = """
from operations import deployment

@deployment.command("it", "{}")
def main(_arguments):
    for _ in range(100_000):
        print("a line")
    return 0

raise SystemExit(main())
"""
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as command:
        assert command.stdout is not None
        assert command.stdout.readline() == "a line\n"
        command.stdout.close()
        assert command.stderr is not None
        assert command.stderr.read() == ""
    assert command.returncode == 1
