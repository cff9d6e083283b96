"""What is checked of settings beyond their kinds, and the sentences that say what is wrong."""

import difflib
import re
from dataclasses import Field, fields
from typing import Any

from entity_push.protocol.event_rules import InvalidRuleError
from entity_push.runtime.environment import AuthorizationMode

from .setting_kinds import Kind


class SettingError(ValueError):
    """A setting is unknown or has a value that is not allowed; the message says what is."""


GONE = {
    "headDays": "The setting headDays is gone: leave it out. A channel's cursors and its latest update now "
    "end with its life, one to two times replayHours after its last update. Raise replayHours if that is too "
    "short."
}
"""Settings of earlier versions, with what replaced them."""

_COMPANIONS = (
    ("domain_name", "certificate_arn", "clients connect by TLS"),
    ("certificate_arn", "domain_name", "it is the certificate of nothing else"),
    ("hosted_zone_id", "domain_name", "it gets a record for that"),
    ("execute_api_endpoint", "domain_name", "without any address, no client could connect"),
    ("subnet_ids", "security_group_ids", "they say where the functions may connect to"),
    ("security_group_ids", "subnet_ids", "only functions in a VPC have them"),
)
"""Settings that need another one, once they differ from their defaults, with the reason."""

# Plain http to this machine is for trying things out: no token travels that way, only public keys.
_SAFE_ISSUER = re.compile(r"https://[!-~]+|http://(127\.0\.0\.1|localhost)(:[0-9]+)?(/[!-~]*)?")


def check_companions(settings: Any) -> None:
    """Check that each setting has those that it needs.

    Args:
        settings: a `Settings`.

    Raises:
        SettingError: one is missing.
    """
    by_name = {setting.name: setting for setting in fields(settings)}
    for name, other, why in _COMPANIONS:
        setting = by_name[name]
        if getattr(settings, name) != setting.default and not getattr(settings, other):
            needs = context_name(by_name[other])
            raise SettingError(f"The setting {context_name(setting)} needs {needs}: {why}.")


def check_issuer(settings: Any) -> None:
    """Check that a provider of tokens is named and has a safe address.

    Args:
        settings: a `Settings`.

    Raises:
        SettingError: something is missing, or is no https URL.
    """
    if settings.authorization != AuthorizationMode.OIDC:
        return
    for name, value in (("tokenIssuer", settings.token_issuer), ("tokenAudience", settings.token_audience)):
        if not value:
            raise SettingError(f"With authorization oidc, the setting {name} is needed.")
    if not _SAFE_ISSUER.fullmatch(settings.token_issuer):
        raise SettingError(
            f"The setting tokenIssuer is {settings.token_issuer!r}; with authorization oidc it is an https "
            "URL, such as https://example.eu.auth0.com/."
        )


def context_name(setting: "Field[Any]") -> str:
    """Return a setting's name in the CDK context."""
    first, *rest = setting.name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def unknown(name: str, known: list[str]) -> str:
    """Return the sentence about a name that is no setting, with the one that may be meant."""
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f" Did you mean {close[0]}?" if close else ""
    return f"There is no setting {name!r}.{hint} The settings are: {', '.join(known)}."


def read(setting: "Field[Any]", value: Any) -> Any:
    """Return a setting's value, read as its kind says.

    Raises:
        SettingError: it is not allowed.
    """
    kind: Kind = setting.metadata["kind"]
    try:
        return kind.read(value)
    except InvalidRuleError as error:
        raise SettingError(f"The setting {context_name(setting)}: {error}.") from error
    except (ValueError, TypeError) as error:
        raise SettingError(
            f"The setting {context_name(setting)} is {value!r}; allowed is {kind.allowed}."
        ) from error
