"""The load command against the deployed app: a few connections of the published client."""

from collections.abc import Callable

import pytest

from operations.load import main
from tests.e2e.conftest import App

pytestmark = pytest.mark.usefixtures("as_local")

FEW = [
    "--connections",
    "6",
    "--entities",
    "2",
    "--updates",
    "10",
    "--rate",
    "5",
    "--connects-per-second",
    "5",
]

By = Callable[[App], list[str]]


def _found(_app: App) -> list[str]:
    return ["--local"]


def _secret(app: App) -> list[str]:
    outputs = app.outputs.stack
    signing = [
        "--secret",
        app.signer.secret,
        "--issuer",
        outputs["TokenIssuer"],
        "--audience",
        outputs["TokenAudience"],
    ]
    return ["--url", app.outputs.web_socket_url, *signing]


def _token(app: App) -> list[str]:
    token = app.token(subscribe=["load/*"], publish=["load/*"])
    return ["--url", app.outputs.web_socket_url, "--token", token]


@pytest.mark.parametrize("by", [_found, _secret, _token])
def test_every_client_shows_every_update_once(app: App, by: By, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*FEW, *by(app)]) == 0
    shown = capsys.readouterr().out
    assert "6 clients of 2 entities, 10 updates, 30 to be shown" in shown
    assert "from publishing to showing: p50 " in shown
    assert "lost: 0; shown twice: 0; states fetched anew: 0" in shown


def test_a_token_that_may_not_publish_is_told(app: App, capsys: pytest.CaptureFixture[str]) -> None:
    token = app.token(subscribe=["load/*"], publish=[])
    assert main([*FEW, "--url", app.outputs.web_socket_url, "--token", token]) == 1
    shown = capsys.readouterr().out
    assert "not taken: 10;" in shown
    assert "10 x forbidden: " in shown
