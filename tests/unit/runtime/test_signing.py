"""Signatures are botocore's, byte for byte, whatever the service, Region, headers, body or credentials."""

import datetime
from typing import Any
from unittest import mock

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials
from entity_push.runtime import aws
from entity_push.runtime.aws_errors import NoCredentialsError
from entity_push.runtime.endpoints import Endpoint
from entity_push.runtime.signing import Credentials, RequestSigner, SigningKey, credentials
from hypothesis import example, given
from hypothesis import strategies as st

from tests.unit.runtime.regions import ENDPOINTS, REGIONS

BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_="
URLS = [
    "http://127.0.0.1:4566",
    "http://localhost:80/a b/é",
    "https://localhost:443/",
    "http://[::1]:4566/x~y",
    "https://vpce-0a1b.dynamodb.eu-west-1.vpce.amazonaws.com",
]


@given(
    service=st.sampled_from(sorted(aws.SERVICES)),
    region=st.sampled_from(REGIONS),
    url=st.sampled_from([None, *URLS]),
    body=st.binary(max_size=200),
    secret_key=st.text(BASE64, min_size=20, max_size=90),
    token=st.none() | st.text(BASE64, min_size=1, max_size=400),
    now=st.datetimes(datetime.datetime(2024, 1, 1), datetime.datetime(2035, 1, 1)),
)
@example("sqs", "eusc-de-east-1", None, b"", "k" * 61, None, datetime.datetime(2026, 12, 31, 23, 59, 59))
def test_a_requests_signature_is_botocores(  # noqa: PLR0917 - hypothesis names them
    service: str,
    region: str,
    url: str | None,
    body: bytes,
    secret_key: str,
    token: str | None,
    now: datetime.datetime,
) -> None:
    now = now.replace(microsecond=0, tzinfo=datetime.UTC)
    url = url or ENDPOINTS[service, region]
    described, endpoint = aws.SERVICES[service], Endpoint.at(url)
    headers = {
        "content-type": f"application/x-amz-json-{described.version}",
        "x-amz-target": f"{described.target}.Operation",
        **dict(described.other_headers),
    }
    by = Credentials("AKIDEXAMPLE", secret_key, token)
    signer = RequestSigner(service, region, endpoint.authority, endpoint.path)
    signed = signer.signed(headers, body, by, now.timestamp())

    request: Any = AWSRequest("POST", url, headers=headers, data=body)
    with mock.patch("botocore.auth.get_current_datetime", return_value=now):
        SigV4Auth(BotocoreCredentials(*by), service, region).add_auth(request)
    theirs = {name.lower(): value for name, value in request.headers.items()}
    assert {**theirs, "host": endpoint.authority} == signed


def test_the_key_follows_the_day_and_the_secret() -> None:
    signer = RequestSigner("sqs", "eu-west-1", "localhost", "/")
    noon, next_noon = 1_750_000_000.0, 1_750_086_400.0
    asked = [("one", noon), ("one", next_noon), ("two", next_noon), ("two", noon), ("one", noon)]
    found = [signer.signed({}, b"", Credentials("AKID", secret), now) for secret, now in asked]
    assert len({signed["authorization"] for signed in found}) == 4
    assert found[0] == found[-1]


def test_a_long_secret_is_hashed_as_hmac_has_it() -> None:
    """A key of over 64 bytes, "AWS4" included (RFC 2104, section 2)."""
    keys = [SigningKey("s" * length, "20260101", "eu-west-1", "sqs") for length in (60, 61)]
    assert len({key.signature("20260101T000000Z", "0" * 64) for key in keys}) == 2


def test_credentials_are_the_environments_as_they_are_now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
    assert credentials() == ("testing", "testing", None)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDNEXT")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token")
    assert credentials() == ("AKIDNEXT", "testing", "token")


@pytest.mark.parametrize("name", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
@pytest.mark.parametrize("value", [None, ""])
def test_missing_credentials_are_an_error(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str | None
) -> None:
    monkeypatch.delenv(name)
    if value is not None:
        monkeypatch.setenv(name, value)
    with pytest.raises(NoCredentialsError, match="AWS_ACCESS_KEY_ID"):
        credentials()
