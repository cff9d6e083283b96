"""MiniStack's parts that this package adapts, and the one version that the adaptations fit.

The adaptations reach into private names, which any release may move. So the version is pinned. Another
version is refused at start, rather than failing somewhere in the middle of a deployment. MiniStack carries no
types, so its parts are `Any`.
"""

import importlib
import importlib.metadata
from typing import Any

VERSION = "1.5.33"


def check_version() -> None:
    """Refuse every version of MiniStack other than the one that the adaptations fit.

    Raises:
        SystemExit: with a sentence that names both versions.
    """
    installed = importlib.metadata.version("ministack")
    if installed != VERSION:
        raise SystemExit(
            f"The local AWS is written against ministack {VERSION}, but {installed} is installed. "
            "Install the locked requirements, or run tests/local against the new version and then "
            "change VERSION in local/emulator/seams.py."
        )


check_version()

app: Any = importlib.import_module("ministack.app")
apigateway: Any = importlib.import_module("ministack.services.apigateway")
dynamodb: Any = importlib.import_module("ministack.services.dynamodb")
eventbridge: Any = importlib.import_module("ministack.services.eventbridge")
iam_actions: Any = importlib.import_module("ministack.core.iam_actions")
lambda_runtime: Any = importlib.import_module("ministack.core.lambda_runtime")
lambda_service: Any = importlib.import_module("ministack.services.lambda_svc")
provisioners: Any = importlib.import_module("ministack.services.cloudformation.provisioners")
secrets_manager: Any = importlib.import_module("ministack.services.secretsmanager")
