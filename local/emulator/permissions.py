"""The permissions of operations for which MiniStack and AWS differ."""

from typing import Any

from local.emulator import seams

_BATCH = "Batch"


def install() -> None:
    """Let the permission for one SQS message (send, delete, hide) cover a batch of messages.

    AWS has no permission for batches. Source: SQS Developer Guide, "Amazon SQS batch actions".
    """
    extract = seams.iam_actions.extract_iam_action

    def extract_iam_action(service: str, *request: Any) -> Any:
        action = extract(service, *request)
        if service == "sqs" and isinstance(action, str):
            return action.removesuffix(_BATCH)
        return action

    seams.iam_actions.extract_iam_action = extract_iam_action
