"""The signature is botocore's, byte for byte, whatever the id, Region, path or credentials."""

import datetime
from typing import Any
from unittest import mock

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials
from entity_push.posting.signing import Signer, credentials_at_fault
from entity_push.runtime.signing import Credentials
from hypothesis import given
from hypothesis import strategies as st

REGIONS = [
    "us-east-1",
    "eu-central-2",
    "us-gov-west-1",
    "cn-north-1",
    "us-iso-east-1",
    "us-isob-east-1",
    "ap-southeast-7",
    "mx-central-1",
]
BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_"
REAL_IDS = st.text(BASE64, min_size=8, max_size=24).map(lambda text: text + "=")
ANY_IDS = st.one_of(
    REAL_IDS,
    st.text(BASE64 + "=", min_size=1, max_size=24),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=24),
).filter(lambda text: text not in (".", ".."))
STAGES = st.sampled_from(["/prod", "", "/$default", "/_aws/execute-api/a1b2c3/dev", "/a b~c"])


def hosts(region: str) -> list[str]:
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return [
        f"https://a1b2c3d4e5.execute-api.{region}.{suffix}",
        f"https://a1b2c3d4e5.execute-api.{region}.{suffix}:443",
        "https://push.example.com:8443",
        "http://127.0.0.1:4566",
        "http://localhost:80",
        "http://[::1]:4566",
    ]


@given(
    connection_id=ANY_IDS,
    region=st.sampled_from(REGIONS),
    host=st.integers(0, 5),
    stage=STAGES,
    method=st.sampled_from(["POST", "DELETE"]),
    frame=st.binary(max_size=200),
    access_key=st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", min_size=16, max_size=20),
    secret_key=st.text(BASE64, min_size=20, max_size=90),
    token=st.none() | st.text(BASE64 + "=", min_size=1, max_size=400),
    now=st.datetimes(datetime.datetime(2024, 1, 1), datetime.datetime(2035, 1, 1)),
)
def test_the_signature_is_botocores(  # noqa: PLR0917 - hypothesis names them
    connection_id: str,
    region: str,
    host: int,
    stage: str,
    method: str,
    frame: bytes,
    access_key: str,
    secret_key: str,
    token: str | None,
    now: datetime.datetime,
) -> None:
    now = now.replace(microsecond=0, tzinfo=datetime.UTC)
    endpoint = hosts(region)[host]
    signer = Signer(endpoint + stage, region)
    frame = frame if method == "POST" else b""
    stamp = signer.stamp(Credentials(access_key, secret_key, token), now.timestamp())
    target, authorization = stamp.sign(method, connection_id, signer.payload_hash(frame))

    request: Any = AWSRequest(method=method, url=endpoint + target, data=frame)
    credentials = BotocoreCredentials(access_key, secret_key, token)
    with mock.patch("botocore.auth.get_current_datetime", return_value=now):
        SigV4Auth(credentials, "execute-api", region).add_auth(request)
    expected = {f"{name}: {value}" for name, value in request.headers.items()}
    assert {authorization, *stamp.headers} == expected


def test_the_key_follows_the_day_and_the_secret() -> None:
    signer = Signer("https://x.execute-api.us-east-1.amazonaws.com/prod", "us-east-1")
    first = Credentials("AKID", "one", None)
    second = Credentials("AKID", "two", None)
    noon, next_noon = 1_750_000_000.0, 1_750_086_400.0
    signatures = {
        Signer("https://x.execute-api.us-east-1.amazonaws.com/prod", "us-east-1")
        .stamp(credentials, now)
        .sign("POST", "id=", "0" * 64)[1]
        for credentials in (first, second)
        for now in (noon, next_noon)
    }
    reused = {
        signer.stamp(credentials, now).sign("POST", "id=", "0" * 64)[1]
        for credentials, now in [(first, noon), (first, next_noon), (second, next_noon), (second, noon)]
    }
    assert len(signatures) == 4
    assert reused == signatures


def test_each_distinct_frame_has_its_own_hash_in_a_small_cache() -> None:
    signer = Signer("http://localhost:1/prod", "us-east-1")
    frames = [str(number).encode() for number in range(300)]
    assert len({signer.payload_hash(frame) for frame in frames}) == 300
    assert len(signer._hashes) <= 64


@pytest.mark.parametrize(
    "endpoint", ["", "wss://x/prod", "https:///prod", "https://x/prod?a=b", "x.amazonaws.com/prod"]
)
def test_what_is_not_an_endpoint_is_refused(endpoint: str) -> None:
    with pytest.raises(ValueError, match="not an endpoint"):
        Signer(endpoint, "us-east-1")


@pytest.mark.parametrize(
    ("status", "error", "at_fault"),
    [
        (403, "ExpiredTokenException", True),
        (403, "The security token included in the request is expired", True),
        (403, "UnrecognizedClientException", True),
        (403, "Signature expired: 20260101T000000Z is now earlier than …", True),
        (403, "ForbiddenException", False),
        (403, "AccessDeniedException", False),
        (403, "", False),
        (410, "ExpiredTokenException", False),
        (200, "ExpiredTokenException", False),
    ],
)
def test_only_credentials_stop_a_run(status: int, error: str, at_fault: bool) -> None:
    assert credentials_at_fault(status, error) is at_fault
