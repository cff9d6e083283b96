"""`make load`: what it costs, whom it asks, who connects, and what counts as lost."""

import asyncio
import io
import itertools
import math
from typing import Any

import jwt
import pytest
from entity_push_client import OutcomeUnknownError, RefusedError

from operations import deployment, load, load_run
from operations.deployment import Deployment
from operations.load_plan import Plan
from operations.load_run import LoadRun, Tally
from tests.unit.operations.load_bus import Bus, Client

URL = "wss://api.example/prod"
SECRET = "s" * 64


def reckoned(plan: Plan, service: str) -> float:
    """Return a service's part of the estimate, in millionths of a dollar."""
    return sum(1e6 * line.dollars for line in plan._lines() if line.service == service)


def test_a_load_is_reckoned_with_all_that_aws_asks_for() -> None:
    """The prices are those of operations/cost/prices.yaml."""
    plan = Plan(1000, 600, 10, 10, 100, 100)
    assert plan.minutes == pytest.approx(10 / 60 + 1 + 1)
    assert plan.shown == 600 * 100
    frames = 600 * 100 + 2 * 600 + 2 * 1000
    assert reckoned(plan, "API Gateway") == pytest.approx(frames * 1.00 + 1000 * plan.minutes * 0.25)
    assert reckoned(plan, "DynamoDB") == pytest.approx(
        (12 * 1000 + 600) * 0.625 + (4 * 1000 + 5 * 600) * 0.125
    )
    assert reckoned(plan, "EventBridge") == pytest.approx(600 * 1.00)
    assert reckoned(plan, "SQS") == pytest.approx(3 * 600 * 0.40)
    invocations = 4 * 1000 + 600 + 600
    assert reckoned(plan, "Lambda") > invocations * 0.20
    assert reckoned(plan, "X-Ray") == pytest.approx(invocations * 5.00)
    assert reckoned(plan, "CloudWatch") > 0
    services = {line.service for line in plan._lines()}
    assert 1e6 * plan.dollars == pytest.approx(sum(reckoned(plan, service) for service in services))
    assert 0.08 < plan.dollars < 0.14


@pytest.mark.parametrize(("connections", "entities", "updates"), [(7, 3, 5), (3, 3, 4), (1, 1, 2)])
def test_each_client_follows_one_entity(connections: int, entities: int, updates: int) -> None:
    plan = Plan(connections, updates, entities, 1, 1, 0)
    assert sorted(number for entity in range(entities) for number in plan.followers(entity)) == list(
        range(connections)
    )
    followed = [number % entities for number in range(connections)]
    assert plan.shown == sum(followed.count(update % entities) for update in range(updates))


@pytest.fixture
def bus(monkeypatch: pytest.MonkeyPatch) -> Bus:
    found = Bus()
    monkeypatch.setattr(load_run, "EntityPush", lambda _url, **options: Client(found, options["token"]))
    for name, seconds in (
        ("CONNECT_SECONDS", 0.2),
        ("QUIET_SECONDS", 0.2),
        ("LINGER_SECONDS", 0.05),
        ("LOOK_SECONDS", 0.01),
        ("PROGRESS_SECONDS", 0.02),
    ):
        monkeypatch.setattr(load_run, name, seconds)
    return found


SMALL = ["--url", "ws://127.0.0.1:1/local", "--connections", "6", "--entities", "3", "--updates", "5"]
FAST = ["--rate", "500", "--connects-per-second", "400"]


def test_all_is_shown_once_and_it_ends_with_0(bus: Bus, capsys: pytest.CaptureFixture[str]) -> None:
    assert load.main([*SMALL, "--rate", "50", "--connects-per-second", "400"]) == 0
    assert len(bus.clients) == 6
    shown = capsys.readouterr().out
    assert "6 clients of 3 entities, 5 updates, 10 to be shown" in shown
    assert "5 of 5 published" in shown, "progress"
    assert "lost: 0; shown twice: 0; states fetched anew: 0" in shown
    assert "from publishing to showing: p50 " in shown
    assert "not taken" not in shown


def refused(update: int) -> Exception | None:
    return RefusedError("forbidden", "no grant") if update == 1 else None


def doubtful(update: int) -> Exception | None:
    return OutcomeUnknownError("unknown_outcome", "no answer") if update == 1 else None


@pytest.mark.parametrize(
    ("spoiled", "says"),
    [
        ({"shown_as": lambda client, update: int((client, update) != (3, 0))}, "lost: 1;"),
        ({"shown_as": lambda _client, _update: 0}, "lost: 10;"),
        ({"shown_as": lambda client, _update: 1 + (client == 3)}, "shown twice: 2;"),
        ({"refusal": refused}, "lost: 0; shown twice: 0; states fetched anew: 0\nnot taken: 1"),
        ({"refusal": doubtful, "shown_as": lambda _client, update: int(update != 1)}, "perhaps not taken: 1"),
        ({"deaf": {4}}, "1 of 6 clients could not subscribe\nlost: 0;"),
    ],
    ids=["one lost", "all lost", "twice", "not taken", "unknown", "not connected"],
)
def test_whatever_is_missing_is_told_and_it_ends_with_1(
    bus: Bus, capsys: pytest.CaptureFixture[str], spoiled: dict[str, Any], says: str
) -> None:
    vars(bus).update(spoiled)
    assert load.main([*SMALL, *FAST]) == 1
    assert says in capsys.readouterr().out


def test_what_had_no_answer_was_taken_if_it_is_shown(bus: Bus, capsys: pytest.CaptureFixture[str]) -> None:
    bus.refusal = doubtful
    assert load.main([*SMALL, *FAST]) == 0
    assert "not taken" not in capsys.readouterr().out
    bus.clients.clear()
    bus.shown_as = lambda client, update: int((client, update) != (4, 1))
    assert load.main([*SMALL, *FAST]) == 1
    assert "lost: 1;" in capsys.readouterr().out


def test_what_had_no_answer_is_waited_for() -> None:
    plan, tally = Plan(2, 1, 1, 1, 1, 0), Tally()
    tally.sent[0] = 0.0
    tally.doubtful.add(0)
    complete = [tally.is_complete(plan)]
    for client in (0, 1):
        tally.shown[client, 0] += 1
        complete.append(tally.is_complete(plan))
    assert complete == [False, False, True]


def test_states_that_were_fetched_anew_are_told_and_errors(
    bus: Bus, capsys: pytest.CaptureFixture[str]
) -> None:
    bus.resets = 3
    bus.refusal = refused
    load.main([*SMALL, *FAST])
    shown = capsys.readouterr().out
    assert "states fetched anew: 12" in shown
    assert "1 x forbidden: no grant" in shown


def test_with_a_secret_each_client_is_a_user_of_its_own(bus: Bus) -> None:
    signing = ["--secret", SECRET, "--issuer", "i", "--audience", "a"]
    assert load.main([*SMALL, *FAST, *signing]) == 0
    claims = [jwt.decode(str(token), SECRET, ["HS256"], audience="a", issuer="i") for token in bus.tokens]
    users = {claim["sub"] for claim in claims}
    assert len(users) == 6
    prefix = bus.clients[0].entity
    assert all(claim["subscribe"] == claim["publish"] for claim in claims)
    assert {client_prefix for claim in claims for client_prefix in claim["subscribe"]} == {
        f"{min(users).rpartition('/')[0]}/*"
    }, prefix


def test_a_token_from_standard_input_is_all_clients(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("the token\n"))
    assert load.main([*SMALL, *FAST, "--token", "-"]) == 0
    assert bus.tokens == ["the token"] * 6


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--token", "t", "--connections", "51"], "One token is one user, who may have 50 connections"),
        (["--secret", "s"], "--secret needs --issuer and --audience"),
        (["--url", "https://x"], "is no URL of a WebSocket"),
        (["--connections", "100000"], "open files"),
    ],
)
def test_what_can_not_be_is_a_sentence(
    bus: Bus,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    says: str,
) -> None:
    monkeypatch.setattr("resource.getrlimit", lambda _which: (1024, 4096))
    assert load.main(["--url", "ws://127.0.0.1:1/x", *arguments]) == 1
    assert says in capsys.readouterr().err
    assert bus.clients == []


@pytest.mark.parametrize(
    "arguments",
    [["--connects-per-second", "500"], ["--connections", "0"], ["--rate", "nan"], ["--updates", "many"]],
    ids=str,
)
@pytest.mark.usefixtures("bus")
def test_what_is_out_of_bounds_is_refused(arguments: list[str]) -> None:
    with pytest.raises(SystemExit):
        load.main([*SMALL, *arguments])


@pytest.mark.parametrize(
    ("url", "answer", "yes", "goes_on"),
    [
        (URL, "yes", False, True),
        (URL, "no", False, False),
        (URL, None, False, False),
        (URL, None, True, True),
        ("ws://localhost:1/x", None, False, True),
    ],
)
def test_it_asks_before_it_costs_money(
    bus: Bus,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *,
    url: str,
    answer: str | None,
    yes: bool,
    goes_on: bool,
) -> None:
    """None: there is no terminal to ask in."""
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{answer}\n"))
    monkeypatch.setattr("sys.stdin.isatty", lambda: answer is not None, raising=False)
    assert load.main([*SMALL, *FAST, "--url", url, *(["--yes"] if yes else [])]) == (0 if goes_on else 1)
    assert bool(bus.clients) == goes_on
    assert ("About $0.00 on wss://api.example/prod" in capsys.readouterr().err) == (
        answer is not None or not goes_on
    )


@pytest.mark.parametrize(
    ("mode", "status", "says"),
    [("none", 0, ""), ("oidc", 1, "get a token for the audience a there"), ("jwt", 0, "")],
)
def test_without_a_url_the_deployment_says_who_may_connect(
    bus: Bus,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *,
    mode: str,
    status: int,
    says: str,
) -> None:
    class Session:
        region_name = "eu-west-1"

        def client(self, service: str, **_options: Any) -> Any:
            assert service == "secretsmanager"
            return self

        def get_secret_value(self, **_arguments: Any) -> dict[str, str]:
            return {"SecretString": SECRET}

    outputs = {
        "WebSocketUrl": "ws://127.0.0.1:1/x",
        "Authorization": mode,
        "TokenIssuer": "i",
        "TokenAudience": "a",
        "TokenSecretArn": "arn",
        "TokenClaims": '{"user":"sub","subscribe":"subscribe","publish":"publish"}',
    }
    session: Any = Session()
    monkeypatch.setattr(deployment, "find", lambda _arguments: Deployment(outputs, session))
    assert load.main(["--connections", "2", "--updates", "2", *FAST]) == status
    assert says in capsys.readouterr().err
    assert [token is None for token in bus.tokens] == [mode == "none"] * (2 if status == 0 else 0)


def test_percentiles_are_of_all_pairs() -> None:
    found = load._percentiles([number / 1000 for number in range(1, 102)])
    assert found == ["p50 51 ms", "p90 91 ms", "p99 100 ms", "max 101 ms"]
    assert load._percentiles([0.5]) == ["p50 500 ms", "p90 500 ms", "p99 500 ms", "max 500 ms"]


def test_room_is_made_for_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    limits: list[tuple[int, int]] = []
    monkeypatch.setattr("resource.getrlimit", lambda _which: (1024, 4096))
    monkeypatch.setattr("resource.setrlimit", lambda _which, both: limits.append(both))
    load._make_room(500)
    load._make_room(2000)
    assert limits == [(2100, 4096)]


def test_clients_connect_no_faster_than_is_said(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    until = load_run._until

    async def noted(when: float) -> None:
        waits.append(when)
        await until(when)

    monkeypatch.setattr(load_run, "_until", noted)
    run = LoadRun(URL, lambda _number: None, Plan(5, 1, 1, 1, 100, 0), "load/x/")
    asyncio.run(run.run())
    gaps = [later - earlier for earlier, later in itertools.pairwise(waits[:5])]
    assert all(math.isclose(gap, 0.01, abs_tol=1e-9) for gap in gaps), gaps
    assert len(bus.clients) == 5
