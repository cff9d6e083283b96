"""The checks of `make smoke` that the local AWS can answer: here, what they believe is what is seen."""

import boto3
import pytest

from local.aws import REGION
from operations.deployment import Deployment
from operations.smoke.__main__ import BEFORE_THE_UPDATE
from operations.smoke.check import Check, Target, run
from tests.e2e.conftest import App

HERE = [check for check in BEFORE_THE_UPDATE if check.here]
CONNECTIONS = 50
"""The default of the setting `connectionsPerUser`."""


@pytest.fixture
def target(app: App) -> Target:
    outputs = {**app.outputs.stack, "WebSocketUrl": app.outputs.web_socket_url}
    session = boto3.Session("test", "test", region_name=REGION)
    found = Deployment(outputs, session, app.outputs.endpoint_url, app.outputs.stack_name)
    return Target(found, app.signer, CONNECTIONS)


@pytest.mark.parametrize("check", HERE, ids=[check.name for check in HERE])
def test_what_is_expected_of_aws_is_seen_in_the_local_aws(check: Check, target: Target) -> None:
    (seen,) = run([check], target)
    assert seen.what == check.expects
