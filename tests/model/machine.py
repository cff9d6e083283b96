"""Everything that can happen, in any order, as choices for hypothesis."""

from collections.abc import Callable

from entity_push_client import Channel
from entity_push_client.names import Name
from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.model.actors import Actor, Fault
from tests.model.devices import Device
from tests.model.names import ENTITIES, NAMES, PATTERNS
from tests.model.world import REPLAY_SECONDS, World

SOME = st.integers(0, 5)
"""An index into a list of any length, counted round and round."""

UPDATED = st.sampled_from([ENTITIES[0], *NAMES])
WANTED = st.sampled_from([ENTITIES[0], *ENTITIES, *PATTERNS, *Channel])
BEGUN = st.none() | WANTED
"""A client's subscription at the beginning, if any."""

PUSH_STEPS = st.sampled_from(["get_item", "put_item", "query", "post", "return"])
ROUTE_STEPS = st.sampled_from(["transact_write_items", "query", "answer", "its end", "its end"])
FAULTS = st.sampled_from([Fault.NONE] * 4 + list(Fault))
FATES = st.lists(st.sampled_from([Fault.NONE, *Fault]), min_size=3, max_size=14)
STEPS = st.sampled_from([1, 2, 3, 3, 6])
SCHEDULE = st.lists(st.tuples(SOME, STEPS, FAULTS), min_size=1, max_size=6)
"""The actors that go on, each with a number of steps, and the fault of its first step."""

MOST_ACTORS = 6


class Machine(RuleBasedStateMachine):
    """One run of a world. At its end, every client's updates are compared with the stored ones.

    Args:
        new_world: makes the world.
    """

    def __init__(self, new_world: Callable[[], World]):
        super().__init__()
        self.world = new_world()
        self.failed = False

    @initialize(lag=st.integers(0, 4), page_items=st.integers(1, 2), first=BEGUN, second=BEGUN)
    def begin(self, lag: int, page_items: int, first: Name | None, second: Name | None) -> None:
        self.world.dynamodb.lag, self.world.dynamodb.page_items = lag, page_items
        for device, name in zip(self.world.devices, (first, second), strict=True):
            if name:
                device.subscribe(name)
                self.world.connect(device, young=True)
                self._run_to(list(self.world.running()), "its end")
                while device.inbox:
                    self.world.read(device)

    def _device(self, which: int, *, connected: bool) -> Device | None:
        found = [device for device in self.world.devices if bool(device.connection_id) == connected]
        return found[which % len(found)] if found else None

    def _any_connected(self) -> bool:
        return any(device.connection_id for device in self.world.devices)

    def _room(self) -> bool:
        return len(self.world.running()) < MOST_ACTORS

    # Clients

    @precondition(lambda self: any(device.can_connect for device in self.world.devices))
    @rule(which=SOME, young=st.booleans())
    def connect(self, which: int, young: bool) -> None:
        if device := self._device(which, connected=False):
            self.world.connect(device, young=young)

    @precondition(lambda self: self._room())
    @rule(which=SOME, name=WANTED)
    def subscribe(self, which: int, name: Name) -> None:
        device = self.world.devices[which % len(self.world.devices)]
        device.subscribe(name)
        self.world.send(device)

    @precondition(lambda self: self._any_connected() and self._room())
    @rule(which=SOME, name=st.sampled_from([*ENTITIES, *PATTERNS]))
    def unsubscribe(self, which: int, name: Name) -> None:
        if device := self._device(which, connected=True):
            device.unsubscribe(name)
            self.world.send(device)

    @precondition(lambda self: self._any_connected() and self._room())
    @rule(which=SOME, names=st.permutations(ENTITIES), wanted=st.booleans())
    def change_several(self, which: int, names: list[str], wanted: bool) -> None:
        """One frame names several entities."""
        if device := self._device(which, connected=True):
            change = device.subscribe if wanted else device.unsubscribe
            change(*names)
            self.world.send(device)

    @precondition(lambda self: not self.world.running())
    @rule(
        which=SOME, route_at=ROUTE_STEPS, left_at=st.sampled_from(["batch_write_item", "its end", "its end"])
    )
    def leave_while_subscribing(self, which: int, route_at: str, left_at: str) -> None:
        """A client goes while its frame with several entities is being answered."""
        device = self.world.devices[which % len(self.world.devices)]
        if device.connection_id:
            self.world.drop(device, notice=False)
        device.subscribe(*ENTITIES)
        self.world.connect(device, young=True)
        subscribing = list(self.world.running())
        self._run_to(subscribing, route_at)
        self.world.drop(device, notice=True)
        self._run_to([actor for actor in self.world.running() if actor not in subscribing], left_at)

    @precondition(lambda self: self.world.sqs.waiting == [] and not self.world.running())
    @rule(which=SOME, count=st.integers(1, 3), schedule=SCHEDULE)
    def come_back_to_several(self, which: int, count: int, schedule: list[tuple[int, int, Fault]]) -> None:
        """A client asks in one frame for what it missed of several entities."""
        device = self.world.devices[which % len(self.world.devices)]
        device.subscribe(*ENTITIES)
        self.world.connect(device, young=True)
        self.world.send(device)
        self._run_to(list(self.world.running()), "its end")
        while device.inbox:
            self.world.read(device)
        self.world.drop(device, notice=False)
        for _ in range(count):
            self.publish_to_several()
            self.invoke_worker(which, 1, 0)
            self._run_to(list(self.world.running()), "its end")
            self.invoke_worker(which, 2, 0)  # an event of several becomes a message for each
            self._run_to(list(self.world.running()), "its end")
        self.world.connect(device, young=True)
        self.step(schedule)

    @precondition(lambda self: not self.world.running())
    @rule(which=SOME)
    def leave_a_subscription_behind(self, which: int) -> None:
        """A pattern's list holds a lost connection and its successor; another list one in between."""
        first, second = self.world.devices[which % 2], self.world.devices[1 - which % 2]
        for device, name in ((first, PATTERNS[1]), (second, ENTITIES[0]), (first, PATTERNS[1])):
            if device.connection_id:
                self.world.drop(device, notice=False)
            device.subscribe(name)
            self.world.connect(device, young=False)
            self._run_to(list(self.world.running()), "its end")
        self.publish(ENTITIES[0], 1)

    @precondition(lambda self: any(device.inbox for device in self.world.devices))
    @rule(which=SOME, number=st.sampled_from([0, 0, 0, 1, 2]))
    def read(self, which: int, number: int) -> None:
        if devices := [device for device in self.world.devices if device.inbox]:
            self.world.read(devices[which % len(devices)], number)

    @precondition(lambda self: self._any_connected() and self._room())
    @rule(which=SOME, seconds=st.sampled_from([0.3, 11.0]))
    def wait(self, which: int, seconds: float) -> None:
        """A client waits for late frames, or for an answer, in vain."""
        if device := self._device(which, connected=True):
            self.world.wait(device, seconds)

    @precondition(lambda self: self._any_connected())
    @rule(which=SOME, notice=st.booleans())
    def drop(self, which: int, notice: bool) -> None:
        if device := self._device(which, connected=True):
            self.world.drop(device, notice=notice)

    # Services, the queue and the workers

    @rule(name=UPDATED, count=st.sampled_from([1, 1, 1, 2, 4]))
    def publish(self, name: Name, count: int) -> None:
        for _ in range(count):
            self.world.publish(name)

    @rule()
    def publish_to_several(self) -> None:
        self.world.publish(*ENTITIES)

    def _idle_worker(self) -> bool:
        return any(worker.batch is None for worker in self.world.workers)

    @precondition(lambda self: self.world.sqs.waiting and self._idle_worker() and self._room())
    @rule(which=SOME, most=st.integers(1, 4), start=st.sampled_from([0, 0, 0, 1, 2, 3]))
    def invoke_worker(self, which: int, most: int, start: int) -> None:
        idle = [worker for worker in self.world.workers if worker.batch is None]
        self.world.invoke_worker(idle[which % len(idle)], most, start)

    @precondition(lambda self: any(worker.batch for worker in self.world.workers) or self.world.sqs.waiting)
    @rule(which=SOME)
    def receive_twice(self, which: int) -> None:
        batches = [worker.batch for worker in self.world.workers if worker.batch]
        known = [*self.world.sqs.waiting, *(record for batch in batches for record in batch)]
        self.world.sqs.waiting.append(known[which % len(known)])

    # Actors

    @precondition(lambda self: self.world.running())
    @rule(schedule=SCHEDULE)
    def step(self, schedule: list[tuple[int, int, Fault]]) -> None:
        for which, steps, fault in schedule:
            if actors := self.world.running():
                actor = actors[which % len(actors)]
                for number in range(steps):
                    if not actor.done:
                        self._step(actor, Fault.NONE if number else fault)

    @precondition(lambda self: self.world.sqs.waiting == [] and not self.world.running())
    @rule(which=SOME, name=WANTED, schedule=SCHEDULE)
    def race(self, which: int, name: Name, schedule: list[tuple[int, int, Fault]]) -> None:
        """Push an update while a client subscribes, or comes back."""
        device = self._push_while_away(which, name)
        self.world.connect(device, young=True)
        self.step(schedule)

    @precondition(lambda self: self.world.sqs.waiting == [] and not self.world.running())
    @rule(which=SOME, name=WANTED, push_at=PUSH_STEPS, route_at=ROUTE_STEPS)
    def cross(self, which: int, name: Name, push_at: str, route_at: str) -> None:
        """Stop a push at a step, let a client subscribe up to a step, and end the push."""
        device = self._push_while_away(which, name)
        pushing = list(self.world.running())
        self._run_to(pushing, push_at)
        self.world.connect(device, young=True)
        self._run_to([actor for actor in self.world.running() if actor not in pushing], route_at)
        self._run_to(pushing, "its end")

    def _push_while_away(self, which: int, name: Name) -> Device:
        """Begin to push an update that a client wants, while the client has no connection."""
        device = self.world.devices[which % len(self.world.devices)]
        if device.connection_id:
            self.world.drop(device, notice=False)
        device.subscribe(name)
        self.publish(ENTITIES[0] if name in PATTERNS else name, 1)
        self.invoke_worker(which, 1, 0)
        return device

    def _run_to(self, actors: list[Actor], step: str) -> None:
        """Let each actor go on to a step of this kind, or to the actor's end."""
        for actor in actors:
            while not actor.done and not actor.at.startswith(step):
                self._step(actor)

    @precondition(lambda self: self._idle_worker() and not self.world.running())
    @rule(name=UPDATED, count=st.integers(0, 3), start=st.sampled_from([0, 0, 1, 2]), faults=FATES)
    def burst(self, name: Name, count: int, start: int, faults: list[Fault]) -> None:
        """Let one worker take all messages on the queue, with faults here and there."""
        self.publish(name, count)
        self.invoke_worker(0, 10, start)
        for fault in faults:
            if actors := self.world.running():
                self._step(actors[0], fault)

    @staticmethod
    def _step(actor: Actor, fault: Fault = Fault.NONE) -> None:
        note(f"    {actor.name}: {actor.at}{'' if fault is Fault.NONE else f' ({fault.value})'}")
        actor.step(fault)

    @precondition(lambda self: self.world.running())
    @rule(which=SOME)
    def finish(self, which: int) -> None:
        if actors := self.world.running():
            actor = actors[which % len(actors)]
            while not actor.done:
                self._step(actor)

    @precondition(lambda self: self.world.running())
    @rule(which=SOME)
    def kill(self, which: int) -> None:
        actors = self.world.running()
        actor = actors[which % len(actors)]
        note(f"    {actor.name} dies before: {actor.at}")
        actor.kill()

    # Time

    @rule(seconds=st.sampled_from([61, 700, 2 * REPLAY_SECONDS]))
    def let_time_pass(self, seconds: int) -> None:
        if seconds < REPLAY_SECONDS or not self.world.running():
            self.world.let_time_pass(seconds)

    @precondition(lambda self: not self.world.running())
    @rule(name=UPDATED, count=st.integers(1, 3), start=st.sampled_from([0, 0, 1]), lives=st.booleans())
    def expire_updates(self, name: Name, count: int, start: int, lives: bool) -> None:
        """Time passes until the first stored updates expire; the channel goes on, or not."""
        for _ in range(2 if lives else 0):
            self.world.let_time_pass(REPLAY_SECONDS + 3600)
            self.publish(name, 1)
            self.invoke_worker(0, 10, 0)
            self._run_to(list(self.world.running()), "its end")
        self.world.let_time_pass((1 if lives else 2) * REPLAY_SECONDS + 3600)
        self.world.delete_expired(name, count, start)

    @precondition(lambda self: self._idle_worker())
    @rule(which=SOME, stores=st.booleans())
    def deploy(self, which: int, stores: bool) -> None:
        """The setting replayHours is changed: functions get the new version one after the other."""
        idle = [None, *(worker for worker in self.world.workers if worker.batch is None)]
        self.world.deploy(idle[which % len(idle)], stores=stores)

    @precondition(lambda self: self._any_connected())
    @rule(which=SOME)
    def expire_token(self, which: int) -> None:
        if device := self._device(which, connected=True):
            self.world.expire_token(device)

    @precondition(lambda self: any(map(self.world.has_expired, self.world.devices)) and self._room())
    @rule()
    def close_expired(self) -> None:
        self.world.close_expired()

    # Promises

    @invariant()
    def promises_are_kept(self) -> None:
        self.world.truth.check_promises()

    def teardown(self) -> None:
        try:
            self.world.settle()
            self.world.check("at rest")
            for name in NAMES:  # a subscription that is lost shows by what does not come
                self.world.publish(name)
            self.world.settle()
            self.world.check("after one more update of each")
            for device in self.world.devices:
                if device.connection_id is None:
                    self.world.connect(device, young=False)
            self.world.settle()
            self.world.check("after those that were away came back")
            self.world.truth.check_all_stored()
        finally:
            self.world.close()
