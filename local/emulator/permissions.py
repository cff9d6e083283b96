"""Which permission an operation takes, where MiniStack takes another than AWS does."""

from typing import Any

from local.emulator import seams

_BATCH = "Batch"


def install() -> None:
    """Let who may send, delete or hide one SQS message do so with several at once.

    There is no permission for batches. Source: SQS Developer Guide, "Amazon SQS batch actions".
    """
    extract = seams.iam_actions.extract_iam_action

    def extract_iam_action(service: str, *request: Any) -> Any:
        action = extract(service, *request)
        if service == "sqs" and isinstance(action, str):
            return action.removesuffix(_BATCH)
        return action

    seams.iam_actions.extract_iam_action = extract_iam_action
