"""500 subscribers on one entity, 50 of them dead."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from tests.e2e.client import Client
from tests.e2e.conftest import App, eventually

LIVING = 450
DEAD = 50


def test_the_living_get_each_update_once_and_the_dead_are_forgotten(app: App) -> None:
    with ExitStack() as stack, ThreadPoolExecutor(16) as pool:

        def join(_number: int) -> Client:
            client = stack.enter_context(app.client())
            client.subscribe("crowd")
            return client

        clients = list(pool.map(join, range(LIVING)))
        dynamodb = app.aws.client("dynamodb")
        for number in range(DEAD):
            ghost = f"gh0st{number:03}="
            for item in (
                {
                    "pk": {"S": f"CONNECTION#{ghost}"},
                    "sk": {"S": "CONNECTION"},
                    "channels": {"SS": ["entity/crowd"]},
                },
                {"pk": {"S": "CHANNEL#entity/crowd"}, "sk": {"S": f"SUBSCRIBER#{ghost}"}},
            ):
                dynamodb.put_item(TableName=app.outputs.table_name, Item=item)
        for number in range(3):
            app.put_event({"entityId": "crowd", "message": number})
        for client in clients:
            assert sorted(client.receive(30)["message"] for _ in range(3)) == [0, 1, 2]
        eventually(lambda: "gh0st" not in str(app.items()))
        assert all(client.hears_nothing(0.01) for client in clients)
