"""What is deployed: a stack around the construct `EntityPush`, which has one construct per capability."""

import sys
from pathlib import Path

# The constructs and the functions share the wire format, the names of events and the environment variables.
_LAMBDAS = str(Path(__file__).resolve().parent.parent / "lambdas")
if _LAMBDAS not in sys.path:
    sys.path.append(_LAMBDAS)  # last, since the functions' modules have names such as `push`
