"""How long keys are remembered, and what happens when Secrets Manager does not answer."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from entity_push.auth.secret_keys import (
    EARLY_READ_SECONDS,
    EARLY_READS,
    MAX_AGE_SECONDS,
    STALE_SECONDS,
    SecretKeys,
)
from entity_push.auth.verifiers import SecretVerifier
from entity_push.runtime import aws
from entity_push.runtime.aws_errors import RefusedError, UnansweredError

from tests.forged_tokens import valid_claims, valid_token
from tests.moto_server import moto_server

OLD, NEW = "o" * 64, "n" * 64


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


class CountingClient:
    """A Secrets Manager client that counts its calls, and may be unavailable."""

    def __init__(self, client: Any):
        self._client, self.calls, self.error = client, 0, None

    error: Exception | None

    def get_secret_value(self, **request: str) -> Any:
        self.calls += 1
        if self.error:
            raise self.error
        return self._client.get_secret_value(**request)


@pytest.fixture
def secrets_manager(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    with moto_server() as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        client = boto3.client("secretsmanager", region_name="us-east-1")
        client.create_secret(Name="token", SecretString=OLD)
        yield client


@pytest.fixture
def client(secrets_manager: Any) -> CountingClient:
    assert secrets_manager
    return CountingClient(aws.client("secretsmanager"))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keys(client: CountingClient, clock: Clock) -> SecretKeys:
    return SecretKeys(client, "token", clock)


def rotate(secrets_manager: Any, key: str = NEW) -> None:
    secrets_manager.put_secret_value(SecretId="token", SecretString=key)


def test_a_secret_that_was_never_rotated_has_one_key(keys: SecretKeys) -> None:
    assert keys.keys() == (OLD,)


def test_a_rotated_secret_has_its_current_and_its_previous_key(
    keys: SecretKeys, secrets_manager: Any
) -> None:
    rotate(secrets_manager)
    assert keys.keys() == (NEW, OLD)
    rotate(secrets_manager, "third")
    assert SecretKeys(secrets_manager, "token").keys() == ("third", NEW)


def test_keys_are_remembered_for_five_minutes(
    keys: SecretKeys, client: CountingClient, clock: Clock, secrets_manager: Any
) -> None:
    keys.keys()
    rotate(secrets_manager)
    clock.now += MAX_AGE_SECONDS - 1
    assert keys.keys() == (OLD,)
    assert client.calls == 2
    clock.now += 1
    assert keys.keys() == (NEW, OLD)


def test_tokens_that_fit_no_key_have_the_secret_read_three_times_and_then_every_ten_seconds(
    keys: SecretKeys, client: CountingClient, clock: Clock, secrets_manager: Any
) -> None:
    keys.keys()
    for _ in range(100):
        keys.latest()
    assert client.calls == 2 * (1 + EARLY_READS)
    rotate(secrets_manager)
    assert keys.latest() == (OLD,)
    clock.now += EARLY_READ_SECONDS
    for _ in range(100):
        assert keys.latest() == (NEW, OLD)
    assert client.calls == 2 * (1 + EARLY_READS + 1)
    clock.now += 3600
    for _ in range(100):
        keys.latest()
    assert client.calls == 2 * (1 + EARLY_READS + 1 + EARLY_READS)


def test_a_token_of_the_new_key_is_valid_at_once_and_of_the_old_one_still(
    keys: SecretKeys, clock: Clock, secrets_manager: Any
) -> None:
    verifier, claims = SecretVerifier(keys), valid_claims("i", "a", clock.now)
    old, new = (valid_token(key, "i", "a", clock.now) for key in (OLD, NEW))
    assert verifier.claims(old) == claims
    rotate(secrets_manager)
    assert verifier.claims(new) == claims
    assert verifier.claims(old) == claims


UNAVAILABLE = [
    UnansweredError("GetSecretValue: refused"),
    RefusedError("GetSecretValue", "ThrottlingException", "Rate exceeded"),
    RefusedError("GetSecretValue", "ResourceNotFoundException", "deleted"),
]


@pytest.mark.parametrize("error", UNAVAILABLE, ids=str)
def test_without_secrets_manager_the_keys_from_before_stay_valid(
    keys: SecretKeys, client: CountingClient, clock: Clock, error: Exception
) -> None:
    keys.keys()
    client.error = error
    clock.now += MAX_AGE_SECONDS
    for _ in range(100):
        assert keys.keys() == (OLD,)
    assert client.calls == 3  # it is not asked for each token while it is down
    client.error = None
    clock.now += EARLY_READ_SECONDS
    keys.keys()
    assert client.calls == 5


@pytest.mark.parametrize("error", UNAVAILABLE, ids=str)
def test_without_secrets_manager_and_without_keys_it_is_a_failure(
    keys: SecretKeys, client: CountingClient, clock: Clock, error: Exception
) -> None:
    client.error = error
    for _ in range(200):
        with pytest.raises(type(error)) as raised:
            keys.keys()
    assert len(raised.traceback) < 8, "an error that is remembered does not grow"
    assert client.calls == 1  # it is not asked for each token while it is down
    client.error = None
    clock.now += EARLY_READ_SECONDS
    assert keys.keys() == (OLD,)


def test_keys_that_can_not_be_read_for_an_hour_are_relied_on_no_longer(
    keys: SecretKeys, client: CountingClient, clock: Clock
) -> None:
    keys.keys()
    client.error = UNAVAILABLE[1]
    clock.now += STALE_SECONDS
    assert keys.keys() == (OLD,)
    clock.now += EARLY_READ_SECONDS
    for _ in range(100):
        with pytest.raises(RefusedError):
            keys.keys()
    client.error = None
    clock.now += EARLY_READ_SECONDS
    assert keys.keys() == (OLD,)
