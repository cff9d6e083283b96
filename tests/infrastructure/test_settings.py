import json
import re
from pathlib import Path
from typing import Any

import pytest
from entity_push.protocol.event_rules import EventRule

from stacks.app_settings import AppSettings, as_markdown
from stacks.setting_checks import SettingError
from stacks.settings import Settings


def test_the_defaults_are_the_safe_ones() -> None:
    settings = AppSettings.from_context({})
    assert settings.retain_data
    assert settings.point_in_time_recovery
    assert settings.event_bus == "default"
    assert settings.architecture == "arm64"
    assert settings.python_version == "3.13", "whatever runs this: two people must not change it in turn"


def test_values_may_be_text_as_the_command_line_gives_them() -> None:
    settings = AppSettings.from_context({"throttleRate": "7", "retainData": "false", "stackName": "Orders"})
    assert (settings.throttle_rate, settings.retain_data, settings.stack_name) == (7, False, "Orders")


def test_values_may_be_typed_as_cdk_json_gives_them() -> None:
    settings = AppSettings.from_context({"throttleRate": 7, "retainData": False})
    assert (settings.throttle_rate, settings.retain_data) == (7, False)


def test_lists_and_rates_are_read_from_the_command_line_and_from_cdk_json() -> None:
    given = AppSettings.from_context({"eventSources": "a.b, c.*", "routeThrottles": "subscribe=5,$connect=6"})
    assert given.event_sources == ("a.b", "c.*")
    assert given.route_throttles == (("subscribe", 5), ("$connect", 6))
    typed = AppSettings.from_context(
        {"eventSources": ["a.b", "c.*"], "routeThrottles": {"subscribe": 5, "$connect": 6}}
    )
    assert typed == given
    none = AppSettings.from_context({"eventSources": "", "routeThrottles": ""})
    assert (none.event_sources, none.route_throttles) == ((), ())


def test_the_cdks_own_context_is_passed_over() -> None:
    AppSettings.from_context(
        {"@aws-cdk/core:x": True, "aws:cdk:y": 1, "cdk-cli": 2, "availability-zones:1": []}
    )


def test_an_unknown_setting_is_named_with_its_likely_meaning_and_all_others() -> None:
    with pytest.raises(SettingError, match=r"'eventbus'. Did you mean eventBus\? .*throttleRate"):
        AppSettings.from_context({"eventbus": "own"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("stackName", "7up"),
        ("stackName", ""),
        ("stage", "a/b"),
        ("eventBus", "mine"),
        ("architecture", "arm"),
        ("pythonVersion", "3.10"),
        ("throttleRate", 0),
        ("throttleRate", "many"),
        ("throttleRate", True),
        ("throttleRate", 1.5),
        ("throttleRate", None),
        ("retainData", "yes"),
        ("logRetentionDays", 2),
        ("pushConcurrency", 1),
        ("encryption", "kms"),
        ("eventSources", "*"),
        ("eventSources", "orders service"),
        ("eventSources", "a,,b"),
        ("eventSources", "a*b"),
        ("eventSources", 7),
        ("eventSources", [7]),
        ("alarmEmail", "ops"),
        ("alarmEmail", "ops@example.com;lead@example.com lead"),
        ("alarmEmail", "ops@example.com;"),
        ("alarmEmail", "a/b@example.com"),
        ("runbookUrl", ""),
        ("runbookUrl", "a page"),
        ("runbookUrl", "x" * 513),
        ("dashboard", "on"),
        ("routeThrottles", "subscribe"),
        ("routeThrottles", "subscribe=many"),
        ("routeThrottles", "subscribe=0"),
        ("routeThrottles", "subscribe=100001"),
        ("routeThrottles", "subscribe=1,subscribe=2"),
        ("routeThrottles", {"subscribe": 1.5}),
    ],
)
def test_a_wrong_value_is_refused_with_its_name_and_what_is_allowed(name: str, value: Any) -> None:
    with pytest.raises(SettingError, match=f"The setting {name} is .*; allowed is "):
        AppSettings.from_context({name: value})


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (
            {"event_bus": "mine"},
            "The setting eventBus is 'mine'; allowed is one of default, own, or the ARN of a bus.",
        ),
        ({"throttle_rate": 0}, "The setting throttleRate is 0; allowed is a whole number"),
        ({"route_throttles": (("subscribe", 0),)}, "The setting routeThrottles is"),
        ({"event_rules": ({"pattern": {}, "entityId": "x"},)}, 'The setting eventRules: a rule has a "name"'),
        ({"authorization": "oidc"}, "With authorization oidc, the setting tokenIssuer is needed."),
        ({"head_days": 30}, "The setting headDays is gone: leave it out."),
    ],
    ids=str,
)
def test_values_of_an_object_are_checked_like_those_of_the_context(values: dict[str, Any], says: str) -> None:
    with pytest.raises(SettingError, match=re.escape(says)):
        Settings(**values)


def test_an_object_may_have_what_the_context_has() -> None:
    rule = {"name": "shop", "pattern": {"source": ["shop"]}, "entityId": "orders/{$.detail.id}"}
    context = {"eventRules": json.dumps([rule]), "routeThrottles": "subscribe=5", "eventSources": "a.b,c.*"}
    rules = (EventRule.read(rule),)
    given = Settings(event_rules=rules, route_throttles=(("subscribe", 5),), event_sources=("a.b", "c.*"))
    assert given == Settings.from_context(context)


def test_the_name_of_the_stack_is_a_setting_of_our_app_alone() -> None:
    with pytest.raises(SettingError, match="There is no setting 'stackName'"):
        Settings.from_context({"stackName": "Orders"})


@pytest.mark.parametrize("value", ["30", 30, None])
def test_a_setting_that_is_gone_is_refused_with_what_replaced_it(value: Any) -> None:
    with pytest.raises(SettingError, match=r"headDays is gone: leave it out\..*Raise replayHours"):
        AppSettings.from_context({"headDays": value})
    assert "headDays" not in as_markdown()


def test_the_documentation_lists_the_settings_as_they_are() -> None:
    assert as_markdown() in Path("docs/reference/settings.md").read_text(encoding="utf-8")
