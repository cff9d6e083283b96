"""Histories as `make forget` ends them, with workers that remember them and go on."""

from typing import Any, ClassVar

import pytest
from entity_push.protocol.channels import entity_channel
from entity_push.protocol.cursors import Cursor
from entity_push.table.history import History
from entity_push.table.no_history import NoHistory

from operations import deployment, forget
from operations.forget import LINGER_SECONDS, LONGEST_LIFE_SECONDS, Histories
from stacks.setting_checks import SettingError
from stacks.settings import Settings
from tests.unit.conftest import TABLE_NAME
from tests.unit.operations.histories import CHANNEL, REPLAY_SECONDS, World, boto3s


@pytest.fixture
def world(dynamodb: Any, monkeypatch: pytest.MonkeyPatch) -> World:
    found = World(dynamodb)
    monkeypatch.setattr("time.time", lambda: found.now)
    monkeypatch.setattr(forget, "PROGRESS_SECONDS", 25.0)  # workers go on after each wait
    return found


def test_a_warm_worker_goes_on_in_a_new_life_and_clients_are_told_to_refetch(world: World) -> None:
    worker = world.worker()
    before = [worker.push(), worker.push()]
    assert world.histories().forget(CHANNEL)
    assert not any(world.answer(cursor).recovered for cursor in before)
    after = worker.push()
    assert after is not None
    assert after.sequence == 1
    assert after.epoch == world.epoch() != before[0].epoch  # type: ignore[union-attr]
    assert not any(world.answer(cursor).recovered for cursor in before)
    worker.push()
    assert [frame["sequence"] for frame in world.answer(after).updates] == [2]
    assert world.misled() == []


def test_repeating_is_harmless_and_what_has_no_history_is_told_apart(world: World) -> None:
    histories = world.histories()
    assert not histories.forget(CHANNEL)
    assert world.backup() == []
    world.worker().push()
    assert histories.forget(CHANNEL)
    once = world.backup()
    world.now += 1
    assert histories.forget(CHANNEL)
    assert world.backup() == once


def test_any_version_counts_as_new_afterwards(world: World) -> None:
    worker = world.worker()
    worker.push(version=10**9)
    assert worker.push(version=7) is None
    world.histories().forget(CHANNEL)
    assert worker.push(version=7) is not None
    assert worker.push(version=7) is None


@pytest.mark.parametrize("step", range(6))
def test_a_worker_may_append_between_any_two_steps(world: World, step: int) -> None:
    worker, other = world.worker(), world.worker()
    worker.push()
    epoch, made = world.epoch(), 0

    class Busy:
        def __getattr__(self, name: str) -> Any:
            nonlocal made
            if name.startswith(("get_item", "put_item", "query")):
                if made == step:
                    worker.push()
                    other.push()
                made += 1
            return getattr(world.dynamodb, name)

    assert Histories(Busy(), TABLE_NAME).forget(CHANNEL)
    worker.push()
    other.push()
    assert made >= step
    assert world.epoch() != epoch
    assert world.pushed[-1][1].epoch == world.pushed[-2][1].epoch == world.epoch()
    assert world.misled() == []


class Restored:
    """A table that was restored while workers remember what came after the backup.

    Args:
        world: the world.
        begun: how many updates the backup has.
        crowd: whether the workers have refused each other of late.
    """

    def __init__(self, world: World, *, begun: int, crowd: bool):
        self.world, self.cold = world, world.worker()
        self.stale = [world.worker(), world.worker()]
        for _ in range(begun):
            self.stale[0].push()
        backup = world.backup()
        for number in range(6):
            self.stale[number % 2 if crowd else 0].push()
        world.restore(backup)

    def sleep(self, seconds: float) -> None:
        """Let time pass in which all workers go on, each behind what it knows."""
        self.world.now += seconds
        for worker in (*self.stale, self.cold):
            worker.push()


@pytest.mark.parametrize("busy", [True, False], ids=["busy", "idle"])
@pytest.mark.parametrize("crowd", [True, False], ids=["crowd", "alone"])
@pytest.mark.parametrize("begun", [0, 3], ids=["begun after the backup", "begun before"])
def test_after_a_restore_workers_that_remember_more_mislead_nobody(
    world: World, begun: int, crowd: bool, busy: bool
) -> None:
    restored = Restored(world, begun=begun, crowd=crowd)
    world.histories(restored.sleep if busy else world.sleep).forget_all()
    assert world.misled() == []
    for _ in range(4):
        world.now += 1
        for worker in (*restored.stale, restored.cold):
            worker.push()
    assert {cursor.epoch for _, cursor in world.pushed[-12:]} == {world.epoch()}
    assert world.misled() == []


@pytest.mark.parametrize("seconds", [1, 30, 59, 61, 300, 599, 601])
def test_after_a_restore_a_worker_may_have_slept_for_any_time(world: World, seconds: int) -> None:
    restored = Restored(world, begun=3, crowd=False)
    world.histories().forget_all()
    world.now += max(seconds - LINGER_SECONDS, 0)
    restored.stale[0].push()
    restored.cold.push()
    restored.stale[0].push()
    assert [cursor.sequence for _, cursor in world.pushed[-3:]] == [1, 2, 3]
    assert world.misled() == []


def test_after_an_upgrade_what_the_version_before_has_stored_misleads_nobody(world: World) -> None:
    begun = world.answer(None).cursor
    assert begun is not None
    world.pushed += [("id-1", begun), ("id-2", Cursor("0" * 12, 8))]  # the second by the version before
    assert world.misled() == [str(begun)]
    world.histories().forget_all()
    assert world.misled() == []


def test_all_histories_of_a_table_end(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    history = History(TABLE_NAME, replay_seconds=REPLAY_SECONDS)
    channels = [entity_channel(f"e/{number}") for number in range(30)]
    before = [world.run(history.tail(channel)).cursor for channel in channels]
    world.histories().forget_all()
    after = [world.run(history.tail(channel)).cursor for channel in channels]
    assert not {cursor.epoch for cursor in before} & {cursor.epoch for cursor in after}
    shown = capsys.readouterr().out
    assert shown.count("30 histories are ended") == 2
    assert "s left" in shown


def test_a_switched_off_history_ends_too_and_stays_ended(world: World) -> None:
    world.worker().push()
    world.run(NoHistory(TABLE_NAME).seal(CHANNEL))
    sealed = world.pushed[0][1]
    world.histories().forget(CHANNEL)
    assert not world.answer(sealed).recovered


def test_a_seal_outlives_the_longest_life() -> None:
    longest = LONGEST_LIFE_SECONDS // 2 // 3600
    assert Settings(replay_hours=longest).replay_seconds * 2 == LONGEST_LIFE_SECONDS
    with pytest.raises(SettingError):
        Settings(replay_hours=longest + 1)


@pytest.fixture
def deployed(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    class Deployment:
        outputs: ClassVar = {"TableName": TABLE_NAME}

        def client(self, _service: str) -> Any:
            return boto3s()

    monkeypatch.setattr(deployment, "find", lambda _arguments: Deployment())
    return world


def test_the_command_tells_what_became_of_each(deployed: World, capsys: pytest.CaptureFixture[str]) -> None:
    deployed.worker().push()
    assert forget.main(["--entity", "e1", "e\u202e2", "--user", "alice", "--everyone"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "forgotten: entity/e1",
        r"has no history: entity/e\u202e2",
        "has no history: user/alice",
        "has no history: everyone",
    ]


@pytest.mark.parametrize(
    ("chosen", "says"),
    [
        ([], "say which histories"),
        (["--all", "--entity", "e1"], "say which histories"),
        (["--entity", "orders/*"], "This one is a pattern"),
        (["--user", ""], "A user id is"),
        (["--entity", "e1", "--table", "another"], "A history could not be ended"),
    ],
    ids=str,
)
@pytest.mark.usefixtures("deployed")
def test_a_mistake_is_a_sentence(capsys: pytest.CaptureFixture[str], chosen: list[str], says: str) -> None:
    try:
        status = forget.main(chosen)
    except SystemExit as end:  # argparse's
        status = int(end.code or 0)
    assert status != 0
    assert says in capsys.readouterr().err
