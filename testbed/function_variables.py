"""Environment variables of the functions that tests and benchmarks run, made from their descriptions."""

from typing import Any

from entity_push.runtime.environment import ENVIRONMENTS, AuthorizationMode

AWS_VARIABLES = {
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
}
"""The variables that Lambda itself sets."""

USUAL: dict[str, Any] = {
    "deployment_name": "EntityPush",
    "table_name": "table",
    "authorization": AuthorizationMode.JWT,
    "token_issuer": "EntityPush",
    "token_audience": "EntityPush",
    "token_secret_arn": "arn:aws:secretsmanager:us-east-1:111122223333:secret:token-AbCdEf",
    "user_claim": "sub",
    "subscribe_claim": "subscribe",
    "publish_claim": "publish",
    "everyone": True,
    "connections_per_user": 50,
    "subscriptions_per_connection": 100,
    "client_frame_bytes": 32 * 1024,
    "replay_seconds": 24 * 3600,
    "event_bus_name": "default",
    "deployment_address": "111122223333/us-east-1/EntityPush",
    "callback_url": "https://api.execute-api.us-east-1.amazonaws.com/prod",
    "queue_url": "queue",
    "dead_letter_queue_url": "dead-letters",
    "target_dead_letter_queue_url": "target-dead-letters",
}


def function_variables(*modules: str, **facts: Any) -> dict[str, str]:
    """Return the variables of functions, and those that Lambda sets.

    Args:
        *modules: modules in `lambdas/`; by default, all of them.
        **facts: unusual values, by the names of the descriptions' fields.
    """
    assert facts.keys() <= USUAL.keys(), f"no function reads {facts.keys() - USUAL.keys()}"
    variables = dict(AWS_VARIABLES)
    for module in modules or ENVIRONMENTS:
        variables |= ENVIRONMENTS[module].of({**USUAL, **facts}).variables()
    return variables
