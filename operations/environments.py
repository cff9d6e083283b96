"""Settings files, one per environment: `make deploy ENV=staging` reads `environments/staging.json`.

A file is one JSON object of settings, as under `context` in cdk.json. Beside them it may say where the
environment is: `account`, `region`, and the `profile` of the AWS configuration.
"""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "environments"

VARIABLE = "ENTITY_PUSH_ENVIRONMENT"
"""The variable in which make hands on its ENV. Other programs use one of the name ENV for themselves."""

_PLACE = ("account", "region", "profile")


class EnvironmentFileError(Exception):
    """The file of an environment is missing or not of the documented form; the message has a remedy."""


@dataclass(frozen=True)
class Environment:
    """What a settings file says. Without a file, it says nothing.

    Attributes:
        name: the file's name without its ending; empty without a file.
        settings: values by the names of settings.
        account: the only account that the settings are for; None for any.
        region: the Region; None for that of the AWS configuration.
        profile: the profile of the AWS configuration; None for the one that is set there.
    """

    name: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    account: str | None = None
    region: str | None = None
    profile: str | None = None

    @property
    def context(self) -> dict[str, str]:
        """The settings as texts, as `-c name=value` takes them."""
        return {name: _text(value) for name, value in self.settings.items()}


def chosen() -> Environment:
    """Return the environment that `make … ENV=` names, or one that says nothing.

    Raises:
        EnvironmentFileError: there is no such file, or it is not of the documented form.
    """
    name = os.environ.get(VARIABLE, "")
    return read(name) if name else Environment()


def read(name: str) -> Environment:
    """Return what an environment's file says.

    Raises:
        EnvironmentFileError: there is no such file, or it is not of the documented form.
    """
    if not re.fullmatch(r"[A-Za-z0-9_-]+", name):
        raise EnvironmentFileError(f"ENV={name} is no name of an environment: letters, digits, - and _.")
    path = FOLDER / f"{name}.json"
    where = f"{FOLDER.name}/{path.name}"
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        there = ", ".join(sorted(each.stem for each in FOLDER.glob("*.json"))) or "none"
        raise EnvironmentFileError(f"There is no {where}. Environments are: {there}.") from error
    except ValueError as error:
        raise EnvironmentFileError(f"{where} is not JSON: {error}.") from error
    if not isinstance(values, dict):
        raise EnvironmentFileError(f"{where} has to be one JSON object of settings.")
    if null := [key for key, value in values.items() if value is None]:
        raise EnvironmentFileError(f'{where}: "{null[0]}" is null. Leave it out: then its default holds.')
    place = {key: values.pop(key) for key in _PLACE if key in values}
    for key, value in place.items():
        if not isinstance(value, str) or not value:
            raise EnvironmentFileError(f'{where}: "{key}" has to be a text, such as "111122223333".')
    return Environment(name, values, **place)


def _text(value: Any) -> str:
    """Return a value of JSON as the text that the command line would give."""
    match value:
        case bool():
            return str(value).lower()
        case dict():
            return ",".join(f"{name}={each}" for name, each in value.items())
        case list() if all(isinstance(each, str) for each in value):
            return ",".join(value)
        case list():
            return json.dumps(value)
    return str(value)
