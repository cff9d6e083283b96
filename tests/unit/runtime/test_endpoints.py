"""The endpoints are those of botocore, in every Region of every partition, and as the environment has it."""

import pytest
from entity_push.runtime.endpoints import Endpoint, endpoint_url

from tests.unit.runtime.regions import ENDPOINTS, REGIONS, SERVICES, botocores


@pytest.mark.parametrize("service", SERVICES)
def test_every_region_has_botocores_endpoint(service: str) -> None:
    assert len(REGIONS) > 40
    ours = {region: endpoint_url(service, region, {}) for region in REGIONS}
    assert ours == {region: ENDPOINTS[service, region] for region in REGIONS}


ONE, ALL, IGNORED = "http://127.0.0.1:1", "http://127.0.0.1:2/all", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize(
    "variables",
    [
        {"AWS_ENDPOINT_URL": ALL},
        {"AWS_ENDPOINT_URL": ALL, "AWS_ENDPOINT_URL_{}": ONE},
        {"AWS_ENDPOINT_URL": ALL, "AWS_ENDPOINT_URL_{}": ""},
        {"AWS_ENDPOINT_URL_KINESIS": ONE},
        {"AWS_ENDPOINT_URL": ALL, "AWS_ENDPOINT_URL_{}": ONE, IGNORED: "true"},
        {"AWS_ENDPOINT_URL": ALL, IGNORED: "TRUE"},
        {"AWS_ENDPOINT_URL": ALL, IGNORED: "false"},
    ],
    ids=",".join,
)
def test_the_environment_sets_endpoints_as_it_does_for_botocore(
    monkeypatch: pytest.MonkeyPatch, service: str, variables: dict[str, str]
) -> None:
    name = {"events": "EVENTBRIDGE", "secretsmanager": "SECRETS_MANAGER"}.get(service, service.upper())
    environ = {variable.format(name): value for variable, value in variables.items()}
    for variable, value in environ.items():
        monkeypatch.setenv(variable, value)
    assert endpoint_url(service, "eu-west-1", environ) == botocores(service, "eu-west-1")


def test_an_endpoint_has_the_default_port_and_path() -> None:
    assert Endpoint.at("https://sqs.eu-west-1.amazonaws.com") == (
        True,
        "sqs.eu-west-1.amazonaws.com",
        443,
        "/",
    )
    assert Endpoint.at("http://[::1]:4566/x") == (False, "::1", 4566, "/x")
    assert Endpoint.at("http://[::1]:4566/x").authority == "[::1]:4566"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost:4566",
        "ftp://localhost",
        "https:///x",
        "https://é.example",
        "https://x/?a=b",
        "https://x/#a",
    ],
)
def test_what_is_no_endpoint_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="not an endpoint"):
        Endpoint.at(url)
