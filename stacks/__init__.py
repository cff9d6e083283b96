"""What is deployed: a stack around the construct `EntityPush`, which has one construct per capability."""

import sys

from .places import LAMBDAS

# The constructs and the functions share the wire format, the names of events and the environment variables.
if str(LAMBDAS) not in sys.path:
    sys.path.append(str(LAMBDAS))  # last, since the functions' modules have names such as `push`
