"""The descriptions of what functions read from environment variables."""

import pkgutil
import subprocess
import sys

import entity_push
import pytest
from entity_push.runtime.environment import (
    ENVIRONMENTS,
    AuthorizationMode,
    AuthorizeEnvironment,
    ConnectEnvironment,
    Environment,
    MissingVariableError,
    SubscribeEnvironment,
)

from testbed.function_variables import function_variables


def connect_environment() -> ConnectEnvironment:
    return ConnectEnvironment(
        deployment_name="Orders",
        table_name="t",
        authorization=AuthorizationMode.OIDC,
        everyone=False,
        connections_per_user=0,
        callback_url="https://here/prod",
    )


def test_variables_are_texts_under_the_names_of_the_fields() -> None:
    assert connect_environment().variables() == {
        "DEPLOYMENT_NAME": "Orders",
        "TABLE_NAME": "t",
        "AUTHORIZATION": "oidc",
        "EVERYONE": "false",
        "CONNECTIONS_PER_USER": "0",
        "CALLBACK_URL": "https://here/prod",
    }


def test_what_was_written_is_read_with_its_types() -> None:
    read = ConnectEnvironment.read(connect_environment().variables())
    assert vars(read) == vars(connect_environment())
    assert read.everyone is False
    assert read.authorization is AuthorizationMode.OIDC
    assert ConnectEnvironment.read({**read.variables(), "EVERYONE": "true"}).everyone is True


@pytest.mark.parametrize("text", [None, ""], ids=["absent", "empty"])
def test_a_missing_variable_is_named(text: str | None) -> None:
    variables = {**connect_environment().variables(), "TABLE_NAME": text}
    with pytest.raises(MissingVariableError, match="TABLE_NAME is not set"):
        ConnectEnvironment.read({name: value for name, value in variables.items() if value is not None})


@pytest.mark.parametrize(("name", "text"), [("AUTHORIZATION", "saml"), ("CONNECTIONS_PER_USER", "many")])
def test_a_value_of_another_type_is_refused(name: str, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        ConnectEnvironment.read({**connect_environment().variables(), name: text})


def test_a_field_with_a_default_may_be_absent() -> None:
    variables = function_variables("authorize", token_secret_arn="")
    assert "TOKEN_SECRET_ARN" not in variables
    assert AuthorizeEnvironment.read(variables).token_secret_arn == ""


def test_fields_of_the_base_belong_to_the_function_too() -> None:
    assert {"table_name", "client_frame_bytes", "replay_seconds"} <= SubscribeEnvironment.fields().keys()


def test_of_many_facts_a_function_is_told_those_that_it_reads() -> None:
    environment = ENVIRONMENTS["disconnect"].of({"table_name": "t", "everyone": True})
    assert environment.variables() == {"TABLE_NAME": "t"}


def test_an_unknown_or_a_missing_field_is_an_error() -> None:
    facts = vars(connect_environment())
    with pytest.raises(TypeError, match="queue_url"):
        ConnectEnvironment(**facts, queue_url="q")  # type: ignore[call-arg]
    with pytest.raises(AttributeError, match="table_name"):
        ConnectEnvironment(**{name: value for name, value in facts.items() if name != "table_name"})


@pytest.mark.parametrize("kind", ENVIRONMENTS.values(), ids=ENVIRONMENTS)
def test_every_field_has_a_type_that_can_be_read(kind: type[Environment]) -> None:
    assert set(kind.fields().values()) <= {str, int, bool, AuthorizationMode}


LIBRARY = [
    module.name for module in pkgutil.walk_packages(entity_push.__path__, "entity_push.") if not module.ispkg
]


def test_importing_the_library_reads_none_of_the_variables() -> None:
    """A module that reads one while it is imported can't be used where the variable is not set."""
    names = {name.upper() for kind in ENVIRONMENTS.values() for name in kind.fields()}
    program = f"""
import importlib, os
class Watched(dict):
    def __getitem__(self, name):
        assert name not in {names!r}, name
        return super().__getitem__(name)
    def get(self, name, default=None):
        assert name not in {names!r}, name
        return super().get(name, default)
os.environ = Watched(os.environ)
for module in {LIBRARY!r}:
    importlib.import_module(module)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(LIBRARY) > 30
