"""A worker that follows all orders: `python -m examples.worker`, beside `make local` and the shop.

It has the pattern `orders/*`. A pattern has no past: after each new connection, a reset says that updates may
be missing, and a worker that must see each state asks its own database then.
"""

import argparse
import asyncio
import sys

from entity_push_client import EntityPush, Reset, Update

from operations import deployment
from operations.minting import MintingError, TokenSigner

PATTERN = "orders/*"


async def follow(found: deployment.Deployment) -> None:
    """Print what becomes of orders, until it is cancelled."""
    signer = TokenSigner.of(found.outputs, found.client("secretsmanager"))

    async def token(_failure: Exception | None) -> str:
        return signer.token("worker", subscribe=[PATTERN], seconds=900)

    async with EntityPush(found.outputs["WebSocketUrl"], token=token) as push:
        async for change in push.subscribe(PATTERN):
            match change:
                case Reset():
                    print("following; what happened before now is for the database to tell", flush=True)
                case Update(entity_id=entity_id, message=order):
                    print(f"{entity_id}: {order}", flush=True)


@deployment.command("worker", "AWS refused: {}", sentences=[MintingError])
def main(arguments: list[str] | None = None) -> int:
    """Follow until Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m examples.worker", description="Follows all orders.")
    deployment.add_arguments(parser)
    found = deployment.find(parser.parse_args(arguments))
    try:
        asyncio.run(follow(found))
    except KeyboardInterrupt:
        print("Stopped.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
